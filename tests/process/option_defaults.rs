//! Compares the documented default of each option with the value that mimalloc has.
//!
//! The test has a process of its own and no harness: no option is set, and variables of
//! the environment are taken away first.

use std::env;
use std::process::Command;

use mimalloc::Option as MiOption;
use mimalloc::option::Unit;

/// Returns the number of a text such as `1 GiB`.
fn amount(text: &str) -> i64 {
    let mut words = text.split(' ');
    let number: i64 = words.next().unwrap().parse().unwrap();
    let factor = match words.next() {
        None => 1,
        Some("KiB") => 1 << 10,
        Some("MiB") => 1 << 20,
        Some("GiB") => 1 << 30,
        Some(other) => panic!("{other} in {text}"),
    };
    number * factor
}

/// Returns the number that the documentation tells for this build and target.
fn documented(option: MiOption) -> i64 {
    let text = option.default_text();
    let (usual, other) = text.split_once("; ").unwrap_or((text, ""));
    for (end, holds) in [
        (" in builds with checks", has_checks()),
        (" on 32-bit targets", cfg!(target_pointer_width = "32")),
        (" on Android", cfg!(target_os = "android")),
        ("", false),
    ] {
        if let Some(value) = other.strip_suffix(end) {
            return amount(if holds { value } else { usual });
        }
    }
    unreachable!()
}

/// Returns whether C was compiled with checks.
fn has_checks() -> bool {
    !matches!(env!("MIMALLOC_TESTS_DEBUG"), "" | "0")
}

fn main() {
    if env::args().nth(1).as_deref() != Some("child") {
        let mut command = Command::new(env::current_exe().unwrap());
        command.arg("child");
        for (name, _) in env::vars_os() {
            let name_text = name.to_string_lossy().to_lowercase();
            if name_text.starts_with("mimalloc") {
                command.env_remove(&name);
            }
        }
        assert!(command.status().unwrap().success());
        println!("ok");
        return;
    }
    // An older version has other defaults.
    if cfg!(mimalloc_other_version) {
        return;
    }
    for &option in MiOption::ALL {
        let unit = match option.unit() {
            Unit::Kibibytes => 1024,
            _ => 1,
        };
        assert_eq!(option.get() * unit, documented(option), "{option}");
    }
}
