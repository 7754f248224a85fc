//! Defines the guard that keeps a heap the default of a thread.

use super::Heap;
use crate::raw::engine::default_heap;

/// Keeps a heap the default heap of the thread; see [`Heap::set_default`].
#[derive(Debug)]
pub struct DefaultGuard<'heap> {
    pub(super) before: default_heap::Before,
    pub(super) heap: &'heap Heap,
}

impl Heap {
    /// Makes this heap the default heap of the current thread until the
    /// returned guard is dropped.
    ///
    /// This redirects every plain allocation on the thread. If
    /// [`MiMalloc`](crate::MiMalloc) is the global allocator, that includes
    /// what the standard library allocates for the thread.
    ///
    /// Calls `mi_theap_set_default` on engine v3, `mi_heap_set_default` on v2.
    ///
    /// # Safety
    ///
    /// - The guard is dropped on this thread, and is not forgotten. Guards of
    ///   several heaps are dropped in the reverse order. The guard is dropped
    ///   before mimalloc's part of the thread ends, so not by the destructor of
    ///   a pthread key.
    /// - No block that plain allocation on this thread returns meanwhile is
    ///   used or freed after the heap ends.
    /// - On engine v2 this thread meanwhile frees no block of an ended thread:
    ///   freeing such a block may bring other blocks of the ended thread into
    ///   this heap.
    #[doc(alias = "mi_theap_set_default")]
    #[doc(alias = "mi_heap_set_default")]
    #[must_use = "the heap is the default only until the guard is dropped"]
    pub unsafe fn set_default(&self) -> DefaultGuard<'_> {
        // SAFETY: the heap is live by the type's invariant (on engine v2 this
        // thread's, or dead), and the guard borrows the heap. The caller keeps
        // the rules of upstream.md: default heap.
        let before = unsafe { default_heap::set(self.as_raw()) };
        DefaultGuard { before, heap: self }
    }
}

impl Drop for DefaultGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: `before` was the default of this thread. The caller of
        // `set_default` promised to nest guards and to drop the guards before
        // the thread ends, so `before` is still live (upstream.md: default
        // heap).
        unsafe { default_heap::restore(self.heap.as_raw(), self.before) };
    }
}
