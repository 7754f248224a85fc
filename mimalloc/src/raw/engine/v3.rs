//! Implements engine v3: any thread may use a heap, and each thread allocates
//! in its theap of the heap.

#[cfg(mimalloc_default_heap)]
pub(crate) mod default_heap;
#[cfg(mimalloc_guarded)]
pub(crate) mod guarded;
mod lock;
mod small;
mod theap;

#[cfg(mimalloc_since_3_6)]
#[path = "v3/since_3_6.rs"]
mod version;
#[cfg(not(mimalloc_since_3_6))]
#[path = "v3/before_3_6.rs"]
mod version;

#[cfg(mimalloc_patched)]
#[path = "v3/patched.rs"]
mod source;
#[cfg(not(mimalloc_patched))]
#[path = "v3/unpatched.rs"]
mod source;

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering};

use mimalloc_sys as sys;

use crate::error::HeapError;
use crate::heap::MAX_HEAPS;
use crate::raw::backend::HeapBackend;
use crate::raw::thread;

pub(crate) use lock::{destroying, walking};
pub(crate) use small::{malloc_small, take_small, zalloc_small};
pub(crate) use source::*;
pub(crate) use theap::TheapBackend as LocalBackend;
pub(crate) use theap::find as find_theap;
pub(crate) use version::*;

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

/// Undoes [`keep`].
///
/// # Safety
///
/// No preconditions on this engine; on engine v2 the heap must be live or dead.
#[inline(always)]
pub(crate) unsafe fn give_up(_heap: *mut sys::mi_heap_t) {}

/// Returns the main heap. Calls `mi_heap_main`.
pub(crate) fn main_heap() -> *mut sys::mi_heap_t {
    // SAFETY: may be called at any time, on any thread.
    unsafe { sys::mi_heap_main() }
}

/// Prefers memory of a NUMA node; -1 of none. Calls
/// `mi_heap_set_numa_affinity`.
///
/// # Safety
///
/// `heap` is live, and no other thread uses the heap during the call.
pub(crate) unsafe fn set_numa_affinity(heap: *mut sys::mi_heap_t, node: c_int) {
    // SAFETY: the heap is live, and no other thread reads the field meanwhile, as
    // the caller promises.
    unsafe { sys::mi_heap_set_numa_affinity(heap, node) };
}

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
    // Upstream abandons each page, and then looks for the pages.
    // SAFETY: the caller promises a live heap that no thread uses, and blocks that
    // are not used again; the functions that make heaps make no main heap.
    unsafe { reset_in_place(heap, 0) };
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
#[allow(
    dead_code,
    reason = "unpatched sources have no hook for deferred frees"
)]
pub(crate) fn is_collect_on_purpose() -> bool {
    true
}

/// Does nothing: a visit of this engine takes in blocks that other threads freed.
///
/// # Safety
///
/// No preconditions; `unsafe` only to match the other engine.
pub(crate) unsafe fn take_in_frees(_heap: *mut sys::mi_heap_t) {}

/// Adds the current thread's statistics to those of the process: does nothing,
/// because `mi_stats_get` adds them.
#[inline(always)]
pub(crate) fn merge_stats() {}

/// Copies the statistics of a heap. Calls `mi_heap_stats_get`.
///
/// # Safety
///
/// `heap` is live during the call.
pub(crate) unsafe fn heap_stats(heap: *mut sys::mi_heap_t) -> Option<sys::mi_stats_t> {
    // SAFETY: `mi_heap_stats_get` writes at most the size that is in the header,
    // to memory that is all ours; the heap is live, as the caller promises.
    crate::raw::stats::filled_by(|raw| unsafe { sys::mi_heap_stats_get(heap, raw) })
}

/// Prints time, memory and page faults of the process. Calls
/// `mi_process_info_print`.
pub(crate) fn print_process() {
    // SAFETY: any thread, any time; writes to the output handler.
    unsafe { sys::mi_process_info_print() };
}

/// Returns the block size of a bin that is not the last one. Calls
/// `mi_stats_get_bin_size`.
pub(crate) fn bin_size(bin: usize) -> usize {
    // SAFETY: a table look-up that checks the bin.
    unsafe { sys::mi_stats_get_bin_size(bin) }
}

/// Returns whether the current thread may make heaps and arenas, and may merge
/// its statistics. Engine v3 looks whether the thread has a theap.
#[inline]
pub(crate) fn thread_can_make_heaps() -> bool {
    thread::thread_is_initialized()
}

/// States that blocks of whole pages, and of powers of two, are in practice
/// aligned to them.
pub(crate) const ALIGNS_LARGE_BLOCKS: bool = true;

/// States that the aligned entries return aligned blocks.
pub(crate) const MISALIGNS: bool = false;

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
pub(crate) const ARENA_ENTRY_SIZE: Option<usize> = if usize::BITS == 64 {
    Some(1 << (34 % usize::BITS))
} else {
    Some(1 << 30)
};

/// Returns the smallest size of an arena. Calls `mi_arena_min_size`.
pub(crate) fn arena_min_size() -> usize {
    // SAFETY: may be called at any time.
    unsafe { sys::mi_arena_min_size() }
}

/// Returns the alignment of an arena's start. Calls `mi_arena_min_alignment`.
pub(crate) fn arena_min_alignment() -> usize {
    // SAFETY: may be called at any time.
    unsafe { sys::mi_arena_min_alignment() }
}

/// Returns whether an address is in an arena. Calls `mi_arena_contains`.
///
/// # Safety
///
/// `id` is that of an arena.
pub(crate) unsafe fn arena_contains(id: sys::mi_arena_id_t, ptr: *const c_void) -> bool {
    // SAFETY: arenas are never unloaded; the address is only compared.
    unsafe { sys::mi_arena_contains(id, ptr) }
}

/// Returns the bytes that must be left of memory whose start had to be aligned.
/// Engine v3 needs at least one whole alignment.
pub(crate) fn region_needed(min_size: usize, alignment: usize) -> usize {
    alignment.max(min_size)
}
