//! Checks that mimalloc never calls the deferred-free hook while mimalloc holds
//! a lock that the hook may need. Unpatched, engine v3 (3.6.2) calls the hook
//! from two places that hold a lock: metadata is allocated under a lock of all
//! threads, and the page table of a heap under a lock of the heap.
//!
//! The test has a process of its own, because a process has one such hook.

#![cfg(any(mimalloc_v2, mimalloc_patched))]

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use allocator_api2_04::boxed::Box as Box04;
use mimalloc::{Heap, MiMalloc};
use mimalloc_tests::fail_instead_of_hanging;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

static CALLS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The heap that the code around the hook uses.
    static IN_USE: Cell<*const Heap> = const { Cell::new(ptr::null()) };
}

/// Needs metadata in each call: for a heap, a theap and a thread.
fn hook(_force: bool, _heartbeat: u64) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    Heap::scope(|heap| drop(Box04::new_in([0_u8; 100], heap))).unwrap();
    // SAFETY: the pointer is null, or points to a heap that outlives its place
    // here: `make_heaps` sets the pointer back to null first.
    if let Some(heap) = unsafe { IN_USE.get().as_ref() } {
        drop(Box04::new_in([0_u8; 100], heap));
        drop(Box04::new_in([0_u8; 20_000], heap));
    }
    if CALLS.load(Ordering::Relaxed) % 16 == 0 {
        thread::spawn(|| drop(Box::new(1))).join().unwrap();
    }
}

/// Makes heaps, and takes the first page of each.
fn make_heaps() {
    for round in 0..6_000 {
        Heap::scope(|heap| {
            IN_USE.set(heap);
            drop(Box04::new_in([0_u8; 1000], heap));
            IN_USE.set(ptr::null());
        })
        .unwrap();
        // Brings the hook back from places where mimalloc may call the hook.
        if round % 8 == 0 {
            drop((0..400).map(|i| vec![0_u8; 5000 + i]).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_hook_may_use_heaps_and_threads() {
    fail_instead_of_hanging();
    mimalloc::hooks::set_deferred_free(Some(hook));
    make_heaps();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(make_heaps);
        }
    });
    // A thread needs metadata even without a heap.
    for _ in 0..3_000 {
        thread::spawn(|| drop(vec![0_u8; 100])).join().unwrap();
    }
    mimalloc::hooks::set_deferred_free(None);
    assert!(CALLS.load(Ordering::Relaxed) > 20, "{CALLS:?}");
}
