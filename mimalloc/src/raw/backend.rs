//! Describes where blocks come from: the default heap, a heap, or a theap.
//!
//! Each backend names the cheapest C entry for each kind of request. All
//! entries return null when memory runs out. The same functions free the blocks
//! of every backend, on any thread.

use core::ffi::c_void;

use mimalloc_sys as sys;

use super::size_class::is_never_aligned;
use super::theap_cache::{self, HeapId};
use super::{engine, thread};

/// Lists the C entries of one place to allocate from.
///
/// # Safety
///
/// The creator of a value of an implementing type promises that its C object is
/// live and may be used on the current thread for as long as the value is used.
/// The value is *usable* once [`is_available`](Self::is_available) has returned
/// true.
///
/// Implementations return either null or a block that is valid for the size
/// asked for, aligned to at least the word size, to 16 bytes when the size is
/// at least that, and to `align` where there is such an argument.
pub(crate) unsafe trait RawAlloc: Copy {
    /// Returns whether the thread can allocate here. The check may allocate
    /// memory, and is a constant in most builds.
    fn is_available(self) -> bool;
    /// Allocates `size` bytes, `0 < size <= SMALL_MAX`.
    unsafe fn malloc_small(self, size: usize) -> *mut c_void;
    /// Allocates `size` bytes of zeros, `0 < size <= SMALL_MAX`.
    unsafe fn zalloc_small(self, size: usize) -> *mut c_void;
    /// Takes a block of `size` bytes without a call, `0 < size <= SMALL_MAX`.
    ///
    /// Returns null if there is no such block, and always if this backend makes a
    /// call for each block.
    #[inline(always)]
    unsafe fn take_small(self, size: usize) -> *mut c_void {
        let _ = size;
        core::ptr::null_mut()
    }
    /// Allocates `size` bytes.
    unsafe fn malloc(self, size: usize) -> *mut c_void;
    /// Allocates `size` bytes of zeros.
    unsafe fn zalloc(self, size: usize) -> *mut c_void;
    /// Allocates `size` bytes at a multiple of `align`, a power of two.
    unsafe fn malloc_aligned(self, size: usize, align: usize) -> *mut c_void;
    /// Allocates `size` bytes of zeros at a multiple of `align`, a power of
    /// two.
    unsafe fn zalloc_aligned(self, size: usize, align: usize) -> *mut c_void;
    /// Resizes the block `ptr` and keeps its contents; on null, the block is
    /// unchanged.
    unsafe fn realloc(self, ptr: *mut c_void, size: usize) -> *mut c_void;
    /// Resizes the block `ptr` at a multiple of `align`, a power of two, and
    /// keeps its contents; on null, the block is unchanged.
    ///
    /// Returns `None` if this backend has no such entry.
    unsafe fn realloc_aligned(
        self,
        ptr: *mut c_void,
        size: usize,
        align: usize,
    ) -> Option<*mut c_void>;
}

/// Allocates in the default heap of the current thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DefaultHeap;

// SAFETY: the functions initialise the thread's heap on first use; they return
// null or a block of the size and alignment required above (upstream.md:
// alignment, null blocks).
unsafe impl RawAlloc for DefaultHeap {
    #[inline(always)]
    fn is_available(self) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn malloc_small(self, size: usize) -> *mut c_void {
        // SAFETY: the caller promises `size <= SMALL_MAX`, the entry's bound
        // (upstream.md: small allocation).
        unsafe { engine::malloc_small(size) }
    }

    #[inline(always)]
    unsafe fn zalloc_small(self, size: usize) -> *mut c_void {
        // SAFETY: the caller promises `size <= SMALL_MAX`, the entry's bound
        // (upstream.md: small allocation).
        unsafe { engine::zalloc_small(size) }
    }

    #[inline(always)]
    unsafe fn take_small(self, size: usize) -> *mut c_void {
        // SAFETY: the caller promises `size <= SMALL_MAX`, the entry's bound
        // (upstream.md: small allocation).
        unsafe { engine::take_small(size) }
    }

    #[inline(always)]
    unsafe fn malloc(self, size: usize) -> *mut c_void {
        // SAFETY: `mi_malloc` and `mi_zalloc` take any size on any thread
        // (upstream.md: null blocks).
        unsafe { sys::mi_malloc(size) }
    }

    #[inline(always)]
    unsafe fn zalloc(self, size: usize) -> *mut c_void {
        // SAFETY: `mi_malloc` and `mi_zalloc` take any size on any thread
        // (upstream.md: null blocks).
        unsafe { sys::mi_zalloc(size) }
    }

    #[inline(always)]
    unsafe fn malloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        if is_never_aligned(size, align) {
            // SAFETY: the entry takes any size and alignment on any thread, and
            // returns null if it cannot serve them. A block that is aligned
            // `align` bytes behind its start is aligned (upstream.md:
            // alignment).
            return unsafe { sys::mi_malloc_aligned_at(size, align, align) };
        }
        // SAFETY: the entry takes any size and alignment on any thread, and
        // returns null if it cannot serve them.
        unsafe { sys::mi_malloc_aligned(size, align) }
    }

    #[inline(always)]
    unsafe fn zalloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        // SAFETY: the entry takes any size and alignment on any thread, and
        // returns null if it cannot serve them.
        unsafe { sys::mi_zalloc_aligned(size, align) }
    }

    #[inline(always)]
    unsafe fn realloc(self, ptr: *mut c_void, size: usize) -> *mut c_void {
        // SAFETY: the caller promises a live block of mimalloc and gives the
        // block up unless the result is null.
        unsafe { sys::mi_realloc(ptr, size) }
    }

    #[inline(always)]
    unsafe fn realloc_aligned(
        self,
        ptr: *mut c_void,
        size: usize,
        align: usize,
    ) -> Option<*mut c_void> {
        // Old libraries (2.0.9) keep the old block's distance from the
        // alignment.
        if engine::MISALIGNS {
            return None;
        }
        // SAFETY: the caller promises a live block of mimalloc and gives the
        // block up unless the result is null.
        Some(unsafe { sys::mi_realloc_aligned(ptr, size, align) })
    }
}

/// Allocates in a heap: on engine v3 from any thread, on v2 from the thread
/// that created the heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeapBackend {
    heap: *mut sys::mi_heap_t,
    #[allow(dead_code, reason = "only asked where threads remember heaps")]
    id: HeapId,
}

impl HeapBackend {
    /// # Safety
    ///
    /// - `heap` is live for as long as the value is used.
    /// - On engine v2, `heap` belongs to the current thread.
    /// - No other heap has the number `id`.
    #[inline(always)]
    pub(crate) const unsafe fn new(heap: *mut sys::mi_heap_t, id: HeapId) -> Self {
        Self { heap, id }
    }

    /// Returns the C heap.
    #[inline(always)]
    #[allow(dead_code, reason = "engine v2 has no theap to look up")]
    pub(crate) const fn as_raw(self) -> *mut sys::mi_heap_t {
        self.heap
    }
}

/// Names the entry for small zeroed blocks of a heap, which old libraries lack.
#[allow(unused_imports, reason = "not called where threads remember theaps")]
mod zalloc_small {
    #[cfg(not(mimalloc_has_heap_zalloc_small))]
    pub(super) use mimalloc_sys::mi_heap_zalloc as heap_zalloc_small;
    #[cfg(mimalloc_has_heap_zalloc_small)]
    pub(super) use mimalloc_sys::mi_heap_zalloc_small as heap_zalloc_small;
}

/// Defines entries that use the thread's theap where the thread caches theaps.
macro_rules! entries {
    ($($entry:ident($($argument:ident: $type:ty),*) -> $plain:path;)*) => {$(
        #[inline(always)]
        unsafe fn $entry(self, $($argument: $type),*) -> *mut c_void {
            theap_cache::heap_or_theap!($plain, $entry, self $(, $argument: $type)*)
        }
    )*};
}

// SAFETY: `HeapBackend::new` makes its caller promise a usable heap; the
// functions return null or a block of the size and alignment required above
// (upstream.md: alignment, null blocks).
unsafe impl RawAlloc for HeapBackend {
    #[inline(always)]
    fn is_available(self) -> bool {
        thread::thread_is_initialized()
    }

    entries! {
        malloc_small(size: usize) -> sys::mi_heap_malloc_small;
        zalloc_small(size: usize) -> zalloc_small::heap_zalloc_small;
        malloc(size: usize) -> sys::mi_heap_malloc;
        zalloc(size: usize) -> sys::mi_heap_zalloc;
        realloc(ptr: *mut c_void, size: usize) -> sys::mi_heap_realloc;
    }

    // These entries do not use the cache. They run after attempts that do, and
    // those would have to keep the number of the heap (five instructions).
    #[inline(always)]
    unsafe fn malloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        if is_never_aligned(size, align) {
            // SAFETY: `new` makes its caller promise a usable heap; the caller
            // promises the arguments. A block that is aligned `align` bytes
            // behind its start is aligned (upstream.md: alignment).
            return unsafe { sys::mi_heap_malloc_aligned_at(self.heap, size, align, align) };
        }
        // SAFETY: `new` makes its caller promise a usable heap; the caller
        // promises the arguments.
        unsafe { sys::mi_heap_malloc_aligned(self.heap, size, align) }
    }

    #[inline(always)]
    unsafe fn zalloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        // SAFETY: `new` makes its caller promise a usable heap; the caller
        // promises the arguments.
        unsafe { sys::mi_heap_zalloc_aligned(self.heap, size, align) }
    }

    #[inline(always)]
    unsafe fn realloc_aligned(
        self,
        ptr: *mut c_void,
        size: usize,
        align: usize,
    ) -> Option<*mut c_void> {
        // Old libraries (2.0.9) keep the old block's distance from the
        // alignment.
        if engine::MISALIGNS {
            return None;
        }
        // SAFETY: `new` makes its caller promise a usable heap; the caller
        // promises a live block of mimalloc and gives it up.
        Some(unsafe { sys::mi_heap_realloc_aligned(self.heap, ptr, size, align) })
    }
}
