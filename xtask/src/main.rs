//! Chores of this repository, run as `cargo xtask <command>`.

mod bindgen;
mod bump;
mod ci;
mod source;
mod tidy;
mod vendor;

/// The engines and their pins, as the build script of `mimalloc-sys` reads them.
#[allow(dead_code, reason = "the build script uses the rest")]
#[path = "../../mimalloc-sys/build/pin.rs"]
mod pin;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use xshell::{Shell, cmd};

use crate::pin::Engine;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about)]
enum Command {
    Vendor(vendor::Args),
    Bindgen(bindgen::Args),
    Bump(bump::Args),
    /// Checks that each C function is wrapped, or that coverage.toml says why not
    Api,
    /// Checks that versions, features and the supported Rust are the same wherever they stand
    Tidy,
    /// Builds the packages as for a registry, and a program from their files alone
    Package,
    /// Fails if machine code for constant layouts decides anything at run time
    Codegen,
    Ci(ci::Args),
    /// Compares with other allocators: see tests/peers/README.md
    #[command(disable_help_flag = true)]
    Bench(Peers),
    /// Checks cross-language LTO: see tests/peers/README.md
    #[command(disable_help_flag = true)]
    Lto(Peers),
}

/// The arguments of the comparison.
#[derive(clap::Args)]
struct Peers {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

fn main() -> ExitCode {
    run().map_or_else(
        |error| {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn run() -> Result<()> {
    let command = Command::parse();
    let sh = Shell::new()?;
    sh.change_dir(root());
    match command {
        Command::Vendor(args) => vendor::run(&args),
        Command::Bindgen(args) => bindgen::run(&sh, &args),
        Command::Bump(args) => bump::run(&sh, &args),
        Command::Api => test(&sh, "-p xtask api::"),
        Command::Tidy => test(&sh, "-p xtask tidy::"),
        Command::Package => test(&sh, "-p mimalloc-build-tests --test package"),
        Command::Codegen => test(&sh, "-p mimalloc-build-tests --test codegen"),
        Command::Ci(args) => ci::run(&args),
        Command::Bench(Peers { args }) => peers(&sh, "bench", args),
        Command::Lto(Peers { args }) => peers(&sh, "lto", args),
    }
}

/// Runs tests: a check that asserts is one.
fn test(sh: &Shell, which: &str) -> Result<()> {
    let which = which.split(' ');
    Ok(cmd!(sh, "cargo test --quiet {which...}").quiet().run()?)
}

/// Runs the comparison, a package of its own that needs none of the dependencies here.
fn peers(sh: &Shell, command: &str, args: Vec<OsString>) -> Result<()> {
    let manifest = "tests/peers/runner/Cargo.toml";
    let target = "target/peers/runner";
    let run = cmd!(
        sh,
        "cargo run --quiet --manifest-path {manifest} --target-dir {target} -- {command} {args...}"
    );
    Ok(run.quiet().run()?)
}

/// Returns the root of the repository.
fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR");
    let own = own.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    own.parent().map_or_else(|| ".".into(), Path::to_path_buf)
}

/// Reads a text file of the repository.
fn read(path: impl AsRef<Path>) -> Result<String> {
    pin::read(&root().join(path)).map_err(anyhow::Error::msg)
}

/// Reads the value of an argument.
fn engine(name: &str) -> Result<Engine> {
    let mut engines = Engine::ALL.into_iter();
    let found = engines.find(|engine| engine.name() == name);
    found.context("the engines are v3 and v2")
}

/// Returns `mimalloc-sys/vendor`, to which `vendor/mimalloc` is a link.
fn vendor_dir() -> PathBuf {
    root().join("mimalloc-sys/vendor")
}

/// Returns the place of an engine's bindings.
fn bindings(engine: Engine) -> PathBuf {
    root().join(format!("mimalloc-sys/src/bindings/{engine}.rs"))
}

/// Lists the files under version control, or about to be, that match the patterns;
/// links and removed files are left out.
fn tracked(patterns: &str) -> Result<Vec<String>> {
    let sh = Shell::new()?;
    sh.change_dir(root());
    let patterns = patterns.split(' ');
    let printed = cmd!(
        sh,
        "git ls-files --cached --others --exclude-standard -- {patterns...}"
    );
    let printed = printed.quiet().read()?;
    let names = printed.lines().map(str::to_owned);
    Ok(names.filter(|name| root().join(name).is_file()).collect())
}

#[cfg(test)]
#[path = "../tests/api.rs"]
mod api;
#[cfg(test)]
#[path = "../tests/pin.rs"]
mod pin_tests;
