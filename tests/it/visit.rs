//! Walks over a heap, and counts what the heap holds.

#[cfg(not(all(mimalloc_v2, mimalloc_other_version)))]
use core::ops::Range;
use std::ffi::CString;

#[cfg(not(all(mimalloc_v2, mimalloc_other_version)))]
use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use mimalloc::{Heap, HeapCString, MiMalloc};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;

/// Returns the blocks of a heap as address ranges in order.
#[cfg(not(all(mimalloc_v2, mimalloc_other_version)))]
fn blocks(heap: &mut Heap) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (area, block) in heap.blocks().unwrap() {
        assert!(block.size <= area.full_block_size && block.size >= 1);
        let offset = block.address - area.address;
        assert_eq!(offset % area.full_block_size, 0);
        assert!(offset < area.committed && area.committed <= area.reserved);
        found.push(block.address..block.address + block.size);
    }
    found.sort_by_key(|block| block.start);
    assert!(found.is_sorted_by(|left, right| left.end <= right.start));
    found
}

/// Checks that the heap has one block for each address. A guarded block starts
/// before its address.
#[cfg(not(all(mimalloc_v2, mimalloc_other_version)))]
fn assert_blocks(heap: &mut Heap, mut expected: Vec<usize>) {
    expected.sort_unstable();
    let found = blocks(heap);
    assert_eq!(found.len(), expected.len());
    for (block, address) in found.iter().zip(expected) {
        assert!(block.contains(&address), "{address:#x} not in {block:x?}");
    }
}

/// Checks pages of many blocks, which are full, and pages of one.
#[cfg(any(mimalloc_v3, mimalloc_patched))]
#[test]
fn blocks_that_another_thread_freed_are_not_seen() {
    let mut heap = Heap::new().unwrap();
    for size in [24, 600, 9_000, 300_000] {
        let blocks: Vec<_> = (0..1_000)
            .map_while(|at| (at * size < 20 << 20).then(|| heap.strdup(&text(size)).unwrap()))
            .collect();
        let raw: Vec<usize> = blocks
            .into_iter()
            .map(|block| block.into_raw().as_ptr().expose_provenance())
            .collect();
        std::thread::spawn(move || {
            for address in raw {
                let block = core::ptr::with_exposed_provenance_mut(address);
                let block = core::ptr::NonNull::new(block).unwrap();
                // SAFETY: `into_raw` gave the string up, and any thread may free a block.
                drop(unsafe { HeapCString::<MiMalloc>::from_raw(block) });
            }
        })
        .join()
        .unwrap();
        assert_eq!(heap.usage().blocks, 0, "of {size} bytes");
        assert_eq!(heap.blocks().unwrap().len(), 0, "of {size} bytes");
        assert_eq!(
            heap.areas().unwrap().map(|area| area.used).sum::<usize>(),
            0
        );
    }
}

/// Returns a C string that takes `size` bytes.
fn text(size: usize) -> CString {
    CString::new(vec![b'x'; size - 1]).unwrap()
}

// Old versions let blocks of ended threads get into a heap.
#[cfg(not(all(mimalloc_v2, mimalloc_other_version)))]
#[test]
fn each_block_is_seen_once() {
    let mut heap = Heap::new().unwrap();
    assert!(blocks(&mut heap).is_empty());
    let mut expected = Vec::new();
    for n in 0..3_000_usize {
        let size = [8, 100, 5_000, 70_000][n % 4];
        let block = heap.alloc_slice_with(size, |_| 0_u8).unwrap();
        if n % 3 == 0 {
            let freed = Box02::new_in([0_u8; 24], &heap);
            drop(freed);
        }
        expected.push(block.as_ptr().addr());
    }
    assert_blocks(&mut heap, expected);
    heap.reset().unwrap();
    assert!(blocks(&mut heap).is_empty());
}

/// Walks over blocks of ended threads and of live threads, and over blocks that
/// other threads freed.
#[cfg(mimalloc_v3)]
#[test]
fn blocks_of_all_threads_are_seen() {
    let mut heap = Heap::new().unwrap();
    let expected: Vec<usize> = std::thread::scope(|scope| {
        let (to_main, from_threads) = std::sync::mpsc::channel();
        for _ in 0..3 {
            let (heap, to_main) = (&heap, to_main.clone());
            scope.spawn(move || {
                for n in 0..2_000_u64 {
                    let kept = heap.alloc([n; 9]).unwrap();
                    let sent = Box02::new_in([n; 9], heap);
                    to_main
                        .send((core::ptr::from_ref(kept).addr(), sent))
                        .unwrap();
                }
            });
        }
        drop(to_main);
        from_threads.iter().map(|(kept, _freed)| kept).collect()
    });
    assert_blocks(&mut heap, expected);
    assert_eq!(heap.usage().blocks, 6_000);
}

#[test]
fn a_walk_may_be_left_early() {
    let mut heap = Heap::new().unwrap();
    for n in 0..100_u64 {
        heap.alloc([n; 4]).unwrap();
    }
    let mut blocks = heap.blocks().unwrap();
    assert_eq!(blocks.len(), 100);
    let tenth = blocks.nth(9).unwrap().1;
    assert!(tenth.size >= 32);
    assert_eq!((blocks.len(), blocks.by_ref().count()), (90, 90));
    assert!(blocks.next().is_none());
    let first = heap.areas().unwrap().next();
    assert!(matches!(first, Some(area) if area.used >= 1 && area.used <= 100));
    let areas = heap.areas().unwrap();
    assert_eq!(areas.len(), areas.count());
    assert_eq!(heap.usage().blocks, 100);
}

/// Checks that a panic leaves no lock of the heap behind.
#[test]
fn a_panic_in_the_loop_does_no_harm() {
    let mut heap = Heap::new().unwrap();
    heap.alloc(1_u64).unwrap();
    for _ in 0..2 {
        let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            for area in heap.areas().unwrap() {
                assert!(area.used == 0, "as planned");
            }
        }));
        let message = *outcome.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(message, "as planned");
    }
    assert_eq!(heap.usage().blocks, 1);
    heap.reset().unwrap();
    heap.alloc(1_u64).unwrap();
}

/// Checks that the loop may allocate anywhere but in the heap, on threads that
/// never allocated before.
#[test]
fn the_loop_may_allocate_elsewhere() {
    let walk = || {
        let mut heap = Heap::new().unwrap();
        let elsewhere = Heap::new().unwrap();
        let fresh = Heap::new().unwrap();
        for n in 0..1_000_u64 {
            heap.alloc([n; 4]).unwrap();
        }
        let mut list = Vec02::new_in(&elsewhere);
        let mut plain = Vec02::new_in(MiMalloc);
        for (_, block) in heap.blocks().unwrap() {
            list.push(block);
            plain.push(block.address);
            fresh.alloc(block.address).unwrap();
            mimalloc::collect(true);
            elsewhere.collect(true);
        }
        assert_eq!(list.len(), plain.len());
        // Old libraries let a heap take over blocks of threads that ended.
        let takes_over = cfg!(all(mimalloc_v2, mimalloc_other_version));
        assert!(list.len() == 1_000 || takes_over && list.len() > 1_000);
    };
    walk();
    std::thread::spawn(walk).join().unwrap();
}

/// Checks that the loop may make and drop heaps, and may wait for threads that
/// have used the heap to end. While mimalloc walks over a heap, either would
/// wait for ever.
#[cfg(mimalloc_v3)]
#[test]
fn the_loop_may_drop_heaps_and_wait_for_threads() {
    use std::sync::mpsc::channel;

    let mut heap = Heap::new().unwrap();
    let mut others = Vec::new();
    let mut threads = Vec::new();
    for _ in 0..4 {
        let other = Heap::new().unwrap();
        // These threads live on, with a theap of either heap.
        let heaps = [&heap, &other].map(|heap| core::ptr::from_ref(heap).expose_provenance());
        let (end, wait) = channel::<()>();
        let (ready, is_ready) = channel();
        let thread = std::thread::spawn(move || {
            for heap in heaps {
                let heap = core::ptr::with_exposed_provenance::<Heap>(heap);
                // SAFETY: both stay where they are until this thread is done
                // with them.
                unsafe { &*heap }.alloc([7_u64; 9]).unwrap();
            }
            ready.send(()).unwrap();
            let _ = wait.recv();
        });
        is_ready.recv().unwrap();
        others.push(other);
        threads.push((thread, end));
    }
    for (_, block) in heap.blocks().unwrap() {
        assert!(block.size >= 72);
        let (thread, end) = threads.pop().unwrap();
        drop(end);
        drop(others.pop());
        thread.join().unwrap();
        drop(Heap::new().unwrap());
    }
    assert!(threads.is_empty() && others.is_empty());
    assert_eq!(heap.usage().blocks, 4);
}

/// Walks over a heap with a collection in it, for which the function is unsafe.
#[test]
fn a_shared_walk_sees_live_collections() {
    let heap = Heap::new().unwrap();
    let list = Vec02::<u64, _>::with_capacity_in(10, &heap);
    // SAFETY: no other thread has the heap, and this one does not use it
    // meanwhile.
    let blocks = unsafe { heap.blocks_shared() }.unwrap();
    let seen: Vec<_> = blocks.map(|(_, block)| block.address).collect();
    assert_eq!(seen.len(), 1);
    assert!(seen[0] <= list.as_ptr().addr());
}

// Old versions let blocks of ended threads get into a heap.
#[cfg(not(all(mimalloc_v2, mimalloc_other_version)))]
#[test]
fn usage_adds_up() {
    let mut heap = Heap::new().unwrap();
    assert_eq!(heap.usage(), Default::default());
    let mut asked = 0;
    for n in 0..2_000_usize {
        let size = 16 << (n % 8);
        heap.alloc_slice_with(size, |_| 1_u8).unwrap();
        asked += size;
    }
    let usage = heap.usage();
    assert_eq!(usage.blocks, 2_000);
    assert!(usage.used >= asked, "{usage:?}");
    assert!(usage.committed >= usage.used, "{usage:?}");
    assert!(usage.reserved >= usage.committed, "{usage:?}");
}

// Old versions let blocks of ended threads get into a heap.
#[cfg(not(all(mimalloc_v2, mimalloc_other_version)))]
#[test]
fn what_is_left_of_a_walk_is_printed() {
    let mut heap = Heap::new().unwrap();
    heap.alloc_slice_with(3_000, |_| 1_u8).unwrap();
    let mut blocks = heap.blocks().unwrap();
    assert_eq!(format!("{blocks:?}"), "Blocks { left: 1, .. }");
    blocks.next();
    assert_eq!(format!("{blocks:?}"), "Blocks { left: 0, .. }");
}
