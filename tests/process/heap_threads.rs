//! Blocks and heaps across threads: frees elsewhere, thread exit, and the end of
//! a heap right after both. Alone, because it wants all processors and ends
//! thousands of threads.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

use core::alloc::Layout;
use core::ptr::NonNull;
use std::sync::mpsc;
use std::thread;

use mimalloc::{Heap, MiMalloc};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;
use mimalloc_tests::{Api02, Subject};

/// A block and what is in it: its own address.
struct Block(NonNull<u8>, Layout);

// SAFETY: a block of mimalloc may be used and freed on any thread.
unsafe impl Send for Block {}

impl Block {
    fn new(heap: &impl Subject, size: usize) -> Self {
        let layout = Layout::from_size_align(size.max(8), 8).unwrap();
        let block = heap.allocate(layout).unwrap();
        // SAFETY: the block has room for an address.
        unsafe { block.cast::<usize>().write(block.addr().get()) };
        Self(block, layout)
    }

    fn check(&self) {
        // SAFETY: written in `new`.
        let address = unsafe { self.0.cast::<usize>().read() };
        assert_eq!(address, self.0.addr().get());
    }

    fn free(self) {
        self.check();
        // SAFETY: live, and of this layout; any block of mimalloc may be freed
        // through the default heap.
        unsafe { Api02(MiMalloc).deallocate(self.0, self.1) };
    }
}

/// Sizes of all kinds of pages, some blocks filling their page.
fn sizes() -> impl Iterator<Item = usize> {
    [
        8, 24, 100, 1_000, 1_024, 3_000, 9_000, 20_000, 150_000, 700_000,
    ]
    .into_iter()
    .cycle()
}

/// On both engines, as on v2 too any thread may free, only not allocate.
#[test]
fn blocks_are_freed_elsewhere_and_then_the_heap_is_dropped() {
    let (give, take) = mpsc::channel::<(Vec<Block>, mpsc::Sender<()>)>();
    let freer = thread::spawn(move || {
        for (blocks, done) in take {
            blocks.into_iter().for_each(Block::free);
            done.send(()).unwrap();
        }
    });
    for round in 0..300 {
        let heap = Heap::new().unwrap();
        let mut blocks: Vec<_> = sizes()
            .take(200 + round)
            .map(|size| Block::new(&Api02(&heap), size))
            .collect();
        // Half of them stay, to go with the heap.
        let kept = blocks.split_off(blocks.len() / 2);
        let (done, wait) = mpsc::channel();
        give.send((blocks, done)).unwrap();
        // Allocation goes on while they are freed.
        let more: Vec<_> = sizes()
            .take(200)
            .map(|size| Block::new(&Api02(&heap), size))
            .collect();
        wait.recv().unwrap();
        more.into_iter().for_each(Block::free);
        kept.iter().for_each(Block::check);
        drop(heap);
    }
    drop(give);
    freer.join().unwrap();
}

/// What a thread of engine v2 leaves behind in a leaked heap is still there.
#[test]
fn blocks_of_a_leaked_heap_outlive_its_thread() {
    for _ in 0..50 {
        let blocks: Vec<_> = thread::spawn(|| {
            let heap = Heap::new().unwrap();
            let blocks = sizes()
                .take(100)
                .map(|size| Block::new(&Api02(&heap), size))
                .collect();
            core::mem::forget(heap);
            blocks
        })
        .join()
        .unwrap();
        blocks.into_iter().for_each(Block::free);
    }
}

#[cfg(mimalloc_v3)]
mod v3 {
    use super::*;
    use std::sync::{Arc, Barrier};

    use allocator_api2_02::vec::Vec as Vec02;
    use mimalloc::SharedHeap;

    #[test]
    fn blocks_survive_the_thread_that_made_them() {
        for _ in 0..40 {
            let heap = Heap::new().unwrap();
            let left: Vec<Block> = thread::scope(|scope| {
                let makers: Vec<_> = (0..4)
                    .map(|_| {
                        let heap = &heap;
                        scope.spawn(move || {
                            let blocks = sizes().take(300);
                            blocks
                                .map(|size| Block::new(&Api02(heap), size))
                                .collect::<Vec<_>>()
                        })
                    })
                    .collect();
                let left = makers.into_iter().flat_map(|maker| maker.join().unwrap());
                left.collect()
            });
            left.iter().for_each(Block::check);
            // Some grow here, some are freed on yet another thread, some stay.
            let (mut grown, mut freed) = (Vec::new(), Vec::new());
            for (at, block) in left.into_iter().enumerate() {
                match at % 3 {
                    0 => grown.push(block),
                    1 => freed.push(block),
                    _ => {}
                }
            }
            let freer = thread::spawn(|| freed.into_iter().for_each(Block::free));
            for Block(block, old) in grown {
                let new = Layout::from_size_align(old.size() * 2, old.align()).unwrap();
                // SAFETY: live, of layout `old`, and `new` is larger.
                let moved = unsafe { Api02(&heap).grow(block, old, new) }.unwrap();
                // SAFETY: growing keeps what was in the block.
                let first = unsafe { moved.cast::<usize>().read() };
                assert_eq!(first, block.addr().get());
                // SAFETY: live and of layout `new`.
                unsafe { Api02(&heap).deallocate(moved, new) };
            }
            freer.join().unwrap();
        }
    }

    /// Threads end, and with them their part of the heap, at the moment at which
    /// the last handle ends the heap itself.
    #[test]
    fn threads_end_together_with_the_heap() {
        const THREADS: usize = 6;
        for round in 0..150 {
            let heap = SharedHeap::new().unwrap();
            let start = Arc::new(Barrier::new(THREADS));
            let threads: Vec<_> = (0..THREADS)
                .map(|n| {
                    let (heap, start) = (heap.clone(), Arc::clone(&start));
                    thread::spawn(move || {
                        let mut list = Vec02::new_in(heap);
                        list.extend(0..500 + n);
                        core::mem::forget(list.clone());
                        start.wait();
                        if (n + round) % 2 == 0 {
                            list.push(n);
                        }
                    })
                })
                .collect();
            drop(heap);
            for thread in threads {
                thread.join().unwrap();
            }
        }
    }

    /// Threads that used a heap go on elsewhere after its end.
    #[test]
    fn threads_live_on_after_their_heaps() {
        const THREADS: usize = 4;
        let start = Barrier::new(THREADS);
        thread::scope(|scope| {
            let mut to_threads = Vec::new();
            for _ in 0..THREADS {
                let (give, take) = mpsc::channel::<SharedHeap>();
                to_threads.push(give);
                let start = &start;
                scope.spawn(move || {
                    let own = Heap::new().unwrap();
                    let mut kept = Vec02::new_in(&own);
                    for heap in take {
                        let list: Vec02<u64, SharedHeap> = Vec02::with_capacity_in(64, heap);
                        start.wait();
                        drop(list);
                        kept.push(Block::new(&Api02(&own), 48));
                    }
                    kept.iter().for_each(Block::check);
                });
            }
            for _ in 0..1_000 {
                let heap = SharedHeap::new().unwrap();
                for give in &to_threads {
                    give.send(heap.clone()).unwrap();
                }
            }
        });
    }
}
