//! Places values directly in a heap, as in a bump arena.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::error::AllocError;
use crate::heap::Heap;
use crate::raw::allocator;

/// # Values without an owner
///
/// These functions return plain references that are valid as long as the heap,
/// for graphs and tables that are freed at once. The block of such a value is
/// freed only when the heap is dropped or [`reset`](Heap::reset). Values are
/// never dropped, so only types without drop glue are accepted; other types do
/// not compile. For other types, use `Box` and `Vec` of allocator-api2 in the
/// heap.
impl Heap {
    /// Moves `value` into the heap.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use mimalloc::Heap;
    ///
    /// struct Node<'heap> {
    ///     name: &'heap str,
    ///     next: Cell<Option<&'heap Node<'heap>>>,
    /// }
    ///
    /// let heap = Heap::new()?;
    /// let name = heap.alloc_str("a ring of one")?;
    /// let node: &Node = heap.alloc(Node { name, next: Cell::new(None) })?;
    /// node.next.set(Some(node));
    /// assert_eq!(node.next.get().unwrap().name, "a ring of one");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Types with drop glue do not compile, because the value would never be
    /// dropped:
    ///
    /// ```compile_fail
    /// let heap = mimalloc::Heap::new().unwrap();
    /// heap.alloc(String::from("who frees me?")).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call makes a block of its own")]
    pub fn alloc<T>(&self, value: T) -> Result<&mut T, AllocError> {
        self.alloc_with(|| value)
    }

    /// Places the value that `make` returns in the heap.
    ///
    /// The block is allocated before `make` is called.
    ///
    /// If `make` panics, the block stays allocated until the heap ends.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out; `make` is then not called.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call makes a block of its own")]
    pub fn alloc_with<T>(&self, make: impl FnOnce() -> T) -> Result<&mut T, AllocError> {
        const { assert!(!core::mem::needs_drop::<T>(), "nothing would drop it") };
        let place = self.uninit(Layout::new::<T>())?.cast::<T>();
        // SAFETY: `uninit` returned a fresh block that fits the layout of `T`.
        unsafe { place.write(make()) };
        // SAFETY: the value is initialised, and no other reference to the block
        // exists. The block lives until the heap ends, and the returned
        // reference borrows the heap.
        Ok(unsafe { &mut *place.as_ptr() })
    }

    /// Copies a slice into the heap.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call makes a block of its own")]
    pub fn alloc_slice_copy<T: Copy>(&self, slice: &[T]) -> Result<&mut [T], AllocError> {
        let place = self.uninit(Layout::for_value(slice))?.cast::<T>();
        // SAFETY: `uninit` returned a fresh block that fits the layout of the
        // slice.
        unsafe { place.copy_from_nonoverlapping(NonNull::from(slice).cast(), slice.len()) };
        let place = NonNull::slice_from_raw_parts(place, slice.len());
        // SAFETY: the slice is initialised, and no other reference to the block
        // exists. The block lives until the heap ends, and the returned
        // reference borrows the heap.
        Ok(unsafe { &mut *place.as_ptr() })
    }

    /// Makes a slice of `len` values in the heap, and calls `make` with each
    /// index.
    ///
    /// If `make` panics, the block stays allocated until the heap ends.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out; `make` is then not called.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call makes a block of its own")]
    pub fn alloc_slice_with<T>(
        &self,
        len: usize,
        mut make: impl FnMut(usize) -> T,
    ) -> Result<&mut [T], AllocError> {
        const { assert!(!core::mem::needs_drop::<T>(), "nothing would drop them") };
        let layout = Layout::array::<T>(len).map_err(|_| AllocError)?;
        let place = self.uninit(layout)?.cast::<T>();
        for index in 0..len {
            // SAFETY: `index < len`, so the element lies within the block.
            let element = unsafe { place.add(index) };
            // SAFETY: the element is fresh memory, and aligned as the layout of
            // the array demands.
            unsafe { element.write(make(index)) };
        }
        let place = NonNull::slice_from_raw_parts(place, len);
        // SAFETY: the loop initialised each element, and no other reference to
        // the block exists. The block lives until the heap ends, and the
        // returned reference borrows the heap.
        Ok(unsafe { &mut *place.as_ptr() })
    }

    /// Copies a string into the heap.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call makes a block of its own")]
    pub fn alloc_str(&self, text: &str) -> Result<&mut str, AllocError> {
        let bytes = self.alloc_slice_copy(text.as_bytes())?;
        // SAFETY: the bytes are a copy of a `str`, so they are UTF-8.
        Ok(unsafe { core::str::from_utf8_unchecked_mut(bytes) })
    }

    #[inline]
    fn uninit(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the backend may be used while `self` is borrowed.
        let block = unsafe { allocator::allocate::<_, false>(self.backend(), layout) };
        block.ok_or(AllocError)
    }
}
