//! Lets heaps take turns on threads. A thread must find its theap of the heap
//! that was asked: never the theap of another heap or of a destroyed heap, and
//! never one that mimalloc freed when the thread ended.
//!
//! The tests have a process of their own, because they create pthread keys in a
//! fixed order.

#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![cfg(mimalloc_v3)]

use std::sync::mpsc;
use std::thread;

use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use mimalloc::{Heap, SharedHeap};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewShared as _};

/// The number of heaps: more than a thread caches theaps for.
const HEAPS: usize = 40;

fn heaps() -> Vec<Heap> {
    (0..HEAPS).map(|_| Heap::new().unwrap()).collect()
}

/// Allocates small, large, zeroed and growing blocks, as each kind takes its
/// own path.
fn use_one(heap: &Heap, seed: u64) {
    let small = Box02::new_in(seed, heap);
    let large = Box02::new_in([seed; 1000], heap);
    let zeroed = Box02::<[u64], _>::new_zeroed_slice_in(20, heap);
    // SAFETY: all bytes are zero, and zero is a value of `u64`.
    let zeroed = unsafe { zeroed.assume_init() };
    let mut grown = Vec02::new_in(heap);
    grown.extend(0..=seed % 700);
    grown.reserve(3000);
    assert!(heap.contains(&*small) && heap.contains(&*large));
    assert!(heap.contains(&zeroed[0]) && heap.contains(&grown[0]));
    assert_eq!((*small, large[999], zeroed[19]), (seed, seed, 0));
    assert!(grown.iter().copied().eq(0..=seed % 700));
}

#[test]
fn blocks_come_from_the_heap_that_was_asked() {
    let heaps = heaps();
    thread::scope(|scope| {
        for number in 1..=4 {
            let heaps = &heaps;
            scope.spawn(move || {
                for round in 0..200 {
                    // The heaps are neighbours in the theap cache, or share an
                    // entry of the cache.
                    let step = [1, 7, 16][round % 3];
                    for at in 0..HEAPS {
                        use_one(&heaps[at * step % HEAPS], number * 1000 + round as u64);
                    }
                    use_one(Heap::main(), 1);
                }
            });
        }
    });
}

#[test]
fn a_heap_is_not_taken_for_one_before_it() {
    let (to_thread, of_main) = mpsc::channel::<SharedHeap>();
    let (to_main, of_thread) = mpsc::channel();
    let thread = thread::spawn(move || {
        for heap in of_main {
            use_one(&heap, 5);
            // Either side may drop the last handle.
            drop(heap);
            to_main.send(()).unwrap();
        }
    });
    let mut places = std::collections::BTreeSet::new();
    for seed in 0..2_000 {
        let heap = SharedHeap::new().unwrap();
        places.insert(heap.as_raw().addr());
        use_one(&heap, seed);
        to_thread.send(heap.clone()).unwrap();
        of_thread.recv().unwrap();
    }
    // Heaps that never share an address would prove nothing.
    assert!(places.len() < 1_000, "{}", places.len());
    drop(to_thread);
    thread.join().unwrap();
}

#[test]
fn a_reset_heap_is_another_one() {
    let mut heap = Heap::new().unwrap();
    let other = Heap::new().unwrap();
    for seed in 0..1_000 {
        use_one(&heap, seed);
        use_one(&other, seed);
        heap.reset().unwrap();
    }
}

/// A library of 3.6.2 that is not patched gives nothing from heaps to a thread
/// that mimalloc is done with.
#[cfg(all(unix, mimalloc_patched))]
mod thread_end {
    use core::ffi::c_void;
    use core::ptr;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::LazyLock;

    use super::*;

    static HEAPS: LazyLock<Vec<Heap>> = LazyLock::new(heaps);
    static ROUNDS: AtomicUsize = AtomicUsize::new(0);
    static KEY: LazyLock<libc::pthread_key_t> = LazyLock::new(|| {
        // Creates mimalloc's key first, so that mimalloc's destructor runs
        // first.
        drop(Box02::new_in(1, &HEAPS[0]));
        let mut key = 0;
        // SAFETY: `key` may be written to, and `use_heaps` has the type of a
        // destructor.
        let code = unsafe { libc::pthread_key_create(&raw mut key, Some(use_heaps)) };
        assert_eq!(code, 0);
        key
    });

    /// Makes `use_heaps` run when the thread ends, or run once more.
    fn at_thread_end() {
        let value = ptr::without_provenance::<c_void>(1);
        // SAFETY: `KEY` was created, and the value is never dereferenced.
        let code = unsafe { libc::pthread_setspecific(*KEY, value) };
        assert_eq!(code, 0);
    }

    extern "C" fn use_heaps(_value: *mut c_void) {
        let round = ROUNDS.fetch_add(1, Ordering::Relaxed);
        if round % 2 == 0 {
            // No other call has reached mimalloc since mimalloc was done with
            // the thread.
            mimalloc::set_thread_in_threadpool();
        }
        // The order differs each time. Otherwise the new theaps would take the
        // addresses of the old ones.
        for at in 0..super::HEAPS {
            use_one(&HEAPS[(at * 3 + round) % super::HEAPS], 9);
        }
        if round % 3 != 0 {
            at_thread_end();
        }
    }

    thread_local! {
        static VALUE: UsesHeaps = const { UsesHeaps };
    }

    struct UsesHeaps;

    impl Drop for UsesHeaps {
        fn drop(&mut self) {
            HEAPS.iter().for_each(|heap| use_one(heap, 4));
        }
    }

    /// Runs `first` on threads that then use heaps until the threads end.
    fn threads_that(first: fn()) {
        let before = ROUNDS.load(Ordering::Relaxed);
        for _ in 0..50 {
            let thread = thread::spawn(move || {
                first();
                at_thread_end();
            });
            thread.join().unwrap();
        }
        assert!(ROUNDS.load(Ordering::Relaxed) >= before + 50);
    }

    #[test]
    fn heaps_serve_a_thread_that_mimalloc_is_done_with() {
        threads_that(|| HEAPS.iter().for_each(|heap| use_one(heap, 3)));
    }

    #[test]
    fn heaps_serve_a_thread_that_uses_them_only_then() {
        threads_that(|| {});
    }

    #[test]
    fn heaps_serve_destructors_of_thread_locals() {
        threads_that(|| {
            VALUE.with(|_| {});
            HEAPS.iter().for_each(|heap| use_one(heap, 3));
        });
        threads_that(|| VALUE.with(|_| {}));
    }
}
