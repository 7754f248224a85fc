//! Compares heaps with the global path: the time of the same work in one, two
//! and four heaps that take turns, of heaps that come and go, and of freeing
//! everything at once.
//!
//! `cargo bench -p mimalloc-benches --bench heaps -- one_by_one`

use core::mem;

use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use bumpalo::Bump;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mimalloc::{Heap, MiMalloc};

mod patterns;
mod subject;

use patterns::{Boxes, Growth, Map};
use subject::{Global, InLocal, OwnShared, Pattern, RefHeap, RefShared, Subject, heap};

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

fn main() {
    divan::main();
}

/// The number of steps in all heaps together.
const STEPS: usize = 1024;

fn in_turn<P: Pattern, S: Subject>(bencher: Bencher<'_, '_>, heaps: usize) {
    S::new().with::<P>(heaps, |work| {
        bencher
            .counter(ItemsCount::new(STEPS))
            .bench_local(|| work.steps(STEPS / heaps));
    });
}

/// Replaces boxes of 48 bytes in a ring of 256.
#[divan::bench(types = [Global, RefHeap, OwnShared, RefShared, InLocal], args = [1, 2, 4])]
fn boxes<S: Subject>(bencher: Bencher, heaps: usize) {
    in_turn::<Boxes, S>(bencher, heaps);
}

/// Grows vectors to 100 elements by `push`.
#[divan::bench(types = [Global, RefHeap, OwnShared, RefShared, InLocal], args = [1, 2, 4])]
fn growth<S: Subject>(bencher: Bencher, heaps: usize) {
    in_turn::<Growth, S>(bencher, heaps);
}

/// Fills hash maps with 100 entries.
#[divan::bench(types = [Global, RefHeap, OwnShared, RefShared, InLocal], args = [1, 2, 4])]
fn map<S: Subject>(bencher: Bencher, heaps: usize) {
    in_turn::<Map, S>(bencher, heaps);
}

/// The object that the benchmarks below allocate.
type Object = [u64; 6];

/// Puts objects into a heap, which only the end of the heap frees.
fn fill(heap: &Heap, objects: usize) {
    heap.with_local(|local| {
        for i in 0..objects as u64 {
            mem::forget(Box::new_in([i; 6], local));
        }
    });
}

/// Makes a heap, puts objects into it, and drops it.
#[divan::bench(args = [0, 1, 1_000, 10_000])]
fn heap_life(objects: usize) {
    let heap = heap();
    fill(&heap, objects);
}

/// Makes the same objects in the global heap, and frees them one by one.
#[divan::bench(args = [1, 1_000, 10_000])]
fn without_heap(objects: usize) {
    let boxes: std::vec::Vec<_> = (0..objects as u64)
        .map(|i| Box::new_in([i; 6], MiMalloc))
        .collect();
    drop(black_box(boxes));
}

/// Frees a million objects. The inputs are large, so there are few samples, one
/// at a time.
mod release {
    use super::*;

    const OBJECTS: usize = 1_000_000;

    #[divan::bench(sample_count = 20, sample_size = 1, counters = [ItemsCount::new(OBJECTS)])]
    fn heap_drop(bencher: Bencher) {
        let full = || {
            let heap = heap();
            fill(&heap, OBJECTS);
            heap
        };
        bencher.with_inputs(full).bench_local_values(drop);
    }

    #[divan::bench(sample_count = 20, sample_size = 1, counters = [ItemsCount::new(OBJECTS)])]
    fn one_by_one(bencher: Bencher) {
        let full = || -> std::vec::Vec<Box<Object, MiMalloc>> {
            (0..OBJECTS as u64)
                .map(|i| Box::new_in([i; 6], MiMalloc))
                .collect()
        };
        bencher.with_inputs(full).bench_local_values(drop);
    }

    #[divan::bench(sample_count = 20, sample_size = 1, counters = [ItemsCount::new(OBJECTS)])]
    fn one_by_one_in_heap(bencher: Bencher) {
        let heap = heap();
        let full = || -> std::vec::Vec<Box<Object, &Heap>> {
            (0..OBJECTS as u64)
                .map(|i| Box::new_in([i; 6], &heap))
                .collect()
        };
        bencher.with_inputs(full).bench_local_values(drop);
    }

    /// Resets a bump arena. `bumpalo` keeps one chunk for the next round.
    #[divan::bench(sample_count = 20, sample_size = 1, counters = [ItemsCount::new(OBJECTS)])]
    fn bumpalo_reset(bencher: Bencher) {
        let full = || {
            let bump = Bump::new();
            for i in 0..OBJECTS as u64 {
                black_box(bump.alloc([i; 6]));
            }
            bump
        };
        bencher.with_inputs(full).bench_local_refs(Bump::reset);
    }

    #[divan::bench(sample_count = 20, sample_size = 1, counters = [ItemsCount::new(OBJECTS)])]
    fn bumpalo_drop(bencher: Bencher) {
        let full = || {
            let bump = Bump::new();
            for i in 0..OBJECTS as u64 {
                black_box(bump.alloc([i; 6]));
            }
            bump
        };
        bencher.with_inputs(full).bench_local_values(drop);
    }
}

/// Lets two threads swap batches of boxes, and free what the other allocated.
/// On engine v2 two threads cannot use one heap.
mod foreign_frees {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use allocator_api2::alloc::Allocator;

    use super::*;

    const ROUNDS: usize = 20;
    const BATCH: usize = 500;

    type Batch<A> = Vec<Box<Object, A>, A>;

    fn worker<A: Allocator + Copy>(alloc: A, send: Sender<Batch<A>>, receive: Receiver<Batch<A>>) {
        for round in 0..ROUNDS as u64 {
            let mut batch = Vec::new_in(alloc);
            batch.extend((0..BATCH).map(|_| Box::new_in([round; 6], alloc)));
            if send.send(batch).is_err() {
                break;
            }
            let Ok(batch) = receive.recv() else { break };
            drop(black_box(batch));
        }
    }

    fn swap<A: Allocator + Copy + Send>(alloc: A) {
        let (to_right, from_left) = channel();
        let (to_left, from_right) = channel();
        thread::scope(|scope| {
            scope.spawn(move || worker(alloc, to_right, from_right));
            scope.spawn(move || worker(alloc, to_left, from_left));
        });
    }

    #[divan::bench]
    fn global() {
        swap(MiMalloc);
    }

    #[cfg(not(feature = "v2"))]
    #[divan::bench]
    fn ref_heap(bencher: Bencher) {
        let heap = heap();
        bencher.bench_local(|| swap(&heap));
    }

    #[cfg(not(feature = "v2"))]
    #[divan::bench]
    fn ref_shared(bencher: Bencher) {
        let heap = subject::shared_heap();
        bencher.bench_local(|| swap(&heap));
    }
}
