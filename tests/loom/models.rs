//! Runs the crate's lock, its count of handles and its ring in all orders that loom
//! finds: whoever sees an effect must see what came before.

#![allow(
    clippy::arc_with_non_send_sync,
    reason = "loom runs its threads on one thread, and looks for races itself"
)]

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread;
use mimalloc_loom_tests::heap::{ENDED, Heap};
use mimalloc_loom_tests::hooks::Ring;
use mimalloc_loom_tests::raw::{destroying, walking};
use mimalloc_loom_tests::shared_heap::SharedHeap;
use mimalloc_loom_tests::sync::atomic::check;

/// Is what a walk reads of a heap, and what the end of the heap writes.
#[derive(Default)]
struct Record(UnsafeCell<usize>);

impl Record {
    fn end(&self) {
        self.0.with_mut(|record| {
            // SAFETY: loom fails the test if another thread looks meanwhile.
            unsafe { *record += 1 };
        });
    }

    fn look(&self) -> usize {
        // SAFETY: loom fails the test if another thread writes meanwhile.
        self.0.with(|record| unsafe { *record })
    }
}

/// Lets threads walk and destroy, each as often as the numbers say.
fn walks_and_destructions(walks: usize, destructions: usize) {
    let heaps: Arc<Vec<Record>> = Arc::new((0..destructions).map(|_| Record::default()).collect());
    // The lock is made before the threads are.
    walking(|| ());
    let walkers = (0..walks).map(|_| {
        let heaps = Arc::clone(&heaps);
        thread::spawn(move || walking(|| assert!(heaps.iter().all(|heap| heap.look() < 2))))
    });
    let walkers: Vec<_> = walkers.collect();
    for heap in 1..destructions {
        let heaps = Arc::clone(&heaps);
        thread::spawn(move || destroying(|| heaps[heap].end()));
    }
    if destructions > 0 {
        destroying(|| heaps[0].end());
    }
    for walker in walkers {
        walker.join().unwrap();
    }
}

#[test]
fn a_walk_and_a_destruction_see_what_the_other_did() {
    check(4, || walks_and_destructions(1, 1));
}

#[test]
fn a_walk_sees_all_destructions() {
    check(2, || walks_and_destructions(1, 2));
}

#[test]
fn a_destruction_sees_all_walks() {
    check(2, || walks_and_destructions(2, 1));
}

/// Uses a heap on several threads, each of which has a handle. The heap ends once,
/// after the last use.
#[test]
fn the_last_handle_ends_the_heap_after_all_uses() {
    check(3, || {
        let blocks = Arc::new(UnsafeCell::new(0));
        let heap = SharedHeap::from_heap(Heap::new(Arc::clone(&blocks))).unwrap();
        assert_eq!(heap.handle_count(), 1);
        let threads = (0..2).map(|_| {
            let handle = Handle(heap.clone());
            thread::spawn(move || {
                let handle = handle;
                handle.0.touch();
                drop(Handle(handle.0.clone()));
                handle.0.touch();
            })
        });
        let threads: Vec<_> = threads.collect();
        heap.touch();
        drop(heap);
        for thread in threads {
            thread.join().unwrap();
        }
        // SAFETY: all threads have ended.
        blocks.with(|blocks| assert_eq!(unsafe { *blocks }, ENDED, "the heap is leaked"));
    });
}

/// Is a handle that other threads may have. `mimalloc/src/heap/v3.rs` says so of the
/// real heaps.
struct Handle(SharedHeap);

// SAFETY: the handles are counted atomically, which this program checks.
unsafe impl Send for Handle {}

/// Takes what two threads push, and loses no byte.
#[test]
fn the_ring_gives_back_what_was_pushed() {
    check(2, || {
        let ring = Arc::new(Ring::default());
        // The ring is made before the threads are.
        assert_eq!(ring.take(|_| ()), 0);
        let writers = [b"ab", b"cd"].map(|text| {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.push(text))
        });
        let mut taken = Vec::new();
        let mut lost = ring.take(|bytes| taken.extend_from_slice(bytes));
        for writer in writers {
            writer.join().unwrap();
        }
        lost += ring.take(|bytes| taken.extend_from_slice(bytes));
        assert_eq!(lost, 0);
        assert!(taken == b"abcd" || taken == b"cdab", "{taken:?}");
    });
}

/// Lets two readers empty the ring. Each byte comes once.
#[test]
fn readers_of_the_ring_take_no_byte_twice() {
    check(3, || {
        let ring = Arc::new(Ring::default());
        // The ring is made before the threads are.
        assert_eq!(ring.take(|_| ()), 0);
        ring.push(b"ab");
        let other = Arc::clone(&ring);
        let reader = thread::spawn(move || {
            let mut taken = 0;
            other.take(|bytes| taken += bytes.len());
            taken
        });
        let mut taken = 0;
        ring.take(|bytes| taken += bytes.len());
        taken += reader.join().unwrap();
        ring.take(|bytes| taken += bytes.len());
        assert_eq!(taken, 2);
    });
}
