//! Stands in for the standard library.

use core::time::Duration;

use super::Flag;

/// Returns false, the value of each flag.
#[allow(dead_code, reason = "not every library needs the flags")]
pub(crate) fn replace(_flag: Flag, _value: bool) -> bool {
    false
}

/// Returns false, the value of each flag.
#[allow(dead_code, reason = "not every library needs the flags")]
pub(crate) fn get(_flag: Flag) -> bool {
    false
}

/// Lets another thread run.
#[cfg(unix)]
#[allow(dead_code, reason = "engine v3 waits")]
pub(crate) fn give_way(_times: u32) {
    // POSIX declares this function, and any thread may call it at any time.
    unsafe extern "C" {
        safe fn sched_yield() -> core::ffi::c_int;
    }
    let _ = sched_yield();
}

/// Lets another thread run.
#[cfg(windows)]
#[allow(dead_code, reason = "engine v3 waits")]
pub(crate) fn give_way(_times: u32) {
    #[link(name = "kernel32")]
    // Windows declares this function, and any thread may call it at any time.
    unsafe extern "system" {
        safe fn Sleep(milliseconds: u32);
    }
    Sleep(0);
}

/// Pauses, because no function is known that lets another thread run.
#[cfg(not(any(unix, windows)))]
#[allow(dead_code, reason = "engine v3 waits")]
pub(crate) fn give_way(_times: u32) {
    core::hint::spin_loop();
}

/// Measures no time, because there is no clock.
pub(crate) struct Stopwatch;

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self
    }

    pub(crate) fn has_reached(&self, _time: Duration) -> bool {
        false
    }
}

/// States whether [`write_stderr`] writes.
pub(crate) const IS_STDERR_OURS: bool = false;

/// Does nothing.
pub(crate) fn write_stderr(_text: &[u8]) {}

/// Returns `None`: files can't be read.
pub(crate) fn resident() -> Option<usize> {
    None
}

/// Ends the process: a panic during a panic aborts.
pub(crate) fn abort(reason: &str) -> ! {
    struct Abort<'a>(&'a str);
    impl Drop for Abort<'_> {
        fn drop(&mut self) {
            panic!("{}", self.0);
        }
    }
    let _abort = Abort(reason);
    panic!("{reason}");
}
