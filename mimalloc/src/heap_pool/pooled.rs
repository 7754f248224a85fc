//! Defines the loan of a heap.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::Pool;
use crate::arena::Arena;
use crate::heap::Heap;
use crate::raw::backend;

/// Owns a heap that goes back to its pool on drop.
///
/// [`HeapPool::take`](crate::HeapPool::take) and
/// [`HeapPool::take_owned`](crate::HeapPool::take_owned) return this type. The
/// latter's is `'static`. The value dereferences to [`Heap`]. Collections borrow
/// the heap (`Vec::new_in(&*heap)`) or own the loan (`Vec::new_in(heap)`). On engine
/// v3 the value is `Send` and `Sync`, so a task may hold the value across an
/// `await`.
///
/// Dropping the value frees every block in the heap, whether or not the values in
/// the blocks were dropped. If the pool can't keep the heap, the heap is dropped.
///
/// Settings of the heap, such as `Heap::set_numa_affinity`, may stay for the next
/// request. A heap that was put in the place of the pool's own
/// ([`mem::replace`](core::mem::replace)) goes to the pool, unless the two are in
/// different arenas.
#[must_use = "the heap goes back to the pool when this value is dropped"]
pub struct PooledHeap<'pool> {
    /// Is there until `drop`.
    heap: ManuallyDrop<Heap>,
    /// The arena in which the pool made the heap.
    arena: Option<Arena>,
    lender: Lender<'pool>,
}

/// Refers to the pool of a heap.
pub(super) enum Lender<'pool> {
    Borrowed(&'pool Pool),
    Shared(Arc<Pool>),
}

impl<'pool> PooledHeap<'pool> {
    pub(super) fn new(heap: Heap, lender: Lender<'pool>) -> Self {
        Self {
            arena: heap.arena(),
            heap: ManuallyDrop::new(heap),
            lender,
        }
    }

    #[inline(always)]
    pub(crate) fn backend(&self) -> backend::HeapBackend {
        self.heap.backend()
    }
}

impl Deref for PooledHeap<'_> {
    type Target = Heap;

    #[inline]
    fn deref(&self) -> &Heap {
        &self.heap
    }
}

impl DerefMut for PooledHeap<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Heap {
        &mut self.heap
    }
}

impl Drop for PooledHeap<'_> {
    fn drop(&mut self) {
        // SAFETY: only this place takes the heap out, and `drop` runs once.
        let heap = unsafe { ManuallyDrop::take(&mut self.heap) };
        let pool: &Pool = match &self.lender {
            Lender::Borrowed(pool) => pool,
            Lender::Shared(pool) => pool,
        };
        pool.put(heap, self.arena);
    }
}

impl fmt::Debug for PooledHeap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PooledHeap").field(&**self).finish()
    }
}
