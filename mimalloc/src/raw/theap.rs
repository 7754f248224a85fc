//! Finds the current thread's part ("theap") of a heap on engine v3.
//!
//! A thread's part is made on its first use of a heap. A thread that has no
//! memory at all, not even for mimalloc's records of it, then makes upstream
//! (3.6.2) write to a constant. The vendored backend is built with a patch
//! (`mimalloc-sys/build/patches/v3/heap.c`); elsewhere [`thread_is_initialized`]
//! keeps such a thread out.

use mimalloc_sys as sys;

/// Whether the current thread may go to heaps. Without a cost where the linked
/// library is corrected.
///
/// Asked each time elsewhere: a flag would not notice that mimalloc is done with
/// the thread.
#[inline(always)]
pub(crate) fn thread_is_initialized() -> bool {
    cfg!(any(mimalloc_v2, mimalloc_patched)) || initialize_thread()
}

/// Has mimalloc set up its records of the current thread, unless it has; false
/// when there is no memory for them.
///
/// A thread that mimalloc was done with is set up again.
#[cfg(all(mimalloc_v3, mimalloc_patched))]
#[inline]
pub(crate) fn initialize_thread() -> bool {
    sys::mimalloc_sys_thread_init()
}

/// Has mimalloc set up its records of the current thread, unless it has; false
/// when there is no memory for them.
#[cfg(not(all(mimalloc_v3, mimalloc_patched)))]
#[inline]
pub(crate) fn initialize_thread() -> bool {
    // SAFETY: one byte is a small size.
    let block = unsafe { sys::mi_malloc_small(1) };
    if block.is_null() {
        return false;
    }
    // SAFETY: just allocated.
    unsafe { sys::mi_free(block) };
    true
}

/// The current thread's part of `heap`. When it can't be made, one whose every
/// allocation is null; null only when the thread is not [`thread_is_initialized`].
///
/// # Safety
///
/// `heap` is live.
#[inline(always)]
#[cfg(mimalloc_v3)]
pub(crate) unsafe fn find(heap: *mut sys::mi_heap_t) -> *mut sys::mi_theap_t {
    if !thread_is_initialized() {
        return core::ptr::null_mut();
    }
    // SAFETY: the heap is live.
    unsafe { sys::mi_heap_theap(heap) }
}
