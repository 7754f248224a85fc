//! What mimalloc knows about the process and itself.

use core::ffi::{CStr, c_char, c_void};
use core::fmt;
use core::time::Duration;

use mimalloc_sys as sys;

use crate::hooks;
use crate::raw::buffer::Buffer;
use crate::raw::lock;

/// The version of the linked library.
///
/// ```
/// let version = mimalloc::version();
/// assert!(version.major() >= 2);
/// println!("mimalloc {version}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
    raw: u32,
}

impl Version {
    /// The version that `mi_version` means by `raw`.
    pub(crate) const fn from_raw(raw: u32) -> Self {
        let (major, minor, patch) = sys::version::parts(raw);
        Self {
            major,
            minor,
            patch,
            raw,
        }
    }

    /// The engine: 3 or 2.
    #[must_use]
    pub const fn major(self) -> u32 {
        self.major
    }

    /// The second number.
    #[must_use]
    pub const fn minor(self) -> u32 {
        self.minor
    }

    /// The third number.
    #[must_use]
    pub const fn patch(self) -> u32 {
        self.patch
    }

    /// The number as C has it, such as 30602.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.raw
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The version of the library that the program runs with. A system library may
/// be another one than at build time.
#[must_use]
#[doc(alias = "mi_version")]
pub fn version() -> Version {
    // SAFETY: returns a constant.
    let raw = unsafe { sys::mi_version() };
    Version::from_raw(u32::try_from(raw).unwrap_or(0))
}

/// Whether the C `malloc` of the whole process was redirected to mimalloc: on
/// Windows by its redirection DLL, on macOS by interposing. Always false on
/// other systems, also with the feature `override`.
#[must_use]
#[doc(alias = "mi_is_redirected")]
pub fn is_redirected() -> bool {
    // SAFETY: reads a flag that is set before `main`.
    unsafe { sys::mi_is_redirected() }
}

/// Time, memory and page faults of the process, by [`process_info`].
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
    /// Those of `out`.
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

/// Time, memory and page faults of the process. It takes about a microsecond,
/// on any thread.
///
/// ```
/// let info = mimalloc::process_info();
/// assert!(info.peak_commit >= info.current_commit);
/// ```
#[must_use]
#[doc(alias = "mi_process_info")]
pub fn process_info() -> ProcessInfo {
    let (mut elapsed, mut user, mut system) = (0, 0, 0);
    let mut info = ProcessInfo::default();
    // SAFETY: each pointer is to a `usize` of ours; the function may be called
    // on any thread and walks no heaps.
    unsafe {
        sys::mi_process_info(
            &raw mut elapsed,
            &raw mut user,
            &raw mut system,
            &raw mut info.current_rss,
            &raw mut info.peak_rss,
            &raw mut info.current_commit,
            &raw mut info.peak_commit,
            &raw mut info.page_faults,
        );
    }
    let millis = |value: usize| Duration::from_millis(value as u64);
    info.elapsed = millis(elapsed);
    info.user = millis(user);
    info.system = millis(system);
    info
}

/// Prints [`process_info`] as upstream words it, to standard error or where
/// [`hooks::set_output`](crate::hooks::set_output) says.
#[cfg(mimalloc_has_process_info_print)]
#[doc(alias = "mi_process_info_print")]
#[doc(alias = "mi_process_info_print_out")]
pub fn print_process_info() {
    // SAFETY: any thread, any time; writes to the output handler.
    unsafe { sys::mi_process_info_print() };
}

/// Starts counting afresh.
///
/// v3 only hands the calling thread's numbers of the main heap over to the
/// process; nothing is set to 0. v2 zeroes the numbers of the process and of the
/// calling thread, including what is in use, so that `current` goes below 0
/// later.
#[doc(alias = "mi_stats_reset")]
pub fn reset_stats() {
    let _walking = lock::walking();
    // SAFETY: any thread, any time; no heap is destroyed meanwhile.
    unsafe { sys::mi_stats_reset() };
}

/// Prints the statistics of the process as upstream words them, to standard
/// error or where [`hooks::set_output`](crate::hooks::set_output) says.
///
/// A hook of the program's own gets all of it at once, after no lock is held any
/// more; and nothing when there is no memory to keep the text until then.
///
/// For text of your own there is the `Display` of `Stats`.
#[doc(alias = "mi_stats_print")]
#[doc(alias = "mi_stats_print_out")]
#[doc(alias = "mi_subproc_stats_print_out")]
pub fn print_stats() {
    if hooks::is_hooked() {
        if let Some(text) = stats_text() {
            hooks::hand_over(text.as_slice());
        }
        return;
    }
    let _walking = lock::walking();
    // SAFETY: a null function stands for the default output, which runs no code
    // of the program; no heap is destroyed meanwhile.
    unsafe { sys::mi_stats_print_out(None, core::ptr::null_mut()) };
}

/// What upstream prints as statistics, as far as it is found in some tries;
/// `None` when there is no memory for it.
fn stats_text() -> Option<Buffer<u8>> {
    /// Numbers grow between two tries.
    const SLACK: usize = 1024;
    const TRIES: usize = 4;

    let mut text = Text::default();
    // The first time only counts.
    for _ in 0..=TRIES {
        let argument: *mut Text = &raw mut text;
        {
            let _walking = lock::walking();
            // SAFETY: the function takes this argument, which outlives the call;
            // no heap is destroyed meanwhile.
            unsafe { sys::mi_stats_print_out(Some(append), argument.cast()) };
        }
        if text.len == text.kept.len() {
            break;
        }
        text = Text {
            kept: Buffer::with_capacity(text.len.checked_add(SLACK)?)?,
            len: 0,
        };
    }
    Some(text.kept)
}

/// Text of which as much is kept as there is room for.
#[derive(Default)]
struct Text {
    kept: Buffer<u8>,
    len: usize,
}

/// What mimalloc calls with each piece of the statistics.
///
/// # Safety
///
/// `text` is null or a C string, `to` points to a `Text` that nothing else
/// refers to.
unsafe extern "C" fn append(text: *const c_char, to: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: a C string, which lives during the call.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    // SAFETY: by this function's contract.
    let to = unsafe { &mut *to.cast::<Text>() };
    to.len += text.len();
    text.iter().all(|&byte| to.kept.push_within(byte));
}

/// Tells mimalloc that the calling thread belongs to a thread pool: it then
/// takes over fewer pages of other threads. There is no way back. On v2 this
/// does nothing, nor does it where mimalloc has no memory for its records of
/// the thread. Not with a system library of v3, which crashes on a thread that
/// mimalloc is done with.
#[cfg(all(mimalloc_has_threadpool, any(mimalloc_v2, mimalloc_patched)))]
#[doc(alias = "mi_thread_set_in_threadpool")]
pub fn set_thread_in_threadpool() {
    // On a thread that can't be initialised upstream (3.6.2) writes to a constant.
    if crate::raw::theap::initialize_thread() {
        // SAFETY: sets a flag of the calling thread, which is initialised.
        unsafe { sys::mi_thread_set_in_threadpool() };
    }
}

/// Whether `value` lies in a block of any heap of mimalloc.
///
/// Calls `mi_any_heap_contains`; on engine v2 `mi_is_in_heap_region`.
#[must_use]
#[doc(alias = "mi_any_heap_contains")]
#[doc(alias = "mi_is_in_heap_region")]
pub fn any_heap_contains<T: ?Sized>(value: &T) -> bool {
    let ptr = core::ptr::from_ref(value).cast();
    #[cfg(mimalloc_v3)]
    // SAFETY: only the page map is asked.
    unsafe {
        sys::mi_any_heap_contains(ptr)
    }
    #[cfg(mimalloc_v2)]
    // SAFETY: only mimalloc's own tables are asked.
    unsafe {
        sys::mi_is_in_heap_region(ptr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_what_they_mean() {
        // The third has the smallest number.
        let versions = [20302, 3208, 316, 30602].map(Version::from_raw);
        let texts = versions.map(|version| std::format!("{version}"));
        assert_eq!(texts, ["2.3.2", "3.2.8", "3.1.6", "3.6.2"]);
        assert!(versions[2] < versions[1] && versions[0] < versions[2]);
        assert_eq!(versions[1].raw(), 3208);
    }
}
