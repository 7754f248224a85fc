//! Stands in for what the patches of `mimalloc-sys` add, with other sources and
//! system libraries.

use mimalloc_sys as sys;

pub(crate) use crate::raw::thread::initialize_by_allocating as initialize_thread;

/// States that heaps may be used only on a thread that mimalloc has initialised.
pub(crate) const ADMITS_ALL_THREADS: bool = false;

/// States that 32-bit targets take sizes of 2 GiB and more for negative, and
/// write to memory that is not committed (see
/// `mimalloc-sys/build/patches/v3/prologue.h`).
pub(crate) const MISTAKES_LARGE_SIZES: bool = usize::BITS == 32;

/// Does nothing: the heap can't be reset in place.
///
/// # Safety
///
/// No preconditions; `unsafe` as for the pinned source.
#[inline(always)]
pub(crate) unsafe fn keep(_heap: *mut sys::mi_heap_t) {}

/// Returns false: the heap can't be reset in place.
///
/// # Safety
///
/// No preconditions; `unsafe` as for the pinned source.
pub(crate) unsafe fn reset_in_place(_heap: *mut sys::mi_heap_t, _keep: usize) -> bool {
    false
}

/// Does nothing: no function tells what was set for a heap.
///
/// # Safety
///
/// No preconditions; `unsafe` as for the pinned source.
pub(crate) unsafe fn copy_settings(_to: *mut sys::mi_heap_t, _from: *mut sys::mi_heap_t) {}
