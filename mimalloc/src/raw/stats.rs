//! Statistics.

use core::ffi::{c_char, c_void};
use core::mem::MaybeUninit;

use mimalloc_sys as sys;

use super::engine;
use super::thread::thread_can_make_heaps;

/// What C calls with each piece of a text.
pub(crate) type Writer = unsafe extern "C" fn(text: *const c_char, argument: *mut c_void);

/// Prints the statistics to `writer`, or to the default output for `None`.
///
/// # Safety
///
/// `writer` may be called with C strings and `argument` until this returns, and
/// runs no code of the program, because a lock is held.
pub(crate) unsafe fn print(writer: Option<Writer>, argument: *mut c_void) {
    if !thread_can_make_heaps() {
        return;
    }
    let _walking = engine::walking();
    // SAFETY: as the caller promises; no heap is destroyed meanwhile, because the
    // lock is held. The thread has statistics to merge.
    unsafe { sys::mi_stats_print_out(writer, argument) };
}

/// Starts counting afresh.
pub(crate) fn reset() {
    if !thread_can_make_heaps() {
        return;
    }
    let _walking = engine::walking();
    // SAFETY: any thread, any time; no heap is destroyed meanwhile, because the
    // lock is held. The thread has statistics to merge.
    unsafe { sys::mi_stats_reset() };
}

/// States whether `mi_process_info` asks the system for resident memory
/// (upstream.md: resident memory).
pub(crate) const TELLS_RESIDENT: bool = cfg!(any(windows, target_vendor = "apple"));

/// What `mi_process_info` writes: times in milliseconds, memory in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    pub(crate) elapsed: usize,
    pub(crate) user: usize,
    pub(crate) system: usize,
    /// Right where [`TELLS_RESIDENT`] says so, and otherwise what mimalloc has
    /// committed.
    pub(crate) current_rss: usize,
    pub(crate) peak_rss: usize,
    pub(crate) current_commit: usize,
    pub(crate) peak_commit: usize,
    pub(crate) page_faults: usize,
}

/// Asks for time, memory and page faults of the process.
pub(crate) fn process() -> Process {
    let mut info = Process::default();
    // SAFETY: each pointer is to a `usize` of ours; the function may be called on
    // any thread and walks no heaps.
    unsafe {
        sys::mi_process_info(
            &raw mut info.elapsed,
            &raw mut info.user,
            &raw mut info.system,
            &raw mut info.current_rss,
            &raw mut info.peak_rss,
            &raw mut info.current_commit,
            &raw mut info.peak_commit,
            &raw mut info.page_faults,
        );
    }
    info
}

/// Returns the statistics of the process; `None` when the library has another
/// layout of them.
#[cfg(mimalloc_has_stats)]
pub(crate) fn get() -> Option<sys::mi_stats_t> {
    let _walking = engine::walking();
    engine::merge_stats();
    // SAFETY: `mi_stats_get` writes at most the size that is in the header, to
    // memory that is all ours. No heap is destroyed meanwhile, because the lock is
    // held (upstream merges the thread's theap of each heap).
    filled_by(|raw| unsafe { sys::mi_stats_get(raw) })
}

/// Returns what `get` fills in; `get` returns false if it does not know the
/// layout.
#[allow(dead_code, reason = "older versions have no statistics")]
pub(crate) fn filled_by(get: impl FnOnce(*mut sys::mi_stats_t) -> bool) -> Option<sys::mi_stats_t> {
    let zeroed = MaybeUninit::<sys::mi_stats_t>::zeroed();
    // SAFETY: the struct consists of integers, for which zero bytes are a value.
    let mut raw = unsafe { zeroed.assume_init() };
    raw.size = size_of::<sys::mi_stats_t>();
    raw.version = sys::MI_STAT_VERSION as usize;
    get(&raw mut raw).then_some(raw)
}
