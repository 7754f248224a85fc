//! Holds a part of a pool's idle heaps.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread_local;
use std::vec::Vec;

use crate::arena::Arena;
use crate::heap::Heap;

/// Numbers the threads that use pools.
///
/// A number comes again only after all others, and then a thread gets a heap of
/// another thread: that is slower, and still correct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ThreadNumber(usize);

impl ThreadNumber {
    /// Returns the number of the current thread.
    pub(super) fn current() -> Self {
        thread_local! {
            // Has no destructor, so it is there until the thread's very end.
            static NUMBER: Cell<usize> = const { Cell::new(0) };
        }
        NUMBER.with(|number| {
            if number.get() == 0 {
                number.set(Self::next());
            }
            Self(number.get())
        })
    }

    #[cold]
    fn next() -> usize {
        static LAST: AtomicUsize = AtomicUsize::new(0);

        LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    pub(super) fn get(self) -> usize {
        self.0
    }
}

/// Is what a pool keeps for a later request.
#[derive(Debug)]
pub(super) enum Idle {
    /// An empty heap, in which no thread but `thread` has a theap.
    Heap { heap: Heap, thread: ThreadNumber },
    /// The arena of a heap that was dropped or not made yet.
    Arena(Arena),
}

impl Idle {
    pub(super) fn is_heap(&self) -> bool {
        matches!(self, Self::Heap { .. })
    }

    /// Returns whether `by` gave this heap back.
    pub(super) fn is_heap_of(&self, by: ThreadNumber) -> bool {
        matches!(self, Self::Heap { thread, .. } if *thread == by)
    }
}

/// Says what to do when another thread is in the shard.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lock {
    /// Take the shard for full and for empty.
    Try,
    /// Wait. The other thread moves one value, and calls no code.
    Wait,
}

/// Holds a part of a pool's idle heaps. Has cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard {
    /// The heap given back last is the last one. The capacity is never exceeded,
    /// so that nothing is allocated under the lock, and heaps are dropped outside
    /// of the lock.
    idle: Mutex<Vec<Idle>>,
    room: usize,
}

impl Shard {
    /// Makes a shard that is full with `room` values, and that can hold as many as
    /// `capacity`.
    pub(super) fn new(room: usize, capacity: usize) -> Self {
        Self {
            idle: Mutex::new(Vec::with_capacity(capacity)),
            room,
        }
    }

    fn lock(&self, lock: Lock) -> Option<MutexGuard<'_, Vec<Idle>>> {
        // Nothing panics under the lock, so the list is never half changed.
        match lock {
            Lock::Try => match self.idle.try_lock() {
                Ok(idle) => Some(idle),
                Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            },
            Lock::Wait => Some(self.idle.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Returns how many values fit.
    pub(super) fn count(&self, fits: impl Fn(&Idle) -> bool) -> usize {
        let idle = self.lock(Lock::Wait);
        idle.map_or(0, |idle| idle.iter().filter(|idle| fits(idle)).count())
    }

    /// Takes out the value that fits and was put last.
    pub(super) fn take(&self, lock: Lock, fits: impl Fn(&Idle) -> bool) -> Option<Idle> {
        let mut idle = self.lock(lock)?;
        let at = idle.iter().rposition(fits)?;
        Some(idle.remove(at))
    }

    /// Puts a value if there is room, and returns the value otherwise.
    pub(super) fn put(&self, lock: Lock, value: Idle) -> Result<(), Idle> {
        match self.lock(lock) {
            Some(mut idle) if idle.len() < self.room => {
                idle.push(value);
                Ok(())
            }
            _ => Err(value),
        }
    }

    /// Puts a value, whether or not there is room. The shard has the capacity.
    pub(super) fn put_beyond_room(&self, value: Idle) {
        if let Some(mut idle) = self.lock(Lock::Wait) {
            idle.push(value);
        }
    }

    /// Puts a value in the place of the oldest one that fits, and returns the
    /// latter. Returns `value` if none fits.
    pub(super) fn exchange(&self, value: Idle, fits: impl Fn(&Idle) -> bool) -> Idle {
        let Some(mut idle) = self.lock(Lock::Try) else {
            return value;
        };
        match idle.iter().position(fits) {
            Some(at) => {
                let oldest = idle.remove(at);
                idle.push(value);
                oldest
            }
            None => value,
        }
    }
}
