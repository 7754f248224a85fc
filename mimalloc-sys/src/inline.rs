//! Defines in Rust the `static inline` functions of the headers, which have no
//! symbol to link. mimalloc 3.6.2 has 11 of these functions, and mimalloc 2.x
//! has none.
//!
//! The functions save time when the size is a constant at the call.

use core::ffi::c_void;

use crate::MI_SMALL_SIZE_MAX;
use crate::bindings::*;

/// Returns the number of machine words that hold `size` bytes.
///
/// `size` must be at least a word below the end of the address space, or the
/// sum wraps around as it does in C.
#[inline]
#[must_use]
pub const fn mi_wsize_from_size(size: usize) -> usize {
    size.wrapping_add(size_of::<usize>() - 1) / size_of::<usize>()
}

/// Allocates `size` bytes.
///
/// # Safety
///
/// No preconditions; `unsafe` only like all functions of this crate.
#[inline]
#[must_use]
pub unsafe fn mi_malloc_csize(size: usize) -> *mut c_void {
    if size <= MI_SMALL_SIZE_MAX {
        // SAFETY: the size is small, as upstream.md: small allocation requires.
        unsafe { mi_wmalloc_small(mi_wsize_from_size(size)) }
    } else {
        // SAFETY: `mi_malloc` and `mi_zalloc` take any size (upstream.md:
        // absurd sizes).
        unsafe { mi_malloc(size) }
    }
}

/// Allocates `size` bytes, zeroed.
///
/// # Safety
///
/// No preconditions; `unsafe` only like all functions of this crate.
#[inline]
#[must_use]
pub unsafe fn mi_zalloc_csize(size: usize) -> *mut c_void {
    if size <= MI_SMALL_SIZE_MAX {
        // SAFETY: the size is small, as upstream.md: small allocation requires.
        unsafe { mi_wzalloc_small(mi_wsize_from_size(size)) }
    } else {
        // SAFETY: `mi_malloc` and `mi_zalloc` take any size (upstream.md:
        // absurd sizes).
        unsafe { mi_zalloc(size) }
    }
}

/// Allocates `size` bytes in a theap.
///
/// # Safety
///
/// - `theap` is a live theap of this thread, not null.
#[inline]
#[must_use]
pub unsafe fn mi_theap_malloc_csize(theap: *mut mi_theap_t, size: usize) -> *mut c_void {
    if size <= MI_SMALL_SIZE_MAX {
        // SAFETY: the size is small (upstream.md: small allocation), and the
        // caller promises a live theap of this thread.
        unsafe { mi_theap_wmalloc_small(theap, mi_wsize_from_size(size)) }
    } else {
        // SAFETY: the caller promises a live theap of this thread.
        unsafe { mi_theap_malloc(theap, size) }
    }
}

/// Allocates `size` bytes in a theap, zeroed.
///
/// # Safety
///
/// - `theap` is a live theap of this thread, not null.
#[inline]
#[must_use]
pub unsafe fn mi_theap_zalloc_csize(theap: *mut mi_theap_t, size: usize) -> *mut c_void {
    if size <= MI_SMALL_SIZE_MAX {
        // SAFETY: the size is small (upstream.md: small allocation), and the
        // caller promises a live theap of this thread.
        unsafe { mi_theap_wzalloc_small(theap, mi_wsize_from_size(size)) }
    } else {
        // SAFETY: the caller promises a live theap of this thread.
        unsafe { mi_theap_zalloc(theap, size) }
    }
}

/// Frees a block of a known size.
///
/// # Safety
///
/// - `p` is null or a live block of mimalloc.
/// - The block was allocated with exactly this size (and no alignment above
///   the size), and was not resized since.
#[inline]
pub unsafe fn mi_free_csize(p: *mut c_void, size: usize) {
    if size <= MI_SMALL_SIZE_MAX {
        // SAFETY: the caller promises a block of this size, and a small size
        // lies in a small page (upstream.md: small frees).
        unsafe { mi_free_small(p) }
    } else {
        // SAFETY: the caller promises that `p` is null or a live block of
        // mimalloc.
        unsafe { mi_free(p) }
    }
}

/// Frees a block of a known size, not null.
///
/// # Safety
///
/// - `p` is a live block of mimalloc, not null.
/// - The block was allocated with exactly this size (and no alignment above
///   the size), and was not resized since.
#[inline]
pub unsafe fn mi_free_csize_nonnull(p: *mut c_void, size: usize) {
    if size <= MI_SMALL_SIZE_MAX {
        // SAFETY: the caller promises a block of this size, and a small size
        // lies in a small page (upstream.md: small frees).
        unsafe { mi_free_small_nonnull(p) }
    } else {
        // SAFETY: the caller promises that `p` is a live block of mimalloc.
        unsafe { mi_free(p) }
    }
}

/// Frees a block of a known size and alignment.
///
/// # Safety
///
/// - `p` is null or a live block of mimalloc.
/// - The block was allocated with exactly this size and alignment, and was not
///   resized since.
#[inline]
pub unsafe fn mi_free_csize_aligned(p: *mut c_void, size: usize, aligned: usize) {
    if aligned <= size && size <= MI_SMALL_SIZE_MAX {
        // SAFETY: the caller promises a block of this size, and a small size
        // lies in a small page (upstream.md: small frees).
        unsafe { mi_free_small(p) }
    } else {
        // SAFETY: the caller promises that `p` is null or a live block of
        // mimalloc.
        unsafe { mi_free(p) }
    }
}

/// Frees a block of a known size and alignment, not null.
///
/// # Safety
///
/// - `p` is a live block of mimalloc, not null.
/// - The block was allocated with exactly this size and alignment, and was not
///   resized since.
#[inline]
pub unsafe fn mi_free_csize_aligned_nonnull(p: *mut c_void, size: usize, aligned: usize) {
    if aligned <= size && size <= MI_SMALL_SIZE_MAX {
        // SAFETY: the caller promises a block of this size, and a small size
        // lies in a small page (upstream.md: small frees).
        unsafe { mi_free_small_nonnull(p) }
    } else {
        // SAFETY: the caller promises that `p` is a live block of mimalloc.
        unsafe { mi_free(p) }
    }
}

/// Sets the size and version that the statistics functions check.
///
/// # Safety
///
/// - `stats` is valid for writes and aligned; the memory need not be
///   initialised.
#[inline]
pub unsafe fn mi_stats_header_init(stats: *mut mi_stats_t) {
    // SAFETY: the caller promises that `stats` is valid for writes, and the
    // field lies within `stats`.
    let size = unsafe { &raw mut (*stats).size };
    // SAFETY: the field is valid for writes as above, and a plain write reads
    // nothing.
    unsafe { size.write(size_of::<mi_stats_t>()) };
    // SAFETY: the caller promises that `stats` is valid for writes, and the
    // field lies within `stats`.
    let version = unsafe { &raw mut (*stats).version };
    // SAFETY: the field is valid for writes as above, and a plain write reads
    // nothing.
    unsafe { version.write(MI_STAT_VERSION as usize) };
}

/// Zeroes the statistics and sets their size and version.
///
/// # Safety
///
/// - `stats` is valid for writes and aligned; the memory need not be
///   initialised.
#[inline]
pub unsafe fn mi_stats_init(stats: *mut mi_stats_t) {
    // SAFETY: the caller promises that `stats` is valid for writes, and zero is
    // a value of each field.
    unsafe { stats.write_bytes(0, 1) };
    // SAFETY: the caller promises that `stats` is valid for writes.
    unsafe { mi_stats_header_init(stats) };
}
