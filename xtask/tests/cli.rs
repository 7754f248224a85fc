//! Runs `cargo xtask ci` as a program, and looks at how it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

/// Runs the step "deny", which needs `cargo deny`, with a `cargo` that answers so.
fn ci(probe: i32, step: i32, is_ci: bool) -> Output {
    let bin = tempfile::tempdir().unwrap();
    let cargo = bin.path().join("cargo");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in 'deny --version') exit {probe};; 'deny '*) exit {step};; *) exit 9;; esac\n"
    );
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["ci", "--only", "deny"]);
    command.env("PATH", format!("{}:{path}", bin.path().display()));
    command.env("CI", if is_ci { "true" } else { "false" });
    command.output().unwrap()
}

#[test]
fn a_step_that_fails_or_lacks_its_tool_fails_the_command() {
    for (probe, step, is_ci, succeeds, said) in [
        (0, 0, false, true, "1 passed, 0 failed, 0 skipped"),
        (0, 0, true, true, "1 passed, 0 failed, 0 skipped"),
        (0, 1, false, false, "0 passed, 1 failed, 0 skipped"),
        (0, 1, true, false, "0 passed, 1 failed, 0 skipped"),
        (1, 0, false, true, "0 passed, 0 failed, 1 skipped"),
        (1, 0, true, false, "0 passed, 1 failed, 0 skipped"),
    ] {
        let output = ci(probe, step, is_ci);
        let text = String::from_utf8_lossy(&output.stdout);
        let case = format!("{probe} {step} {is_ci}: {text}");
        assert!(text.contains(said), "{case}");
        assert_eq!(output.status.success(), succeeds, "{case}");
    }
}

#[test]
fn no_step_is_no_success() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.args(["ci", "--only", "no step has this name"]);
    assert!(!output.output().unwrap().status.success());
}

#[test]
fn groups_select_steps() {
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let output = command.arg("ci").args(args).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let groups: Vec<String> = serde_json::from_str(&run(&["--groups"])).unwrap();
    assert!(
        ["deny", "features v2", "lint"]
            .iter()
            .all(|name| groups.iter().any(|g| g == name))
    );
    let steps = run(&["--list", "--group", "lint"]);
    assert!(
        steps.lines().count() > 5 && !steps.contains("deny"),
        "{steps}"
    );
    let steps = run(&["--list", "--group", "deny"]);
    assert_eq!(steps.lines().count(), 1, "{steps}");
}

#[test]
fn a_source_that_is_none_fails_the_command() {
    let empty = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["vendor", "--check", "--engine", "v3", "--from"]);
    let output = command.arg(empty.path()).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is not the pinned source"), "{said}");
}
