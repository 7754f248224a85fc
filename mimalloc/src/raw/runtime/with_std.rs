//! Uses the standard library.

use core::cell::Cell;
use core::time::Duration;
use std::fs::File;
use std::io::{self, Read, Write};
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

/// Returns the resident memory of the process in bytes, if Linux tells. The
/// standard library allocates nothing for this short path.
pub(crate) fn resident() -> Option<usize> {
    if !matches!(std::env::consts::OS, "linux" | "android") {
        return None;
    }
    let status = File::open("/proc/self/status").ok()?;
    let kibibytes = number_behind(b"\nVmRSS:", status)?;
    kibibytes.checked_mul(1024)
}

/// Returns the decimal number behind a label, which begins with a line break and
/// has no other. Lines may have any length, so this looks at one byte after the
/// other.
fn number_behind(label: &[u8], mut text: impl Read) -> Option<usize> {
    let mut buffer = [0; 1024];
    let (mut matched, mut number) = (0, None::<usize>);
    loop {
        let len = match text.read(&mut buffer) {
            Ok(0) => return number,
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        };
        for &byte in buffer.get(..len)? {
            if matched < label.len() {
                let is_next = label[matched] == byte;
                matched = if is_next {
                    matched + 1
                } else {
                    usize::from(byte == label[0])
                };
            } else if byte.is_ascii_digit() {
                let digit = usize::from(byte - b'0');
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            } else if number.is_some() || !matches!(byte, b' ' | b'\t') {
                return number;
            }
        }
    }
}

/// Ends the process.
pub(crate) fn abort(_reason: &str) -> ! {
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a few bytes at a time.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(self.0.len()).min(buffer.len());
            let (piece, rest) = self.0.split_at(len);
            buffer[..len].copy_from_slice(piece);
            self.0 = rest;
            Ok(len)
        }
    }

    #[test]
    fn numbers_are_found_at_any_place() {
        let groups = "1 ".repeat(3000);
        let long = std::format!("Groups:\t{groups}\nVmRSS:\t   1234 kB\nVmX: 5 kB\n");
        for (text, expected) in [
            (&*long, Some(1234)),
            ("a\n\nVmRSS:7", Some(7)),
            ("a\nVmRS\nVmRSS: 7", Some(7)),
            ("VmRSS: 7\n", None),
            ("a\nVmRSS:\n8\n", None),
            ("a\nVmRSS: kB 8\n", None),
            ("a\nVmRSS: 99999999999999999999999 kB", None),
            ("a\nVmRS", None),
            ("", None),
        ] {
            for size in [1, 2, 3, 7, 5000] {
                let found = number_behind(b"\nVmRSS:", Pieces(text.as_bytes(), size));
                assert_eq!(found, expected, "{text} by {size}");
            }
        }
    }
}
