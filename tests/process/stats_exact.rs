//! Checks that counts are exact after a collect on the only thread.
//!
//! The test has a process of its own and no harness, because the statistics
//! would count other tests and the harness.

#[global_allocator]
static SYSTEM: std::alloc::System = std::alloc::System;

fn main() {
    #[cfg(not(mimalloc_other_version))]
    {
        exact::check();
        exact::check_others();
    }
    println!("ok");
}

#[cfg(not(mimalloc_other_version))]
mod exact {
    use std::alloc::Layout;

    use allocator_api2_04::alloc::Allocator;
    use mimalloc::Heap;
    use mimalloc::stats::Stats;

    pub(super) fn check() {
        let heap = Heap::new().unwrap();
        let layout = Layout::new::<[u64; 12]>();
        // The first use of a heap on a thread allocates a table in the main
        // heap.
        heap.allocate(layout).expect("there is memory");
        let before = counted(&heap);
        let blocks: Vec<_> = (0..1_000)
            .map(|_| heap.allocate(layout).expect("there is memory"))
            .collect();
        let after = counted(&heap);
        assert!(after.pages.current > before.pages.current);
        if cfg!(mimalloc_v3) {
            v3(&before, &after);
        }
        for block in &blocks[..300] {
            // SAFETY: the heap allocated it with this layout, and it is freed once.
            unsafe { heap.deallocate(block.cast(), layout) };
        }
        let fewer = counted(&heap);
        if cfg!(mimalloc_v3) {
            assert_eq!(live(&fewer) - live(&before), 700);
        }
        // The end of the heap frees `first` and the 700 blocks.
        drop(heap);
        let dropped = counted(&Heap::new().unwrap());
        assert!(dropped.pages.current < after.pages.current);
        if cfg!(mimalloc_v3) {
            assert!(live(&dropped) < live(&before), "{}", live(&dropped));
        }
    }

    /// Checks which heap a collect looks at: `Heap::collect` at its own,
    /// `collect` at the main heap.
    fn counted(heap: &Heap) -> Stats {
        heap.collect(false);
        mimalloc::collect(false);
        Stats::get().unwrap()
    }

    /// Returns the blocks in use, by size class.
    fn live(stats: &Stats) -> i64 {
        stats.malloc_bins().map(|bin| bin.count.current).sum()
    }

    #[cfg(mimalloc_v3)]
    fn v3(before: &Stats, after: &Stats) {
        assert_eq!(after.malloc_count - before.malloc_count, 1_000);
        assert_eq!(after.free_count, before.free_count);
        assert_eq!(live(after) - live(before), 1_000);
        // Padding and guard pages add bytes to each block.
        let bytes = after.allocated.current - before.allocated.current;
        assert!((96_000..=128_000).contains(&bytes), "{bytes}");
        assert_eq!(after.heaps.current, 2, "the main heap and ours");
        // All of the blocks are of one class, which holds 96 bytes and not 80.
        let more = |bins: &dyn Fn(&Stats) -> Vec<(usize, i64)>| -> Vec<(usize, i64)> {
            let pairs = bins(before).into_iter().zip(bins(after));
            let more = pairs.map(|((size, before), (_, after))| (size, after - before));
            more.filter(|(_, more)| *more != 0).collect()
        };
        let blocks = more(&|stats| {
            let bins = stats.malloc_bins();
            bins.map(|bin| (bin.block_size, bin.count.total)).collect()
        });
        let [(size, 1_000)] = blocks[..] else {
            panic!("{blocks:?}");
        };
        assert!((96..=128).contains(&size), "{size}");
        let pages = more(&|stats| {
            let bins = stats.page_bins();
            bins.map(|bin| (bin.block_size, bin.count.current))
                .collect()
        });
        assert!(matches!(pages[..], [(of, 1..)] if of == size), "{pages:?}");
    }

    /// Checks what counts arenas and threads, by things that are known.
    pub(super) fn check_others() {
        use mimalloc::Arena;

        let stats = || Stats::get().unwrap();
        let before = stats();
        let arena = Arena::options().commit(true).reserve(64 << 20).unwrap();
        let after = stats().since(&before);
        assert_eq!(after.arena_count, 1);
        let size = i64::try_from(arena.capacity()).unwrap();
        assert!(after.reserved.total >= size && after.committed.total >= size);
        assert!(after.mmap_calls >= 1);
        let plain = stats();
        Arena::options().commit(false).reserve(64 << 20).unwrap();
        let after = stats().since(&plain);
        assert!(after.reserved.total >= size && after.committed.total < size / 2);

        let before = stats();
        for _ in 0..3 {
            let thread = std::thread::spawn(|| {
                drop(Heap::new().unwrap());
                // SAFETY: one byte is a size.
                let block = unsafe { mimalloc::ffi::mi_malloc(1) };
                // SAFETY: the block was made just now.
                unsafe { mimalloc::ffi::mi_free(block) };
            });
            thread.join().unwrap();
        }
        let after = stats();
        assert_eq!(after.since(&before).threads.total, 3);
        assert_eq!(after.threads.current, before.threads.current);
        #[cfg(mimalloc_v3)]
        assert_eq!(after.since(&before).heaps.total, 3);
    }

    #[cfg(not(mimalloc_v3))]
    fn v3(_before: &Stats, _after: &Stats) {}
}
