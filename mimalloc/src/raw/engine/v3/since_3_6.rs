//! Calls what mimalloc 3.6 added.

use mimalloc_sys as sys;
pub(crate) use sys::mi_free_small_nonnull as free_small;

/// States that [`free_small`] frees a block of a small page without looking up
/// the page.
pub(crate) const FREES_BY_SIZE: bool = true;

/// Gives free memory in all arenas back to the system. Calls
/// `mi_arenas_purge`.
pub(crate) fn purge_arenas() {
    // SAFETY: the same as what allocation does now and then on any thread; upstream
    // lets one thread at a time purge.
    unsafe { sys::mi_arenas_purge() };
}

/// Leaves the first bytes of each block alone when filling the block. Calls
/// `mi_heap_set_debug_fill_preserve`.
///
/// # Safety
///
/// `heap` is live, and no other thread uses the heap during the call.
pub(crate) unsafe fn set_debug_fill_preserve(heap: *mut sys::mi_heap_t, bytes: usize) {
    // SAFETY: the heap is live, and no other thread reads the field meanwhile, as
    // the caller promises.
    unsafe { sys::mi_heap_set_debug_fill_preserve(heap, bytes) };
}
