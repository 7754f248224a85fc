//! Implements engine v3: any thread may use a heap, and each thread allocates
//! in its theap of the heap.

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
#[cfg(mimalloc_inline_alloc)]
pub(crate) use small::take_small;
pub(crate) use small::{malloc_small, zalloc_small};
pub(crate) use theap::TheapBackend as LocalBackend;
pub(crate) use theap::find as find_theap;

/// Counts the live heaps of this crate, including those of profilers. Upstream
/// has a limit as well, but aborts there in builds with debugging or hardening
/// (upstream.md: heap count).
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Counts one more heap, or fails if the limit is reached.
pub(crate) fn count_in() -> Result<(), HeapError> {
    if LIVE.fetch_add(1, Ordering::Relaxed) >= MAX_HEAPS {
        count_out();
        return Err(HeapError::TooManyHeaps);
    }
    Ok(())
}

/// Counts one more heap that exists already.
pub(crate) fn count_in_adopted() {
    LIVE.fetch_add(1, Ordering::Relaxed);
}

/// Removes one heap from the count.
pub(crate) fn count_out() {
    LIVE.fetch_sub(1, Ordering::Relaxed);
}

/// Prepares the making of a heap: does nothing on this engine.
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
/// No preconditions on this engine; on engine v2 the heap must be live or dead.
#[inline(always)]
pub(crate) unsafe fn give_up(_heap: *mut sys::mi_heap_t) {}

/// Creates a heap in an arena. Calls `mi_heap_new_in_arena`.
///
/// # Safety
///
/// `arena` is the id of an arena.
#[inline]
pub(crate) unsafe fn new_heap_in(arena: sys::mi_arena_id_t) -> *mut sys::mi_heap_t {
    // SAFETY: the caller promises the id of an arena, and arenas are never
    // unloaded (upstream.md: arena lifetime).
    unsafe { sys::mi_heap_new_in_arena(arena) }
}

/// Destroys a heap and frees its blocks. Calls `mi_heap_destroy`.
///
/// # Safety
///
/// - `heap` is live.
/// - No thread is inside a C function with `heap`.
/// - `heap` is not used again.
/// - No block of `heap` is used again.
/// - [`destroying`] is held.
#[inline]
pub(crate) unsafe fn destroy(heap: *mut sys::mi_heap_t) {
    // SAFETY: the caller promises a live heap that no thread uses, and the
    // guard keeps walks away (upstream.md: heap destruction, statistics walks).
    unsafe { sys::mi_heap_destroy(heap) };
}

/// Deletes a heap and keeps its blocks. Calls `mi_heap_delete`.
///
/// # Safety
///
/// - `heap` is live.
/// - No thread is inside a C function with `heap`.
/// - `heap` is not used again.
/// - No other thread frees or resizes a block of `heap` during the call.
/// - [`destroying`] is held.
#[inline]
pub(crate) unsafe fn delete(heap: *mut sys::mi_heap_t) {
    // SAFETY: the caller promises a live heap that no thread uses and blocks
    // that no other thread frees meanwhile (upstream.md: heap deletion).
    unsafe { sys::mi_heap_delete(heap) };
}

/// Returns whether `ptr` points into a block of the heap. Calls
/// `mi_heap_contains`.
///
/// # Safety
///
/// - `heap` is live.
/// - If `ptr` points into a block of mimalloc, that block is not freed during
///   the call.
#[inline]
pub(crate) unsafe fn contains(heap: *mut sys::mi_heap_t, ptr: *const u8) -> bool {
    // SAFETY: the caller promises a live heap, and keeps a block of mimalloc
    // alive; for other addresses C only reads the page map (upstream.md:
    // containment).
    unsafe { sys::mi_heap_contains(heap, ptr.cast()) }
}

/// Returns whether `ptr` points into a block of any heap. Calls
/// `mi_any_heap_contains`.
#[inline]
pub(crate) fn any_heap_contains(ptr: *const c_void) -> bool {
    // SAFETY: the function takes any address and only reads the page map
    // (upstream.md: containment).
    unsafe { sys::mi_any_heap_contains(ptr) }
}

/// Holds a thread's default before [`set_default`].
pub(crate) type DefaultBefore = *mut sys::mi_theap_t;

/// Makes a heap the default of the current thread. Calls
/// `mi_theap_set_default`.
///
/// # Safety
///
/// `heap` is live, and stays live until [`restore_default`] is called.
#[cfg(mimalloc_has_theap_set_default)]
pub(crate) unsafe fn set_default(heap: *mut sys::mi_heap_t) -> DefaultBefore {
    // SAFETY: the caller promises that the heap is live.
    let theap = unsafe { find_theap(heap) };
    // SAFETY: the theap was found on this thread; the caller keeps its heap
    // alive until the default is restored.
    unsafe { sys::mi_theap_set_default(theap) }
}

/// Undoes [`set_default`]. Calls `mi_theap_set_default`.
///
/// # Safety
///
/// - `before` was returned by `set_default` of `heap` on this thread.
/// - The default of that time is still live.
#[cfg(mimalloc_has_theap_set_default)]
pub(crate) unsafe fn restore_default(_heap: *mut sys::mi_heap_t, before: DefaultBefore) {
    // SAFETY: the caller promises that `before` was this thread's default and
    // is still live.
    unsafe { sys::mi_theap_set_default(before) };
}

/// Returns the cheapest way for the current thread to allocate in a heap.
///
/// # Safety
///
/// - The heap is live for as long as the returned value is used.
/// - Only the current thread uses the returned value.
#[inline(always)]
pub(crate) unsafe fn local_backend(heap: HeapBackend) -> LocalBackend {
    // SAFETY: the caller promises that the heap is live.
    let theap = unsafe { find_theap(heap.as_raw()) };
    // SAFETY: the theap was found on this thread, and the caller keeps its heap
    // alive; this crate never deletes a theap early (upstream.md: theap
    // lifetime).
    unsafe { LocalBackend::new(theap) }
}

/// Marks this thread as collecting on purpose, until dropped. Engine v3 forces
/// a deferred free at no other time.
#[derive(Debug)]
#[must_use]
pub(crate) struct Collecting;

/// Begins a collect on purpose.
#[inline(always)]
pub(crate) fn collecting(_force: bool) -> Collecting {
    Collecting
}

/// Returns whether a forced deferred free comes from a collect on purpose.
#[inline(always)]
pub(crate) fn is_collect_on_purpose() -> bool {
    true
}

/// Adds the current thread's statistics to those of the process: does nothing,
/// because `mi_stats_get` adds them.
#[inline(always)]
#[cfg(mimalloc_has_stats)]
pub(crate) fn merge_stats() {}

/// Id that C uses for no arena.
pub(crate) const NO_ARENA: sys::mi_arena_id_t = core::ptr::null_mut();

/// Returns whether an id names an arena.
#[inline(always)]
pub(crate) fn is_arena(id: sys::mi_arena_id_t) -> bool {
    !id.is_null()
}

/// Number of entries in upstream's table of arenas (`MI_MAX_ARENAS`).
pub(crate) const ARENA_ENTRIES: u64 = 160;

/// Bytes that one entry of the table holds (`MI_ARENA_MAX_SIZE`); larger arenas
/// take several entries. `None` where an arena of any size takes one entry.
pub(crate) const ARENA_ENTRY_SIZE: Option<usize> = if cfg!(target_pointer_width = "64") {
    Some(1 << (34 % usize::BITS))
} else {
    Some(1 << 30)
};

/// Returns the bytes that must be left of memory whose start had to be aligned.
/// Engine v3 needs at least one whole alignment.
pub(crate) fn region_needed(min_size: usize, alignment: usize) -> usize {
    alignment.max(min_size)
}
