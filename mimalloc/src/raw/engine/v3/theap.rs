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
        // Without the patches, `find` may have returned null.
        cfg!(mimalloc_patched) || !self.0.is_null()
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
        #[cfg(mimalloc_has_theap_zalloc_aligned)]
        // SAFETY: `new` makes its caller promise this thread's theap of a live
        // heap; any size and power of two is valid.
        unsafe {
            sys::mi_theap_zalloc_aligned(self.0, size, align)
        }
        #[cfg(not(mimalloc_has_theap_zalloc_aligned))]
        {
            // SAFETY: `new` makes its caller promise this thread's theap of a
            // live heap; any size and power of two is valid.
            let block = unsafe { sys::mi_theap_malloc_aligned(self.0, size, align) };
            if !block.is_null() {
                // SAFETY: the block was allocated just now with room for `size`
                // bytes.
                unsafe { block.write_bytes(0, size) };
            }
            block
        }
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
        #[cfg(mimalloc_has_theap_realloc_aligned)]
        // SAFETY: `new` makes its caller promise this thread's theap of a live
        // heap; the caller promises a live block of mimalloc and gives it up.
        unsafe {
            Some(sys::mi_theap_realloc_aligned(self.0, ptr, size, align))
        }
        #[cfg(not(mimalloc_has_theap_realloc_aligned))]
        {
            let _ = (ptr, size, align);
            None
        }
    }
}
