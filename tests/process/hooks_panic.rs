//! Checks that a hook which panics ends the process, on each way to the hook. A panic
//! that went through C would leave locks of mimalloc's held.
//!
//! Each case is this program again, as a child, because it ends the process.

use mimalloc::hooks::{self, ErrorCode, Output};
use mimalloc_tests::child;

const CASES: [(&str, fn()); 6] = [
    ("output through C", output_through_c),
    ("printed statistics", printed_statistics),
    ("text of before", text_of_before),
    ("error", error),
    ("deferred free", deferred_free),
    ("caught", caught),
];

fn panic_at(_: &[u8]) {
    panic!("the hook panics");
}

/// Prints a text that C hands to the hook itself.
#[cfg(not(mimalloc_other_version))]
fn print_through_c() {
    mimalloc::option::print();
}

/// Prints a text that C hands to the hook itself.
#[cfg(mimalloc_other_version)]
fn print_through_c() {
    // SAFETY: the statistics of the only thread are printed by upstream's function.
    unsafe { mimalloc::ffi::mi_stats_print(core::ptr::null_mut()) };
}

fn output_through_c() {
    hooks::set_output(Output::Discard);
    // SAFETY: this function breaks the rule on purpose, in a process that ends.
    unsafe { hooks::set_output_hook(panic_at) };
    print_through_c();
}

fn printed_statistics() {
    hooks::set_output(Output::Discard);
    // SAFETY: this function breaks the rule on purpose, in a process that ends.
    unsafe { hooks::set_output_hook(panic_at) };
    mimalloc::stats::print();
}

fn text_of_before() {
    print_through_c();
    // SAFETY: this function breaks the rule on purpose, in a process that ends.
    unsafe { hooks::set_output_hook(panic_at) };
}

fn fail() {
    let mut list = allocator_api2_02::vec::Vec::<u8, _>::new_in(mimalloc::MiMalloc);
    assert!(list.try_reserve(isize::MAX as usize - 4095).is_err());
}

fn error() {
    fn panic_at(_: ErrorCode) {
        panic!("the hook panics");
    }
    // SAFETY: this function breaks the rule on purpose, in a process that ends.
    unsafe { hooks::set_error_hook(panic_at) };
    fail();
}

#[cfg(any(mimalloc_v2, mimalloc_patched))]
fn deferred_free() {
    fn panic_at(_force: bool, _heartbeat: u64) {
        panic!("the hook panics");
    }
    hooks::set_deferred_free(Some(panic_at));
    mimalloc::collect(true);
}

#[cfg(not(any(mimalloc_v2, mimalloc_patched)))]
fn deferred_free() {
    panic!("the hook panics");
}

/// Checks that the program can't catch the panic either.
fn caught() {
    hooks::set_output(Output::Discard);
    // SAFETY: this function breaks the rule on purpose, in a process that ends.
    unsafe { hooks::set_output_hook(panic_at) };
    let _ = std::panic::catch_unwind(mimalloc::stats::print);
}

fn main() {
    if let Some(case) = child::task() {
        let (_, run) = CASES.iter().find(|(name, _)| *name == case).unwrap();
        run();
        println!("went on");
        return;
    }
    for (case, _) in CASES {
        let output = child::command(case)
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap();
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert!(err.contains("the hook panics"), "{case}: {err}");
        assert!(!out.contains("went on"), "{case}: {err}");
        #[cfg(unix)]
        if case != "deferred free" || cfg!(any(mimalloc_v2, mimalloc_patched)) {
            use std::os::unix::process::ExitStatusExt as _;
            assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{case}: {err}");
        }
        assert!(!output.status.success());
    }
    println!("ok");
}
