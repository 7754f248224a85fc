//! Holds a heap of a world and its owner.

use core::mem;

use mimalloc::ffi::mi_heap_t;
use mimalloc::{Heap, PooledHeap, SharedHeap};

use crate::subject::{Api02, Api04, Subject};

/// Owns a heap in one of the ways that there are.
#[derive(Debug)]
pub(super) enum Owner {
    Plain(Heap),
    Pooled(PooledHeap<'static>),
    Shared(SharedHeap),
}

impl Owner {
    pub(super) fn heap(&self) -> &Heap {
        match self {
            Self::Plain(heap) => heap,
            Self::Pooled(heap) => heap,
            Self::Shared(heap) => heap,
        }
    }

    fn heap_mut(&mut self) -> Option<&mut Heap> {
        match self {
            Self::Plain(heap) => Some(heap),
            Self::Pooled(heap) => Some(heap),
            Self::Shared(_) => None,
        }
    }

    /// Calls `f` with one of the allocators of the heap.
    pub(super) fn with_subject(&self, api: u8, f: impl FnOnce(&dyn Subject)) {
        match (api >> 3) & 7 {
            0 | 1 => f(&Api04(self.heap())),
            2 => self.heap().with_local(|local| f(&Api02(local))),
            3 => self.heap().with_local(|local| f(&Api04(local))),
            4 => match self {
                Self::Shared(heap) => f(&Api02(heap.clone())),
                Self::Pooled(heap) => f(&Api02(heap)),
                Self::Plain(heap) => f(&Api02(heap)),
            },
            5 => match self {
                Self::Shared(heap) => f(&Api04(heap)),
                Self::Pooled(heap) => f(&Api04(heap)),
                Self::Plain(heap) => f(&Api04(heap)),
            },
            _ => f(&Api02(self.heap())),
        }
    }
}

/// Holds a heap of a world.
#[derive(Debug)]
pub(super) struct Slot {
    /// Is `None` while another thread has the heap.
    pub(super) owner: Option<Owner>,
    /// Is the address of the heap while another thread has the heap.
    away: *mut mi_heap_t,
    /// Names the heap in the list of blocks.
    pub(super) number: u64,
    /// The pool that lent the heap.
    pub(super) pool: Option<usize>,
    /// The heap may run out of memory.
    pub(super) is_limited: bool,
    /// Another thread may have used the heap.
    pub(super) has_other_theaps: bool,
    /// The number of blocks that only the heap frees.
    pub(super) values: usize,
}

impl Slot {
    pub(super) fn new(owner: Owner, number: u64, pool: Option<usize>, is_limited: bool) -> Self {
        Self {
            owner: Some(owner),
            away: core::ptr::null_mut(),
            number,
            pool,
            is_limited,
            has_other_theaps: false,
            values: 0,
        }
    }

    pub(super) fn is_here(&self) -> bool {
        self.owner.is_some()
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.owner, Some(Owner::Plain(_)))
    }

    pub(super) fn raw(&self) -> *mut mi_heap_t {
        let here = self.owner.as_ref().map(|owner| owner.heap().as_raw());
        here.unwrap_or(self.away)
    }

    pub(super) fn heap_mut(&mut self) -> Option<&mut Heap> {
        self.owner.as_mut().and_then(Owner::heap_mut)
    }

    /// Returns a handle of a shared heap.
    pub(super) fn shared(&self) -> Option<SharedHeap> {
        match &self.owner {
            Some(Owner::Shared(heap)) => Some(heap.clone()),
            _ => None,
        }
    }

    /// Takes the heap out, for another thread.
    #[cfg(mimalloc_v3)]
    pub(super) fn give_away(&mut self) -> Option<Owner> {
        self.away = self.raw();
        self.owner.take()
    }

    pub(super) fn with_heap(&self, f: impl FnOnce(&Heap)) {
        if let Some(owner) = &self.owner {
            f(owner.heap());
        }
    }

    pub(super) fn with_subject(&self, api: u8, f: impl FnOnce(&dyn Subject)) {
        if let Some(owner) = &self.owner {
            owner.with_subject(api, f);
        }
    }

    /// Exchanges the heaps of two owners. Each owner stays with its pool.
    pub(super) fn swap(&mut self, other: &mut Self) {
        let (Some(a), Some(b)) = (self.heap_mut(), other.heap_mut()) else {
            return;
        };
        mem::swap(a, b);
        mem::swap(&mut self.number, &mut other.number);
        mem::swap(&mut self.is_limited, &mut other.is_limited);
        mem::swap(&mut self.has_other_theaps, &mut other.has_other_theaps);
        mem::swap(&mut self.values, &mut other.values);
    }
}
