//! Checks that this crate takes the place of crates.io's `mimalloc` 0.1, and that a
//! new program builds with it. Each part is a step of `cargo xtask ci`, because each
//! downloads packages and builds programs of its own:
//!
//! ```console
//! cargo test -p mimalloc-tests --test drop_in -- programs tree fresh
//! ```

mod cargo;
mod fresh;
mod programs;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why a part failed.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let mut parts = std::env::args().skip(1).peekable();
    if parts.peek().is_none() {
        eprintln!("name the parts: programs, tree, fresh");
        return ExitCode::FAILURE;
    }
    for part in parts {
        let outcome = match &*part {
            "programs" => programs::run(),
            "tree" => tree::run(),
            "fresh" => fresh::run(),
            other => Err(format!("there is no part {other:?}").into()),
        };
        if let Err(failure) = outcome {
            eprintln!("{part}: {failure}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Returns the top of the repository.
fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// Returns the directory for what the parts build.
fn work_dir() -> PathBuf {
    root().join("target/drop-in")
}

/// Returns the lines that have this crate take the place of `mimalloc` 0.1.
fn patch() -> String {
    let safe = root().join("mimalloc");
    format!("\n[patch.crates-io]\nmimalloc = {{ path = {safe:?} }}\n")
}

/// Returns the line that has the shim take the place of `libmimalloc-sys` 0.1.
fn patch_of_shim() -> String {
    let shim = root().join("mimalloc-sys/libmimalloc-sys");
    format!("libmimalloc-sys = {{ path = {shim:?} }}\n")
}

/// Fails unless the condition holds.
fn ensure(condition: bool, message: impl Into<String>) -> Result<(), Failure> {
    if condition {
        Ok(())
    } else {
        Err(message.into().into())
    }
}
