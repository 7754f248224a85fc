//! Calls a deferred-free hook.
//!
//! The test has a process of its own, because a process has one such hook.

#![cfg(any(mimalloc_v2, mimalloc_patched))]

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;

use mimalloc::{Heap, MiMalloc};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static FORCED: AtomicUsize = AtomicUsize::new(0);
static BACKWARDS: AtomicBool = AtomicBool::new(false);
/// A block that is allocated on its own.
type Block = Box<[u8; 64]>;

/// The blocks that the hook frees. Other threads add to them.
static SET_ASIDE: Mutex<Vec<Block>> = Mutex::new(Vec::new());

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn tidy_up(force: bool, heartbeat: u64) {
    assert!(!INSIDE.replace(true), "called while a call is under way");
    CALLS.fetch_add(1, Ordering::Relaxed);
    if force {
        FORCED.fetch_add(1, Ordering::Relaxed);
    }
    BACKWARDS.fetch_or(heartbeat == 0, Ordering::Relaxed);
    // The hook may allocate, free, use heaps and collect.
    let heap = Heap::new().unwrap();
    drop(Vec::from_iter(0..1_000));
    let mut vec = allocator_api2_04::vec::Vec::new_in(&heap);
    vec.extend(0..100);
    drop(vec);
    drop(heap);
    // The code that the hook interrupts may hold the lock, so the hook does not
    // wait.
    if let Ok(mut set_aside) = SET_ASIDE.try_lock() {
        set_aside.clear();
    }
    if force {
        mimalloc::collect(false);
    }
    INSIDE.set(false);
}

/// Allocates much, in sizes that keep needing fresh pages.
fn work() {
    for round in 0..200 {
        let blocks: Vec<Box<[u8; 64]>> = (0..2_000).map(|_| Box::new([round; 64])).collect();
        let large: Vec<Vec<u8>> = (0..40).map(|i| vec![round; 10_000 + i * 3_000]).collect();
        drop(large);
        if let Ok(mut set_aside) = SET_ASIDE.try_lock() {
            set_aside.extend(blocks.into_iter().take(10));
        }
    }
}

#[test]
fn the_hook_is_called_now_and_then() {
    mimalloc::hooks::set_deferred_free(Some(tidy_up));

    let before = FORCED.load(Ordering::Relaxed);
    mimalloc::collect(true);
    assert!(FORCED.load(Ordering::Relaxed) > before);

    let before = CALLS.load(Ordering::Relaxed);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    assert!(
        CALLS.load(Ordering::Relaxed) > before,
        "not once while allocating"
    );
    assert!(!BACKWARDS.load(Ordering::Relaxed));

    threads_leave_nothing_behind();
    visits_list_what_is_there();

    mimalloc::hooks::set_deferred_free(None);
    let before = CALLS.load(Ordering::Relaxed);
    mimalloc::collect(true);
    work();
    assert_eq!(CALLS.load(Ordering::Relaxed), before);
}

/// Checks that the hook changes nothing that a visit lists. On engine v2 a visit calls
/// the hook, before the visit takes in blocks that other threads freed.
fn visits_list_what_is_there() {
    // Visits of other libraries do not take in such blocks.
    if !cfg!(mimalloc_patched) {
        return;
    }
    let mut heap = Heap::new().unwrap();
    let calls = CALLS.load(Ordering::Relaxed);
    for count in 1..100 {
        let block = || ptr::from_mut(heap.alloc([count; 20]).unwrap()).expose_provenance();
        let freed: Vec<usize> = (0..2 * count).map(|_| block()).step_by(2).collect();
        let free_all = || {
            for address in freed {
                // SAFETY: the block is mimalloc's, and nothing uses the block any more.
                unsafe { mimalloc_sys::mi_free(ptr::with_exposed_provenance_mut(address)) };
            }
        };
        thread::spawn(free_all).join().unwrap();
        let expected = count * (count + 1) / 2;
        assert_eq!(heap.usage().blocks, expected);
        assert_eq!(heap.blocks().unwrap().count(), expected);
        assert_eq!(
            heap.areas().unwrap().map(|area| area.used).sum::<usize>(),
            expected
        );
    }
    if cfg!(mimalloc_v2) {
        assert!(CALLS.load(Ordering::Relaxed) > calls);
    }
}

/// Checks that the crate leaves out the calls at the end of threads. v2 makes
/// such calls, and each of them that allocates loses memory.
fn threads_leave_nothing_behind() {
    let commit = || mimalloc::stats::process_info().current_commit;
    let come_and_go = |threads| {
        for _ in 0..threads {
            let thread = thread::spawn(|| core::hint::black_box(vec![1_u8; 1_000]).len());
            assert_eq!(thread.join().unwrap(), 1_000);
        }
    };
    come_and_go(50);
    let before = commit();
    let calls = FORCED.load(Ordering::Relaxed);
    come_and_go(200);
    assert_eq!(FORCED.load(Ordering::Relaxed), calls);
    let after = commit();
    assert!(after < before + (64 << 20), "{before} and {after} bytes");
}
