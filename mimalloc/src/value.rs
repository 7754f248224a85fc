//! Values straight in a heap, as in a bump arena.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::error::AllocError;
use crate::heap::Heap;
use crate::raw::allocator;

/// # Values without an owner
///
/// These hand out plain references that are good for as long as the heap is,
/// for graphs and tables that are thrown away at once. Nothing frees such a
/// value before the heap's drop or [`reset`](Heap::reset), and nothing drops
/// it, so that only types without drop glue are taken: others do not compile.
/// For the rest there are `Box` and `Vec` of allocator-api2, in the heap.
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
    /// Types that own something do not compile, as nothing would drop them:
    ///
    /// ```compile_fail
    /// let heap = mimalloc::Heap::new().unwrap();
    /// heap.alloc(String::from("who frees me?")).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// When memory runs out.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call makes a block of its own")]
    pub fn alloc<T>(&self, value: T) -> Result<&mut T, AllocError> {
        self.alloc_with(|| value)
    }

    /// As [`alloc`](Self::alloc), with the value made in place.
    ///
    /// Should `make` panic, its room stays taken until the heap goes.
    ///
    /// # Errors
    ///
    /// When memory runs out; `make` is then not called.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call makes a block of its own")]
    pub fn alloc_with<T>(&self, make: impl FnOnce() -> T) -> Result<&mut T, AllocError> {
        const { assert!(!core::mem::needs_drop::<T>(), "nothing would drop it") };
        let place = self.uninit(Layout::new::<T>())?.cast::<T>();
        // SAFETY: fresh, aligned, and large enough.
        unsafe { place.write(make()) };
        // SAFETY: initialised, ours alone, and live until the heap ends, which
        // the returned lifetime forbids.
        Ok(unsafe { &mut *place.as_ptr() })
    }

    /// Copies a slice into the heap.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call makes a block of its own")]
    pub fn alloc_slice_copy<T: Copy>(&self, slice: &[T]) -> Result<&mut [T], AllocError> {
        let place = self.uninit(Layout::for_value(slice))?.cast::<T>();
        // SAFETY: fresh, aligned, and as large as the slice.
        unsafe { place.copy_from_nonoverlapping(NonNull::from(slice).cast(), slice.len()) };
        let place = NonNull::slice_from_raw_parts(place, slice.len());
        // SAFETY: as in `alloc_with`.
        Ok(unsafe { &mut *place.as_ptr() })
    }

    /// Makes a slice of `len` values in the heap, each from its index.
    ///
    /// Should `make` panic, the room stays taken until the heap goes.
    ///
    /// # Errors
    ///
    /// When memory runs out; `make` is then not called.
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
            // SAFETY: within the block.
            let element = unsafe { place.add(index) };
            // SAFETY: fresh and aligned.
            unsafe { element.write(make(index)) };
        }
        let place = NonNull::slice_from_raw_parts(place, len);
        // SAFETY: all initialised; the rest as in `alloc_with`.
        Ok(unsafe { &mut *place.as_ptr() })
    }

    /// Copies a string into the heap.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call makes a block of its own")]
    pub fn alloc_str(&self, text: &str) -> Result<&mut str, AllocError> {
        let bytes = self.alloc_slice_copy(text.as_bytes())?;
        // SAFETY: a copy of UTF-8.
        Ok(unsafe { core::str::from_utf8_unchecked_mut(bytes) })
    }

    #[inline]
    fn uninit(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the backend is usable while `self` is.
        let block = unsafe { allocator::allocate::<_, false>(self.backend(), layout) };
        block.ok_or(AllocError)
    }
}
