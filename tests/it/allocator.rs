//! Every allocator against the model, and the places where paths meet.

use core::alloc::{GlobalAlloc, Layout};

use mimalloc::{Heap, MiMalloc, SharedHeap};
use mimalloc_tests::{Api02, Api04, Limits, Model, Subject, Whole};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewShared as _};

/// More seeds, for a long run: `MIMALLOC_TEST_SEEDS=1000`.
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
fn global_allocator() {
    hold(&Whole(MiMalloc));
}

#[test]
fn default_heap_as_api2_02() {
    hold(&Api02(MiMalloc));
}

#[test]
fn default_heap_as_api2_04() {
    hold(&Api04(MiMalloc));
}

#[test]
fn borrowed_heap() {
    let heap = Heap::new().unwrap();
    hold(&Api02(&heap));
    hold(&Api04(&heap));
}

#[test]
fn owned_heap() {
    hold(&Api02(Heap::new().unwrap()));
    hold(&Api04(Heap::new().unwrap()));
}

#[test]
fn shared_heap() {
    let heap = SharedHeap::new().unwrap();
    hold(&Api02(heap.clone()));
    hold(&Api04(heap.clone()));
    assert_eq!(heap.handle_count(), 1);
}

#[test]
fn local() {
    let heap = Heap::new().unwrap();
    heap.with_local(|local| hold(&Api02(local)));
    heap.with_local(|local| hold(&Api04(local)));
}

/// A heap thrown away in the middle of a sequence takes nothing with it.
#[test]
fn abandoned_sequences() {
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

/// Blocks made on one thread, resized and freed on another.
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
fn default_heap_across_threads() {
    hand_over(&Whole(MiMalloc));
}

#[cfg(mimalloc_v3)]
#[test]
fn heap_across_threads() {
    let heap = Heap::new().unwrap();
    hand_over(&Api02(&heap));
}

/// RUSTSEC-2022-0094 was a small block for a larger alignment: sweep them all.
#[test]
fn every_small_layout_is_aligned() {
    let heap = Heap::new().unwrap();
    for shift in 0..=12 {
        let align = 1_usize << shift;
        for size in 1..=2_100 {
            let layout = Layout::from_size_align(size, align).unwrap();
            let mut blocks = Vec::with_capacity(12);
            for _ in 0..3 {
                // SAFETY: the size is not zero.
                blocks.push((0, unsafe { MiMalloc.alloc(layout) }));
                // SAFETY: the size is not zero.
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
                // SAFETY: live, and of this layout, whichever heap it is in.
                unsafe { MiMalloc.dealloc(block, layout) };
            }
        }
    }
}

/// A large block that shrinks in place to a small size and is freed as small
/// would be read at the wrong page: it must move.
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
                    // SAFETY: live, fits `old`, and `new` is smaller.
                    let block = unsafe { subject.shrink(block, old, new) }.unwrap();
                    assert_eq!(block.addr().get() % new_align, 0);
                    // SAFETY: live and fits `new`.
                    unsafe { subject.deallocate(block, new) };
                }
            }
        }
    }
    Model::new(5, Limits::default()).run(&subject);
}

/// Grown after a shrink, a block must not show what it held before.
#[test]
fn growing_zeroed_after_shrinking() {
    let heap = Heap::new().unwrap();
    let subject = Api02(&heap);
    for size in [16, 100, 1_000, 3_000, 70_000, 140_000, 400_000] {
        let full = Layout::from_size_align(size, 1).unwrap();
        let half = Layout::from_size_align(size / 2 + 1, 1).unwrap();
        let block = subject.allocate(full).unwrap();
        // SAFETY: the block holds `size` bytes.
        unsafe { block.write_bytes(0xA5, size) };
        // SAFETY: live, fits `full`, and `half` is smaller.
        let block = unsafe { subject.shrink(block, full, half) }.unwrap();
        // SAFETY: live, fits `half`, and `full` is larger.
        let block = unsafe { subject.grow_zeroed(block, half, full) }.unwrap();
        for offset in 0..size {
            // SAFETY: within the block.
            let byte = unsafe { block.add(offset) };
            // SAFETY: initialised above, or promised to be zero.
            let byte = unsafe { byte.read() };
            assert_eq!(
                byte,
                if offset < half.size() { 0xA5 } else { 0 },
                "{offset} of {size}"
            );
        }
        // SAFETY: live and fits `full`.
        unsafe { subject.deallocate(block, full) };
    }
}

#[test]
fn absurd_layouts_fail_cleanly() {
    let heap = Heap::new().unwrap();
    let subject = Api02(&heap);
    let top = isize::MAX as usize;
    // What 64-bit address spaces don't hold; on 32 bits, what upstream takes for
    // negative (see the patches in mimalloc-sys).
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
            // SAFETY: the block holds 100 bytes.
            unsafe { block.write_bytes(7, 100) };
            // SAFETY: live, fits `small`, and `layout` is larger.
            assert!(unsafe { subject.grow(block, small, layout) }.is_none());
            // SAFETY: as above.
            assert!(unsafe { subject.grow_zeroed(block, small, layout) }.is_none());
            // SAFETY: within the block.
            let last = unsafe { block.add(99) };
            // SAFETY: a resize that fails leaves the block as it was.
            assert_eq!(unsafe { last.read() }, 7);
            // SAFETY: live and fits `small`.
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
        // SAFETY: currently allocated and fits `none`.
        unsafe { subject.deallocate(block, none) };
    }
}

#[test]
fn usable_size_is_at_least_what_was_asked_for() {
    for size in 1..3_000 {
        let layout = Layout::from_size_align(size, 1).unwrap();
        // SAFETY: the size is not zero.
        let block = unsafe { MiMalloc.alloc(layout) };
        // SAFETY: the block is live.
        let usable = unsafe { MiMalloc.usable_size(block) };
        assert!(usable >= size);
        // SAFETY: all usable bytes may be written.
        unsafe { block.write_bytes(1, usable) };
        // SAFETY: live and of this layout.
        unsafe { MiMalloc.dealloc(block, layout) };
    }
}
