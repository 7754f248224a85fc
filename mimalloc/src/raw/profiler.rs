//! Profilers. They are never deleted.

use core::ffi::CStr;
use core::ptr::NonNull;

use mimalloc_sys as sys;

use super::engine;

/// A profiler of this crate.
///
/// # Invariants
///
/// The pointer is to a pprof profiler, which is never deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawProfiler(NonNull<sys::mi_profiler_t>);

// SAFETY: upstream calls all of a profiler's functions on any thread, and it is
// never deleted.
unsafe impl Send for RawProfiler {}

// SAFETY: as above.
unsafe impl Sync for RawProfiler {}

impl RawProfiler {
    /// Makes a profiler that writes to `name`; `None` when out of memory.
    pub(crate) fn new(
        rate: usize,
        name: &CStr,
        every_allocated: usize,
        every_in_use: usize,
        every_seconds: usize,
    ) -> Option<Self> {
        // SAFETY: a C string, which C copies; the numbers may be any.
        let raw = unsafe {
            sys::mi_pprof_profiler_new(
                rate,
                name.as_ptr(),
                every_allocated,
                every_in_use,
                every_seconds,
            )
        };
        // INVARIANT: just made, and nothing of this crate deletes profilers.
        NonNull::new(raw).map(Self)
    }

    /// Attaches the profiler to all heaps that have none; returns whether it did.
    pub(crate) fn attach(self) -> bool {
        let _guard = engine::walking();
        // SAFETY: a pprof profiler that is never deleted; blocks that another of
        // its kind sampled are fine with it.
        unsafe { sys::mi_profile(self.0.as_ptr()) }
    }

    /// Attaches the profiler to a heap that has none; returns whether it did.
    ///
    /// # Safety
    ///
    /// `heap` is live.
    pub(crate) unsafe fn attach_heap(self, heap: *mut sys::mi_heap_t) -> bool {
        let _guard = engine::walking();
        // SAFETY: a live heap, says the caller; as for `attach`.
        unsafe { sys::mi_heap_profile(heap, self.0.as_ptr()) }
    }

    /// Starts sampling; returns whether it was on.
    pub(crate) fn start(self) -> bool {
        // SAFETY: never deleted; may be called on any thread.
        unsafe { sys::mi_profiler_start(self.0.as_ptr()) }
    }

    /// Stops sampling; returns whether it was on.
    pub(crate) fn stop(self) -> bool {
        // SAFETY: never deleted; may be called on any thread.
        unsafe { sys::mi_profiler_stop(self.0.as_ptr()) }
    }

    /// Writes the profile so far to the next file.
    pub(crate) fn snapshot(self) {
        // SAFETY: never deleted; may be called on any thread.
        unsafe { sys::mi_profiler_snapshot(self.0.as_ptr()) };
    }
}

/// Keeps profilers from sampling a heap.
///
/// # Safety
///
/// `heap` is live.
pub(crate) unsafe fn disable(heap: *mut sys::mi_heap_t) {
    // Upstream first takes the old profiler away and then sets one that does
    // nothing: `attach` on another thread must not come between.
    let _guard = engine::destroying();
    // SAFETY: a live heap. What was sampled before stays readable, as profilers are
    // never deleted.
    unsafe { sys::mi_heap_profile_disable(heap) };
}
