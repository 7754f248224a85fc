//! Guard pages behind sampled blocks, per theap.

use core::alloc::Layout;

use mimalloc_sys as sys;

use super::LocalBackend;
use crate::error::AllocError;
use crate::raw::allocator;
use crate::raw::backend::HeapBackend;

/// Guards a block about every `rate` bytes that this thread allocates in the
/// heap. Fails when there is no memory for a theap.
///
/// # Safety
///
/// The heap is live.
pub(crate) unsafe fn set_guarded_sample_rate(
    heap: HeapBackend,
    rate: usize,
    seed: usize,
) -> Result<(), AllocError> {
    // SAFETY: the heap is live.
    let theap = unsafe { own_theap(heap) }?;
    // SAFETY: this thread's part of a live heap.
    unsafe { sys::mi_theap_guarded_set_sample_rate(theap, rate, seed) };
    Ok(())
}

/// Guards only blocks of `min` to `max` bytes, on this thread. Fails when there
/// is no memory for a theap.
///
/// # Safety
///
/// The heap is live.
pub(crate) unsafe fn set_guarded_size_bound(
    heap: HeapBackend,
    min: usize,
    max: usize,
) -> Result<(), AllocError> {
    // SAFETY: the heap is live.
    let theap = unsafe { own_theap(heap) }?;
    // SAFETY: this thread's part of a live heap.
    unsafe { sys::mi_theap_guarded_set_size_bound(theap, min, max) };
    Ok(())
}

/// This thread's theap, and not the empty one that upstream has in its place when
/// memory runs out and that all threads share.
///
/// # Safety
///
/// The heap is live.
unsafe fn own_theap(heap: HeapBackend) -> Result<*mut sys::mi_theap_t, AllocError> {
    // SAFETY: the heap is live.
    let theap = unsafe { super::find_theap(heap.as_raw()) };
    // SAFETY: found on this thread, for a heap that lives during the call.
    let backend = unsafe { LocalBackend::new(theap) };
    let layout = Layout::new::<usize>();
    // SAFETY: as above.
    let probe = unsafe { allocator::allocate::<_, false>(backend, layout) };
    // SAFETY: just allocated for this layout.
    unsafe { allocator::deallocate(probe.ok_or(AllocError)?, layout) };
    Ok(theap)
}
