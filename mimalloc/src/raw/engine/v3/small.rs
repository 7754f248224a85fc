//! Allocates small blocks, through entries that save rounding at run time where
//! the library has such entries.

#[cfg(mimalloc_inline_alloc)]
#[path = "small/inline.rs"]
mod entries;
#[cfg(all(mimalloc_has_word_sizes, not(mimalloc_inline_alloc)))]
#[path = "small/words.rs"]
mod entries;
#[cfg(not(mimalloc_has_word_sizes))]
#[path = "small/bytes.rs"]
mod entries;

use core::ffi::c_void;

use mimalloc_sys as sys;

/// Returns the number of the entries' units that hold `size` bytes. For words
/// this is `mi_wsize_from_size`, which older headers lack.
#[inline(always)]
#[allow(clippy::manual_div_ceil, reason = "takes a comparison more")]
const fn units(size: usize) -> usize {
    (size + entries::UNIT - 1) / entries::UNIT
}

/// Allocates a small block in the default heap.
///
/// # Safety
///
/// `0 < size <= SMALL_MAX`.
#[inline(always)]
pub(crate) unsafe fn malloc_small(size: usize) -> *mut c_void {
    // SAFETY: the caller promises `size <= SMALL_MAX`, so the number of units is
    // within the entry's bound (upstream.md: small allocation).
    unsafe { entries::malloc(units(size)) }
}

/// Takes a small block of the default heap without a call, or returns null.
///
/// # Safety
///
/// `0 < size <= SMALL_MAX`.
#[inline(always)]
pub(crate) unsafe fn take_small(size: usize) -> *mut c_void {
    // SAFETY: the caller promises `size <= SMALL_MAX`, so the number of units is
    // within the entry's bound (upstream.md: small allocation).
    unsafe { entries::take(units(size)) }
}

/// Allocates a small block of zeros in the default heap.
///
/// # Safety
///
/// `0 < size <= SMALL_MAX`.
#[inline(always)]
pub(crate) unsafe fn zalloc_small(size: usize) -> *mut c_void {
    // SAFETY: the caller promises `size <= SMALL_MAX`, so the number of units is
    // within the entry's bound (upstream.md: small allocation).
    unsafe { entries::zalloc(units(size)) }
}

/// Allocates a small block in a theap.
///
/// # Safety
///
/// - `0 < size <= SMALL_MAX`.
/// - `theap` is the current thread's theap of a live heap.
#[inline(always)]
pub(crate) unsafe fn theap_malloc_small(theap: *mut sys::mi_theap_t, size: usize) -> *mut c_void {
    // SAFETY: the caller promises this thread's theap of a live heap, and
    // `size <= SMALL_MAX` (upstream.md: small allocation).
    unsafe { entries::theap_malloc(theap, units(size)) }
}

/// Allocates a small block of zeros in a theap.
///
/// # Safety
///
/// - `0 < size <= SMALL_MAX`.
/// - `theap` is the current thread's theap of a live heap.
#[inline(always)]
pub(crate) unsafe fn theap_zalloc_small(theap: *mut sys::mi_theap_t, size: usize) -> *mut c_void {
    // SAFETY: the caller promises this thread's theap of a live heap, and
    // `size <= SMALL_MAX` (upstream.md: small allocation).
    unsafe { entries::theap_zalloc(theap, units(size)) }
}
