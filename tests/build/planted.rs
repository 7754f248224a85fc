//! Plants the bugs of `planted.toml` in a copy of the repository, one at a time, and
//! checks that the named test fails. `cargo mutants` does the same with Rust.
//!
//! `PLANTED=<part of a bug's description>` selects bugs.

#[allow(dead_code, reason = "each test uses a part")]
mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use common::{cargo, output, root, write};
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    bug: Vec<Bug>,
}

#[derive(Deserialize)]
struct Bug {
    bug: String,
    file: String,
    from: String,
    to: String,
    test: String,
}

/// Returns whether the test of a bug passes in the repository at `copy`. The test must
/// compile.
fn passes(bug: &Bug, copy: &Path) -> bool {
    let run = |more: &[&str]| {
        let (before, after) = bug.test.split_once(" -- ").unwrap_or((&bug.test, ""));
        let mut command = cargo();
        command.current_dir(copy).args(["test", "--quiet"]);
        command.args(before.split(' ')).args(more);
        if more.is_empty() && !after.is_empty() {
            command.arg("--").args(after.split(' '));
        }
        command.env("CARGO_TARGET_DIR", root().join("target/planted"));
        command.output().unwrap()
    };
    let built = run(&["--no-run"]);
    let printed = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{}: {printed}", bug.bug);
    run(&[]).status.success()
}

#[test]
fn each_planted_bug_fails_a_test() {
    let table = fs::read_to_string(root().join("tests/build/planted.toml")).unwrap();
    let mut bugs = toml_edit::de::from_str::<Table>(&table).unwrap().bug;
    let wanted = env::var("PLANTED").unwrap_or_default();
    bugs.retain(|bug| bug.bug.contains(&wanted));
    let copy = tempfile::tempdir().unwrap();
    let copy = copy.path();
    let files = output(Command::new("git").arg("ls-files").current_dir(root()));
    for path in files.lines() {
        if let Ok(bytes) = fs::read(root().join(path)) {
            write(&copy.join(path), bytes);
        }
    }
    let mut sound = BTreeSet::new();
    let mut missed = Vec::new();
    for bug in &bugs {
        if sound.insert(bug.test.clone()) {
            assert!(
                passes(bug, copy),
                "`cargo test {}` fails by itself",
                bug.test
            );
        }
        let path = copy.join(&bug.file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(&bug.from).count(), 1, "{}", bug.bug);
        write(&path, text.replace(&bug.from, &bug.to));
        let is_missed = passes(bug, copy);
        write(&path, text);
        println!(
            "{}: {}",
            ["caught", "MISSED"][usize::from(is_missed)],
            bug.bug
        );
        missed.extend(is_missed.then_some(&bug.bug));
    }
    assert!(missed.is_empty(), "{missed:#?}");
}
