//! Remembers the current thread's parts ("theaps") of the heaps it used last.
//!
//! Engine v3 remembers one of them, and counts references atomically whenever
//! that changes: heaps used in turn cost it some six times what one heap does.
//! Here a heap is known by a number that no other heap will ever have, so that
//! nothing needs to be counted or told when a heap ends.
//!
//! A thread's part of a live heap stays until mimalloc is done with the thread
//! (3.6.1: only `mi_thread_theaps_done`, the heap's own end and
//! `mi_theap_delete` free one; the last is not called by this crate). On glibc
//! that comes after all destructors of `thread_local!`s, one of which empties
//! the table for good. Elsewhere there is no such order, and no table.

use core::alloc::{GlobalAlloc as _, Layout};
use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};
use std::alloc::System;

use mimalloc_sys as sys;

/// A power of two.
const ENTRY_COUNT: usize = 16;

/// Numbers are this far apart: each is the place of its entry in bytes.
const STEP: u64 = size_of::<Entry>() as u64;

/// What a heap is known by: not zero, and never given out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeapId(u64);

impl HeapId {
    /// That of the main heap.
    pub(crate) const MAIN: Self = Self(STEP);

    /// The next one. There are enough for one each nanosecond for 36 years.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(HeapId::MAIN.0 + STEP);

        Self(NEXT.fetch_add(STEP, Ordering::Relaxed))
    }

    #[inline(always)]
    const fn place(self) -> usize {
        (self.0 / STEP) as usize % ENTRY_COUNT
    }
}

/// A heap and the current thread's part of it.
struct Entry {
    heap: Cell<u64>,
    theap: Cell<*mut sys::mi_theap_t>,
}

impl Entry {
    const fn empty() -> Self {
        Self {
            heap: Cell::new(0),
            theap: Cell::new(ptr::null_mut()),
        }
    }

    #[inline(always)]
    fn get(&self, heap: HeapId) -> Option<*mut sys::mi_theap_t> {
        (self.heap.get() == heap.0).then(|| self.theap.get())
    }

    fn set(&self, heap: HeapId, theap: *mut sys::mi_theap_t) {
        self.theap.set(theap);
        self.heap.set(heap.0);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The thread has used no heap yet.
    New,
    Open,
    /// mimalloc will soon be done with the thread.
    Closed,
}

/// What a thread remembers.
struct Cache {
    last: Entry,
    entries: [Entry; ENTRY_COUNT],
    state: Cell<State>,
}

std::thread_local! {
    // Without a destructor, so that to read is all that reading takes.
    static CACHE: Cache = const {
        Cache {
            last: Entry::empty(),
            entries: [const { Entry::empty() }; ENTRY_COUNT],
            state: Cell::new(State::New),
        }
    };

    static CLOSER: Closer = const { Closer };
}

struct Closer;

impl Drop for Closer {
    fn drop(&mut self) {
        CACHE.with(|cache| {
            cache.state.set(State::Closed);
            cache.last.heap.set(0);
            cache.entries.iter().for_each(|entry| entry.heap.set(0));
        });
    }
}

/// The current thread's part of the heap, if that was the last one used.
#[inline(always)]
pub(crate) fn last(heap: HeapId) -> Option<*mut sys::mi_theap_t> {
    CACHE.with(|cache| cache.last.get(heap))
}

/// The current thread's part of the heap, if it is remembered at all; it is the
/// last one used then.
#[inline(always)]
pub(crate) fn find(heap: HeapId) -> Option<*mut sys::mi_theap_t> {
    CACHE.with(|cache| {
        let theap = cache.entries[heap.place()].get(heap)?;
        cache.last.set(heap, theap);
        Some(theap)
    })
}

/// Remembers the current thread's part of a live heap, unless the thread ends.
#[cold]
pub(crate) fn remember(heap: HeapId, theap: *mut sys::mi_theap_t) {
    CACHE.with(|cache| {
        if cache.state.get() == State::New && has_memory() && CLOSER.try_with(|_| ()).is_ok() {
            cache.state.set(State::Open);
        }
        if cache.state.get() == State::Open {
            cache.last.set(heap, theap);
            cache.entries[heap.place()].set(heap, theap);
        }
    });
}

/// Whether glibc has memory for the record of a destructor: without, it ends
/// the process.
fn has_memory() -> bool {
    let layout = Layout::new::<[usize; 8]>();
    // SAFETY: the layout has a size.
    let block = unsafe { System.alloc(layout) };
    if block.is_null() {
        return false;
    }
    // SAFETY: just allocated with this layout.
    unsafe { System.dealloc(block, layout) };
    true
}
