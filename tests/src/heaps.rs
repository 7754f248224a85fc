//! Makes owned heaps for libraries where safe code has no function for that. A
//! test drops each heap on its thread before the thread ends.

use core::ptr::NonNull;

use mimalloc::{Arena, Heap, HeapError, SharedHeap, ffi};

/// Stands in for `Heap::new` and `Heap::new_in`.
pub trait NewHeap: Sized {
    /// Makes a heap.
    fn new() -> Result<Self, HeapError>;
    /// Makes a heap in an arena.
    fn new_in(arena: Arena) -> Result<Self, HeapError>;
}

/// Stands in for `SharedHeap::new`.
pub trait NewShared: Sized {
    /// Makes a heap and the first handle to it.
    fn new() -> Result<Self, HeapError>;
}

/// Stands in for `Arena::new_heap`.
pub trait NewInArena {
    /// Makes a heap in this arena.
    fn new_heap(self) -> Result<Heap, HeapError>;
}

fn owned(raw: *mut ffi::mi_heap_t) -> Result<Heap, HeapError> {
    let raw = NonNull::new(raw).ok_or(HeapError::OutOfMemory)?;
    // SAFETY: the heap is fresh, and only this thread has it. The crate has
    // made a heap before, so no blocks of ended threads get into this one.
    Ok(unsafe { Heap::from_raw(raw) })
}

impl NewHeap for Heap {
    fn new() -> Result<Self, HeapError> {
        Self::scope(|_| ())?;
        // SAFETY: `mi_heap_new` has no precondition, and returns null on
        // failure.
        owned(unsafe { ffi::mi_heap_new() })
    }

    fn new_in(arena: Arena) -> Result<Self, HeapError> {
        let mut heap = Self::new()?;
        heap.reset_in(arena)?;
        Ok(heap)
    }
}

impl NewShared for SharedHeap {
    fn new() -> Result<Self, HeapError> {
        Self::from_heap(Heap::new()?)
    }
}

impl NewInArena for Arena {
    fn new_heap(self) -> Result<Heap, HeapError> {
        Heap::new_in(self)
    }
}
