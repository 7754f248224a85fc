//! Checks that `startup_options!` sets options before mimalloc starts, and that
//! the environment overrides them.
//!
//! The test has no harness, because the options apply to the whole process.

#![forbid(unsafe_code)]

use std::env;

use mimalloc::MiMalloc;

const MIB: usize = 1 << 20;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

#[cfg(not(mimalloc_other_version))]
mimalloc::startup_options! { arena_reserve = 64 * MiB }

mimalloc::startup_options! {
    purge_delay = 7,
    // mimalloc reads this option at startup only, and makes an arena of this
    // size before `main`.
    reserve_os_memory = 96 * MiB,
    show_errors = true,
    max_warnings = -1,
}

// A program may use the macro several times, and with no options at all.
mimalloc::startup_options! { os_tag = 100 + 1 }
mimalloc::startup_options! {}

fn main() {
    let mode = env::args().nth(1).unwrap_or_default();
    if mode == "child" {
        report();
        return;
    }
    let reserved_before_main = startup_options();
    environment_wins(reserved_before_main);
    println!("ok");
}

/// Returns what this process has reserved from the system, in MiB.
#[cfg(not(mimalloc_other_version))]
fn reserved() -> i64 {
    mimalloc::stats::Stats::get().unwrap().reserved.total >> 20
}

#[cfg(mimalloc_other_version)]
fn reserved() -> i64 {
    0
}

fn startup_options() -> i64 {
    assert_eq!(mimalloc::Option::PurgeDelay.get(), 7);
    if cfg!(not(mimalloc_other_version)) {
        assert_eq!(mimalloc::Option::ArenaReserve.get_size(), 64 * MIB);
    }
    assert_eq!(mimalloc::Option::ReserveOsMemory.get_size(), 96 * MIB);
    assert_eq!(mimalloc::Option::MaxWarnings.get(), -1);
    assert_eq!(mimalloc::Option::OsTag.get(), 101);
    assert!(mimalloc::Option::ShowErrors.is_enabled());

    // Without the options, the first arena alone takes 1 GiB.
    let before = reserved();
    if cfg!(not(mimalloc_other_version)) {
        assert!((96..512).contains(&before), "{before} MiB");
    }
    // Fills the first arena, so that mimalloc reserves another one. The second
    // arena is small like the first.
    let blocks: Vec<Vec<u8>> = (0..28).map(|_| vec![1; 4 * MIB]).collect();
    let after = reserved();
    drop(blocks);
    if cfg!(not(mimalloc_other_version)) {
        assert!(
            (before + 1..before + 512).contains(&after),
            "{before} and {after} MiB"
        );
    }
    before
}

fn report() {
    println!(
        "{} {} {}",
        mimalloc::Option::PurgeDelay.get(),
        mimalloc::Option::ReserveOsMemory.get_size() / MIB,
        reserved()
    );
}

fn environment_wins(reserved_before_main: i64) {
    let child = |variables: &[(&str, &str)]| -> Vec<i64> {
        let output = mimalloc_tests::this_program()
            .arg("child")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect()
    };
    assert_eq!(child(&[])[..2], [7, 96]);
    assert_eq!(child(&[("MIMALLOC_RESERVE_OS_MEMORY", "0")])[..2], [7, 0]);
    let big = child(&[("MIMALLOC_RESERVE_OS_MEMORY", "480M")]);
    assert_eq!(big[..2], [7, 480]);
    if cfg!(not(mimalloc_other_version)) {
        assert!(big[2] >= reserved_before_main + 380, "{big:?}");
    }
}
