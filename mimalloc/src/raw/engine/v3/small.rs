//! Small blocks: entries that take a size in words save rounding at run time.
//!
//! Upstream does not export those entries, so that only a library that is
//! compiled into the program has them.

pub(crate) use imp::*;

#[cfg(mimalloc_has_word_sizes)]
mod imp {
    use core::ffi::c_void;

    use mimalloc_sys as sys;

    use crate::raw::size_class::WORD;

    /// The machine words that hold `size` bytes (`mi_wsize_from_size`, which older
    /// headers lack).
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
        // SAFETY: the caller keeps `size` within the small sizes.
        unsafe { sys::mi_wmalloc_small(words(size)) }
    }

    /// As [`malloc_small`], all bytes zero.
    ///
    /// # Safety
    ///
    /// As for [`malloc_small`].
    #[inline(always)]
    pub(crate) unsafe fn zalloc_small(size: usize) -> *mut c_void {
        // SAFETY: the caller keeps `size` within the small sizes.
        unsafe { sys::mi_wzalloc_small(words(size)) }
    }

    /// Allocates a small block in a theap.
    ///
    /// # Safety
    ///
    /// As for [`malloc_small`], and `theap` is this thread's part of a live heap.
    #[inline(always)]
    pub(crate) unsafe fn theap_malloc_small(
        theap: *mut sys::mi_theap_t,
        size: usize,
    ) -> *mut c_void {
        #[cfg(not(mimalloc_inline_alloc))]
        use sys::mi_theap_wmalloc_small as wmalloc_small;
        #[cfg(mimalloc_inline_alloc)]
        use sys::mimalloc_sys_theap_wmalloc_small as wmalloc_small;

        // SAFETY: as the caller promises.
        unsafe { wmalloc_small(theap, words(size)) }
    }

    /// As [`theap_malloc_small`], all bytes zero.
    ///
    /// # Safety
    ///
    /// As for [`theap_malloc_small`].
    #[inline(always)]
    pub(crate) unsafe fn theap_zalloc_small(
        theap: *mut sys::mi_theap_t,
        size: usize,
    ) -> *mut c_void {
        // SAFETY: as the caller promises.
        unsafe { sys::mi_theap_wzalloc_small(theap, words(size)) }
    }
}

#[cfg(not(mimalloc_has_word_sizes))]
mod imp {
    pub(crate) use mimalloc_sys::mi_malloc_small as malloc_small;
    pub(crate) use mimalloc_sys::mi_theap_malloc_small as theap_malloc_small;
    pub(crate) use mimalloc_sys::mi_theap_zalloc_small as theap_zalloc_small;
    pub(crate) use mimalloc_sys::mi_zalloc_small as zalloc_small;
}
