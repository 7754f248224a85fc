//! Defines the view of a heap that one thread has during a closure.

use core::fmt;
use core::marker::PhantomData;

use crate::heap::Heap;
use crate::raw::engine::{self, LocalBackend};

/// Allocates in a heap through the theap of the current thread, looked up once.
///
/// This is the fastest way to allocate in a heap.
///
/// [`Heap::with_local`] makes this value. A lifetime that no code outside can
/// name binds the value to the closure. The value and the collections in it are
/// neither `Send` nor `Sync`, so they stay on the thread. The blocks are freed
/// with the heap.
///
/// On engine v3 each use of a `&Heap` has to find the theap of the thread,
/// which takes longer when a thread uses several heaps in turn; a `LocalHeap`
/// holds the theap. On engine v2, where a heap belongs to one thread, a
/// `LocalHeap` is the heap itself.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use mimalloc::Heap;
///
/// let heap = Heap::new()?;
/// let sum = heap.with_local(|local| {
///     let mut numbers = Vec::new_in(local);
///     numbers.extend(1..=100);
///     numbers.iter().sum::<u32>()
/// });
/// assert_eq!(sum, 5050);
/// # Ok::<(), mimalloc::HeapError>(())
/// ```
///
/// A `LocalHeap` doesn't leave its closure:
///
/// ```compile_fail
/// let heap = mimalloc::Heap::new()?;
/// let escaped = heap.with_local(|local| local);
/// # Ok::<(), mimalloc::HeapError>(())
/// ```
#[derive(Clone, Copy)]
#[doc(alias = "mi_heap_theap")]
#[doc(alias = "mi_theap_malloc")]
pub struct LocalHeap<'a> {
    backend: LocalBackend,
    /// Makes the lifetime invariant, so that only the closure's own lifetime
    /// fits.
    closure: PhantomData<fn(&'a ()) -> &'a ()>,
    /// Removes `Send` and `Sync`: only the theap's thread may use the theap.
    thread: PhantomData<*mut ()>,
}

impl LocalHeap<'_> {
    #[inline(always)]
    pub(crate) fn backend(&self) -> LocalBackend {
        self.backend
    }
}

impl fmt::Debug for LocalHeap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalHeap").field(&self.backend).finish()
    }
}

impl Heap {
    /// Runs `f` with the theap of this heap for the current thread.
    ///
    /// This saves time from a handful of allocations on, because the theap is
    /// looked up once. Calls may be nested, also for several heaps.
    ///
    /// When memory for a theap runs out, each allocation through the
    /// [`LocalHeap`] returns an error.
    ///
    /// Calls `mi_heap_theap` on engine v3, nothing on v2.
    #[inline]
    pub fn with_local<R>(&self, f: impl for<'a> FnOnce(LocalHeap<'a>) -> R) -> R {
        // SAFETY: the backend is used within the closure and on this thread
        // only, and the borrow keeps the heap from being destroyed meanwhile
        // (upstream.md: theap lifetime).
        let backend = unsafe { engine::local_backend(self.backend()) };
        f(LocalHeap {
            backend,
            closure: PhantomData,
            thread: PhantomData,
        })
    }
}
