//! A heap that lives as long as the last thing in it.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use core::alloc::Layout;

use crate::error::HeapError;
use crate::heap::Heap;
use crate::raw::{alloc, backend};

/// What all handles of one heap point to.
struct Shared {
    heap: Heap,
    handles: AtomicUsize,
}

/// More handles than this can't be counted safely; reaching it takes leaking
/// them on purpose.
const MAX_HANDLES: usize = isize::MAX as usize;

/// A reference-counted handle to a heap, for collections that outlive the
/// place that made the heap.
///
/// Each clone, and each collection made in one, keeps the heap alive; the last
/// one destroys it, with whatever was leaked in it. That is the safe answer to
/// "let these blocks outlive my heap".
///
/// A clone counts up and down atomically, which takes longer than allocating a
/// small box: where a reference lives long enough, let the many small
/// collections borrow (`&SharedHeap` is an allocator too) and only what leaves
/// own a handle.
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
/// `shared` points to a live `Shared` that counts this handle.
pub struct SharedHeap {
    shared: NonNull<Shared>,
    owns: PhantomData<Shared>,
}

// SAFETY: on engine v3 `Heap` is `Send` and `Sync`, the count is atomic, and
// the last handle, wherever it is, destroys a heap that nobody else can use.
#[cfg(mimalloc_v3)]
unsafe impl Send for SharedHeap {}

// SAFETY: a shared handle gives shared access to the heap, which is `Sync` on
// engine v3, and clones, which are `Send`.
#[cfg(mimalloc_v3)]
unsafe impl Sync for SharedHeap {}

impl SharedHeap {
    /// Makes a heap and the first handle to it.
    ///
    /// # Errors
    ///
    /// When there is no memory for a heap, or on engine v3 when
    /// [`MAX_HEAPS`](crate::MAX_HEAPS) are live.
    #[cfg(mimalloc_owned_heaps)]
    pub fn new() -> Result<Self, HeapError> {
        Self::from_heap(Heap::new()?)
    }

    /// Shares a heap. What lives in it stays where it is.
    ///
    /// # Errors
    ///
    /// [`HeapError::OutOfMemory`] when there is no memory for the count; the
    /// heap is then dropped.
    pub fn from_heap(heap: Heap) -> Result<Self, HeapError> {
        // SAFETY: `Shared` has a size; the default heap is always usable.
        let block = unsafe { alloc::allocate(backend::DefaultHeap, Layout::new::<Shared>()) };
        let shared = NonNull::new(block.cast::<Shared>()).ok_or(HeapError::OutOfMemory)?;
        // SAFETY: a fresh block that fits `Shared`.
        unsafe {
            shared.write(Shared {
                heap,
                handles: AtomicUsize::new(1),
            })
        };
        // INVARIANT: just written, counting this handle.
        Ok(Self {
            shared,
            owns: PhantomData,
        })
    }

    /// Whether two handles are to the same heap.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.shared == other.shared
    }

    /// The number of handles, those within collections included. Other threads
    /// may change it at any time.
    #[must_use]
    pub fn handle_count(&self) -> usize {
        self.shared().handles.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn shared(&self) -> &Shared {
        // SAFETY: live by the type's invariant, and only ever shared.
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
        // INVARIANT: the count above is for this handle.
        Self {
            shared: self.shared,
            owns: PhantomData,
        }
    }
}

/// Unreachable without leaking handles for years; going on would free the heap
/// under live collections.
#[cold]
fn too_many_handles() -> ! {
    #[cfg(feature = "std")]
    std::process::abort();
    #[cfg(not(feature = "std"))]
    {
        // Panicking while panicking is an abort.
        struct Abort;
        impl Drop for Abort {
            fn drop(&mut self) {
                panic!("too many handles of one heap");
            }
        }
        let _abort = Abort;
        panic!("too many handles of one heap");
    }
}

impl Drop for SharedHeap {
    #[inline]
    fn drop(&mut self) {
        if self.shared().handles.fetch_sub(1, Ordering::Release) == 1 {
            // All that other threads did in the heap happens before its end.
            fence(Ordering::Acquire);
            // SAFETY: this was the last handle, so nothing else can reach the
            // block or the heap.
            unsafe { destroy(self.shared) };
        }
    }
}

/// # Safety
///
/// No handle to `shared` is left, and the block was made by
/// `SharedHeap::from_heap`.
#[cold]
unsafe fn destroy(shared: NonNull<Shared>) {
    // SAFETY: the caller owns the block alone; it is not used again.
    let Shared { heap, .. } = unsafe { shared.read() };
    // SAFETY: allocated with this layout from the default heap.
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
