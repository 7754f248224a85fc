//! Chores of this repository, run as `cargo xtask <command>`.

mod api;
mod bench;
mod bindings;
mod bump;
mod carriers;
mod ci;
mod codegen;
mod coverage;
mod diff;
mod engine;
mod files;
mod oldest;
mod package;
#[cfg(all(test, unix))]
mod script;
mod source;
mod sourcing;
mod sums;
mod tidy;
mod touched;
mod upstream_tests;
mod vendor;
mod version;
mod versions;
mod wrapped;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
Usage: cargo xtask <command> [options]

  vendor   [--check [--upstream]] [--from <dir | git-url>#<ref> [--accept]] [--engine <v3|v2>]
           copies upstream's pinned source to vendor/mimalloc/{v3,v2}, or checks the copies; --check
           with --from compares another source with the pin, with --upstream the tags of upstream
  bindgen  [--check]
           generates mimalloc-sys/src/bindings/{v3,v2}.rs, or checks that they are fresh
  bump     <v3|v2> (--carrier <package>@<version>:<path> | --from <dir | git-url>#<ref>)
           [--released <date>] [--dry-run]
           moves an engine to another version, and prints what that changes and touches
  api      [--engine <v3|v2>] [--missing]
           says what the safe layer has for each C function, or only what it could still have
  tidy     checks rules of the repository that no compiler checks
  source   builds a clone, and programs that depend on it, in each way to have upstream's source
  package  builds the packages as for a registry, and a program from their files alone
  upstream-tests
           runs upstream's own test programs against our builds of both engines
  codegen  fails if machine code for constant layouts decides anything at run time
  ci       [--list] [--only <part of a step's name>]
           checks everything beyond `cargo test --workspace`
  bench    [--instr] [--rows <a,b>] [--profiles <release,fat>] [--workloads <a,b>] [--rounds <n>]
           [--scale <per cent>] [--base <row>] [--env <NAME=VALUE>] [--svg <file>] [--json <file>]
           compares with the other allocators in tests/peers: time and memory, or instructions
  lto      [--row <row>] [--scale <per cent>] [--workloads <a,b>]
           builds with cross-language LTO, and checks that it inlines and what it gains
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = std::env::args_os().skip(1);
    let command = args.next().unwrap_or_default();
    let rest = lexopt::Parser::from_args(args);
    match command.to_str().unwrap_or_default() {
        "vendor" => vendor::run(rest),
        "bindgen" => bindings::run(rest),
        "bump" => bump::run(rest),
        "source" => sourcing::run(rest),
        "package" => package::run(rest),
        "upstream-tests" => upstream_tests::run(rest),
        "api" => coverage::run(rest),
        "tidy" => tidy::run(rest),
        "ci" => ci::run(rest),
        "codegen" => codegen::run(rest),
        "bench" => bench::run(rest),
        "lto" => bench::run_lto(rest),
        bindings::CHILD => bindings::run_child(rest),
        "" | "help" | "-h" | "--help" => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command `{other}`\n\n{USAGE}"),
    }
}
