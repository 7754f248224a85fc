//! Time, memory and page faults of the process.

use core::fmt;
use core::time::Duration;

use super::metric::{Metric, MetricKind, MetricUnit};
use crate::raw::{self, runtime};

/// Time, memory and page faults of the process, returned by [`process_info`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// Time since mimalloc started, in whole milliseconds.
    pub elapsed: Duration,
    /// Processor time in the program, in whole milliseconds.
    pub user: Duration,
    /// Processor time in the system, in whole milliseconds.
    pub system: Duration,
    /// Resident memory of the whole process in bytes, if the system tells.
    ///
    /// Windows, macOS and Linux tell; on Linux with the feature `std`. The
    /// number of Linux is `VmRSS` in `/proc/self/status`, which may be a few
    /// pages off.
    pub current_rss: Option<usize>,
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
        write!(out, "    \"rss_current\": ")?;
        match self.current_rss {
            Some(bytes) => writeln!(out, "{bytes},")?,
            None => writeln!(out, "null,")?,
        }
        writeln!(out, "    \"rss_peak\": {},", self.peak_rss)?;
        writeln!(out, "    \"commit_current\": {},", self.current_commit)?;
        writeln!(out, "    \"commit_peak\": {}", self.peak_commit)?;
        write!(out, "  }}")
    }

    /// Returns all numbers. The resident memory is left out where the system
    /// does not tell it.
    pub fn metrics(&self) -> impl Iterator<Item = Metric> + use<> {
        use MetricKind::{Current, Peak, Total};
        use MetricUnit::{Bytes, Milliseconds, Number};

        let Self {
            elapsed,
            user,
            system,
            current_rss,
            peak_rss,
            current_commit,
            peak_commit,
            page_faults,
        } = *self;
        let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let metric = |name, kind, unit, value| Metric {
            name,
            kind,
            unit,
            label: None,
            value,
        };
        [
            metric("elapsed_msecs", Total, Milliseconds, millis(elapsed)),
            metric("user_msecs", Total, Milliseconds, millis(user)),
            metric("system_msecs", Total, Milliseconds, millis(system)),
            metric("page_faults", Total, Number, number(page_faults)),
            metric("rss", Peak, Bytes, number(peak_rss)),
            metric("commit", Peak, Bytes, number(peak_commit)),
            metric("commit", Current, Bytes, number(current_commit)),
        ]
        .into_iter()
        .chain(current_rss.map(|size| metric("rss", Current, Bytes, number(size))))
    }

    /// Returns what happened between `before`, an earlier call, and `self`.
    ///
    /// What only grows is subtracted: times and page faults. Resident and
    /// committed memory are those of `self`.
    ///
    /// ```
    /// use mimalloc::stats::process_info;
    ///
    /// let before = process_info();
    /// // … the work …
    /// let after = process_info();
    /// println!("{:?} of processor time", after.since(&before).user);
    /// assert_eq!(after.since(&before).peak_rss, after.peak_rss);
    /// ```
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            elapsed: self.elapsed.saturating_sub(before.elapsed),
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            page_faults: self.page_faults.saturating_sub(before.page_faults),
            ..*self
        }
    }
}

/// Returns time, memory and page faults of the process.
///
/// The call takes about a microsecond, on any thread. On Linux the function also
/// reads a file of the system, which takes a few microseconds and allocates
/// nothing.
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
        current_rss: if raw::stats::TELLS_RESIDENT {
            Some(raw.current_rss)
        } else {
            runtime::resident()
        },
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
