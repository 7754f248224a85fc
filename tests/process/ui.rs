//! Checks that code which breaks a rule does not compile, and what the compiler
//! says about it.
//!
//! The test has a process of its own, because the test runs cargo. The test
//! runs on the pinned compiler only, because messages change between releases.
//!
//! After a change of the compiler or of a signature that a message quotes,
//! write the messages anew with `TRYBUILD=overwrite` and read the difference.

// Cargo builds with a profile of its own here: a test in release would be the same.
#![cfg(debug_assertions)]

use std::io::Write;
use std::process::Command;

/// The release whose messages `ui/` holds.
const PINNED: &str = "1.95.";

#[test]
fn what_must_not_compile_does_not() {
    if let Some(reason) = reason_to_skip() {
        // Writes to the stream itself, because the harness hides what a macro
        // prints.
        let text = format!("\nSKIPPED, no compile-fail test was run: {reason}\n");
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/common/*.rs");
    if cfg!(mimalloc_v3) {
        cases.compile_fail("ui/v3/*.rs");
    } else {
        cases.compile_fail("ui/v2/*.rs");
    }
}

fn reason_to_skip() -> Option<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&output.stdout);
    let release = version.split(' ').nth(1).unwrap_or_default();
    if !release.starts_with(PINNED) || release.contains('-') {
        return Some(format!(
            "the messages are those of Rust {PINNED}*, this is {release}; \
             use `cargo +1.95.0 test -p mimalloc-tests --test ui`"
        ));
    }
    // cargo builds the cases with the features of this package. The features
    // that a command gives to `mimalloc` do not count.
    if cfg!(mimalloc_v2) != cfg!(feature = "v2") {
        return Some(
            "for engine v2 use the tests' own feature: `--features v2`, \
             not `--features mimalloc/v2`"
                .to_owned(),
        );
    }
    if cfg!(mimalloc_other_version) {
        return Some("a system library lacks some of what the cases use".to_owned());
    }
    None
}
