//! A heap as one thread sees it for the length of a closure.

use core::fmt;
use core::marker::PhantomData;

use crate::heap::Heap;
use crate::raw::engine::{self, LocalBackend};

/// The fastest way to allocate in a heap: its part for the current thread,
/// looked up once.
///
/// Made by [`Heap::with_local`]. It is bound to the closure by a lifetime that
/// nothing outside can name, and to the thread by being neither `Send` nor
/// `Sync`; so are the collections in it. Blocks die with the heap.
///
/// On engine v3 each use of a `&Heap` has to find the heap's thread part
/// ("theap"), which takes longer when several heaps are used in turn; a `LocalHeap`
/// has it at hand. On engine v2, where a heap belongs to one thread anyway, this
/// is the heap.
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
    /// Invariant, so that the closure's own lifetime is the only one that fits.
    closure: PhantomData<fn(&'a ()) -> &'a ()>,
    /// Neither `Send` nor `Sync`: the thread part is the thread's alone.
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
    /// Runs `f` with this heap's part for the current thread.
    ///
    /// Worth it from a handful of allocations on: it saves finding the thread's
    /// part on each of them. Calls may be nested, also for several heaps.
    ///
    /// When no thread part can be made for want of memory, all allocations
    /// through the [`LocalHeap`] fail cleanly.
    ///
    /// Calls `mi_heap_theap` on engine v3, nothing on v2.
    #[inline]
    pub fn with_local<R>(&self, f: impl for<'a> FnOnce(LocalHeap<'a>) -> R) -> R {
        // SAFETY: used within the closure only, on this thread, where the borrow
        // keeps the heap from being destroyed.
        let backend = unsafe { engine::local_backend(self.backend()) };
        f(LocalHeap {
            backend,
            closure: PhantomData,
            thread: PhantomData,
        })
    }
}
