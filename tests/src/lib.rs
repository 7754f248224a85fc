//! Holds what the tests share: a model of an allocator, against which the tests
//! check each of ours.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

#[cfg(target_os = "linux")]
pub mod address_space;
pub mod child;
#[cfg(mimalloc_owned_heaps)]
pub mod fuzz;
#[cfg(not(mimalloc_owned_heaps))]
mod heaps;
mod live;
mod model;
mod preset;
mod resets;
mod subject;

use std::env;
use std::process::Command;

#[cfg(not(mimalloc_owned_heaps))]
pub use crate::heaps::{NewHeap, NewInArena, NewShared};
pub use crate::model::{Limits, Model};
pub use crate::preset::Preset;
pub use crate::resets::hold_with_resets;
pub use crate::subject::{Api02, Api04, Subject, Whole};

/// Returns a command that runs this program again.
///
/// `RUN_TESTS_WITH` is the emulator and its arguments, for a program that the
/// system cannot start by itself.
pub fn this_program() -> Command {
    let program = env::current_exe().unwrap();
    let runner = env::var("RUN_TESTS_WITH").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(emulator) = words.next() else {
        return Command::new(program);
    };
    let mut command = Command::new(emulator);
    command.args(words).arg(program);
    command
}

/// Returns whether all bytes have a value. Comparing with the bytes' own neighbours is
/// fast also without optimisation.
#[must_use]
pub fn is_filled(bytes: &[u8], value: u8) -> bool {
    let [first, rest @ ..] = bytes else {
        return true;
    };
    *first == value && *rest == bytes[..rest.len()]
}

/// Ends the process after minutes, so that a deadlock is a failure and not a
/// test that never ends. On Unix a signal does so: a thread may need memory, and wait
/// for the lock as well.
pub fn fail_instead_of_hanging() {
    const SECONDS: u32 = 300;
    #[cfg(unix)]
    // SAFETY: the function has no precondition; nothing here handles the signal.
    unsafe {
        libc::alarm(SECONDS)
    };
    #[cfg(not(unix))]
    std::thread::spawn(|| {
        std::thread::sleep(core::time::Duration::from_secs(SECONDS.into()));
        eprintln!("still not done after {SECONDS} s: a deadlock");
        std::process::abort();
    });
}

/// Returns the number of heaps, of threads and of pages; heaps on engine v3 only. Old
/// libraries do not tell.
#[cfg(mimalloc_owned_heaps)]
pub fn counts() -> [i64; 3] {
    #[cfg(not(mimalloc_other_version))]
    {
        mimalloc::collect(true);
        let stats = mimalloc::stats::Stats::get().unwrap();
        #[cfg(mimalloc_v3)]
        let heaps = stats.heaps.current;
        #[cfg(not(mimalloc_v3))]
        let heaps = 0;
        [heaps, stats.threads.current, stats.pages.current]
    }
    #[cfg(mimalloc_other_version)]
    {
        [0; 3]
    }
}
