//! The crate without std, in a C program. Alone because it runs cargo and a C
//! compiler.

#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Command;

const C_PROGRAM: &str = "int no_std_probe(void); int main(void) { return no_std_probe(); }";

#[test]
fn a_c_program_without_std() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tests.parent().unwrap();
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-std");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("Cargo.toml"), manifest(tests, root)).unwrap();
    // The versions that are there anyway.
    fs::copy(root.join("Cargo.lock"), place.join("Cargo.lock")).unwrap();

    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--offline", "--target-dir", "target"])
        .current_dir(&place);
    assert!(cargo.status().unwrap().success());

    fs::write(place.join("main.c"), C_PROGRAM).unwrap();
    let mut cc = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    cc.args([
        "main.c",
        "target/debug/libno_std.a",
        "-lpthread",
        "-o",
        "main",
    ])
    .current_dir(&place);
    assert!(cc.status().unwrap().success());
    let status = Command::new(place.join("main")).status().unwrap();
    assert!(status.success(), "{status}");
}

/// A package of its own: in this one others switch `std` on.
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
