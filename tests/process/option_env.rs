//! Sets options through the environment, which overrides defaults. mimalloc
//! reads the environment before `main`, so each case is this program again, as
//! a child.

use std::env;

fn main() {
    if env::args().nth(1).as_deref() == Some("child") {
        // A default does not override the environment, as `set` does.
        mimalloc::Option::PurgeDelay.set_default(3).unwrap();
        let text = [
            mimalloc::Option::PurgeDelay.get(),
            mimalloc::Option::ArenaReserve.get_size() as i64,
            mimalloc::Option::MaxErrors.get(),
        ];
        println!("{text:?}");
        return;
    }
    let default_reserve = mimalloc::Option::ArenaReserve.get_size();
    let default_errors = mimalloc::Option::MaxErrors.get();
    check(&[], &format!("[3, {default_reserve}, {default_errors}]"));
    check(
        &[("MIMALLOC_MAX_ERRORS", "-1")],
        &format!("[3, {default_reserve}, -1]"),
    );
    // An older version has other names and other options.
    if cfg!(mimalloc_other_version) {
        println!("ok");
        return;
    }
    check(
        &[("MIMALLOC_PURGE_DELAY", "-1")],
        &format!("[-1, {default_reserve}, {default_errors}]"),
    );
    // mimalloc accepts older names, lower case and suffixes.
    check(
        &[
            ("MIMALLOC_RESET_DELAY", "17"),
            ("mimalloc_arena_reserve", "96MiB"),
            ("MIMALLOC_MAX_ERRORS", "off"),
        ],
        &format!("[17, {}, 0]", 96 << 20),
    );
    // A size without a suffix is in bytes, and is rounded up to KiB.
    check(
        &[("MIMALLOC_ARENA_RESERVE", "100000000")],
        &format!(
            "[3, {}, {default_errors}]",
            100_000_000_usize.next_multiple_of(1024)
        ),
    );
    println!("ok");
}

fn check(variables: &[(&str, &str)], expected: &str) {
    let output = mimalloc_tests::this_program()
        .arg("child")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.trim(), expected, "{variables:?}");
    assert!(output.status.success());
}
