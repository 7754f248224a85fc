//! Runs a process out of memory. All that can fail returns an error, and
//! nothing ends the process.
//!
//! The test has a process of its own and no harness, because the limit applies
//! to the whole process and the harness would run into the limit.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("SKIPPED: this limits the address space, which is tried on Linux only");
}

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::{Arc, Barrier};
    use std::thread::{self, JoinHandle};

    use allocator_api2_02::boxed::Box as Box02;
    use allocator_api2_02::vec::Vec as Vec02;
    use mimalloc::{Arena, Heap, HeapError, MiMalloc, SharedHeap};
    use mimalloc_tests::address_space::limit_to_now_and;
    #[cfg(not(mimalloc_owned_heaps))]
    use mimalloc_tests::{NewHeap as _, NewShared as _};

    #[global_allocator]
    static GLOBAL: MiMalloc = MiMalloc;

    const MIB: usize = 1 << 20;
    /// A size that is larger than what is left under the limit, whatever was
    /// freed.
    const GIB: usize = 1 << 30;

    pub(crate) fn main() {
        // These are made while there is memory.
        let heap = Heap::new().unwrap();
        let shared = SharedHeap::new().unwrap();
        let mut kept = Vec02::new_in(&heap);
        kept.extend(0..10_000_u32);
        let mut room = Vec::with_capacity(100_000);
        let mut heaps = Vec::with_capacity(100_000);
        let start = Arc::new(Barrier::new(2));
        let thread = waiting_thread(&start, &shared, false);
        let known_start = Arc::new(Barrier::new(2));
        let known_thread = waiting_thread(&known_start, &shared, true);
        limit_to_now_and(64 * MIB);

        // Takes large blocks, then smaller ones, until no memory is left.
        let mut refused = 0;
        for size in [8 * MIB, MIB, 64 << 10, 1_000] {
            while room.len() < room.capacity() {
                let mut block = Vec::<u8>::new();
                if block.try_reserve_exact(size).is_err() {
                    refused += 1;
                    break;
                }
                room.push(block);
            }
        }
        assert!(refused >= 3, "there was memory after all");
        exhausted(&heap, &shared, &mut heaps);
        for start in [&start, &known_start] {
            start.wait();
            start.wait();
        }
        assert!(kept.try_reserve(GIB).is_err());
        assert!(kept.iter().copied().eq(0..10_000));

        // With memory again, everything works again.
        drop(room);
        heaps.clear();
        mimalloc::collect(true);
        start.wait();
        thread.join().unwrap();
        known_start.wait();
        known_thread.join().unwrap();
        kept.try_reserve(MIB).unwrap();
        assert!(kept.iter().copied().eq(0..10_000));
        assert_eq!(*Box02::new_in(7, Heap::new().unwrap()), 7);
        println!("ok");
    }

    /// Returns a heap that reserved all of its memory before the limit.
    #[cfg(mimalloc_v3)]
    fn reserved() -> SharedHeap {
        let arena = mimalloc::arena::ArenaOptions::new()
            .exclusive(true)
            .reserve(64 * MIB)
            .unwrap();
        SharedHeap::from_heap(Heap::new_in(arena).unwrap()).unwrap()
    }

    fn exhausted(heap: &Heap, shared: &SharedHeap, heaps: &mut Vec<Heap>) {
        // A heap is small, so a few more may fit before none does.
        let error = loop {
            match Heap::new() {
                Ok(heap) => heaps.push(heap),
                Err(error) => break error,
            }
            if heaps.len() == 50_000 {
                break HeapError::TooManyHeaps;
            }
        };
        // Engine v2 makes a heap from free blocks of the default heap.
        if cfg!(mimalloc_v3) {
            assert_eq!(error, HeapError::OutOfMemory);
        }
        for heap in heaps.iter().step_by(100).chain([heap, &**shared]) {
            refuses(heap);
        }
        assert!(heap.alloc_slice_with(GIB, |_| 0_u8).is_err());
        assert!(heap.strdup(c"text").is_ok() || heap.alloc([0_u8; 5]).is_err());
        assert!(Arena::reserve(GIB).is_err());
        #[cfg(not(mimalloc_other_version))]
        assert!(mimalloc::stats::Stats::get().is_ok());
    }

    /// Starts a thread without a theap, which then finds no memory for one.
    /// Unless `is_known`, mimalloc does not even know the thread.
    fn waiting_thread(start: &Arc<Barrier>, shared: &SharedHeap, is_known: bool) -> JoinHandle<()> {
        let start_of_thread = Arc::clone(start);
        let start = Arc::clone(start);
        #[cfg(mimalloc_v3)]
        let (shared, reserved) = (shared.clone(), reserved());
        #[cfg(mimalloc_v2)]
        let _ = shared;
        let thread = thread::spawn(move || {
            if is_known {
                drop(std::hint::black_box(Box::new(1)));
            }
            start.wait();
            start.wait();
            #[cfg(mimalloc_v3)]
            {
                // Unpatched, upstream (3.6.2) crashes here: see
                // mimalloc-sys/build/patches.rs.
                refuses(&shared);
                refuses(&reserved);
                assert!(is_known || Heap::new().is_err());
                #[cfg(mimalloc_patched)]
                mimalloc::set_thread_in_threadpool();
            }
            assert!(Vec::<u8>::new().try_reserve(GIB).is_err());
            start.wait();
            start.wait();
            #[cfg(mimalloc_v3)]
            for heap in [&shared, &reserved] {
                assert_eq!(*Box02::new_in(7, &**heap), 7);
                assert_eq!(heap.with_local(|local| *Box02::new_in(8, local)), 8);
            }
        });
        start_of_thread.wait();
        thread
    }

    fn refuses(heap: &Heap) {
        assert!(Vec02::<u8, _>::new_in(heap).try_reserve(GIB).is_err());
        assert!(
            Vec02::<u8, _>::new_in(heap)
                .try_reserve(usize::MAX / 4)
                .is_err()
        );
        if let Ok(value) = heap.alloc(3_u64) {
            *value += 1;
        }
        heap.with_local(|local| {
            assert!(Vec02::<u8, _>::new_in(local).try_reserve(GIB).is_err());
            drop(Box02::try_new_in(1_u8, local));
        });
        heap.collect(true);
    }
}
