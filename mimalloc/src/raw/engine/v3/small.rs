//! Allocates small blocks, through entries that take a size in words and so
//! save rounding at run time.
//!
//! Upstream does not export these entries, so only a library that is compiled
//! into the program has them.

pub(crate) use imp::*;

#[cfg(mimalloc_has_word_sizes)]
mod imp {
    use core::ffi::c_void;

    use mimalloc_sys as sys;

    use crate::raw::size_class::WORD;

    #[cfg(not(mimalloc_inline_alloc))]
    use sys::{
        mi_theap_wmalloc_small as theap_wmalloc_small,
        mi_theap_wzalloc_small as theap_wzalloc_small, mi_wmalloc_small as wmalloc_small,
        mi_wzalloc_small as wzalloc_small,
    };
    // These take the block without a call, where there is one.
    #[cfg(mimalloc_inline_alloc)]
    use sys::{
        mimalloc_sys_theap_wmalloc_small as theap_wmalloc_small,
        mimalloc_sys_theap_wzalloc_small as theap_wzalloc_small,
        mimalloc_sys_wmalloc_small as wmalloc_small, mimalloc_sys_wzalloc_small as wzalloc_small,
    };

    /// Returns the number of machine words that hold `size` bytes
    /// (`mi_wsize_from_size`, which older headers lack).
    #[inline(always)]
    #[allow(clippy::manual_div_ceil, reason = "takes a comparison more")]
    const fn words(size: usize) -> usize {
        (size + WORD - 1) / WORD
    }

    /// Allocates a small block in the default heap.
    ///
    /// # Safety
    ///
    /// `0 < size <= SMALL_MAX`.
    #[inline(always)]
    pub(crate) unsafe fn malloc_small(size: usize) -> *mut c_void {
        // SAFETY: the caller promises `size <= SMALL_MAX`, so the number of
        // words is within the entry's bound (upstream.md: small allocation).
        unsafe { wmalloc_small(words(size)) }
    }

    /// Takes a small block of the default heap without a call, or returns null.
    ///
    /// # Safety
    ///
    /// `0 < size <= SMALL_MAX`.
    #[cfg(mimalloc_inline_alloc)]
    #[inline(always)]
    pub(crate) unsafe fn take_small(size: usize) -> *mut c_void {
        // SAFETY: the caller promises `size <= SMALL_MAX`, so the number of
        // words is within the entry's bound (upstream.md: small allocation).
        unsafe { sys::mimalloc_sys_wtake_small(words(size)) }
    }

    /// Allocates a small block of zeros in the default heap.
    ///
    /// # Safety
    ///
    /// `0 < size <= SMALL_MAX`.
    #[inline(always)]
    pub(crate) unsafe fn zalloc_small(size: usize) -> *mut c_void {
        // SAFETY: the caller promises `size <= SMALL_MAX`, so the number of
        // words is within the entry's bound (upstream.md: small allocation).
        unsafe { wzalloc_small(words(size)) }
    }

    /// Allocates a small block in a theap.
    ///
    /// # Safety
    ///
    /// - `0 < size <= SMALL_MAX`.
    /// - `theap` is the current thread's theap of a live heap.
    #[inline(always)]
    pub(crate) unsafe fn theap_malloc_small(
        theap: *mut sys::mi_theap_t,
        size: usize,
    ) -> *mut c_void {
        // SAFETY: the caller promises this thread's theap of a live heap, and
        // `size <= SMALL_MAX` (upstream.md: small allocation).
        unsafe { theap_wmalloc_small(theap, words(size)) }
    }

    /// Allocates a small block of zeros in a theap.
    ///
    /// # Safety
    ///
    /// - `0 < size <= SMALL_MAX`.
    /// - `theap` is the current thread's theap of a live heap.
    #[inline(always)]
    pub(crate) unsafe fn theap_zalloc_small(
        theap: *mut sys::mi_theap_t,
        size: usize,
    ) -> *mut c_void {
        // SAFETY: the caller promises this thread's theap of a live heap, and
        // `size <= SMALL_MAX` (upstream.md: small allocation).
        unsafe { theap_wzalloc_small(theap, words(size)) }
    }
}

#[cfg(not(mimalloc_has_word_sizes))]
mod imp {
    pub(crate) use mimalloc_sys::mi_malloc_small as malloc_small;
    pub(crate) use mimalloc_sys::mi_theap_malloc_small as theap_malloc_small;
    pub(crate) use mimalloc_sys::mi_theap_zalloc_small as theap_zalloc_small;
    pub(crate) use mimalloc_sys::mi_zalloc_small as zalloc_small;
}
