//! The default heap as the program's global allocator.

use core::alloc::{GlobalAlloc, Layout};

use crate::raw::{alloc, backend};

/// mimalloc's default heap: a [`GlobalAlloc`], and an allocator for single
/// collections.
///
/// ```
/// use mimalloc::MiMalloc;
///
/// #[global_allocator]
/// static GLOBAL: MiMalloc = MiMalloc;
///
/// let words = vec!["all", "of", "this"];
/// assert_eq!(words.join(" "), "all of this");
/// # // The block is mimalloc's.
/// # assert!(mimalloc::any_heap_contains(words.as_slice()));
/// ```
///
/// Blocks may be freed, grown and shrunk on any thread. Each layout takes the
/// cheapest sound entry of mimalloc instead of the aligned one for all; with a
/// constant layout that choice is made at compile time.
///
/// Memory is given back to the system some time after it was freed, on any
/// thread's next calls; [`collect`](crate::collect) does it now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "mi_malloc")]
#[doc(alias = "mi_free")]
pub struct MiMalloc;

impl MiMalloc {
    #[inline(always)]
    pub(crate) fn backend(&self) -> backend::DefaultHeap {
        backend::DefaultHeap
    }

    /// Bytes that the block at `ptr` can really hold: at least what was asked
    /// for. All of them may be written.
    ///
    /// Calls `mi_usable_size`. Costs about as much as an allocation, which is
    /// why collections are not given the excess unasked.
    ///
    /// # Safety
    ///
    /// - `ptr` is a block of mimalloc, of any heap, that is currently allocated
    ///   and was asked for with a size above zero.
    #[inline]
    #[must_use]
    #[doc(alias = "mi_usable_size")]
    #[doc(alias = "mi_malloc_size")]
    #[doc(alias = "mi_malloc_usable_size")]
    pub unsafe fn usable_size(&self, ptr: *const u8) -> usize {
        // SAFETY: the caller passes a live block.
        unsafe { alloc::usable_size(ptr.cast()) }
    }
}

// SAFETY: the core returns null or a block that fits the layout, distinct from
// all live blocks; it never unwinds, as no C function below does.
unsafe impl GlobalAlloc for MiMalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller passes a size that is not zero; the default heap
        // is always usable.
        unsafe { alloc::allocate(backend::DefaultHeap, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        unsafe { alloc::allocate_zeroed(backend::DefaultHeap, layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller passes a live block and its layout.
        unsafe { alloc::deallocate(ptr, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller passes a live block, its layout and a size that is
        // neither zero nor too large for the alignment.
        unsafe { alloc::resize(backend::DefaultHeap, ptr, layout, new_size) }
    }
}
