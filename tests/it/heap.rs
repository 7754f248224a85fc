//! Checks what lives in a heap, for how long, and on which threads.

use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use allocator_api2_04::vec::Vec as Vec04;
use hashbrown::{DefaultHashBuilder, HashMap};
use mimalloc::{Heap, HeapError, SharedHeap, any_heap_contains};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewShared as _};

#[test]
fn collections_live_in_the_heap() {
    let heap = Heap::new().unwrap();
    let mut old = Vec02::new_in(&heap);
    let mut new = Vec04::new_in(&heap);
    let mut map = HashMap::with_hasher_in(DefaultHashBuilder::default(), &heap);
    for n in 0..10_000_u64 {
        old.push(n);
        new.push(n * 2);
        map.insert(n, Box02::new_in(n * 3, &heap));
    }
    assert!(heap.contains(old.as_slice()) && heap.contains(new.as_slice()));
    assert!(heap.contains(&*map[&77]));
    assert_eq!((old[500], new[500], *map[&500]), (500, 1_000, 1_500));

    let elsewhere = Heap::new().unwrap();
    assert!(!elsewhere.contains(old.as_slice()));
    assert!(!heap.contains("a static") && !any_heap_contains("a static"));
    let on_stack = 1_u8;
    assert!(!heap.contains(&on_stack));
    assert!(any_heap_contains(old.as_slice()));

    // No borrow keeps the memory behind this address alive, so `contains` does
    // not look at that memory.
    assert!(!heap.contains(&old[old.len()..]) && !heap.contains(&()));
}

#[test]
fn a_collection_owns_its_heap() {
    let mut words = Vec02::new_in(Heap::new().unwrap());
    words.extend(["a", "b", "c"]);
    let moved = words;
    assert!(moved.allocator().contains(moved.as_slice()));
    assert_eq!(moved, ["a", "b", "c"]);

    let map: HashMap<u8, u8, DefaultHashBuilder, Heap> =
        HashMap::with_hasher_in(DefaultHashBuilder::default(), Heap::new().unwrap());
    drop(map);
}

/// Checks that the end of a heap frees forgotten blocks.
#[test]
fn dropping_frees_what_was_forgotten() {
    let total = Heap::new().unwrap();
    for _ in 0..64 {
        let heap = Heap::new().unwrap();
        for _ in 0..8 {
            core::mem::forget(Vec02::<u8, _>::with_capacity_in(4 << 20, &heap));
        }
        core::mem::forget(Box02::new_in([1_u8; 100], &heap));
    }
    // 2 GiB went through the heaps. If they stayed allocated, the next request
    // would run into the limit of the address space.
    assert!(Vec02::<u8, _>::with_capacity_in(4 << 20, &total).capacity() >= 4 << 20);
}

#[test]
fn reset_frees_and_goes_on() {
    let mut heap = Heap::new().unwrap();
    for round in 0..100_u32 {
        let mut scratch = Vec02::new_in(&heap);
        scratch.extend((0..10_000).map(|n| n ^ round));
        core::mem::forget(scratch.clone());
        assert_eq!(scratch[9_999], 9_999 ^ round);
        drop(scratch);
        heap.reset().unwrap();
    }
}

#[test]
fn collecting_frees_no_live_block() {
    let heap = Heap::new().unwrap();
    let kept: Vec<_> = (0..1_000_u32).map(|n| Box02::new_in(n, &heap)).collect();
    heap.collect(false);
    heap.collect(true);
    mimalloc::collect(true);
    assert!(
        kept.iter()
            .enumerate()
            .all(|(at, value)| at == **value as usize)
    );
}

#[test]
fn scope_returns_what_the_closure_does() {
    let length = Heap::scope(|heap| {
        let mut list = Vec02::new_in(heap);
        list.extend(0..9_u8);
        list.len()
    });
    assert_eq!(length, Ok(9));
}

#[test]
fn a_panic_in_a_scope_ends_its_heap() {
    let outcome = std::panic::catch_unwind(|| {
        Heap::scope(|heap| {
            let _list = Vec02::<u8, _>::with_capacity_in(100, heap);
            panic!("as planned");
        })
    });
    assert!(outcome.is_err());
    let outcome = std::panic::catch_unwind(|| {
        Heap::new().unwrap().with_local(|local| {
            let _list = Vec02::<u8, _>::with_capacity_in(100, local);
            panic!("as planned");
        });
    });
    assert!(outcome.is_err());
}

#[test]
fn locals_nest_and_mix() {
    let (one, two) = (Heap::new().unwrap(), Heap::new().unwrap());
    one.with_local(|first| {
        two.with_local(|second| {
            let mut mixed = Vec02::new_in(first);
            for n in 0..1_000_u32 {
                let (left, right) = (Box02::new_in(n, first), Box02::new_in(n, second));
                assert!(one.contains(&*left) && two.contains(&*right));
                mixed.push((left, right));
            }
            one.with_local(|again| drop(Vec02::<u8, _>::with_capacity_in(64, again)));
            assert!(mixed.iter().all(|(left, right)| **left == **right));
        });
    });
}

#[test]
fn a_shared_heap_lives_as_long_as_its_last_handle() {
    let heap = SharedHeap::new().unwrap();
    let mut list = Vec02::new_in(heap.clone());
    list.extend(0..1_000_u32);
    assert_eq!(heap.handle_count(), 2);
    assert!(format!("{heap:?}").ends_with("handles: 2 }"), "{heap:?}");
    assert!(SharedHeap::ptr_eq(&heap, list.allocator()));
    drop(heap);
    list.extend(1_000..2_000);
    assert!(list.iter().copied().eq(0..2_000));
    assert_eq!(list.allocator().handle_count(), 1);
    let copy = list.clone();
    drop(list);
    assert_eq!(copy[1_999], 1_999);

    let map = HashMap::<u8, u8, _, _>::with_hasher_in(
        DefaultHashBuilder::default(),
        copy.allocator().clone(),
    );
    assert_eq!(map.allocator().handle_count(), 2);
}

#[test]
fn raw_heaps_go_out_and_come_back() {
    let heap = Heap::new().unwrap();
    let kept = Vec02::<u8, _>::with_capacity_in(10, &heap).leak().as_ptr();
    let raw = core::ptr::NonNull::new(heap.into_raw()).unwrap();
    // SAFETY: `into_raw` gave the heap up, and no other code has the pointer.
    let heap = unsafe { Heap::from_raw(raw) };
    assert_eq!(heap.as_raw(), raw.as_ptr());
    // SAFETY: the vector was leaked, so its block lives as long as the heap.
    assert!(unsafe { heap.contains_ptr(kept) });
}

// Upstream 2.5.2 asserts `size <= heap->pages_full_size` when a block of a full
// page is freed after the end of its heap. The field has no other effect.
#[cfg(not(all(mimalloc_v2, mimalloc_assertions)))]
#[test]
fn deleting_keeps_the_blocks() {
    use core::alloc::{GlobalAlloc, Layout};

    let heap = Heap::new().unwrap();
    let layout = Layout::new::<[u64; 8]>();
    let blocks: Vec<*mut u64> = (0..5_000_u64)
        .map(|n| {
            let block =
                core::ptr::from_mut(Box02::leak(Box02::new_in([n; 8], &heap))).cast::<u64>();
            assert!(!block.is_null());
            block
        })
        .collect();
    // SAFETY: no other thread has a block of the heap, and the heap is not the
    // default heap of a thread.
    unsafe { heap.delete_keeping_blocks() };
    for (n, block) in (0..).zip(blocks) {
        // SAFETY: deleting the heap kept its blocks, and this one has 8 words.
        let last = unsafe { block.add(7) };
        // SAFETY: `new_in` wrote the eight words, and no code changed them
        // since.
        assert_eq!(unsafe { last.read() }, n);
        // SAFETY: the block is live, and any block of mimalloc may be freed
        // through the default heap.
        unsafe { mimalloc::MiMalloc.dealloc(block.cast(), layout) };
    }
}

// Versions before 3.4.0 do not define the function.
#[cfg(any(mimalloc_v2, not(mimalloc_other_version)))]
#[test]
fn a_heap_is_the_default_until_its_guard_is_dropped() {
    use core::alloc::{GlobalAlloc, Layout};

    let heap = Heap::new().unwrap();
    // All sizes that Rust may allocate without a call, and others. Returns how many
    // blocks are in the heap, which is all or nothing.
    let probe = || {
        let sizes = (1..=1_100).step_by(7).chain([8, 16, 1_024, 5_000, 100_000]);
        let mut inside = Vec::with_capacity(1_000);
        for layout in sizes.map(|size| Layout::from_size_align(size, 8).unwrap()) {
            for zeroed in [false, true] {
                let block = if zeroed {
                    // SAFETY: no size in the list is zero.
                    unsafe { GlobalAlloc::alloc_zeroed(&mimalloc::MiMalloc, layout) }
                } else {
                    // SAFETY: no size in the list is zero.
                    unsafe { GlobalAlloc::alloc(&mimalloc::MiMalloc, layout) }
                };
                // SAFETY: the block is live until the end of the loop.
                inside.push(unsafe { heap.contains_ptr(block) });
                // SAFETY: the block was made above with this layout.
                unsafe { GlobalAlloc::dealloc(&mimalloc::MiMalloc, block, layout) };
            }
        }
        assert!(inside.iter().all(|is_inside| *is_inside == inside[0]));
        inside[0]
    };
    for _ in 0..3 {
        assert!(!probe());
        // SAFETY: this thread drops the guard below, and nothing that is plainly
        // allocated meanwhile lives on.
        let guard = unsafe { heap.set_default() };
        assert!(probe());
        drop(guard);
        assert!(!probe());
    }
}

/// Looks at all parts of a block, and at nothing beside the block.
#[test]
fn a_heap_contains_the_parts_of_its_values() {
    let heap = Heap::new().unwrap();
    let other = Heap::new().unwrap();
    // Engine v3 finds only the first 4 MiB of a block, and 1 MiB on 32 bits.
    let long = if usize::BITS == 64 { 300_000 } else { 200_000 };
    for len in [1, 3, 8, 100, 5_000, long] {
        let mut numbers = Vec02::new_in(&heap);
        numbers.extend(0..len);
        for part in [0, 1, len / 3, len / 2, len - 1] {
            let part = &numbers[usize::try_from(part).unwrap().min(numbers.len() - 1)];
            assert!(heap.contains(part), "{part} of {len}");
            assert!(!other.contains(part), "{part} of {len}");
            let byte = core::ptr::from_ref(part).cast::<u8>().wrapping_add(3);
            // SAFETY: the pointer is within the vector's block, which is live.
            assert!(unsafe { heap.contains_ptr(byte) }, "{part} of {len}");
        }
    }
    #[repr(align(4096))]
    struct Aligned([u8; 5000]);
    let aligned = Box02::new_in(Aligned([1; 5000]), &heap);
    assert!(heap.contains(&aligned.0[4999]) && heap.contains(&aligned.0[1]));
    let on_stack = [1_u8; 16];
    assert!(on_stack.iter().all(|byte| !heap.contains(byte)));
}

#[test]
fn errors_say_what_happened() {
    assert!(HeapError::OutOfMemory.to_string().contains("out of memory"));
    assert!(
        HeapError::TooManyHeaps
            .to_string()
            .contains(&mimalloc::MAX_HEAPS.to_string())
    );
    fn assert_error<E: core::error::Error + Send + Sync + 'static>() {}
    assert_error::<HeapError>();
}

#[cfg(mimalloc_v3)]
mod v3 {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn the_main_heap_is_one_for_all_threads() {
        let main = Heap::main();
        let on_thread = thread::spawn(|| Heap::main().as_raw().addr())
            .join()
            .unwrap();
        assert_eq!(main.as_raw().addr(), on_thread);
        let mut list = Vec02::<u8, _>::with_capacity_in(100, main);
        list.push(1);
        assert!(main.contains(list.as_slice()));
        let fresh = Vec02::<u8, _>::with_capacity_in(100, Heap::main());
        drop((list, fresh));
        main.with_local(|local| drop(Vec02::<u8, _>::with_capacity_in(100, local)));
    }

    /// Looks at the bytes that a block leaves to the next block at its place. Builds with
    /// checks fill blocks.
    #[cfg(not(mimalloc_other_version))]
    #[test]
    fn the_first_bytes_are_preserved_if_asked_for() {
        use allocator_api2_02::alloc::Allocator as _;
        use core::alloc::Layout;

        let layout = Layout::new::<[u8; 64]>();
        let second = |preserve: usize| {
            let mut heap = Heap::new().unwrap();
            heap.set_debug_fill_preserve(preserve);
            let first = heap.allocate(layout).unwrap().cast::<u8>();
            // SAFETY: the block is live and has 64 bytes.
            unsafe { first.write_bytes(0xAB, 64) };
            // SAFETY: the block was allocated just now with this layout.
            unsafe { heap.deallocate(first, layout) };
            for _ in 0..10_000 {
                let block = heap.allocate(layout).unwrap().cast::<u8>();
                if block == first {
                    // SAFETY: the block is live, and its bytes were written above.
                    return Some(unsafe { block.cast::<[u8; 64]>().read_volatile() });
                }
            }
            None
        };
        let (Some(none), Some(sixteen)) = (second(0), second(16)) else {
            // Hardened builds hand blocks out in a random order.
            return;
        };
        // The first word is mimalloc's while the block is free.
        assert_eq!(sixteen[8..16], [0xAB; 8]);
        let is_filled = none[16..64] != [0xAB; 48];
        assert_eq!(none[8..16] != [0xAB; 8], is_filled);
        assert_eq!(sixteen[16..64] != [0xAB; 48], is_filled);
        if !matches!(env!("MIMALLOC_TESTS_DEBUG"), "" | "0") {
            assert!(is_filled, "{none:?}");
        }
    }

    #[test]
    fn threads_share_a_heap_and_free_each_others_blocks() {
        let heap = Heap::new().unwrap();
        thread::scope(|scope| {
            let (give, take) = mpsc::channel::<Vec02<u64, &Heap>>();
            for n in 0..3_u64 {
                let (give, heap) = (give.clone(), &heap);
                scope.spawn(move || {
                    for round in 0..2_000 {
                        let mut list = Vec02::new_in(heap);
                        list.extend((0..32).map(|k| n * 1_000_000 + round * 100 + k));
                        give.send(list).unwrap();
                    }
                });
            }
            drop(give);
            scope.spawn(move || {
                let mut seen = 0;
                for list in take {
                    assert!(list.windows(2).all(|pair| pair[1] == pair[0] + 1));
                    seen += 1;
                }
                assert_eq!(seen, 6_000);
            });
        });
        drop(heap);
    }

    #[test]
    fn a_heap_is_dropped_far_from_where_it_was_made() {
        for _ in 0..50 {
            let heap = thread::spawn(|| {
                let heap = Heap::new().unwrap();
                core::mem::forget(Box02::new_in([7_u8; 3_000], &heap));
                heap
            })
            .join()
            .unwrap();
            let list = Vec02::<u8, _>::with_capacity_in(50_000, &heap);
            drop(list);
            thread::spawn(move || drop(heap)).join().unwrap();
        }
    }

    /// Destroys heaps while another thread has its theap cached. A new heap may
    /// then get the same address.
    #[test]
    fn a_new_heap_at_an_old_address_is_a_new_heap() {
        let (to_worker, orders) = mpsc::channel::<(SharedHeap, mpsc::Sender<usize>)>();
        let worker = thread::spawn(move || {
            for (heap, done) in orders {
                let mut list = Vec02::new_in(heap.clone());
                list.extend(0..500_u32);
                let inside = heap.contains(list.as_slice());
                drop(list);
                let address = heap.as_raw().addr();
                drop(heap);
                done.send(if inside { address } else { 0 }).unwrap();
            }
        });
        let mut addresses = std::collections::HashSet::new();
        let mut reused = 0;
        for _ in 0..500 {
            let heap = SharedHeap::new().unwrap();
            let (done, wait) = mpsc::channel();
            to_worker.send((heap, done)).unwrap();
            let address = wait.recv().unwrap();
            assert_ne!(address, 0, "a block landed in another heap");
            reused += u32::from(!addresses.insert(address));
        }
        drop(to_worker);
        worker.join().unwrap();
        assert!(reused > 0, "no address came back, so nothing was tested");
    }

    #[test]
    fn heaps_come_and_go_on_many_threads() {
        thread::scope(|scope| {
            for n in 0..8_u32 {
                scope.spawn(move || {
                    for round in 0..200_u32 {
                        let heap = Heap::new().unwrap();
                        let mut list = Vec02::new_in(&heap);
                        list.extend((0..100).map(|k| k + n + round));
                        assert_eq!(list[99], 99 + n + round);
                    }
                });
            }
        });
    }
}

/// Checks that a heap does not contain what ended threads left, however much
/// memory the heap takes. The end of the heap would free such blocks.
#[test]
fn a_heap_takes_no_blocks_of_others_with_it() {
    use mimalloc::MiMalloc;

    const SIZE: usize = 8 << 20;
    let filled = |value: u8| {
        let list = Box02::<[u8], _>::new_zeroed_slice_in(SIZE, MiMalloc);
        // SAFETY: any byte is a number.
        let mut list = unsafe { list.assume_init() };
        list.fill(value);
        list
    };
    let kept: Vec<_> = (1..=4_u8)
        .map(|n| {
            let leave = move || (filled(n), Box02::new_in([n; 200], MiMalloc));
            std::thread::spawn(leave).join().unwrap()
        })
        .collect();
    let heap = Heap::new().unwrap();
    for n in 0..600_usize {
        heap.alloc_slice_copy(&[n as u8; 300_000]).unwrap();
    }
    // In old versions such blocks get into the heap, and must survive its end.
    #[cfg(not(all(mimalloc_v2, mimalloc_other_version)))]
    for (list, block) in &kept {
        assert!(!heap.contains(&**list) && !heap.contains(&**block));
    }
    drop(heap);
    let fill: Vec<_> = (0..8).map(|_| filled(0xee)).collect();
    for (n, (list, block)) in (1..).zip(&kept) {
        assert!(mimalloc_tests::is_filled(list, n) && **block == [n; 200]);
    }
    assert_eq!(fill.len(), 8);
}
