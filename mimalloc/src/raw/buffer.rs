//! A list of fixed room in the default heap: for what mimalloc reports where
//! nothing may be allocated.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{alloc, backend};

/// # Invariants
///
/// `start` is dangling when `capacity` is 0, else a block for that many `T`,
/// which this value owns; the first `len <= capacity` of them are there.
pub(crate) struct Buffer<T: Copy> {
    start: NonNull<T>,
    capacity: usize,
    len: usize,
}

// SAFETY: it owns its elements, and blocks of the default heap may be freed on
// any thread.
unsafe impl<T: Copy + Send> Send for Buffer<T> {}

// SAFETY: shared access only reads the elements.
unsafe impl<T: Copy + Sync> Sync for Buffer<T> {}

impl<T: Copy> Buffer<T> {
    /// Room for `capacity` elements; `None` when there is no memory.
    pub(crate) fn with_capacity(capacity: usize) -> Option<Self> {
        const { assert!(size_of::<T>() != 0) };
        if capacity == 0 {
            return Some(Self::default());
        }
        let layout = Layout::array::<T>(capacity).ok()?;
        // SAFETY: the size is not zero; the default heap is always usable.
        let block = unsafe { alloc::allocate(backend::DefaultHeap, layout) };
        // INVARIANT: a fresh block, with nothing in it yet.
        Some(Self {
            start: NonNull::new(block.cast())?,
            capacity,
            len: 0,
        })
    }

    /// Appends an element if there is room; says whether there was.
    pub(crate) fn push_within(&mut self, element: T) -> bool {
        if self.len == self.capacity {
            return false;
        }
        // SAFETY: within the block, as `len < capacity`.
        let place = unsafe { self.start.add(self.len) };
        // SAFETY: a place for a `T` in the block that this value owns.
        unsafe { place.write(element) };
        self.len += 1;
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        // SAFETY: by the type's invariant; borrowed as `self` is.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        // SAFETY: by the type's invariant; borrowed as `self` is.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }.last_mut()
    }
}

impl<T: Copy> Default for Buffer<T> {
    /// Without room.
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
            // SAFETY: the block was allocated with this layout.
            unsafe { alloc::deallocate(self.start.as_ptr().cast(), layout) };
        }
    }
}
