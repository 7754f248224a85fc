//! Defines a heap that lives until its last handle is dropped.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use core::alloc::Layout;

use crate::error::HeapError;
use crate::heap::Heap;
use crate::raw::{alloc, backend, runtime};

/// Holds what all handles of one heap point to.
struct Shared {
    heap: Heap,
    handles: AtomicUsize,
}

/// States how many handles can be counted safely. A program reaches this number
/// only by leaking handles on purpose.
const MAX_HANDLES: usize = isize::MAX as usize;

/// Owns a heap together with other handles, for collections that outlive the
/// place that made the heap.
///
/// Each clone, and each collection that owns a clone, keeps the heap alive.
/// Dropping the last handle destroys the heap, with all blocks that were leaked
/// in the heap. This is the safe way to let blocks outlive the place that made
/// the heap.
///
/// A clone counts up and down atomically, which takes longer than allocating a
/// small box. Prefer borrowing (`&SharedHeap` is also an allocator), and clone
/// the handle only for collections that outlive the borrow.
///
/// | engine | clones may |
/// |---|---|
/// | v3 | go to other threads: `Send + Sync` |
/// | v2 | not leave the thread |
///
/// ```
/// use allocator_api2::vec::Vec;
/// use mimalloc::SharedHeap;
///
/// fn build() -> Result<Vec<u32, SharedHeap>, mimalloc::HeapError> {
///     let heap = SharedHeap::new()?;
///     let mut squares = Vec::new_in(heap);
///     squares.extend((1..=4).map(|n| n * n));
///     Ok(squares)
/// }
///
/// assert_eq!(build()?, [1, 4, 9, 16]);
/// # Ok::<(), mimalloc::HeapError>(())
/// ```
///
/// # Invariants
///
/// `shared` points to a live `Shared` whose count includes this handle.
pub struct SharedHeap {
    shared: NonNull<Shared>,
    owns: PhantomData<Shared>,
}

impl SharedHeap {
    /// Makes the first handle to a heap.
    ///
    /// The blocks in the heap stay where they are.
    ///
    /// # Errors
    ///
    /// Returns [`HeapError::OutOfMemory`] when there is no memory for the
    /// count; the heap is then dropped.
    pub fn from_heap(heap: Heap) -> Result<Self, HeapError> {
        // SAFETY: `Shared` has a size, and the default heap may be used on each
        // thread.
        let block = unsafe { alloc::allocate(backend::DefaultHeap, Layout::new::<Shared>()) };
        let shared = NonNull::new(block.cast::<Shared>()).ok_or(HeapError::OutOfMemory)?;
        // SAFETY: the block is fresh, and has the layout of `Shared`.
        unsafe {
            shared.write(Shared {
                heap,
                handles: AtomicUsize::new(1),
            })
        };
        // INVARIANT: `shared` was just written, and its count of 1 is for this
        // handle.
        Ok(Self {
            shared,
            owns: PhantomData,
        })
    }

    /// Returns whether two handles belong to the same heap.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.shared == other.shared
    }

    /// Returns the number of handles, including handles in collections.
    ///
    /// Other threads may change the number at any time.
    #[must_use]
    pub fn handle_count(&self) -> usize {
        self.shared().handles.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn shared(&self) -> &Shared {
        // SAFETY: `shared` is live by the type's invariant, and is never
        // borrowed mutably.
        unsafe { self.shared.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn backend(&self) -> backend::HeapBackend {
        self.shared().heap.backend()
    }
}

impl Deref for SharedHeap {
    type Target = Heap;

    fn deref(&self) -> &Heap {
        &self.shared().heap
    }
}

impl Clone for SharedHeap {
    #[inline]
    fn clone(&self) -> Self {
        let before = self.shared().handles.fetch_add(1, Ordering::Relaxed);
        if before > MAX_HANDLES {
            too_many_handles();
        }
        // INVARIANT: the count above includes this handle.
        Self {
            shared: self.shared,
            owns: PhantomData,
        }
    }
}

/// Aborts the process, because counting on would free the heap under live
/// collections. A program gets here only by leaking handles for years.
#[cold]
fn too_many_handles() -> ! {
    runtime::abort("too many handles of one heap");
}

impl Drop for SharedHeap {
    #[inline]
    fn drop(&mut self) {
        if self.shared().handles.fetch_sub(1, Ordering::Release) == 1 {
            // The fence orders all uses of the heap on other threads before its
            // end.
            fence(Ordering::Acquire);
            // SAFETY: this was the last handle, so no other code can reach the
            // block or the heap.
            unsafe { destroy(self.shared) };
        }
    }
}

/// Frees the shared block and drops its heap.
///
/// # Safety
///
/// - No handle to `shared` is left.
/// - `SharedHeap::from_heap` made the block.
#[cold]
unsafe fn destroy(shared: NonNull<Shared>) {
    // SAFETY: the caller owns the block alone, and the value in the block is
    // not used again.
    let Shared { heap, .. } = unsafe { shared.read() };
    // SAFETY: `from_heap` allocated the block with this layout in the default
    // heap.
    unsafe { alloc::deallocate(shared.as_ptr().cast(), Layout::new::<Shared>()) };
    drop(heap);
}

impl fmt::Debug for SharedHeap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedHeap")
            .field("heap", &self.shared().heap)
            .field("handles", &self.handle_count())
            .finish()
    }
}
