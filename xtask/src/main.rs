//! Chores of this repository, run as `cargo xtask <command>`.

mod api;
mod bindgen;
mod bump;
mod carriers;
mod ci;
mod codegen;
mod engine;
mod files;
mod oldest;
mod package;
#[cfg(all(test, unix))]
mod script;
mod source;
mod sums;
mod tidy;
mod upstream;
mod upstream_tests;
mod vendor;

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};

const USAGE: &str = "\
Usage: cargo xtask <command> [options]

  vendor   [--check [--upstream]] [--from <dir | git-url>#<ref> [--accept]] [--engine <v3|v2>]
           copies upstream's pinned source to vendor/mimalloc/{v3,v2}, or checks the copies; --check
           with --from compares another source with the pin, with --upstream the tags of upstream
  bindgen  [--check]
           generates mimalloc-sys/src/bindings/{v3,v2}.rs, or checks that they are fresh
  bump     <v3|v2> (--carrier <package>@<version>:<path> | --from <dir | git-url>#<ref>)
           [--released <date>] [--dry-run]
           moves an engine to another version, and lists the functions and options that differ
  api      [--engine <v3|v2>] [--missing]
           says what the safe layer has for each C function, or only what it could still have
  tidy     checks that versions, features and the supported Rust are the same wherever they stand
  source   builds a clone, and programs that depend on it, in each way to have upstream's source
  package  builds the packages as for a registry, and a program from their files alone
  oldest   <v3|v2>
           makes a stand-in for the oldest supported version in target/oldest-<engine>
  upstream-tests
           runs upstream's own test programs against our builds of both engines
  codegen  fails if machine code for constant layouts decides anything at run time
  ci       [--list | --groups] [--only <part of a name>] [--group <group>] [--jobs <n>]
           runs the steps of xtask/ci.toml: every check beyond `cargo test --workspace`
  bench, lto
           compare with other allocators, and check cross-language LTO: see tests/peers/README.md
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
    let rest: Vec<_> = args.collect();
    let args = lexopt::Parser::from_args(rest.clone());
    match command.to_str().unwrap_or_default() {
        "vendor" => vendor::run(args),
        "bindgen" => bindgen::run(args),
        "bump" => bump::run(args),
        "source" => source::run(args),
        "package" => package::run(args),
        "oldest" => oldest::run(args),
        "upstream-tests" => upstream_tests::run(args),
        "api" => api::run(args),
        "tidy" => tidy::run(args),
        "ci" => ci::run(args),
        "codegen" => codegen::run(args),
        "bench" | "lto" => {
            // A package of its own, which needs none of the dependencies here.
            let manifest = files::root().join("tests/peers/runner/Cargo.toml");
            let target = files::root().join("target/peers/runner");
            let mut cargo = files::cargo(&["run", "--quiet", "--manifest-path"]);
            cargo.arg(manifest).arg("--target-dir").arg(target);
            let status = cargo.arg("--").arg(&command).args(&rest).status()?;
            ensure!(status.success(), "the comparison failed");
            Ok(())
        }
        bindgen::CHILD => bindgen::run_child(args),
        "" | "help" | "-h" | "--help" => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command `{other}`\n\n{USAGE}"),
    }
}
