//! Creates and controls profilers, which are never deleted.

use core::ffi::CStr;
use core::ptr::NonNull;

use mimalloc_sys as sys;

use super::engine;

/// Points to a profiler of this crate.
///
/// # Invariants
///
/// The pointer is to a pprof profiler, which is never deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawProfiler(NonNull<sys::mi_profiler_t>);

// SAFETY: any thread may call a profiler's functions, and the profiler is never
// deleted (upstream.md: profiler lifetime).
unsafe impl Send for RawProfiler {}

// SAFETY: the type only gives access to functions of C that any thread may
// call, also at the same time.
unsafe impl Sync for RawProfiler {}

impl RawProfiler {
    /// Creates a profiler that writes to `name`, or returns `None` when memory
    /// runs out. Calls `mi_pprof_profiler_new`.
    pub(crate) fn new(
        rate: usize,
        name: &CStr,
        every_allocated: usize,
        every_in_use: usize,
        every_seconds: usize,
    ) -> Option<Self> {
        // SAFETY: `name` is a C string, which C copies; the numbers may have
        // any value.
        let raw = unsafe {
            sys::mi_pprof_profiler_new(
                rate,
                name.as_ptr(),
                every_allocated,
                every_in_use,
                every_seconds,
            )
        };
        // INVARIANT: C made the profiler just now, and this crate deletes none.
        NonNull::new(raw).map(Self)
    }

    /// Attaches the profiler to all heaps without one, and returns whether it
    /// was attached. Calls `mi_profile`.
    pub(crate) fn attach(self) -> bool {
        let _guard = engine::walking();
        // SAFETY: the pprof profiler is never deleted, so sampled blocks may
        // point to its data (upstream.md: profiler lifetime); the guard keeps
        // heaps from being destroyed during the walk.
        unsafe { sys::mi_profile(self.0.as_ptr()) }
    }

    /// Attaches the profiler to a heap without one, and returns whether it was
    /// attached. Calls `mi_heap_profile`.
    ///
    /// # Safety
    ///
    /// `heap` is live.
    pub(crate) unsafe fn attach_heap(self, heap: *mut sys::mi_heap_t) -> bool {
        let _guard = engine::walking();
        // SAFETY: the caller promises a live heap, and the pprof profiler is
        // never deleted (upstream.md: profiler lifetime).
        unsafe { sys::mi_heap_profile(heap, self.0.as_ptr()) }
    }

    /// Starts sampling, and returns whether sampling was on. Calls
    /// `mi_profiler_start`.
    pub(crate) fn start(self) -> bool {
        // SAFETY: the profiler is never deleted (upstream.md: profiler
        // lifetime), and any thread may call this function.
        unsafe { sys::mi_profiler_start(self.0.as_ptr()) }
    }

    /// Stops sampling, and returns whether sampling was on. Calls
    /// `mi_profiler_stop`.
    pub(crate) fn stop(self) -> bool {
        // SAFETY: the profiler is never deleted (upstream.md: profiler
        // lifetime), and any thread may call this function.
        unsafe { sys::mi_profiler_stop(self.0.as_ptr()) }
    }

    /// Writes the profile so far to the next file. Calls
    /// `mi_profiler_snapshot`.
    pub(crate) fn snapshot(self) {
        // SAFETY: the profiler is never deleted (upstream.md: profiler
        // lifetime), and any thread may call this function.
        unsafe { sys::mi_profiler_snapshot(self.0.as_ptr()) };
    }
}

/// Keeps profilers from sampling a heap. Calls `mi_heap_profile_disable`.
///
/// # Safety
///
/// `heap` is live.
pub(crate) unsafe fn disable(heap: *mut sys::mi_heap_t) {
    // Upstream first removes the old profiler and then sets one that does
    // nothing; `attach` on another thread must not run in between.
    let _guard = engine::destroying();
    // SAFETY: the caller promises a live heap; blocks sampled before stay
    // valid, because profilers are never deleted (upstream.md: profiler
    // lifetime).
    unsafe { sys::mi_heap_profile_disable(heap) };
}
