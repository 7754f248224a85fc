//! Sets the guard pages behind sampled blocks, for each theap.

use core::alloc::Layout;

use mimalloc_sys as sys;

use super::LocalBackend;
use crate::error::AllocError;
use crate::raw::allocator;
use crate::raw::backend::HeapBackend;

/// Guards a block about every `rate` bytes that this thread allocates in the
/// heap. Fails if there is no memory for a theap. Calls
/// `mi_theap_guarded_set_sample_rate`.
///
/// # Safety
///
/// The heap is live.
pub(crate) unsafe fn set_sample_rate(
    heap: HeapBackend,
    rate: usize,
    seed: usize,
) -> Result<(), AllocError> {
    // SAFETY: the caller promises that the heap is live.
    let theap = unsafe { own_theap(heap) }?;
    // SAFETY: `own_theap` returned this thread's own theap of a live heap,
    // which only this thread may use (upstream.md: theap lifetime).
    unsafe { sys::mi_theap_guarded_set_sample_rate(theap, rate, seed) };
    Ok(())
}

/// Guards only blocks of `min` to `max` bytes, on this thread. Fails if there
/// is no memory for a theap. Calls `mi_theap_guarded_set_size_bound`.
///
/// # Safety
///
/// The heap is live.
pub(crate) unsafe fn set_size_bound(
    heap: HeapBackend,
    min: usize,
    max: usize,
) -> Result<(), AllocError> {
    // SAFETY: the caller promises that the heap is live.
    let theap = unsafe { own_theap(heap) }?;
    // SAFETY: `own_theap` returned this thread's own theap of a live heap,
    // which only this thread may use (upstream.md: theap lifetime).
    unsafe { sys::mi_theap_guarded_set_size_bound(theap, min, max) };
    Ok(())
}

/// Returns this thread's own theap. Fails where upstream has only the empty
/// theap that all threads share, because memory ran out.
///
/// # Safety
///
/// The heap is live.
unsafe fn own_theap(heap: HeapBackend) -> Result<*mut sys::mi_theap_t, AllocError> {
    // SAFETY: the caller promises that the heap is live.
    let theap = unsafe { super::find_theap(heap.as_raw()) };
    // SAFETY: this thread found the theap just now, for a heap that lives
    // during the call.
    let backend = unsafe { LocalBackend::new(theap) };
    let layout = Layout::new::<usize>();
    // SAFETY: the heap behind `backend` lives during the call.
    let probe = unsafe { allocator::allocate::<_, false>(backend, layout) };
    // SAFETY: the block was allocated just now with this layout, and is not
    // used.
    unsafe { allocator::deallocate(probe.ok_or(AllocError)?, layout) };
    Ok(theap)
}
