//! Makes heaps that safe code owns. With some libraries of engine v2 safe code may
//! only borrow heaps.

use crate::arena::Arena;
use crate::error::HeapError;
use crate::heap::Heap;
use crate::shared_heap::SharedHeap;

impl Heap {
    /// Makes a heap.
    ///
    /// Calls `mi_heap_new`.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out, or on engine v3 when
    /// [`MAX_HEAPS`](crate::MAX_HEAPS) heaps are live.
    ///
    /// # Platform-specific behaviour
    ///
    /// With a library of engine v2 that is not compiled from the pinned source,
    /// such as a system library, a heap must end before its thread. Owned heaps
    /// are then not compiled; use [`Heap::scope`].
    #[doc(alias = "mi_heap_new")]
    pub fn new() -> Result<Self, HeapError> {
        Self::create()
    }

    /// Makes a heap whose memory all comes from `arena`.
    ///
    /// An exclusive arena is a hard limit: when the arena is full, allocating
    /// fails with the error of the trait (`try_reserve` returns the error), and
    /// the rest of the process is not affected. See [`Arena`].
    ///
    /// Calls `mi_heap_new_in_arena`; on engine v2 `mi_heap_new_ex` where the
    /// library has it.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out, or on engine v3 when
    /// [`MAX_HEAPS`](crate::MAX_HEAPS) heaps are live.
    #[doc(alias = "mi_heap_new_in_arena")]
    #[doc(alias = "mi_heap_new_ex")]
    pub fn new_in(arena: Arena) -> Result<Self, HeapError> {
        Self::create_in(arena)
    }
}

impl SharedHeap {
    /// Makes a heap and the first handle to it.
    ///
    /// # Errors
    ///
    /// Returns an error when there is no memory for a heap, or on engine v3
    /// when [`MAX_HEAPS`](crate::MAX_HEAPS) heaps are live.
    pub fn new() -> Result<Self, HeapError> {
        Self::from_heap(Heap::new()?)
    }
}

impl Arena {
    /// Makes a heap in this arena; the same as `Heap::new_in`.
    ///
    /// # Errors
    ///
    /// Returns the errors of `Heap::new`. On engine v3, an arena without room
    /// makes the heap's first allocation fail, not this function.
    #[doc(alias = "mi_heap_new_in_arena")]
    pub fn new_heap(self) -> Result<Heap, HeapError> {
        Heap::new_in(self)
    }
}
