//! Uses the crate without std, in a C program.
//!
//! The test has a process of its own, because the test runs cargo and a C
//! compiler.

// Cargo builds with a profile of its own here: a test in release would be the same.
#![cfg(all(unix, debug_assertions))]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

const C_PROGRAM: &str = "int no_std_probe(void); int main(void) { return no_std_probe(); }";

#[test]
fn a_c_program_works_without_std() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tests.parent().unwrap();
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-std");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("Cargo.toml"), manifest(tests, root)).unwrap();
    // Locks the versions that the workspace has downloaded.
    fs::copy(root.join("Cargo.lock"), place.join("Cargo.lock")).unwrap();

    let [host, target] = [env!("MIMALLOC_TESTS_HOST"), env!("MIMALLOC_TESTS_TARGET")];
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--offline", "--target-dir", "target"])
        .args(["--target", target])
        .current_dir(&place);
    assert!(cargo.status().unwrap().success());

    fs::write(place.join("main.c"), C_PROGRAM).unwrap();
    let library = format!("target/{target}/debug/libno_std.a");
    let mut cc = cc::Build::new();
    cc.host(host)
        .target(target)
        .opt_level(0)
        .cargo_metadata(false);
    let mut cc = cc.get_compiler().to_command();
    cc.args(["main.c", &library, "-lpthread", "-o", "main"])
        .current_dir(&place);
    assert!(cc.status().unwrap().success());
    match Command::new(place.join("main")).status() {
        Ok(status) => assert!(status.success(), "{status}"),
        Err(error) if host != target => {
            // Writes to the stream itself, because the harness hides what a
            // macro prints.
            let text = format!("\nSKIPPED: the program was linked but does not run: {error}\n");
            std::io::stderr().write_all(text.as_bytes()).unwrap();
        }
        Err(error) => panic!("{error}"),
    }
}

/// Returns the manifest of a package of its own. In the package of the tests,
/// dependencies switch `std` on.
fn manifest(tests: &Path, root: &Path) -> String {
    let fixture = tests.join("fixture/no_std.rs");
    let crate_dir = root.join("mimalloc");
    let engine = if cfg!(mimalloc_v2) { ", \"v2\"" } else { "" };
    format!(
        r#"
[package]
name = "no_std"
version = "0.0.0"
edition = "2024"

[workspace]

[lib]
crate-type = ["staticlib"]
path = {fixture:?}

[dependencies.mimalloc]
path = {crate_dir:?}
default-features = false
features = ["allocator-api2-02", "allocator-api2-04"{engine}]

[profile.dev]
panic = "abort"
"#
    )
}
