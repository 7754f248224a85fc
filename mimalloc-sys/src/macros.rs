//! Defines the function-like macros of the headers as generic functions, whose
//! type parameter is the type.
//!
//! Like the macros, the functions use only the size of `T`, so `T` must not
//! need a larger alignment than `malloc` gives.

use core::ffi::c_void;

use crate::bindings::*;
#[cfg(mimalloc_inline)]
use crate::inline::{mi_free_csize, mi_malloc_csize, mi_zalloc_csize};

/// Allocates a block for one `T`, not initialised (`mi_malloc_tp`).
///
/// # Safety
///
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[cfg(mimalloc_inline)]
#[must_use]
pub unsafe fn mi_malloc_tp<T>() -> *mut T {
    // SAFETY: the C function takes any size (upstream.md: absurd sizes).
    unsafe { mi_malloc_csize(size_of::<T>()) }.cast()
}

/// Allocates a block for one `T`, not initialised (`mi_malloc_tp`).
///
/// # Safety
///
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[cfg(not(mimalloc_inline))]
#[must_use]
pub unsafe fn mi_malloc_tp<T>() -> *mut T {
    // SAFETY: the C function takes any size (upstream.md: absurd sizes).
    unsafe { mi_malloc(size_of::<T>()) }.cast()
}

/// Allocates a zeroed block for one `T` (`mi_zalloc_tp`).
///
/// # Safety
///
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[cfg(mimalloc_inline)]
#[must_use]
pub unsafe fn mi_zalloc_tp<T>() -> *mut T {
    // SAFETY: the C function takes any size (upstream.md: absurd sizes).
    unsafe { mi_zalloc_csize(size_of::<T>()) }.cast()
}

/// Allocates a zeroed block for one `T` (`mi_zalloc_tp`).
///
/// # Safety
///
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[cfg(not(mimalloc_inline))]
#[must_use]
pub unsafe fn mi_zalloc_tp<T>() -> *mut T {
    // SAFETY: the C function takes any size (upstream.md: absurd sizes).
    unsafe { mi_zalloc(size_of::<T>()) }.cast()
}

/// Allocates a zeroed block for `n` of `T`; null when the size overflows
/// (`mi_calloc_tp`).
///
/// # Safety
///
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[must_use]
pub unsafe fn mi_calloc_tp<T>(n: usize) -> *mut T {
    // SAFETY: the C function takes any size (upstream.md: absurd sizes).
    unsafe { mi_calloc(n, size_of::<T>()) }.cast()
}

/// Allocates a block for `n` of `T`; null when the size overflows
/// (`mi_mallocn_tp`).
///
/// # Safety
///
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[must_use]
pub unsafe fn mi_mallocn_tp<T>(n: usize) -> *mut T {
    // SAFETY: the C function takes any size (upstream.md: absurd sizes).
    unsafe { mi_mallocn(n, size_of::<T>()) }.cast()
}

/// Resizes a block to `n` of `T` (`mi_reallocn_tp`).
///
/// # Safety
///
/// - `p` is null or a live block of mimalloc. The block is gone afterwards
///   unless null is returned.
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[must_use]
pub unsafe fn mi_reallocn_tp<T>(p: *mut c_void, n: usize) -> *mut T {
    // SAFETY: the caller keeps the contract above, which is also the contract
    // of the C function.
    unsafe { mi_reallocn(p, n, size_of::<T>()) }.cast()
}

/// Resizes a block to `n` of `T`, and zeroes new bytes if the old block was
/// zeroed (`mi_recalloc_tp`).
///
/// # Safety
///
/// - `p` is null or a live block of mimalloc. The block is gone afterwards
///   unless null is returned.
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[must_use]
pub unsafe fn mi_recalloc_tp<T>(p: *mut c_void, n: usize) -> *mut T {
    // SAFETY: the caller keeps the contract above, which is also the contract
    // of the C function.
    unsafe { mi_recalloc(p, n, size_of::<T>()) }.cast()
}

/// Frees a block that was allocated for one `T` (`mi_free_tp`).
///
/// # Safety
///
/// - `p` is null or a live block that was allocated with exactly this size, and
///   no other function resized the block.
#[inline]
#[cfg(mimalloc_inline)]
pub unsafe fn mi_free_tp<T>(p: *mut c_void) {
    // SAFETY: the caller keeps the contract above, which is also the contract
    // of the C function.
    unsafe { mi_free_csize(p, size_of::<T>()) }
}

/// Allocates a block for one `T` in a heap (`mi_heap_malloc_tp`).
///
/// # Safety
///
/// - `heap` is a live heap (of this thread, with mimalloc 2.x).
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[must_use]
pub unsafe fn mi_heap_malloc_tp<T>(heap: *mut mi_heap_t) -> *mut T {
    // SAFETY: the caller promises a live heap, and the C function takes any
    // size (upstream.md: absurd sizes).
    unsafe { mi_heap_malloc(heap, size_of::<T>()) }.cast()
}

/// Allocates a zeroed block for one `T` in a heap (`mi_heap_zalloc_tp`).
///
/// # Safety
///
/// - `heap` is a live heap (of this thread, with mimalloc 2.x).
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[must_use]
pub unsafe fn mi_heap_zalloc_tp<T>(heap: *mut mi_heap_t) -> *mut T {
    // SAFETY: the caller promises a live heap, and the C function takes any
    // size (upstream.md: absurd sizes).
    unsafe { mi_heap_zalloc(heap, size_of::<T>()) }.cast()
}

/// Allocates a zeroed block for `n` of `T` in a heap (`mi_heap_calloc_tp`).
///
/// # Safety
///
/// - `heap` is a live heap (of this thread, with mimalloc 2.x).
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[must_use]
pub unsafe fn mi_heap_calloc_tp<T>(heap: *mut mi_heap_t, n: usize) -> *mut T {
    // SAFETY: the caller promises a live heap, and the C function takes any
    // size (upstream.md: absurd sizes).
    unsafe { mi_heap_calloc(heap, n, size_of::<T>()) }.cast()
}

/// Allocates a block for `n` of `T` in a heap (`mi_heap_mallocn_tp`).
///
/// # Safety
///
/// - `heap` is a live heap (of this thread, with mimalloc 2.x).
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[must_use]
pub unsafe fn mi_heap_mallocn_tp<T>(heap: *mut mi_heap_t, n: usize) -> *mut T {
    // SAFETY: the caller promises a live heap, and the C function takes any
    // size (upstream.md: absurd sizes).
    unsafe { mi_heap_mallocn(heap, n, size_of::<T>()) }.cast()
}

/// Resizes a block to `n` of `T` in a heap (`mi_heap_reallocn_tp`).
///
/// # Safety
///
/// - `heap` is a live heap (of this thread, with mimalloc 2.x).
/// - `p` is null or a live block of mimalloc. The block is gone afterwards
///   unless null is returned.
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[must_use]
pub unsafe fn mi_heap_reallocn_tp<T>(heap: *mut mi_heap_t, p: *mut c_void, n: usize) -> *mut T {
    // SAFETY: the caller promises a live heap, and null or a live block.
    unsafe { mi_heap_reallocn(heap, p, n, size_of::<T>()) }.cast()
}

/// Resizes a block to `n` of `T` in a heap, and zeroes new bytes if the old
/// block was zeroed (`mi_heap_recalloc_tp`).
///
/// # Safety
///
/// - `heap` is a live heap (of this thread, with mimalloc 2.x).
/// - `p` is null or a live block of mimalloc. The block is gone afterwards
///   unless null is returned.
/// - `align_of::<T>()` is at most 16, as for `malloc`.
#[inline]
#[must_use]
pub unsafe fn mi_heap_recalloc_tp<T>(heap: *mut mi_heap_t, p: *mut c_void, n: usize) -> *mut T {
    // SAFETY: the caller promises a live heap, and null or a live block.
    unsafe { mi_heap_recalloc(heap, p, n, size_of::<T>()) }.cast()
}

// mimalloc 2.x has one kind of heap. Its header offers these names so that the
// same source compiles for both engines.
#[cfg(mimalloc_v2)]
pub use crate::bindings::{
    mi_heap_calloc as mi_theap_calloc, mi_heap_collect as mi_theap_collect,
    mi_heap_get_default as mi_theap_get_default, mi_heap_malloc as mi_theap_malloc,
    mi_heap_malloc_aligned as mi_theap_malloc_aligned,
    mi_heap_malloc_small as mi_theap_malloc_small, mi_heap_realloc as mi_theap_realloc,
    mi_heap_set_default as mi_theap_set_default, mi_heap_zalloc as mi_theap_zalloc,
};
