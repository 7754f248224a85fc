//! Calls what the patches of `mimalloc-sys` add to the pinned source.

use mimalloc_sys as sys;
pub(crate) use sys::mimalloc_sys_thread_init as initialize_thread;

/// States that heaps may be used on any thread: an allocation initialises the
/// thread or returns null.
pub(crate) const ADMITS_ALL_THREADS: bool = true;

/// States that sizes of 2 GiB and more do no harm on 32-bit targets.
pub(crate) const MISTAKES_LARGE_SIZES: bool = false;

/// Lets the heap be reset in place. Heaps of this engine do not end with a
/// thread.
///
/// # Safety
///
/// `heap` is live and not a main heap.
#[inline(always)]
pub(crate) unsafe fn keep(heap: *mut sys::mi_heap_t) {
    // SAFETY: the heap is live and not a main heap, as the caller promises.
    unsafe { sys::mimalloc_sys_heap_make_resettable(heap) };
}

/// Frees all blocks of a heap and keeps up to about `keep` bytes of its pages.
/// Returns false and does nothing where that is not possible.
///
/// # Safety
///
/// `heap` is live and not a main heap, no block of it is used again, and no other
/// thread uses the heap during the call.
pub(crate) unsafe fn reset_in_place(heap: *mut sys::mi_heap_t, keep: usize) -> bool {
    // SAFETY: the caller promises a live heap that no other thread uses, and blocks
    // that are not used again.
    unsafe { sys::mimalloc_sys_heap_reset(heap, keep) }
}

/// Copies what was set for a heap to a heap that takes its place.
///
/// # Safety
///
/// Both heaps are live, and no thread has allocated in `to` yet.
pub(crate) unsafe fn copy_settings(to: *mut sys::mi_heap_t, from: *mut sys::mi_heap_t) {
    // SAFETY: the caller promises live heaps and an unused `to`.
    unsafe { sys::mimalloc_sys_heap_copy_settings(to, from) };
}
