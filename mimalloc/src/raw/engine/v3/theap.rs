//! Theaps: the current thread's parts of heaps.

use core::ffi::c_void;

use mimalloc_sys as sys;

use super::small;
use crate::raw::backend::RawAlloc;
use crate::raw::thread;

/// The current thread's part of `heap`. When it can't be made, one whose every
/// allocation is null; null only when the thread is not
/// [initialised](thread::thread_is_initialized).
///
/// # Safety
///
/// `heap` is live.
#[inline(always)]
pub(crate) unsafe fn find(heap: *mut sys::mi_heap_t) -> *mut sys::mi_theap_t {
    if !thread::thread_is_initialized() {
        return core::ptr::null_mut();
    }
    // SAFETY: the heap is live.
    unsafe { sys::mi_heap_theap(heap) }
}

/// The current thread's part of a heap, found once instead of on each call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TheapBackend(*mut sys::mi_theap_t);

impl TheapBackend {
    /// # Safety
    ///
    /// `theap` must come from `find` on the current thread, and its
    /// heap must be live for as long as the value is used.
    #[inline(always)]
    pub(crate) const unsafe fn new(theap: *mut sys::mi_theap_t) -> Self {
        Self(theap)
    }
}

// SAFETY: `TheapBackend::new` makes the caller promise a usable theap; upstream
// documents size and alignment as required above. When upstream could not make
// a theap it hands out one whose every allocation is null.
unsafe impl RawAlloc for TheapBackend {
    #[inline(always)]
    fn is_available(self) -> bool {
        // See `find`.
        cfg!(mimalloc_patched) || !self.0.is_null()
    }

    #[inline(always)]
    unsafe fn malloc_small(self, size: usize) -> *mut c_void {
        // SAFETY: the theap is usable by `new`; the caller keeps `size` small.
        unsafe { small::theap_malloc_small(self.0, size) }
    }

    #[inline(always)]
    unsafe fn zalloc_small(self, size: usize) -> *mut c_void {
        // SAFETY: the theap is usable by `new`; the caller keeps `size` small.
        unsafe { small::theap_zalloc_small(self.0, size) }
    }

    #[inline(always)]
    unsafe fn malloc(self, size: usize) -> *mut c_void {
        // SAFETY: the theap is usable by `new`.
        unsafe { sys::mi_theap_malloc(self.0, size) }
    }

    #[inline(always)]
    unsafe fn zalloc(self, size: usize) -> *mut c_void {
        // SAFETY: the theap is usable by `new`.
        unsafe { sys::mi_theap_zalloc(self.0, size) }
    }

    #[inline(always)]
    unsafe fn malloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        // SAFETY: the theap is usable by `new`.
        unsafe { sys::mi_theap_malloc_aligned(self.0, size, align) }
    }

    #[inline(always)]
    unsafe fn zalloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        #[cfg(mimalloc_has_theap_zalloc_aligned)]
        // SAFETY: the theap is usable by `new`.
        unsafe {
            sys::mi_theap_zalloc_aligned(self.0, size, align)
        }
        #[cfg(not(mimalloc_has_theap_zalloc_aligned))]
        {
            // SAFETY: the theap is usable by `new`.
            let block = unsafe { sys::mi_theap_malloc_aligned(self.0, size, align) };
            if !block.is_null() {
                // SAFETY: a fresh block of at least this size.
                unsafe { block.write_bytes(0, size) };
            }
            block
        }
    }

    #[inline(always)]
    unsafe fn realloc(self, ptr: *mut c_void, size: usize) -> *mut c_void {
        // SAFETY: the theap is usable by `new`; the caller passes a live block.
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
        // SAFETY: the theap is usable by `new`; the caller passes a live block.
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
