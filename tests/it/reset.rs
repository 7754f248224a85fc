//! `Heap::reset` gives back every block, whatever happened to the heap before.
//!
//! Where the vendored engine v3 is patched, a small heap that one thread used is
//! reset in place: the heap keeps its theap and some of its pages. All tests hold
//! for the other way as well, which is a new heap.

use core::ptr::NonNull;
use std::alloc::Layout;
use std::sync::mpsc;
use std::thread;

use allocator_api2_02::alloc::Allocator;
use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use mimalloc::Heap;

#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;

const MIB: usize = 1 << 20;

/// A block and the byte that fills it.
struct Block {
    ptr: NonNull<u8>,
    layout: Layout,
    fill: u8,
}

// SAFETY: a block is memory that only this value's owner uses; mimalloc frees
// blocks on any thread.
unsafe impl Send for Block {}

impl Block {
    fn new(heap: &Heap, size: usize, align: usize, fill: u8) -> Self {
        let layout = Layout::from_size_align(size, align).unwrap();
        let ptr = heap.allocate(layout).unwrap().cast::<u8>();
        // SAFETY: the block holds `size` bytes.
        unsafe { ptr.as_ptr().write_bytes(fill, size) };
        Self { ptr, layout, fill }
    }

    /// Panics if another block lies over this one.
    fn check(&self) {
        // SAFETY: the block is live, and all of its bytes were written.
        let bytes = unsafe { core::slice::from_raw_parts(self.ptr.as_ptr(), self.layout.size()) };
        assert!(mimalloc_tests::is_filled(bytes, self.fill));
    }

    fn free(self, heap: &Heap) {
        self.check();
        // SAFETY: the block came from this heap with this layout.
        unsafe { heap.deallocate(self.ptr, self.layout) };
    }
}

/// Allocates blocks of many sizes, frees some, and checks all that are left.
fn fill(heap: &Heap, random: &mut fastrand::Rng, count: usize) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for _ in 0..count {
        let size = match random.u32(0..100) {
            0 => random.usize(100_000..3 * MIB),
            1..10 => random.usize(1_000..60_000),
            _ => random.usize(1..600),
        };
        let align = 1 << random.u32(0..8);
        blocks.push(Block::new(heap, size, align, random.u8(..)));
        if random.u32(0..4) == 0 {
            let at = random.usize(..blocks.len());
            blocks.swap_remove(at).free(heap);
        }
    }
    blocks.iter().for_each(Block::check);
    blocks
}

#[test]
fn every_round_finds_an_empty_heap() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut heap = Heap::new().unwrap();
    for round in 0..400 {
        let count = [3, 30, 300, 2_000][round % 4];
        drop(fill(&heap, &mut random, count));
        heap.reset().unwrap();
        if round % 3 == 0 {
            assert_eq!(heap.usage().blocks, 0);
            assert_eq!(heap.usage().used, 0);
        }
    }
}

#[test]
fn a_heap_holds_with_resets_in_the_middle() {
    for seed in 1..=4 {
        let mut heap = Heap::new().unwrap();
        mimalloc_tests::hold_with_resets(&mut heap, seed, 40);
    }
}

#[test]
fn blocks_that_other_threads_freed_do_not_come_back_twice() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut heap = Heap::new().unwrap();
    for _ in 0..200 {
        thread::scope(|scope| {
            let (to_thread, blocks) = mpsc::channel::<Block>();
            let heap = &heap;
            // Blocks of engine v2 may be freed on any thread; the heap stays here.
            scope.spawn(move || {
                for block in blocks {
                    block.check();
                    // SAFETY: a live block of mimalloc of this layout.
                    unsafe { mimalloc::MiMalloc.deallocate(block.ptr, block.layout) };
                }
            });
            for (at, block) in fill_plain(heap, &mut random, 1_500).into_iter().enumerate() {
                if at % 3 != 0 {
                    to_thread.send(block).unwrap();
                }
            }
        });
        heap.reset().unwrap();
        let blocks = fill_plain(&heap, &mut random, 1_500);
        blocks.iter().for_each(Block::check);
        heap.reset().unwrap();
    }
}

/// Blocks of one size class, enough for full pages, and of some others.
fn fill_plain(heap: &Heap, random: &mut fastrand::Rng, count: usize) -> Vec<Block> {
    (0..count)
        .map(|at| {
            let size = if at % 2 == 0 {
                128
            } else {
                random.usize(1..2_000)
            };
            Block::new(heap, size, 8, at as u8)
        })
        .collect()
}

/// More full pages than a small heap keeps, and fewer.
#[test]
fn full_pages_are_used_again() {
    let mut heap = Heap::new().unwrap();
    for count in [1_000, 4_000, 100_000, 4_000, 1_000, 9_000, 20_000] {
        for _ in 0..5 {
            let blocks: Vec<Block> = (0..count)
                .map(|at| Block::new(&heap, 100, 4, at as u8))
                .collect();
            blocks.iter().for_each(Block::check);
            heap.reset().unwrap();
        }
    }
    let usage = heap.usage();
    assert!(usage.committed <= 2 * MIB, "{usage:?}");
}

#[test]
fn a_reset_heap_keeps_little_and_gives_all_of_it_back() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut heap = Heap::new().unwrap();
    for size in [100, 10_000, 100_000, 5 * MIB] {
        let _ = Block::new(&heap, size, 8, 1);
    }
    drop(fill(&heap, &mut random, 3_000));
    heap.reset().unwrap();
    let usage = heap.usage();
    assert!(usage.committed <= 2 * MIB, "{usage:?}");
    heap.collect(true);
    assert_eq!(heap.usage(), mimalloc::HeapUsage::default());
}

/// mimalloc never uses the page of such a block for another one.
#[test]
fn pages_of_a_single_large_block_are_not_kept() {
    let mut heap = Heap::new().unwrap();
    for _ in 0..3 {
        let _ = Block::new(&heap, 600_000, 8, 1);
        heap.reset().unwrap();
        assert_eq!(heap.usage(), mimalloc::HeapUsage::default());
    }
}

#[test]
fn zeroed_blocks_of_a_reset_heap_are_zero() {
    let mut random = fastrand::Rng::with_seed(4);
    let mut heap = Heap::new().unwrap();
    for _ in 0..30 {
        drop(fill(&heap, &mut random, 400));
        heap.reset().unwrap();
        for _ in 0..400 {
            let size = random.usize(1..3_000);
            let zeroed = Box02::<[u8], _>::new_zeroed_slice_in(size, &heap);
            // SAFETY: any byte is a number.
            let mut zeroed = unsafe { zeroed.assume_init() };
            assert!(mimalloc_tests::is_filled(&zeroed, 0));
            zeroed.fill(0xA5);
            core::mem::forget(zeroed);
        }
        heap.reset().unwrap();
    }
}

#[test]
fn collections_grow_in_a_heap_that_is_reset_again_and_again() {
    let mut heap = Heap::new().unwrap();
    for round in 0..2_000_u32 {
        let mut numbers = Vec02::new_in(&heap);
        numbers.extend(0..round % 700);
        let boxed = Box02::new_in([round; 40], &heap);
        assert!(numbers.iter().copied().eq(0..round % 700));
        assert!(boxed.iter().all(|&number| number == round));
        core::mem::forget((numbers, boxed));
        heap.reset().unwrap();
    }
}

#[cfg(mimalloc_v3)]
mod threads {
    use std::sync::mpsc;

    use super::*;

    /// A thread that goes on has a theap of the heap, with blocks in it.
    #[test]
    fn the_theaps_of_other_threads_are_emptied() {
        let mut heap = Heap::new().unwrap();
        for round in 0..40 {
            thread::scope(|scope| {
                let heap = &heap;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(round);
                    drop(fill(heap, &mut random, 200));
                });
                let mut random = fastrand::Rng::with_seed(round + 1000);
                drop(fill(heap, &mut random, 200));
            });
            heap.reset().unwrap();
            assert_eq!(heap.usage().blocks, 0);
        }
    }

    /// Threads end with blocks in pages of many sizes. Later threads take the pages up.
    #[test]
    fn pages_of_threads_that_ended_serve_other_threads() {
        let mut random = fastrand::Rng::with_seed(8);
        let mut heap = Heap::new().unwrap();
        for round in 0..25 {
            let mut blocks = Vec::new();
            for turn in 0..6 {
                let filled = thread::scope(|scope| {
                    let heap = &heap;
                    let fill_here = move || {
                        let mut random = fastrand::Rng::with_seed(round * 10 + turn);
                        fill(heap, &mut random, 150)
                    };
                    scope.spawn(fill_here).join().unwrap()
                });
                blocks.extend(filled);
                for _ in 0..blocks.len() / 3 {
                    let at = random.usize(..blocks.len());
                    blocks.swap_remove(at).free(&heap);
                }
                blocks.iter().for_each(Block::check);
            }
            heap.reset().unwrap();
            assert_eq!(heap.usage().blocks, 0);
        }
    }

    /// Only the thread of a theap may touch the theap's pages.
    #[test]
    fn the_pages_of_another_thread_are_not_kept() {
        let (to_thread, heaps) = mpsc::channel::<Heap>();
        let (to_main, back) = mpsc::channel::<Heap>();
        let thread = thread::spawn(move || {
            for heap in heaps {
                for at in 0..100 {
                    let _ = Block::new(&heap, 50 + at, 8, 1);
                }
                to_main.send(heap).unwrap();
            }
        });
        for keep in [0, MIB, usize::MAX] {
            to_thread.send(Heap::new().unwrap()).unwrap();
            let mut heap = back.recv().unwrap();
            heap.reset_keeping(keep).unwrap();
            assert_eq!(heap.usage(), mimalloc::HeapUsage::default());
        }
        drop(to_thread);
        thread.join().unwrap();
    }

    /// The thread lives on while its blocks go, and then allocates anew.
    ///
    /// Destroying a heap with two theaps asks for the thread's own, which may be the
    /// one that was freed first (patched).
    #[test]
    fn a_thread_may_go_on_after_the_reset_by_another() {
        let (to_thread, heaps) = mpsc::channel::<Heap>();
        let (to_main, back) = mpsc::channel::<Heap>();
        let thread = thread::spawn(move || {
            let mut random = fastrand::Rng::with_seed(5);
            for heap in heaps {
                let blocks = fill(&heap, &mut random, 300);
                blocks.iter().for_each(Block::check);
                to_main.send(heap).unwrap();
            }
        });
        let mut random = fastrand::Rng::with_seed(6);
        let mut heap = Heap::new().unwrap();
        for round in 0..100 {
            to_thread.send(heap).unwrap();
            heap = back.recv().unwrap();
            if round % 3 != 0 {
                heap.reset().unwrap();
                assert_eq!(heap.usage().blocks, 0);
            }
            let blocks = fill(&heap, &mut random, 300);
            blocks.iter().for_each(Block::check);
            heap.reset().unwrap();
        }
        drop(to_thread);
        thread.join().unwrap();
    }

    /// The thread of the theap does nothing meanwhile, also not a collect.
    #[test]
    fn full_pages_that_another_thread_empties_go_back() {
        let mut heap = Heap::new().unwrap();
        let blocks: Vec<Block> = (0..250)
            .map(|at| Block::new(&heap, 120_000, 8, at as u8))
            .collect();
        thread::scope(|scope| {
            scope.spawn(move || {
                for block in blocks {
                    block.check();
                    // SAFETY: a live block of mimalloc of this layout.
                    unsafe { mimalloc::MiMalloc.deallocate(block.ptr, block.layout) };
                }
            });
        });
        let usage = heap.usage();
        assert_eq!(usage.blocks, 0);
        assert!(usage.committed <= 12 * MIB, "{usage:?}");
    }

    #[test]
    fn statistics_count_a_reset_as_frees() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut heap = Heap::new().unwrap();
        for round in 0..50 {
            drop(fill(&heap, &mut random, 300));
            if round % 2 == 0 {
                // The reset has to correct what is merged now.
                heap.collect(false);
                assert!(heap.stats().unwrap().allocated.current > 0);
            }
            heap.reset().unwrap();
            assert_eq!(heap.stats().unwrap().allocated.current, 0);
            heap.collect(false);
            let stats = heap.stats().unwrap();
            assert_eq!(stats.allocated.current, 0);
            assert!(stats.malloc_bins().all(|bin| bin.count.current == 0));
        }
    }
}

/// Checks that a small heap of one thread stays where it is. A new heap would have
/// another address, because both heaps are live for a moment.
#[test]
#[cfg(all(mimalloc_patched, not(mimalloc_padding), not(mimalloc_guarded)))]
fn a_small_heap_is_reset_in_place() {
    let mut heap = Heap::new().unwrap();
    for _ in 0..3 {
        let _ = Block::new(&heap, 100, 8, 1);
        let raw = heap.as_raw();
        heap.reset().unwrap();
        assert_eq!(heap.as_raw(), raw);
        assert_eq!(heap.usage().blocks, 0);
    }
}
