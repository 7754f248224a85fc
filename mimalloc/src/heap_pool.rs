//! Defines a pool that lends heaps and takes them back.

mod options;
mod pooled;
mod shard;

use core::fmt;
use std::boxed::Box;
use std::sync::Arc;

use crate::arena::{Arena, ArenaError};
use crate::error::HeapError;
use crate::heap::Heap;

use self::pooled::Lender;
use self::shard::{Idle, Lock, Shard, ThreadNumber};

pub use self::options::HeapPoolOptions;
pub use self::pooled::PooledHeap;

/// Lends heaps to requests, and resets each heap when it comes back.
///
/// [`take`](Self::take) returns a [`PooledHeap`], which is used like a [`Heap`].
/// When the `PooledHeap` is dropped, the pool frees all blocks of the heap, as
/// [`Heap::reset_keeping`] does, and keeps the heap for the next request. On one
/// thread, taking a heap and giving it back costs little more than [`Heap::reset`],
/// and much less than a new heap: see [`docs::choosing`](crate::docs::choosing).
///
/// Clones are handles of one pool. A pool ends with its last handle and its last
/// heap from [`take_owned`](Self::take_owned).
///
/// ```
/// use allocator_api2::vec::Vec;
/// use mimalloc::HeapPool;
///
/// let pool = HeapPool::new();
/// for request in ["1 2 3", "4 5"] {
///     let heap = pool.take()?;
///     let mut numbers = Vec::new_in(&*heap);
///     numbers.extend(request.split(' ').map(str::len));
///     assert_eq!(numbers.len(), request.len().div_ceil(2));
/// } // the heap goes back to the pool
/// # Ok::<(), mimalloc::HeapError>(())
/// ```
///
/// A collection can't outlive the loan of its heap:
///
/// ```compile_fail
/// use allocator_api2::vec::Vec;
/// let pool = mimalloc::HeapPool::new();
/// let numbers = {
///     let heap = pool.take().unwrap();
///     Vec::<u8, _>::new_in(&*heap)
/// };
/// drop(numbers);
/// ```
///
/// # Bounds
///
/// A pool keeps at most [`max_idle`](HeapPoolOptions::max_idle) heaps that are
/// not in use, 16 for each core unless told otherwise. Each of these keeps at most
/// about [`keep_bytes`](HeapPoolOptions::keep_bytes) of its pages, 1 MiB unless
/// told otherwise, and mimalloc's tables for the heap. The pool does not bound how
/// many heaps are in use, except a pool in
/// [exclusive arenas](HeapPoolOptions::build_in_arenas).
///
/// A panic drops the `PooledHeap`, so the heap goes back as well. A `PooledHeap`
/// that is [forgotten](core::mem::forget) leaks its heap, and the pool goes on.
///
/// # Threads
///
/// The pool gives a thread the heap that this thread gave back last. A heap is
/// reset in place only on the one thread that allocated in the heap (see
/// [`Heap::reset`]). Therefore the pool drops a heap that several threads used, or
/// that comes back on another thread than the one that used it, and makes a new
/// heap for the next request. A request that moves between threads, such as a
/// task of a multi-threaded runtime, is correct, but costs as much as without a
/// pool. To save this cost, take the heap after the last `await` that may move the
/// task, or run the tasks on one thread.
///
/// No thread waits for another in a pool, not even in short locks: a thread that
/// finds a part of the pool busy goes to the next part. An exclusive-arena pool
/// waits shortly where it would otherwise report that no heap is idle.
///
/// # Platform-specific behaviour
///
/// Where heaps are never reset in place, which [`Heap::reset`] lists, the pool
/// keeps no heaps and makes a new heap for each request. On engine v2 heaps stay
/// on their thread, and so do a pool and all of its handles. The pool needs the
/// feature `std`.
#[derive(Clone)]
pub struct HeapPool {
    pool: Arc<Pool>,
}

impl HeapPool {
    /// Makes a pool with the default bounds. The pool has no heaps yet.
    ///
    /// ```
    /// use mimalloc::HeapPool;
    /// use std::sync::LazyLock;
    ///
    /// # #[cfg(mimalloc_v3)] {
    /// static POOL: LazyLock<HeapPool> = LazyLock::new(HeapPool::new);
    ///
    /// let heap = POOL.take()?; // a `PooledHeap<'static>`
    /// let worker = std::thread::spawn(move || heap.alloc(20).map(|value| *value + 1));
    /// assert_eq!(worker.join().expect("it doesn't panic"), Ok(21));
    /// # }
    /// # Ok::<(), mimalloc::HeapError>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::options().build()
    }

    /// Returns options for a pool, like [`HeapPoolOptions::new`].
    pub fn options() -> HeapPoolOptions {
        HeapPoolOptions::new()
    }

    #[allow(
        clippy::arc_with_non_send_sync,
        reason = "a pool of engine v2 stays on its thread"
    )]
    fn of(pool: Pool) -> Self {
        Self {
            pool: Arc::new(pool),
        }
    }

    /// Takes an empty heap out of the pool, or makes a heap.
    ///
    /// # Errors
    ///
    /// Returns an error when the pool has no heap for this thread and memory runs
    /// out, or on engine v3 when [`MAX_HEAPS`](crate::MAX_HEAPS) heaps are live. A
    /// pool in exclusive arenas returns [`HeapError::AllInUse`] when each of its
    /// heaps is in use.
    pub fn take(&self) -> Result<PooledHeap<'_>, HeapError> {
        let heap = self.pool.take()?;
        Ok(PooledHeap::new(heap, Lender::Borrowed(&self.pool)))
    }

    /// Takes an empty heap out of the pool, like [`take`](Self::take). The
    /// returned value owns a handle of the pool, so that the value is `'static`.
    ///
    /// Prefer `take` where a borrow is possible, for example within one
    /// asynchronous function. Handles are counted atomically, and cores take turns
    /// at the count.
    ///
    /// ```
    /// use allocator_api2::vec::Vec;
    /// use mimalloc::{HeapPool, PooledHeap};
    ///
    /// fn answer(pool: &HeapPool) -> Result<Vec<u8, PooledHeap<'static>>, mimalloc::HeapError> {
    ///     let mut body = Vec::new_in(pool.take_owned()?);
    ///     body.extend_from_slice(b"200 OK");
    ///     Ok(body) // the body owns its heap, and gives it back
    /// }
    ///
    /// let pool = HeapPool::new();
    /// assert_eq!(answer(&pool)?, b"200 OK");
    /// # Ok::<(), mimalloc::HeapError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`take`](Self::take).
    pub fn take_owned(&self) -> Result<PooledHeap<'static>, HeapError> {
        let heap = self.pool.take()?;
        Ok(PooledHeap::new(heap, Lender::Shared(self.pool.clone())))
    }

    /// Returns the number of heaps that the pool keeps and that are not in use.
    ///
    /// Other threads may change the number at any time.
    #[must_use]
    pub fn idle_count(&self) -> usize {
        let shards = self.pool.shards.iter();
        shards.map(|shard| shard.count(Idle::is_heap)).sum()
    }

    /// Drops the heaps that are not in use, so that their memory goes back.
    ///
    /// Arenas of the pool stay reserved.
    pub fn clear(&self) {
        for shard in &self.pool.shards {
            // A bound, because other threads may give heaps back meanwhile.
            for _ in 0..shard.count(Idle::is_heap) {
                if let Some(idle) = shard.take(Lock::Wait, Idle::is_heap) {
                    self.pool.drop_idle(idle);
                }
            }
        }
    }
}

impl Default for HeapPool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HeapPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapPool")
            .field("idle", &self.idle_count())
            .field("keep_bytes", &self.pool.keep_bytes)
            .finish_non_exhaustive()
    }
}

/// Says where a pool makes its heaps.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Each heap takes memory wherever mimalloc has some.
    Anywhere,
    /// All heaps are in one arena.
    Arena(Arena),
    /// Each heap is in an arena of its own. The arenas are in the pool from the
    /// start, and are never lost: they can't be given back to the system.
    Arenas,
}

/// Holds what all handles of a pool share.
///
/// A thread starts at a shard of its own, so threads on different cores seldom
/// touch the same memory. Threads with the same shard, or with a full or busy one,
/// go on to the next shard.
///
/// The alignment keeps the fields, which are only read, out of the cache line of the
/// count of handles.
#[repr(align(128))]
struct Pool {
    /// The number of shards is a power of two.
    shards: Box<[Shard]>,
    keep_bytes: usize,
    place: Place,
}

impl Pool {
    fn new(options: HeapPoolOptions, place: Place) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // More idle heaps than heaps would be table entries for nothing.
        let max_idle = (options.max_idle)
            .unwrap_or(cores.saturating_mul(IDLE_PER_CORE))
            .min(crate::MAX_HEAPS);
        let count = match max_idle {
            0 => 1,
            // The largest power of two that leaves room in each shard.
            _ => (1 << max_idle.ilog2()).min(cores.next_power_of_two()),
        };
        let shard = |at: usize| {
            let room = (max_idle + count - 1 - at) / count;
            match place {
                Place::Anywhere | Place::Arena(_) => Shard::new(room, room),
                Place::Arenas => Shard::new(room, max_idle),
            }
        };
        Self {
            shards: (0..count).map(shard).collect(),
            keep_bytes: options.keep_bytes,
            place,
        }
    }

    /// Makes a pool of `count` heaps in exclusive arenas of `size` bytes.
    fn in_arenas(options: HeapPoolOptions, count: usize, size: usize) -> Result<Self, ArenaError> {
        // Nothing is allocated for arenas that can't be reserved.
        let arenas = (0..count).map(|_| Arena::reserve(size));
        let arenas = arenas.collect::<Result<std::vec::Vec<_>, _>>()?;
        let options = options.max_idle(count);
        let pool = Self::new(options, Place::Arenas);
        for (at, arena) in arenas.into_iter().enumerate() {
            // The rooms add up to `count`, and an arena is no heap to drop.
            let shard = pool.shards.iter().cycle().nth(at);
            drop(shard.map(|shard| shard.put(Lock::Wait, Idle::Arena(arena))));
        }
        Ok(pool)
    }

    /// Returns the shards, beginning with the one of the thread.
    fn shards_from(&self, thread: ThreadNumber) -> impl Iterator<Item = &Shard> {
        let first = thread.get() & (self.shards.len() - 1);
        let (before, from) = self.shards.split_at(first);
        from.iter().chain(before)
    }

    /// Takes what `fits` out of the first shard that has it.
    fn find(&self, thread: ThreadNumber, lock: Lock, fits: impl Fn(&Idle) -> bool) -> Option<Idle> {
        self.shards_from(thread)
            .find_map(|shard| shard.take(lock, &fits))
    }

    /// Returns an empty heap.
    fn take(&self) -> Result<Heap, HeapError> {
        let thread = ThreadNumber::current();
        if let Some(Idle::Heap { heap, .. }) =
            self.find(thread, Lock::Try, |idle| idle.is_heap_of(thread))
        {
            return Ok(heap);
        }
        self.take_other(thread)
    }

    /// Returns an empty heap for a thread that gave none back.
    #[cold]
    fn take_other(&self, thread: ThreadNumber) -> Result<Heap, HeapError> {
        // A heap of another thread would get a second theap, and could never be
        // reset in place again. A new heap is cheaper, unless it takes an arena.
        let error = match self.place {
            Place::Anywhere => match Heap::create() {
                Ok(heap) => return Ok(heap),
                Err(error) => error,
            },
            Place::Arena(arena) => match Heap::create_in(arena) {
                Ok(heap) => return Ok(heap),
                Err(error) => error,
            },
            Place::Arenas => match self.find(thread, Lock::Wait, |idle| !idle.is_heap()) {
                Some(Idle::Arena(arena)) => {
                    return Heap::create_in(arena)
                        .inspect_err(|_| self.put_idle(thread, Idle::Arena(arena)));
                }
                _ => HeapError::AllInUse,
            },
        };
        let lock = match self.place {
            Place::Anywhere | Place::Arena(_) => Lock::Try,
            Place::Arenas => Lock::Wait,
        };
        match self.find(thread, lock, Idle::is_heap) {
            Some(Idle::Heap { heap, .. }) => Ok(heap),
            _ => Err(error),
        }
    }

    /// Takes a heap back. `arena` is the arena that the heap was in when it was
    /// taken: safe code may have exchanged the heap since.
    fn put(&self, mut heap: Heap, arena: Option<Arena>) {
        let thread = ThreadNumber::current();
        if heap.arena() == arena && heap.reset_in_place(self.keep_bytes) {
            self.put_idle(thread, Idle::Heap { heap, thread });
        } else {
            drop(heap);
            if let (Place::Arenas, Some(arena)) = (self.place, arena) {
                self.put_idle(thread, Idle::Arena(arena));
            }
        }
    }

    /// Puts `idle` into the first shard with room, or in the place of a heap that
    /// another thread gave back.
    fn put_idle(&self, thread: ThreadNumber, mut idle: Idle) {
        for shard in self.shards_from(thread) {
            match shard.put(Lock::Try, idle) {
                Ok(()) => return,
                Err(back) => idle = back,
            }
        }
        self.put_somehow(thread, idle);
    }

    #[cold]
    fn put_somehow(&self, thread: ThreadNumber, mut idle: Idle) {
        match self.place {
            Place::Anywhere | Place::Arena(_) => {
                // The thread may have ended long ago.
                if let Some(first) = self.shards_from(thread).next() {
                    idle = first.exchange(idle, |idle| !idle.is_heap_of(thread));
                }
                drop(idle);
            }
            // Arenas have room somewhere. Only a busy shard, or a heap that another
            // thread moved meanwhile, brought the arena here.
            Place::Arenas => {
                if let Some(first) = self.shards_from(thread).next() {
                    first.put_beyond_room(idle);
                }
            }
        }
    }

    /// Drops a heap, but keeps its arena if the arena is the pool's.
    fn drop_idle(&self, idle: Idle) {
        if let Idle::Heap { heap, .. } = idle {
            let arena = heap.arena();
            drop(heap);
            if let (Place::Arenas, Some(arena)) = (self.place, arena) {
                self.put_idle(ThreadNumber::current(), Idle::Arena(arena));
            }
        }
    }
}

/// States how many idle heaps a pool keeps for each core by default.
const IDLE_PER_CORE: usize = 16;
