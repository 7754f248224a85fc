//! Uses the standard library.

use core::cell::Cell;
use core::time::Duration;
use std::io::{self, Write};
use std::thread;
use std::time::Instant;

use super::Flag;

std::thread_local! {
    // Constant and without a destructor: the flags are there until the very end of
    // the thread, and reading them allocates nothing.
    static FLAGS: [Cell<bool>; 2] = const { [const { Cell::new(false) }; 2] };
}

/// Sets a flag of the current thread, and returns the value before.
#[allow(dead_code, reason = "not every library needs the flags")]
pub(crate) fn replace(flag: Flag, value: bool) -> bool {
    FLAGS.with(|flags| flags[flag as usize].replace(value))
}

/// Returns a flag of the current thread.
#[allow(dead_code, reason = "not every library needs the flags")]
pub(crate) fn get(flag: Flag) -> bool {
    FLAGS.with(|flags| flags[flag as usize].get())
}

/// Lets another thread run. After many calls the thread sleeps, so threads of
/// lower priority run as well.
#[allow(dead_code, reason = "engine v3 waits")]
pub(crate) fn give_way(times: u32) {
    if times < 256 {
        thread::yield_now();
    } else {
        thread::sleep(Duration::from_micros(100));
    }
}

/// Measures the time since it was made.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn has_reached(&self, time: Duration) -> bool {
        self.0.elapsed() >= time
    }
}

/// States whether [`write_stderr`] writes.
pub(crate) const IS_STDERR_OURS: bool = true;

/// Writes to standard error, and ignores errors as upstream does.
pub(crate) fn write_stderr(text: &[u8]) {
    let _ = io::stderr().write_all(text);
}

/// Ends the process.
pub(crate) fn abort(_reason: &str) -> ! {
    std::process::abort();
}
