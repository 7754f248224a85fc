//! Makes a heap the default of a thread, by the thread's theap of the heap.

use mimalloc_sys as sys;

use super::find_theap;

/// Holds a thread's default before [`set`].
pub(crate) type Before = *mut sys::mi_theap_t;

/// Makes a heap the default of the current thread. Calls
/// `mi_theap_set_default`.
///
/// # Safety
///
/// `heap` is live, and stays live until [`restore`] is called.
pub(crate) unsafe fn set(heap: *mut sys::mi_heap_t) -> Before {
    // SAFETY: the caller promises that the heap is live.
    let theap = unsafe { find_theap(heap) };
    // SAFETY: the theap was found on this thread; the caller keeps its heap
    // alive until the default is restored.
    unsafe { sys::mi_theap_set_default(theap) }
}

/// Undoes [`set`]. Calls `mi_theap_set_default`.
///
/// # Safety
///
/// - `before` was returned by `set` of `heap` on this thread.
/// - The default of that time is still live.
pub(crate) unsafe fn restore(_heap: *mut sys::mi_heap_t, before: Before) {
    // SAFETY: the caller promises that `before` was this thread's default and
    // is still live.
    unsafe { sys::mi_theap_set_default(before) };
}
