//! Heaps as a whole. What differs between the engines is in `engine`.

use core::ffi::c_void;

use mimalloc_sys as sys;

use super::engine;
use super::thread::{thread_can_make_heaps, thread_is_initialized};

/// What C calls for each area and block that it finds.
pub(crate) type Visitor = unsafe extern "C" fn(
    heap: *const sys::mi_heap_t,
    area: *const sys::mi_heap_area_t,
    block: *mut c_void,
    block_size: usize,
    argument: *mut c_void,
) -> bool;

/// Makes a heap; null when out of memory.
pub(crate) fn new() -> *mut sys::mi_heap_t {
    made_by(|| {
        // SAFETY: may be called at any time, on any thread.
        unsafe { sys::mi_heap_new() }
    })
}

/// Makes a heap in an arena; null when out of memory.
///
/// # Safety
///
/// `arena` is the id of an arena.
pub(crate) unsafe fn new_in(arena: sys::mi_arena_id_t) -> *mut sys::mi_heap_t {
    made_by(|| {
        // SAFETY: as the caller promises.
        unsafe { engine::new_heap_in(arena) }
    })
}

fn made_by(make: impl FnOnce() -> *mut sys::mi_heap_t) -> *mut sys::mi_heap_t {
    // Part of a heap comes from the main heap.
    if !thread_can_make_heaps() {
        return core::ptr::null_mut();
    }
    let heap = make();
    if !heap.is_null() {
        // SAFETY: the heap was just made; `Heap` ends the heap or gives the heap up.
        unsafe { engine::keep(heap) };
    }
    heap
}

/// Returns unused memory of the heap: on engine v3 the memory of the calling
/// thread's theap.
///
/// # Safety
///
/// `heap` is live, on engine v2 this thread's or dead.
pub(crate) unsafe fn collect(heap: *mut sys::mi_heap_t, force: bool) {
    if !thread_is_initialized() {
        return;
    }
    let _collecting = engine::collecting(force);
    // SAFETY: as the caller promises; a dead heap is an empty one.
    unsafe { sys::mi_heap_collect(heap, force) };
}

/// Calls `visitor` with each area of the heap, and with each block if asked for.
///
/// # Safety
///
/// `heap` is live (on engine v2 this thread's, or dead), and no other thread uses
/// the heap during the call. `visitor` may be called with `argument`.
pub(crate) unsafe fn visit(
    heap: *mut sys::mi_heap_t,
    blocks: bool,
    visitor: Visitor,
    argument: *mut c_void,
) {
    // SAFETY: as the caller promises.
    unsafe { engine::take_in_frees(heap) };
    // SAFETY: as the caller promises; taking in frees ends no heap.
    unsafe { sys::mi_heap_visit_blocks(heap, blocks, Some(visitor), argument) };
}
