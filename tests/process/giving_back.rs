//! Checks that the functions which give memory back do so, and which memory they keep.
//!
//! The test has a process of its own and no harness, because other tests take and
//! return memory meanwhile.

#![cfg_attr(mimalloc_other_version, allow(dead_code, unused_imports))]

use allocator_api2_02::vec::Vec as Vec02;
use mimalloc::stats::process_info;
use mimalloc::{Heap, HeapUsage, MiMalloc, Option as MiOption};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;

#[global_allocator]
static SYSTEM: std::alloc::System = std::alloc::System;

const MIB: usize = 1 << 20;
const MUCH: usize = 48 * MIB;

/// Returns the resident memory where the system tells it.
fn resident() -> usize {
    process_info().current_rss.unwrap_or(0)
}

/// Takes much memory in blocks of 64 KiB, writes to it, and frees the blocks.
fn take_and_free() {
    let block = || {
        let mut block = Vec02::with_capacity_in(64 << 10, MiMalloc);
        block.resize(64 << 10, 1_u8);
        block
    };
    let blocks: Vec<_> = (0..MUCH >> 16).map(|_| block()).collect();
    assert_eq!(blocks.len(), 768);
}

/// Checks that memory stays after a collect without force, and goes with `give_back`.
fn gives_back(give_back: impl FnOnce()) {
    let before = resident();
    if before == 0 {
        return;
    }
    take_and_free();
    mimalloc::collect(false);
    let kept = resident();
    assert!(kept > before + MUCH / 2, "{before} and {kept}");
    give_back();
    let left = resident();
    assert!(left + MUCH / 2 < kept, "{kept} and {left}");
}

/// Checks that a collect with force gives memory back at once, and one without does
/// not.
fn force_gives_back_at_once() {
    gives_back(|| mimalloc::collect(true));
}

/// Checks the same for one heap.
fn force_empties_a_heap() {
    let mut heap = Heap::new().unwrap();
    let fill = |heap: &Heap| {
        for size in [10, 1_000, 60_000] {
            drop(Vec02::<u8, _>::with_capacity_in(size, heap));
        }
    };
    fill(&heap);
    heap.collect(false);
    let kept = heap.usage();
    // Engine v2 keeps no page that is empty.
    assert!(kept.reserved > 0 || cfg!(mimalloc_v2), "{kept:?}");
    assert_eq!(kept.blocks, 0);
    heap.collect(true);
    assert_eq!(heap.usage(), HeapUsage::default());
}

#[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
fn purging_gives_back_what_waits() {
    gives_back(mimalloc::Arena::purge_all);
}

#[cfg(not(all(mimalloc_v3, not(mimalloc_other_version))))]
fn purging_gives_back_what_waits() {}

/// Checks that a thread of a pool takes back fewer pages that it gave up.
#[cfg(all(mimalloc_v3, mimalloc_patched))]
fn threads_of_a_pool_take_back_fewer_pages() {
    use mimalloc::stats::Stats;

    // For threads of a pool, the limit is this one.
    MiOption::PageCrossThreadMaxReclaim.set(0).unwrap();
    let taken_back = |in_pool: bool| {
        let thread = std::thread::spawn(move || {
            if in_pool {
                mimalloc::set_thread_in_threadpool();
            }
            // Full pages, most of which the thread gives up.
            let mut blocks: Vec<_> = (0..100 * 64)
                .map(|_| Vec02::<u8, _>::with_capacity_in(1_000, MiMalloc))
                .collect();
            let count = || {
                mimalloc::collect(false);
                Stats::get().unwrap().pages_reclaim_on_free
            };
            let before = count();
            for block in blocks.iter_mut().step_by(64) {
                *block = Vec02::new_in(MiMalloc);
            }
            count() - before
        });
        thread.join().unwrap()
    };
    let (alone, in_pool) = (taken_back(false), taken_back(true));
    assert!(alone > 20 && in_pool == 0, "{alone} and {in_pool}");
}

#[cfg(not(all(mimalloc_v3, mimalloc_patched)))]
fn threads_of_a_pool_take_back_fewer_pages() {}

#[cfg(not(mimalloc_other_version))]
fn main() {
    // Longer than the test, so that memory goes back only where the test asks for it.
    MiOption::PurgeDelay.set(1_000_000).unwrap();
    force_gives_back_at_once();
    purging_gives_back_what_waits();
    force_empties_a_heap();
    threads_of_a_pool_take_back_fewer_pages();
    println!("ok");
}

#[cfg(mimalloc_other_version)]
fn main() {}
