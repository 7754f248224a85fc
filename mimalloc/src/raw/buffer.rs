//! Provides a list of fixed room in the default heap, for reports of mimalloc
//! during which nothing may be allocated.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{alloc, backend};

/// # Invariants
///
/// - `start` is dangling if `capacity` is 0, and otherwise a block for
///   `capacity` elements that this value owns.
/// - The first `len <= capacity` elements are initialised.
pub(crate) struct Buffer<T: Copy> {
    start: NonNull<T>,
    capacity: usize,
    len: usize,
}

// SAFETY: the buffer owns its elements, which are `Send`, and any thread may
// free blocks of the default heap.
unsafe impl<T: Copy + Send> Send for Buffer<T> {}

// SAFETY: a shared reference only reads the elements, which are `Sync`.
unsafe impl<T: Copy + Sync> Sync for Buffer<T> {}

impl<T: Copy> Buffer<T> {
    /// Creates a buffer for `capacity` elements, or returns `None` when memory
    /// runs out.
    pub(crate) fn with_capacity(capacity: usize) -> Option<Self> {
        const { assert!(size_of::<T>() != 0) };
        if capacity == 0 {
            return Some(Self::default());
        }
        let layout = Layout::array::<T>(capacity).ok()?;
        // SAFETY: neither the capacity nor the element size is zero, and any
        // thread may always use the default heap.
        let block = unsafe { alloc::allocate(backend::DefaultHeap, layout) };
        // INVARIANT: the block is new, has room for `capacity` elements, and
        // holds none.
        Some(Self {
            start: NonNull::new(block.cast())?,
            capacity,
            len: 0,
        })
    }

    /// Appends an element if there is room, and returns whether there was.
    pub(crate) fn push_within(&mut self, element: T) -> bool {
        if self.len == self.capacity {
            return false;
        }
        // SAFETY: `len < capacity`, so the place is within the block.
        let place = unsafe { self.start.add(self.len) };
        // SAFETY: the place is aligned and within the block that this value
        // owns.
        unsafe { place.write(element) };
        self.len += 1;
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        // SAFETY: by the type's invariant the first `len` elements are
        // initialised and owned by this value; the slice borrows `self`.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        // SAFETY: by the type's invariant the first `len` elements are
        // initialised and owned by this value; the slice borrows `self`.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }.last_mut()
    }
}

impl<T: Copy> Default for Buffer<T> {
    /// Creates a buffer without room.
    fn default() -> Self {
        Self {
            start: NonNull::dangling(),
            capacity: 0,
            len: 0,
        }
    }
}

impl<T: Copy> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let (1.., Ok(layout)) = (self.capacity, Layout::array::<T>(self.capacity)) {
            // SAFETY: `with_capacity` allocated the block with this layout, and
            // the buffer is not used again.
            unsafe { alloc::deallocate(self.start.as_ptr().cast(), layout) };
        }
    }
}
