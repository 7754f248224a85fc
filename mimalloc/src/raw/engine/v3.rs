//! Engine v3: heaps are any thread's, and each thread has its part of each heap,
//! a theap.

#[cfg(mimalloc_guarded)]
mod guarded;
mod lock;
mod small;
mod theap;

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};

use mimalloc_sys as sys;

use crate::error::HeapError;
use crate::heap::MAX_HEAPS;
use crate::raw::backend::HeapBackend;

#[cfg(mimalloc_guarded)]
pub(crate) use guarded::{set_guarded_sample_rate, set_guarded_size_bound};
pub(crate) use lock::{destroying, walking};
pub(crate) use small::{malloc_small, zalloc_small};
pub(crate) use theap::TheapBackend as LocalBackend;
pub(crate) use theap::find as find_theap;

/// Heaps of this crate that are live, those of profilers included. Upstream has
/// a limit too, but in builds with debugging or hardening it aborts there.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Counts a heap in, if there may be one more.
pub(crate) fn count_in() -> Result<(), HeapError> {
    if LIVE.fetch_add(1, Ordering::Relaxed) >= MAX_HEAPS {
        count_out();
        return Err(HeapError::TooManyHeaps);
    }
    Ok(())
}

/// Counts in a heap that is there already.
pub(crate) fn count_in_adopted() {
    LIVE.fetch_add(1, Ordering::Relaxed);
}

/// Takes a heap back out of the count.
pub(crate) fn count_out() {
    LIVE.fetch_sub(1, Ordering::Relaxed);
}

/// Does what must be done before a heap is made: nothing.
#[inline(always)]
pub(crate) fn prepare_heaps() {}

/// Lets the heap be reset in place. Heaps of this engine do not end with a
/// thread.
///
/// # Safety
///
/// `heap` is live and not a main heap.
#[inline(always)]
pub(crate) unsafe fn keep(heap: *mut sys::mi_heap_t) {
    #[cfg(mimalloc_patched)]
    // SAFETY: the heap is live and not a main heap, as the caller promises.
    unsafe {
        sys::mimalloc_sys_heap_make_resettable(heap);
    }
    #[cfg(not(mimalloc_patched))]
    let _ = heap;
}

/// Frees all blocks of a heap and keeps up to about `keep` bytes of its pages.
/// Returns false and does nothing where that is not possible.
///
/// # Safety
///
/// `heap` is live and not a main heap, no block of it is used again, and no other
/// thread uses the heap during the call.
pub(crate) unsafe fn reset_in_place(heap: *mut sys::mi_heap_t, keep: usize) -> bool {
    #[cfg(mimalloc_patched)]
    // SAFETY: as the caller promises.
    unsafe {
        sys::mimalloc_sys_heap_reset(heap, keep)
    }
    #[cfg(not(mimalloc_patched))]
    {
        let _ = (heap, keep);
        false
    }
}

/// Undoes [`keep`].
///
/// # Safety
///
/// None: this does nothing. On engine v2 the heap must be live or dead.
#[inline(always)]
pub(crate) unsafe fn give_up(_heap: *mut sys::mi_heap_t) {}

/// Makes a heap in an arena.
///
/// # Safety
///
/// `arena` is the id of an arena.
#[inline]
pub(crate) unsafe fn new_heap_in(arena: sys::mi_arena_id_t) -> *mut sys::mi_heap_t {
    // SAFETY: the id is that of an arena, as the caller promises, and arenas are
    // never unloaded.
    unsafe { sys::mi_heap_new_in_arena(arena) }
}

/// Ends a heap and frees its blocks.
///
/// # Safety
///
/// `heap` is live, no thread is in one of C's functions with it, neither it nor a
/// block of it is used again, and [`destroying`] is held.
#[inline]
pub(crate) unsafe fn destroy(heap: *mut sys::mi_heap_t) {
    // SAFETY: as the caller promises.
    unsafe { sys::mi_heap_destroy(heap) };
}

/// Ends a heap and keeps its blocks.
///
/// # Safety
///
/// As for [`destroy`], but for the blocks: no block is freed or resized on
/// another thread during the call.
#[inline]
pub(crate) unsafe fn delete(heap: *mut sys::mi_heap_t) {
    // SAFETY: as the caller promises.
    unsafe { sys::mi_heap_delete(heap) };
}

/// Whether `ptr` points into a block of the heap.
///
/// # Safety
///
/// `heap` is live; if `ptr` points into a block of mimalloc, that block is not
/// freed during the call.
#[inline]
pub(crate) unsafe fn contains(heap: *mut sys::mi_heap_t, ptr: *const u8) -> bool {
    // SAFETY: the heap is live; the caller keeps a block of mimalloc alive, and
    // of other addresses only the page map is asked.
    unsafe { sys::mi_heap_contains(heap, ptr.cast()) }
}

/// Whether `ptr` points into a block of any heap.
#[inline]
pub(crate) fn any_heap_contains(ptr: *const c_void) -> bool {
    // SAFETY: only the page map is asked.
    unsafe { sys::mi_any_heap_contains(ptr) }
}

/// What was a thread's default before [`set_default`].
pub(crate) type DefaultBefore = *mut sys::mi_theap_t;

/// Makes a heap the default of the current thread.
///
/// # Safety
///
/// `heap` is live, and stays so until [`restore_default`] is called.
#[cfg(mimalloc_has_theap_set_default)]
pub(crate) unsafe fn set_default(heap: *mut sys::mi_heap_t) -> DefaultBefore {
    // SAFETY: the heap is live.
    let theap = unsafe { find_theap(heap) };
    // SAFETY: this thread's theap; the caller keeps the heap alive.
    unsafe { sys::mi_theap_set_default(theap) }
}

/// Undoes [`set_default`].
///
/// # Safety
///
/// `before` was returned by `set_default` of `heap` on this thread, and what was
/// the default then is still live.
#[cfg(mimalloc_has_theap_set_default)]
pub(crate) unsafe fn restore_default(_heap: *mut sys::mi_heap_t, before: DefaultBefore) {
    // SAFETY: the thread's default before, which is still live.
    unsafe { sys::mi_theap_set_default(before) };
}

/// The cheapest way for the current thread to allocate in a heap.
///
/// # Safety
///
/// The heap is live for as long as the returned value is used, which is on this
/// thread only.
#[inline(always)]
pub(crate) unsafe fn local_backend(heap: HeapBackend) -> LocalBackend {
    // SAFETY: the heap is live.
    let theap = unsafe { find_theap(heap.as_raw()) };
    // SAFETY: this thread's own theap; the caller keeps the heap alive. Deleting a
    // theap early takes unsafe code.
    unsafe { LocalBackend::new(theap) }
}

/// Says that this thread collects on purpose, until dropped: engine v3 never
/// forces a deferred free otherwise.
#[derive(Debug)]
#[must_use]
pub(crate) struct Collecting;

/// Begins a collect on purpose.
#[inline(always)]
pub(crate) fn collecting(_force: bool) -> Collecting {
    Collecting
}

/// Whether a forced deferred free comes from a collect on purpose.
#[inline(always)]
pub(crate) fn is_collect_on_purpose() -> bool {
    true
}

/// Adds the current thread's statistics to those of the process:
/// `mi_stats_get` does it.
#[inline(always)]
#[cfg(mimalloc_has_stats)]
pub(crate) fn merge_stats() {}

/// The C id of no arena.
pub(crate) const NO_ARENA: sys::mi_arena_id_t = core::ptr::null_mut();

/// Whether an id is that of an arena.
#[inline(always)]
pub(crate) fn is_arena(id: sys::mi_arena_id_t) -> bool {
    !id.is_null()
}

/// Entries in upstream's table of arenas (`MI_MAX_ARENAS`).
pub(crate) const ARENA_ENTRIES: u64 = 160;

/// What one entry of the table holds (`MI_ARENA_MAX_SIZE`), for larger arenas
/// take several; `None` where an arena takes one whatever its size.
pub(crate) const ARENA_ENTRY_SIZE: Option<usize> = if cfg!(target_pointer_width = "64") {
    Some(1 << (34 % usize::BITS))
} else {
    Some(1 << 30)
};

/// What must be left of memory whose start had to be aligned: engine v3 wants a
/// whole alignment.
pub(crate) fn region_needed(min_size: usize, alignment: usize) -> usize {
    alignment.max(min_size)
}
