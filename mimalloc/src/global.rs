//! Defines the default heap as a global allocator.

use core::alloc::{GlobalAlloc, Layout};

use crate::raw::{alloc, backend};

/// Allocates in mimalloc's default heap, as a [`GlobalAlloc`] or for single
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
/// Any thread may free, grow and shrink blocks. Each layout uses the cheapest
/// sound function of mimalloc, not always the aligned function. With a constant
/// layout, that choice is made at compile time.
///
/// mimalloc returns freed memory to the system after a delay, during later
/// calls on any thread; [`collect`](crate::collect) returns the memory at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "mi_malloc")]
#[doc(alias = "mi_free")]
pub struct MiMalloc;

impl MiMalloc {
    #[inline(always)]
    pub(crate) fn backend(&self) -> backend::DefaultHeap {
        backend::DefaultHeap
    }

    /// Returns how many bytes the block at `ptr` holds: at least as many as
    /// were asked for. Returns 0 for a null pointer.
    ///
    /// The program may write all these bytes.
    ///
    /// Calls `mi_usable_size`. The call takes about as long as an allocation,
    /// so collections do not get the excess automatically.
    ///
    /// # Safety
    ///
    /// - `ptr` is null, or a block of mimalloc, in any heap, that is currently
    ///   allocated. Memory of size zero that an `Allocator` of this crate
    ///   returns is no block.
    #[inline]
    #[must_use]
    #[doc(alias = "mi_usable_size")]
    #[doc(alias = "mi_malloc_size")]
    #[doc(alias = "mi_malloc_usable_size")]
    pub unsafe fn usable_size(&self, ptr: *const u8) -> usize {
        // SAFETY: the caller passes null or a live block (upstream.md: usable
        // size).
        unsafe { alloc::usable_size(ptr.cast()) }
    }
}

// SAFETY: `raw::alloc` returns null or a block that fits the layout and is
// distinct from all live blocks (upstream.md: alignment, absurd sizes). No C
// function unwinds, and neither does the code around the calls.
unsafe impl GlobalAlloc for MiMalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller passes a size that is not zero, and the default
        // heap may be used on each thread.
        unsafe { alloc::allocate(backend::DefaultHeap, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller passes a size that is not zero, and the default
        // heap may be used on each thread.
        unsafe { alloc::allocate_zeroed(backend::DefaultHeap, layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller passes a live block and the layout of the block.
        unsafe { alloc::deallocate(ptr, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller passes a live block, its layout and a size that is
        // neither zero nor too large for the alignment.
        unsafe { alloc::resize(backend::DefaultHeap, ptr, layout, new_size) }
    }
}
