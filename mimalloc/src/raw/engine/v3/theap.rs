//! Finds and uses the current thread's theaps.

use core::ffi::c_void;

use mimalloc_sys as sys;

use super::small;
use crate::raw::backend::RawAlloc;
use crate::raw::thread;

/// Returns the current thread's theap of `heap`. If the theap cannot be made,
/// returns a theap in which each allocation is null. Returns null only if the
/// thread is not [initialised](thread::thread_is_initialized). Calls
/// `mi_heap_theap`.
///
/// # Safety
///
/// `heap` is live.
#[inline(always)]
pub(crate) unsafe fn find(heap: *mut sys::mi_heap_t) -> *mut sys::mi_theap_t {
    if !thread::thread_is_initialized() {
        return core::ptr::null_mut();
    }
    // SAFETY: the caller promises a live heap, and the thread is initialised
    // (upstream.md: new thread without memory).
    unsafe { sys::mi_heap_theap(heap) }
}

/// Allocates in the current thread's theap of a heap, found once instead of on
/// each call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TheapBackend(*mut sys::mi_theap_t);

impl TheapBackend {
    /// # Safety
    ///
    /// - `theap` comes from `find` on the current thread.
    /// - The heap of `theap` is live for as long as the value is used.
    #[inline(always)]
    pub(crate) const unsafe fn new(theap: *mut sys::mi_theap_t) -> Self {
        Self(theap)
    }
}

// SAFETY: `TheapBackend::new` makes its caller promise a usable theap; the
// functions return null or a block of the size and alignment required above
// (upstream.md: alignment). In a theap that could not be made, each allocation
// is null (upstream.md: theap failure).
unsafe impl RawAlloc for TheapBackend {
    #[inline(always)]
    fn is_available(self) -> bool {
        // Otherwise `find` may have returned null.
        super::ADMITS_ALL_THREADS || !self.0.is_null()
    }

    #[inline(always)]
    unsafe fn malloc_small(self, size: usize) -> *mut c_void {
        // SAFETY: `new` makes its caller promise this thread's theap of a live
        // heap; the caller promises `size <= SMALL_MAX` (upstream.md: small
        // allocation).
        unsafe { small::theap_malloc_small(self.0, size) }
    }

    #[inline(always)]
    unsafe fn zalloc_small(self, size: usize) -> *mut c_void {
        // SAFETY: `new` makes its caller promise this thread's theap of a live
        // heap; the caller promises `size <= SMALL_MAX` (upstream.md: small
        // allocation).
        unsafe { small::theap_zalloc_small(self.0, size) }
    }

    #[inline(always)]
    unsafe fn malloc(self, size: usize) -> *mut c_void {
        // SAFETY: `new` makes its caller promise this thread's theap of a live
        // heap; any size and power of two is valid.
        unsafe { sys::mi_theap_malloc(self.0, size) }
    }

    #[inline(always)]
    unsafe fn zalloc(self, size: usize) -> *mut c_void {
        // SAFETY: `new` makes its caller promise this thread's theap of a live
        // heap; any size and power of two is valid.
        unsafe { sys::mi_theap_zalloc(self.0, size) }
    }

    #[inline(always)]
    unsafe fn malloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        // SAFETY: `new` makes its caller promise this thread's theap of a live
        // heap; any size and power of two is valid.
        unsafe { sys::mi_theap_malloc_aligned(self.0, size, align) }
    }

    #[inline(always)]
    unsafe fn zalloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        // SAFETY: `new` makes its caller promise this thread's theap of a live
        // heap; any size and power of two is valid.
        unsafe { aligned::zalloc(self.0, size, align) }
    }

    #[inline(always)]
    unsafe fn realloc(self, ptr: *mut c_void, size: usize) -> *mut c_void {
        // SAFETY: `new` makes its caller promise this thread's theap of a live
        // heap; the caller promises a live block of mimalloc and gives it up.
        unsafe { sys::mi_theap_realloc(self.0, ptr, size) }
    }

    #[inline(always)]
    unsafe fn realloc_aligned(
        self,
        ptr: *mut c_void,
        size: usize,
        align: usize,
    ) -> Option<*mut c_void> {
        // SAFETY: `new` makes its caller promise this thread's theap of a live
        // heap; the caller promises a live block of mimalloc and gives it up.
        unsafe { aligned::realloc(self.0, ptr, size, align) }
    }
}

/// Calls the aligned entries of a theap that older versions lack.
#[cfg(mimalloc_has_theap_aligned)]
mod aligned {
    use core::ffi::c_void;

    use mimalloc_sys as sys;
    pub(super) use sys::mi_theap_zalloc_aligned as zalloc;

    /// Resizes a block; returns `None` where there is no such entry.
    ///
    /// # Safety
    ///
    /// - `theap` is the current thread's theap of a live heap.
    /// - `ptr` is a live block, which the caller gives up unless the result is
    ///   null.
    /// - `align` is a power of two.
    #[inline(always)]
    pub(super) unsafe fn realloc(
        theap: *mut sys::mi_theap_t,
        ptr: *mut c_void,
        size: usize,
        align: usize,
    ) -> Option<*mut c_void> {
        // SAFETY: the caller promises this thread's theap of a live heap, and a
        // live block that it gives up.
        Some(unsafe { sys::mi_theap_realloc_aligned(theap, ptr, size, align) })
    }
}

/// Stands in for these entries.
#[cfg(not(mimalloc_has_theap_aligned))]
mod aligned {
    use core::ffi::c_void;

    use mimalloc_sys as sys;

    /// Allocates `size` bytes of zeros at a multiple of `align`.
    ///
    /// # Safety
    ///
    /// - `theap` is the current thread's theap of a live heap.
    /// - `align` is a power of two.
    pub(super) unsafe fn zalloc(
        theap: *mut sys::mi_theap_t,
        size: usize,
        align: usize,
    ) -> *mut c_void {
        // SAFETY: the caller promises this thread's theap of a live heap; any size
        // and power of two is valid.
        let block = unsafe { sys::mi_theap_malloc_aligned(theap, size, align) };
        if !block.is_null() {
            // SAFETY: the block was allocated just now with room for `size` bytes.
            unsafe { block.write_bytes(0, size) };
        }
        block
    }

    /// Returns `None`: there is no such entry.
    ///
    /// # Safety
    ///
    /// No preconditions; `unsafe` as where the entry exists.
    pub(super) unsafe fn realloc(
        _theap: *mut sys::mi_theap_t,
        _ptr: *mut c_void,
        _size: usize,
        _align: usize,
    ) -> Option<*mut c_void> {
        None
    }
}
