//! Defines the options for making a pool.

use super::{HeapPool, Place, Pool};
use crate::arena::{Arena, ArenaError};
use crate::heap::KEPT_BY_RESET;

/// Describes a pool to make. Returned by [`HeapPool::options`].
///
/// ```
/// use mimalloc::HeapPool;
///
/// let pool = HeapPool::options().max_idle(64).keep_bytes(256 << 10).build();
/// drop(pool.take()?);
/// assert!(pool.idle_count() <= 64);
/// # Ok::<(), mimalloc::HeapError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct HeapPoolOptions {
    /// `None` stands for a number that depends on the cores.
    pub(super) max_idle: Option<usize>,
    pub(super) keep_bytes: usize,
}

impl HeapPoolOptions {
    /// Returns options with the default bounds.
    pub fn new() -> Self {
        Self {
            max_idle: None,
            keep_bytes: KEPT_BY_RESET,
        }
    }

    /// Sets how many heaps the pool keeps that are not in use. The default is 16
    /// for each core.
    ///
    /// A good number is the number of heaps that are in use at the same time. A
    /// pool that is full drops the heap that comes back, or in its place an older
    /// one of another thread. With 0 the pool keeps no heaps. Numbers above
    /// [`MAX_HEAPS`](crate::MAX_HEAPS) count as that.
    pub fn max_idle(mut self, heaps: usize) -> Self {
        self.max_idle = Some(heaps);
        self
    }

    /// Sets about how many bytes of its pages each idle heap keeps, as
    /// [`Heap::reset_keeping`](crate::Heap::reset_keeping) does. The default is
    /// 1 MiB.
    ///
    /// A good number is what most requests use. With 0 an idle heap keeps no page.
    pub fn keep_bytes(mut self, bytes: usize) -> Self {
        self.keep_bytes = bytes;
        self
    }

    /// Makes a pool. The pool has no heaps yet.
    ///
    /// The table of idle heaps is allocated now. The process aborts if there is no
    /// memory for the table, as it does for a `Vec`.
    #[must_use]
    pub fn build(self) -> HeapPool {
        HeapPool::of(Pool::new(self, Place::Anywhere))
    }

    /// Makes a pool whose heaps are all in `arena`, as
    /// [`Heap::new_in`](crate::Heap::new_in) makes them.
    ///
    /// In an exclusive arena, heaps that are not in use take memory from heaps that
    /// are: choose the bounds accordingly.
    #[must_use]
    pub fn build_in(self, arena: Arena) -> HeapPool {
        HeapPool::of(Pool::new(self, Place::Arena(arena)))
    }

    /// Makes a pool of `count` heaps. Each heap is in an exclusive arena of its own
    /// of `size` bytes, and cannot use more memory.
    ///
    /// The arenas are reserved now and are never given back, even if the pool is
    /// dropped. Memory is committed as the heaps use it. The pool has at most
    /// `count` heaps, so [`max_idle`](Self::max_idle) does not matter. A
    /// [`PooledHeap`](crate::PooledHeap) that is forgotten loses its arena.
    ///
    /// ```
    /// use allocator_api2::vec::Vec;
    /// use mimalloc::{HeapError, HeapPool};
    ///
    /// let pool = HeapPool::options().build_in_arenas(2, 64 << 20)?;
    /// let first = pool.take()?;
    /// let second = pool.take()?;
    /// assert!(matches!(pool.take(), Err(HeapError::AllInUse)));
    ///
    /// let mut bytes = Vec::<u8, _>::new_in(&*first);
    /// assert!(bytes.try_reserve(100 << 20).is_err());
    /// assert!(bytes.try_reserve(1 << 20).is_ok());
    /// drop(second);
    /// assert!(pool.take().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Arena::reserve`]. Arenas that were reserved before
    /// the error stay reserved. mimalloc has room for 160 arenas, and needs some of
    /// them for other memory.
    pub fn build_in_arenas(self, count: usize, size: usize) -> Result<HeapPool, ArenaError> {
        Pool::in_arenas(self, count, size).map(HeapPool::of)
    }
}

impl Default for HeapPoolOptions {
    fn default() -> Self {
        Self::new()
    }
}
