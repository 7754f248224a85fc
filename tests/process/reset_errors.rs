//! Resets heaps whose blocks other threads freed, and lets mimalloc look for lists and
//! counts that do not fit each other. Such errors go unnoticed in release builds. Pages
//! are committed bit by bit, so that a free list must not go beyond what was in use.
//!
//! The test has a process of its own, because a process has one count of errors.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::thread;

use allocator_api2_02::alloc::Allocator;
use mimalloc::hooks::{self, ErrorPolicy};
use mimalloc::{Arena, Heap, MiMalloc};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;

/// A block that another thread frees.
struct Foreign(NonNull<u8>, Layout);

// SAFETY: only one thread has the block at a time, and any thread frees a block.
unsafe impl Send for Foreign {}

/// Fills pages of some sizes, lets another thread free a part of the blocks, and
/// leaves the rest.
fn use_up(heap: &Heap) {
    let mut foreign = Vec::new();
    for at in 0..800 {
        // Nine blocks of the large size end just before what is committed of their page.
        let size = if at % 89 == 0 {
            40_000
        } else {
            [16, 128, 128, 700, 6_000][at % 5]
        };
        let layout = Layout::from_size_align(size, 8).unwrap();
        let block = heap.allocate(layout).unwrap().cast();
        if at % 3 != 0 {
            foreign.push(Foreign(block, layout));
        }
    }
    let free = move || {
        for Foreign(block, layout) in foreign {
            // SAFETY: a live block of mimalloc of this layout.
            unsafe { MiMalloc.deallocate(block, layout) };
        }
    };
    thread::spawn(free).join().unwrap();
}

/// Resets the heap with each kind of limit, and drops the heap.
fn reset_often(mut heap: Heap) {
    for round in 0..40 {
        use_up(&heap);
        let keep = [0, 64 << 10, 1 << 20, usize::MAX][round % 4];
        heap.reset_keeping(keep).unwrap();
        if round % 3 == 0 {
            heap.collect(true);
        }
    }
    use_up(&heap);
    drop(heap);
    assert_eq!(hooks::error_count(), 0);
}

#[test]
fn resets_leave_nothing_for_mimalloc_to_report() {
    hooks::set_error_policy(ErrorPolicy::Ignore);
    reset_often(Heap::new().unwrap());
    #[cfg(mimalloc_v3)]
    mimalloc::Option::PageCommitOnDemand.set(1).unwrap();
    // The memory of this arena is not committed. Where the end of a heap frees nothing,
    // each round leaves up to 2 MiB in the arena for good.
    let size = if cfg!(all(
        mimalloc_v2,
        any(mimalloc_other_version, mimalloc_guarded)
    )) {
        256 << 20
    } else {
        64 << 20
    };
    reset_often(Heap::new_in(Arena::reserve(size).unwrap()).unwrap());
}
