//! What becomes of an owned heap of engine v2 when its thread ends.
//!
//! mimalloc ends a thread's heaps with the thread. Whatever runs on the thread
//! later, such as the destructor of a pthread key made after mimalloc's, may
//! still own one. The pinned backend of v2 is built with a correction
//! (`mimalloc-sys/build/patches/v2`) that leaves a dead heap: nothing is in it,
//! and every allocation in it is null. With another library there are no owned
//! heaps in safe code.

use mimalloc_sys as sys;

/// Has mimalloc keep the structure of a heap when the heap's thread ends.
///
/// # Safety
///
/// `heap` is live, and will be ended by [`end`] or given to [`give_up`].
#[inline(always)]
pub(crate) unsafe fn keep(heap: *mut sys::mi_heap_t) {
    #[cfg(all(mimalloc_v2, mimalloc_patched))]
    // SAFETY: the heap is live.
    unsafe {
        sys::mimalloc_sys_heap_keep(heap);
    }
    #[cfg(not(all(mimalloc_v2, mimalloc_patched)))]
    let _ = heap;
}

/// Undoes [`keep`].
///
/// # Safety
///
/// `heap` is live or dead.
#[inline(always)]
pub(crate) unsafe fn give_up(heap: *mut sys::mi_heap_t) {
    #[cfg(all(mimalloc_v2, mimalloc_patched))]
    // SAFETY: its structure is there.
    unsafe {
        sys::mimalloc_sys_heap_give_up(heap);
    }
    #[cfg(not(all(mimalloc_v2, mimalloc_patched)))]
    let _ = heap;
}

/// Whether the heap's thread has not ended.
///
/// # Safety
///
/// `heap` is live or dead.
#[inline(always)]
#[cfg(mimalloc_v2)]
pub(crate) unsafe fn is_alive(heap: *mut sys::mi_heap_t) -> bool {
    #[cfg(all(mimalloc_v2, mimalloc_patched))]
    // SAFETY: its structure is there.
    unsafe {
        sys::mimalloc_sys_heap_is_alive(heap)
    }
    #[cfg(not(all(mimalloc_v2, mimalloc_patched)))]
    {
        let _ = heap;
        true
    }
}

/// Ends a heap by `by`, one of C's functions that do; frees what is left of a
/// dead one.
///
/// # Safety
///
/// `heap` is dead and not used again, or live and `by` may be called with it.
#[inline(always)]
pub(crate) unsafe fn end(heap: *mut sys::mi_heap_t, by: unsafe extern "C" fn(*mut sys::mi_heap_t)) {
    #[cfg(all(mimalloc_v2, mimalloc_patched))]
    {
        // SAFETY: the heap's structure is there.
        unsafe { give_up(heap) };
        // SAFETY: as above.
        if !unsafe { is_alive(heap) } {
            // SAFETY: that of a dead heap is a block, and not used again.
            unsafe { sys::mi_free(heap.cast()) };
            return;
        }
    }
    // SAFETY: as promised by the caller; the heap is not dead.
    unsafe { by(heap) };
}
