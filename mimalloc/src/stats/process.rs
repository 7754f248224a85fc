//! Time, memory and page faults of the process.

use core::fmt;
use core::time::Duration;

use crate::raw;

/// Time, memory and page faults of the process, returned by [`process_info`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProcessInfo {
    /// Time since mimalloc started, in whole milliseconds.
    pub elapsed: Duration,
    /// Processor time in the program, in whole milliseconds.
    pub user: Duration,
    /// Processor time in the system, in whole milliseconds.
    pub system: Duration,
    /// Resident memory in bytes. **Only on Windows and macOS.** On Linux and
    /// the BSDs it is the same as `current_commit`, because the kernel has no
    /// cheap way to ask.
    pub current_rss: usize,
    /// The most resident memory of the whole process, in bytes, not only of
    /// mimalloc.
    pub peak_rss: usize,
    /// Memory in bytes that mimalloc has committed; on Windows that of the whole
    /// process.
    pub current_commit: usize,
    /// The most memory in bytes that was committed.
    pub peak_commit: usize,
    /// Page faults that had to read from a disk; on Windows all page faults.
    pub page_faults: usize,
}

impl ProcessInfo {
    /// Writes a JSON object with the names that upstream's statistics have.
    ///
    /// # Errors
    ///
    /// Returns the errors of `out`.
    pub fn write_json(&self, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        writeln!(out, "{{")?;
        writeln!(out, "    \"elapsed_msecs\": {},", self.elapsed.as_millis())?;
        writeln!(out, "    \"user_msecs\": {},", self.user.as_millis())?;
        writeln!(out, "    \"system_msecs\": {},", self.system.as_millis())?;
        writeln!(out, "    \"page_faults\": {},", self.page_faults)?;
        writeln!(out, "    \"rss_current\": {},", self.current_rss)?;
        writeln!(out, "    \"rss_peak\": {},", self.peak_rss)?;
        writeln!(out, "    \"commit_current\": {},", self.current_commit)?;
        writeln!(out, "    \"commit_peak\": {}", self.peak_commit)?;
        write!(out, "  }}")
    }
}

/// Returns time, memory and page faults of the process. The call takes about a
/// microsecond, on any thread.
///
/// ```
/// let info = mimalloc::stats::process_info();
/// assert!(info.peak_commit >= info.current_commit);
/// ```
#[must_use]
#[doc(alias = "mi_process_info")]
pub fn process_info() -> ProcessInfo {
    let raw = raw::stats::process();
    let millis = |value: usize| Duration::from_millis(value as u64);
    ProcessInfo {
        elapsed: millis(raw.elapsed),
        user: millis(raw.user),
        system: millis(raw.system),
        current_rss: raw.current_rss,
        peak_rss: raw.peak_rss,
        current_commit: raw.current_commit,
        peak_commit: raw.peak_commit,
        page_faults: raw.page_faults,
    }
}

/// Prints [`process_info`] as upstream words it, to standard error or where
/// [`hooks::set_output`](crate::hooks::set_output) says.
#[cfg(mimalloc_v3)]
#[doc(alias = "mi_process_info_print")]
#[doc(alias = "mi_process_info_print_out")]
pub fn print_process_info() {
    raw::engine::print_process();
}
