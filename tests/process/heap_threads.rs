//! Moves blocks and heaps across threads: a thread frees blocks of another, a
//! thread ends, and a heap ends right after both.
//!
//! The test has a process of its own, because the test keeps all processors
//! busy and ends thousands of threads.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

use core::alloc::Layout;
use core::ptr::NonNull;
use std::sync::mpsc;
use std::thread;

use mimalloc::{Heap, MiMalloc};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;
use mimalloc_tests::{Api02, Subject};

/// A block that holds its own address.
struct Block(NonNull<u8>, Layout);

// SAFETY: mimalloc lets any thread use and free a block.
unsafe impl Send for Block {}

impl Block {
    fn new(heap: &impl Subject, size: usize) -> Self {
        let layout = Layout::from_size_align(size.max(8), 8).unwrap();
        let block = heap.allocate(layout).unwrap();
        // SAFETY: no caller asks for less than the size of an address, and the
        // block is new.
        unsafe { block.cast::<usize>().write(block.addr().get()) };
        Self(block, layout)
    }

    fn check(&self) {
        // SAFETY: `new` wrote the address, and no other code has the block.
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

/// Returns sizes for all kinds of pages. Some blocks fill their page.
fn sizes() -> impl Iterator<Item = usize> {
    [
        8, 24, 100, 1_000, 1_024, 3_000, 9_000, 20_000, 150_000, 700_000,
    ]
    .into_iter()
    .cycle()
}

/// Frees on another thread. Both engines allow that; v2 restricts allocation
/// only.
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
        // Half of the blocks stay, and go with the heap.
        let kept = blocks.split_off(blocks.len() / 2);
        let (done, wait) = mpsc::channel();
        give.send((blocks, done)).unwrap();
        // Allocation goes on while the other thread frees the blocks.
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

/// Checks that blocks of a leaked heap live on after the thread of the heap.
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
            // Some blocks grow here, a third thread frees some, and some stay.
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
                // SAFETY: `grow` keeps the contents, which begin with an
                // address.
                let first = unsafe { moved.cast::<usize>().read() };
                assert_eq!(first, block.addr().get());
                // SAFETY: the block is live and fits the layout `new`.
                unsafe { Api02(&heap).deallocate(moved, new) };
            }
            freer.join().unwrap();
        }
    }

    /// Ends threads, and with them their theaps, at the moment at which the
    /// last handle ends the heap itself.
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

    /// Lets threads that used a heap go on in other heaps after its end.
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
