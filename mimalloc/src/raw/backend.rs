//! Where blocks come from: the default heap, a heap, or a thread's part of one.
//!
//! Each backend names the cheapest C entry for each kind of request. All of them
//! return null when memory runs out, and blocks of every backend are freed by
//! the same functions, on any thread.

use core::ffi::c_void;

use mimalloc_sys as sys;

use super::theap_cache::HeapId;
use super::{engine, thread};

/// The C entries of one place to allocate from.
///
/// # Safety
///
/// Whoever makes a value of an implementing type promises that its C object is
/// live and may be used on the current thread for as long as the value is used.
/// It is *usable* once [`is_available`](Self::is_available) has said so.
///
/// Implementations return either null or a block that is valid for the size
/// asked for, aligned to at least the word size, to 16 bytes when the size is
/// at least that, and to `align` where there is such an argument.
pub(crate) unsafe trait RawAlloc: Copy {
    /// Whether the thread has what it takes, which may cost memory. Mostly a
    /// constant.
    fn is_available(self) -> bool;
    /// Allocates `size` bytes, `0 < size <= SMALL_MAX`.
    unsafe fn malloc_small(self, size: usize) -> *mut c_void;
    /// As [`malloc_small`](Self::malloc_small), all bytes zero.
    unsafe fn zalloc_small(self, size: usize) -> *mut c_void;
    /// Allocates `size` bytes.
    unsafe fn malloc(self, size: usize) -> *mut c_void;
    /// As [`malloc`](Self::malloc), all bytes zero.
    unsafe fn zalloc(self, size: usize) -> *mut c_void;
    /// Allocates `size` bytes at a multiple of `align`, a power of two.
    unsafe fn malloc_aligned(self, size: usize, align: usize) -> *mut c_void;
    /// As [`malloc_aligned`](Self::malloc_aligned), all bytes zero.
    unsafe fn zalloc_aligned(self, size: usize, align: usize) -> *mut c_void;
    /// Resizes the block `ptr`, keeping its contents; on null it is untouched.
    unsafe fn realloc(self, ptr: *mut c_void, size: usize) -> *mut c_void;
    /// As [`realloc`](Self::realloc), at a multiple of `align`.
    ///
    /// `None`: this backend has no such entry.
    unsafe fn realloc_aligned(
        self,
        ptr: *mut c_void,
        size: usize,
        align: usize,
    ) -> Option<*mut c_void>;
}

/// The default heap of the current thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DefaultHeap;

// SAFETY: the functions initialise the thread's heap on first use; upstream
// documents size and alignment as required above.
unsafe impl RawAlloc for DefaultHeap {
    #[inline(always)]
    fn is_available(self) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn malloc_small(self, size: usize) -> *mut c_void {
        // SAFETY: the caller keeps `size` within the small sizes.
        unsafe { engine::malloc_small(size) }
    }

    #[inline(always)]
    unsafe fn zalloc_small(self, size: usize) -> *mut c_void {
        // SAFETY: the caller keeps `size` within the small sizes.
        unsafe { engine::zalloc_small(size) }
    }

    #[inline(always)]
    unsafe fn malloc(self, size: usize) -> *mut c_void {
        // SAFETY: any size may be asked for.
        unsafe { sys::mi_malloc(size) }
    }

    #[inline(always)]
    unsafe fn zalloc(self, size: usize) -> *mut c_void {
        // SAFETY: any size may be asked for.
        unsafe { sys::mi_zalloc(size) }
    }

    #[inline(always)]
    unsafe fn malloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        // SAFETY: any size and alignment may be asked for.
        unsafe { sys::mi_malloc_aligned(size, align) }
    }

    #[inline(always)]
    unsafe fn zalloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        // SAFETY: any size and alignment may be asked for.
        unsafe { sys::mi_zalloc_aligned(size, align) }
    }

    #[inline(always)]
    unsafe fn realloc(self, ptr: *mut c_void, size: usize) -> *mut c_void {
        // SAFETY: the caller passes a live block of mimalloc.
        unsafe { sys::mi_realloc(ptr, size) }
    }

    #[inline(always)]
    unsafe fn realloc_aligned(
        self,
        ptr: *mut c_void,
        size: usize,
        align: usize,
    ) -> Option<*mut c_void> {
        // Old libraries (2.0.9) keep the old block's distance to the alignment.
        if cfg!(mimalloc_realign) {
            return None;
        }
        // SAFETY: the caller passes a live block of mimalloc.
        Some(unsafe { sys::mi_realloc_aligned(ptr, size, align) })
    }
}

/// A heap: on engine v3 any thread's, on v2 the creating thread's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeapBackend {
    heap: *mut sys::mi_heap_t,
    #[allow(dead_code, reason = "only asked where threads remember heaps")]
    id: HeapId,
}

impl HeapBackend {
    /// # Safety
    ///
    /// `heap` must be live for as long as the value is used, and on engine v2
    /// belong to the current thread. `id` is that heap's alone.
    #[inline(always)]
    pub(crate) const unsafe fn new(heap: *mut sys::mi_heap_t, id: HeapId) -> Self {
        Self { heap, id }
    }

    /// The C heap.
    #[inline(always)]
    #[allow(dead_code, reason = "engine v2 has no theap to look up")]
    pub(crate) const fn as_raw(self) -> *mut sys::mi_heap_t {
        self.heap
    }
}

/// The entry for small zeroed blocks of a heap, which old libraries lack.
#[allow(unused_imports, reason = "not called where threads remember theaps")]
mod zalloc_small {
    #[cfg(not(mimalloc_has_heap_zalloc_small))]
    pub(super) use mimalloc_sys::mi_heap_zalloc as heap_zalloc_small;
    #[cfg(mimalloc_has_heap_zalloc_small)]
    pub(super) use mimalloc_sys::mi_heap_zalloc_small as heap_zalloc_small;
}

/// Calls an entry of the heap.
#[cfg(not(mimalloc_theap_cache))]
macro_rules! heap_or_theap {
    ($plain:path, $entry:ident, $heap:expr $(, $argument:ident: $type:ty)*) => {
        // SAFETY: the heap is usable by `new`; the rest is promised by the caller.
        unsafe { $plain($heap.heap, $($argument),*) }
    };
}

/// Calls the same entry of the thread's part of the heap, which the thread
/// remembers.
#[cfg(mimalloc_theap_cache)]
macro_rules! heap_or_theap {
    ($plain:path, $entry:ident, $heap:expr $(, $argument:ident: $type:ty)*) => {{
        #[cold]
        #[inline(never)]
        unsafe fn not_last(heap: HeapBackend, $($argument: $type),*) -> *mut c_void {
            if let Some(theap) = super::theap_cache::find(heap.id) {
                // SAFETY: as below.
                let theap = unsafe { engine::LocalBackend::new(theap) };
                // SAFETY: as below.
                return unsafe { theap.$entry($($argument),*) };
            }
            // SAFETY: the heap is usable by `new`.
            let theap = unsafe { engine::find_theap(heap.heap) };
            // SAFETY: found on this thread, for a heap that lives.
            let backend = unsafe { engine::LocalBackend::new(theap) };
            // SAFETY: what was found can be asked; the rest is promised by the
            // caller.
            let block = unsafe { backend.$entry($($argument),*) };
            if !block.is_null() {
                // SAFETY: one that gives blocks is the thread's part.
                unsafe { super::theap_cache::remember(heap.id, theap) };
            }
            block
        }
        if let Some(theap) = super::theap_cache::last($heap.id) {
            // SAFETY: remembered on this thread for this heap, which lives.
            let theap = unsafe { engine::LocalBackend::new(theap) };
            // SAFETY: the rest is promised by the caller.
            return unsafe { theap.$entry($($argument),*) };
        }
        // SAFETY: as promised by the caller.
        unsafe { not_last($heap, $($argument),*) }
    }};
}

/// Entries that go to the thread's part of the heap where the thread remembers
/// it.
macro_rules! entries {
    ($($entry:ident($($argument:ident: $type:ty),*) -> $plain:path;)*) => {$(
        #[inline(always)]
        unsafe fn $entry(self, $($argument: $type),*) -> *mut c_void {
            heap_or_theap!($plain, $entry, self $(, $argument: $type)*)
        }
    )*};
}

// SAFETY: `HeapBackend::new` makes the caller promise a usable heap; upstream
// documents size and alignment as required above.
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

    // Not remembered: these stand behind attempts that are, which would have to
    // keep the number for them (five instructions).
    #[inline(always)]
    unsafe fn malloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        // SAFETY: the heap is usable by `new`.
        unsafe { sys::mi_heap_malloc_aligned(self.heap, size, align) }
    }

    #[inline(always)]
    unsafe fn zalloc_aligned(self, size: usize, align: usize) -> *mut c_void {
        // SAFETY: the heap is usable by `new`.
        unsafe { sys::mi_heap_zalloc_aligned(self.heap, size, align) }
    }

    #[inline(always)]
    unsafe fn realloc_aligned(
        self,
        ptr: *mut c_void,
        size: usize,
        align: usize,
    ) -> Option<*mut c_void> {
        // As above.
        if cfg!(mimalloc_realign) {
            return None;
        }
        // SAFETY: the heap is usable by `new`; the caller passes a live block.
        Some(unsafe { sys::mi_heap_realloc_aligned(self.heap, ptr, size, align) })
    }
}
