//! Holds every allocator against the model, and tests the places where two
//! paths of the core meet.

use core::alloc::{GlobalAlloc, Layout};

use mimalloc::{Heap, MiMalloc, SharedHeap};
use mimalloc_tests::{Api02, Api04, Limits, Model, Subject, Whole};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewShared as _};

/// Returns the seeds. `MIMALLOC_TEST_SEEDS=1000` makes a long run.
fn seeds() -> impl Iterator<Item = u64> {
    let count = std::env::var("MIMALLOC_TEST_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok());
    1..=count.unwrap_or(3)
}

fn hold(subject: &impl Subject) {
    for seed in seeds() {
        Model::new(seed, Limits::default()).run(subject);
    }
}

#[test]
fn the_global_allocator_holds() {
    hold(&Whole(MiMalloc));
}

#[test]
fn the_default_heap_holds_as_api2_02() {
    hold(&Api02(MiMalloc));
}

#[test]
fn the_default_heap_holds_as_api2_04() {
    hold(&Api04(MiMalloc));
}

#[test]
fn a_borrowed_heap_holds() {
    let heap = Heap::new().unwrap();
    hold(&Api02(&heap));
    hold(&Api04(&heap));
}

#[test]
fn an_owned_heap_holds() {
    hold(&Api02(Heap::new().unwrap()));
    hold(&Api04(Heap::new().unwrap()));
}

#[test]
fn a_shared_heap_holds() {
    let heap = SharedHeap::new().unwrap();
    hold(&Api02(heap.clone()));
    hold(&Api04(heap.clone()));
    assert_eq!(heap.handle_count(), 1);
}

#[test]
fn a_local_heap_holds() {
    let heap = Heap::new().unwrap();
    heap.with_local(|local| hold(&Api02(local)));
    heap.with_local(|local| hold(&Api04(local)));
}

/// Checks that a heap which ends in the middle of a sequence takes no block of
/// others with it.
#[test]
fn a_heap_that_ends_takes_no_block_of_others() {
    for seed in seeds() {
        let heap = Heap::new().unwrap();
        let limits = Limits {
            steps: 0,
            ..Limits::default()
        };
        let mut model = Model::new(seed, limits);
        for _ in 0..1_000 {
            model.step(&Api02(&heap));
        }
        let mut other = Model::new(
            seed + 1_000,
            Limits {
                steps: 500,
                ..Limits::default()
            },
        );
        other.run(&Api02(MiMalloc));
        drop(heap);
        other = Model::new(
            seed + 2_000,
            Limits {
                steps: 500,
                ..Limits::default()
            },
        );
        other.run(&Api02(MiMalloc));
    }
}

/// Makes blocks on one thread, and resizes and frees them on another.
fn hand_over(subject: &(impl Subject + Sync)) {
    let limits = Limits {
        size: 256 << 10,
        live: 8 << 20,
        ..Limits::default()
    };
    let models: Vec<Model> = std::thread::scope(|scope| {
        let makers = (0..2_u64).map(|n| {
            scope.spawn(move || {
                let mut model = Model::new(77 + n, limits);
                for _ in 0..3_000 {
                    model.step(subject);
                }
                model
            })
        });
        let makers: Vec<_> = makers.collect();
        makers
            .into_iter()
            .map(|maker| maker.join().unwrap())
            .collect()
    });
    std::thread::scope(|scope| {
        for mut model in models {
            scope.spawn(move || {
                for _ in 0..1_000 {
                    model.step(subject);
                }
                model.finish(subject);
            });
        }
    });
}

#[test]
fn the_default_heap_holds_across_threads() {
    hand_over(&Whole(MiMalloc));
}

#[cfg(mimalloc_v3)]
#[test]
fn heap_across_threads() {
    let heap = Heap::new().unwrap();
    hand_over(&Api02(&heap));
}

/// Sweeps all small layouts: RUSTSEC-2022-0094 was a small block for a larger
/// alignment.
#[test]
fn every_small_layout_is_aligned() {
    let heap = Heap::new().unwrap();
    for shift in 0..=12 {
        let align = 1_usize << shift;
        for size in 1..=2_100 {
            let layout = Layout::from_size_align(size, align).unwrap();
            let mut blocks = Vec::with_capacity(12);
            for _ in 0..3 {
                // SAFETY: the loop starts at one, so the size is not zero.
                blocks.push((0, unsafe { MiMalloc.alloc(layout) }));
                // SAFETY: the loop starts at one, so the size is not zero.
                blocks.push((0, unsafe { MiMalloc.alloc_zeroed(layout) }));
                let block = Api02(&heap).allocate(layout).unwrap();
                blocks.push((1, block.as_ptr()));
                let block = Api02(&heap).allocate_zeroed(layout).unwrap();
                blocks.push((1, block.as_ptr()));
            }
            for (_, block) in &blocks {
                assert!(!block.is_null());
                assert_eq!(block.addr() % align, 0, "{layout:?} at {block:?}");
            }
            for (_, block) in blocks {
                // SAFETY: the block was made above with this layout, and any
                // block of mimalloc may be freed through the default heap.
                unsafe { MiMalloc.dealloc(block, layout) };
            }
        }
    }
}

/// Checks that a large block moves when it shrinks to a small size. A free by
/// size would otherwise look for the page of a small block.
#[test]
fn shrinking_far_down_and_freeing() {
    let heap = Heap::new().unwrap();
    let subject = Api02(&heap);
    for align in [1, 8, 16, 64, 1024, 4096, 65_536] {
        for large in [2_049, 12_288, 20_480, 100 << 10, 1 << 20, 40 << 20] {
            for small in [1, 16, 512, 1_023, 1_024, 1_025] {
                for new_align in [1, 16, align] {
                    let old = Layout::from_size_align(large, align).unwrap();
                    let new = Layout::from_size_align(small, new_align).unwrap();
                    let block = subject.allocate(old).unwrap();
                    // SAFETY: the block is new and fits `old`, and `new` is
                    // smaller.
                    let block = unsafe { subject.shrink(block, old, new) }.unwrap();
                    assert_eq!(block.addr().get() % new_align, 0);
                    // SAFETY: `shrink` returned the block, which fits `new`.
                    unsafe { subject.deallocate(block, new) };
                }
            }
        }
    }
    Model::new(5, Limits::default()).run(&subject);
}

/// Checks that a block which grows after a shrink does not show its old
/// contents.
#[test]
fn growing_zeroed_after_shrinking() {
    let heap = Heap::new().unwrap();
    let subject = Api02(&heap);
    for size in [16, 100, 1_000, 3_000, 70_000, 140_000, 400_000] {
        let full = Layout::from_size_align(size, 1).unwrap();
        let half = Layout::from_size_align(size / 2 + 1, 1).unwrap();
        let block = subject.allocate(full).unwrap();
        // SAFETY: the block is new and `size` bytes long.
        unsafe { block.write_bytes(0xA5, size) };
        // SAFETY: the block fits `full`, and `half` is not larger.
        let block = unsafe { subject.shrink(block, full, half) }.unwrap();
        // SAFETY: the block fits `half`, and `full` is not smaller.
        let block = unsafe { subject.grow_zeroed(block, half, full) }.unwrap();
        for offset in 0..size {
            // SAFETY: `offset` is below the size of the block.
            let byte = unsafe { block.add(offset) };
            // SAFETY: the first half was written above, and `grow_zeroed`
            // zeroed the rest.
            let byte = unsafe { byte.read() };
            assert_eq!(
                byte,
                if offset < half.size() { 0xA5 } else { 0 },
                "{offset} of {size}"
            );
        }
        // SAFETY: the block is live, and fits `full` since it grew.
        unsafe { subject.deallocate(block, full) };
    }
}

#[test]
fn absurd_layouts_fail_cleanly() {
    let heap = Heap::new().unwrap();
    let subject = Api02(&heap);
    let top = isize::MAX as usize;
    // A 64-bit address space does not hold these sizes. On 32 bits, unpatched
    // upstream takes these sizes for negative.
    let sizes: &[usize] = if cfg!(target_pointer_width = "64") {
        &[top / 2, top / 2 + 1, top >> 15]
    } else {
        &[0x7FE0_0000, 0x7FF0_0000, top - 4_095]
    };
    for shift in [0, 4, 6, 12, 20, 27, usize::BITS * 5 / 8] {
        let align = 1 << shift;
        for size in [&[top - align + 1], sizes].concat() {
            let Ok(layout) = Layout::from_size_align(size, align) else {
                continue;
            };
            assert!(subject.allocate(layout).is_none(), "{layout:?}");
            assert!(subject.allocate_zeroed(layout).is_none(), "{layout:?}");
            assert!(Whole(MiMalloc).allocate(layout).is_none(), "{layout:?}");

            let small = Layout::from_size_align(100, align.min(4_096)).unwrap();
            let layout = layout.align_to(1).unwrap();
            let block = subject.allocate(small).unwrap();
            // SAFETY: the block is new and 100 bytes long.
            unsafe { block.write_bytes(7, 100) };
            // SAFETY: the block fits `small`, and `layout` is larger.
            assert!(unsafe { subject.grow(block, small, layout) }.is_none());
            // SAFETY: the failed `grow` left the block alone; it still fits
            // `small`.
            assert!(unsafe { subject.grow_zeroed(block, small, layout) }.is_none());
            // SAFETY: the block is 100 bytes long.
            let last = unsafe { block.add(99) };
            // SAFETY: a resize that fails leaves the block and its contents
            // alone.
            assert_eq!(unsafe { last.read() }, 7);
            // SAFETY: no resize succeeded, so the block is live and fits
            // `small`.
            unsafe { subject.deallocate(block, small) };
        }
    }
}

#[test]
fn nothing_of_size_zero_reaches_the_heap() {
    let heap = Heap::new().unwrap();
    for align in [1, 8, 4_096, 1 << 30] {
        let none = Layout::from_size_align(0, align).unwrap();
        let some = Layout::from_size_align(64, 8).unwrap();
        let subject = Api04(&heap);
        let block = subject.allocate(none).unwrap();
        assert_eq!(block.addr().get(), align);
        // SAFETY: currently allocated, fits `none`, and `some` is larger.
        let block = unsafe { subject.grow(block, none, some) }.unwrap();
        // SAFETY: currently allocated, fits `some`, and `none` is smaller.
        let block = unsafe { subject.shrink(block, some, none) }.unwrap();
        assert_eq!(block.addr().get(), align);
        // SAFETY: `shrink` returned the block, which fits `none`.
        unsafe { subject.deallocate(block, none) };
    }
}

#[test]
fn usable_size_is_at_least_what_was_asked_for() {
    for size in 1..3_000 {
        let layout = Layout::from_size_align(size, 1).unwrap();
        // SAFETY: the loop starts at one, so the size is not zero.
        let block = unsafe { MiMalloc.alloc(layout) };
        // SAFETY: the block is live until the end of the loop.
        let usable = unsafe { MiMalloc.usable_size(block) };
        assert!(usable >= size);
        // SAFETY: mimalloc gives the program all usable bytes of a block.
        unsafe { block.write_bytes(1, usable) };
        // SAFETY: the block was made above with this layout.
        unsafe { MiMalloc.dealloc(block, layout) };
    }
    // SAFETY: a null pointer is allowed.
    assert_eq!(unsafe { MiMalloc.usable_size(core::ptr::null()) }, 0);
}

/// Checks that the hint for growing buffers is the size of the block. Padding and guard
/// pages take bytes of the block.
#[test]
fn good_sizes_are_those_of_blocks() {
    let mut larger = 0;
    for size in (1..5_000).step_by(7).chain([70_000, 1_000_000]) {
        let good = mimalloc::good_size(size);
        assert!(good >= size);
        larger += usize::from(good > size);
        let layout = Layout::from_size_align(size, 1).unwrap();
        // SAFETY: the layout has a size.
        let block = unsafe { MiMalloc.alloc(layout) };
        // SAFETY: the block is live.
        let usable = unsafe { MiMalloc.usable_size(block) };
        // SAFETY: the block was made above with this layout.
        unsafe { MiMalloc.dealloc(block, layout) };
        if cfg!(any(mimalloc_padding, mimalloc_guarded)) {
            assert!(usable >= size, "{size}: {usable}");
        } else if size < 100_000 {
            assert_eq!(good, usable, "{size}");
        } else {
            // Large blocks have whole pages of the system.
            assert!(good <= usable, "{size}: {good} {usable}");
        }
    }
    // Most sizes are not those of blocks.
    assert!(larger > 300, "{larger}");
}
