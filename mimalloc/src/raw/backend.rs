//! Where blocks come from: the default heap, a heap, or a thread's part of one.
//!
//! Each backend names the cheapest C entry for each kind of request. All of them
//! return null when memory runs out, and blocks of every backend are freed by
//! the same functions, on any thread.

use core::ffi::c_void;

use mimalloc_sys as sys;

#[cfg(mimalloc_has_word_sizes)]
use super::size_class::words;
use super::theap;
#[cfg(mimalloc_theap_cache)]
use super::theap_cache;
use super::theap_cache::HeapId;

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
        // The word-sized entry saves rounding at run time.
        #[cfg(mimalloc_has_word_sizes)]
        // SAFETY: the caller keeps `size` within the small sizes.
        unsafe {
            sys::mi_wmalloc_small(words(size))
        }
        #[cfg(not(mimalloc_has_word_sizes))]
        // SAFETY: the caller keeps `size` within the small sizes.
        unsafe {
            sys::mi_malloc_small(size)
        }
    }

    #[inline(always)]
    unsafe fn zalloc_small(self, size: usize) -> *mut c_void {
        #[cfg(mimalloc_has_word_sizes)]
        // SAFETY: the caller keeps `size` within the small sizes.
        unsafe {
            sys::mi_wzalloc_small(words(size))
        }
        #[cfg(not(mimalloc_has_word_sizes))]
        // SAFETY: the caller keeps `size` within the small sizes.
        unsafe {
            sys::mi_zalloc_small(size)
        }
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
}

/// Entries that go to the thread's part of the heap where it is via_theap_cache.
macro_rules! via_theap_cache {
    ($($entry:ident($($argument:ident: $type:ty),*) -> $plain:path;)*) => {$(
        #[inline(always)]
        unsafe fn $entry(self, $($argument: $type),*) -> *mut c_void {
            #[cfg(mimalloc_theap_cache)]
            {
                #[cold]
                #[inline(never)]
                unsafe fn not_last(heap: HeapBackend, $($argument: $type),*) -> *mut c_void {
                    if let Some(theap) = theap_cache::find(heap.id) {
                        // SAFETY: as below.
                        return unsafe { TheapBackend(theap).$entry($($argument),*) };
                    }
                    // SAFETY: the heap is usable by `new`.
                    let theap = unsafe { theap::find(heap.heap) };
                    // SAFETY: what was found can be asked; the rest is promised
                    // by the caller.
                    let block = unsafe { TheapBackend(theap).$entry($($argument),*) };
                    if !block.is_null() {
                        // SAFETY: one that gives blocks is the thread's part.
                        unsafe { theap_cache::remember(heap.id, theap) };
                    }
                    block
                }
                if let Some(theap) = theap_cache::last(self.id) {
                    // SAFETY: via_theap_cache on this thread for this heap, which
                    // lives; the rest is promised by the caller.
                    return unsafe { TheapBackend(theap).$entry($($argument),*) };
                }
                // SAFETY: as promised by the caller.
                unsafe { not_last(self, $($argument),*) }
            }
            #[cfg(not(mimalloc_theap_cache))]
            // SAFETY: the heap is usable by `new`; the rest is promised by the
            // caller.
            unsafe {
                $plain(self.heap, $($argument),*)
            }
        }
    )*};
}

// SAFETY: `HeapBackend::new` makes the caller promise a usable heap; upstream
// documents size and alignment as required above.
unsafe impl RawAlloc for HeapBackend {
    #[inline(always)]
    fn is_available(self) -> bool {
        theap::thread_is_initialized()
    }

    via_theap_cache! {
        malloc_small(size: usize) -> sys::mi_heap_malloc_small;
        malloc(size: usize) -> sys::mi_heap_malloc;
        zalloc(size: usize) -> sys::mi_heap_zalloc;
        realloc(ptr: *mut c_void, size: usize) -> sys::mi_heap_realloc;
    }
    #[cfg(mimalloc_has_heap_zalloc_small)]
    via_theap_cache! {
        zalloc_small(size: usize) -> sys::mi_heap_zalloc_small;
    }
    #[cfg(not(mimalloc_has_heap_zalloc_small))]
    via_theap_cache! {
        zalloc_small(size: usize) -> sys::mi_heap_zalloc;
    }

    // Not via_theap_cache: these stand behind attempts that are, which would have to
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

/// The current thread's part of a heap, found once instead of on each call.
#[cfg(mimalloc_v3)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct TheapBackend(*mut sys::mi_theap_t);

#[cfg(mimalloc_v3)]
impl TheapBackend {
    /// # Safety
    ///
    /// `theap` must come from `theap::find` on the current thread, and its
    /// heap must be live for as long as the value is used.
    #[inline(always)]
    pub(crate) const unsafe fn new(theap: *mut sys::mi_theap_t) -> Self {
        Self(theap)
    }
}

#[cfg(mimalloc_v3)]
// SAFETY: `TheapBackend::new` makes the caller promise a usable theap; upstream
// documents size and alignment as required above. When upstream could not make
// a theap it hands out one whose every allocation is null.
unsafe impl RawAlloc for TheapBackend {
    #[inline(always)]
    fn is_available(self) -> bool {
        // See `theap::find`.
        cfg!(mimalloc_patched) || !self.0.is_null()
    }

    #[inline(always)]
    unsafe fn malloc_small(self, size: usize) -> *mut c_void {
        #[cfg(mimalloc_inline_alloc)]
        // SAFETY: the theap is usable by `new`; the caller keeps `size` small.
        unsafe {
            sys::mimalloc_sys_theap_wmalloc_small(self.0, words(size))
        }
        #[cfg(all(mimalloc_has_word_sizes, not(mimalloc_inline_alloc)))]
        // SAFETY: the theap is usable by `new`; the caller keeps `size` small.
        unsafe {
            sys::mi_theap_wmalloc_small(self.0, words(size))
        }
        #[cfg(not(mimalloc_has_word_sizes))]
        // SAFETY: the theap is usable by `new`; the caller keeps `size` small.
        unsafe {
            sys::mi_theap_malloc_small(self.0, size)
        }
    }

    #[inline(always)]
    unsafe fn zalloc_small(self, size: usize) -> *mut c_void {
        #[cfg(mimalloc_has_word_sizes)]
        // SAFETY: the theap is usable by `new`; the caller keeps `size` small.
        unsafe {
            sys::mi_theap_wzalloc_small(self.0, words(size))
        }
        #[cfg(not(mimalloc_has_word_sizes))]
        // SAFETY: the theap is usable by `new`; the caller keeps `size` small.
        unsafe {
            sys::mi_theap_zalloc_small(self.0, size)
        }
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

    #[cfg(mimalloc_has_theap_realloc_aligned)]
    #[inline(always)]
    unsafe fn realloc_aligned(
        self,
        ptr: *mut c_void,
        size: usize,
        align: usize,
    ) -> Option<*mut c_void> {
        // SAFETY: the theap is usable by `new`; the caller passes a live block.
        Some(unsafe { sys::mi_theap_realloc_aligned(self.0, ptr, size, align) })
    }

    #[cfg(not(mimalloc_has_theap_realloc_aligned))]
    #[inline(always)]
    unsafe fn realloc_aligned(self, _: *mut c_void, _: usize, _: usize) -> Option<*mut c_void> {
        None
    }
}
