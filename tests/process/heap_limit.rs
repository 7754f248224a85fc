//! Makes as many heaps as engine v3 can have.
//!
//! The test has a process of its own, because no other test could make a heap
//! meanwhile.

#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![cfg(mimalloc_v3)]

#[cfg(target_pointer_width = "64")]
use allocator_api2_02::boxed::Box as Box02;
use mimalloc::{Heap, MAX_HEAPS};
#[cfg(target_pointer_width = "64")]
use mimalloc::{HeapError, SharedHeap};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewShared as _};

#[test]
fn the_count_of_heaps_is_right() {
    // A 32-bit address space ends long before the count of heaps does.
    #[cfg(target_pointer_width = "64")]
    one_heap_too_many_is_an_error();
    raw_heaps_are_not_counted_twice();
    #[cfg(all(
        mimalloc_profile,
        not(mimalloc_other_version),
        target_pointer_width = "64"
    ))]
    profilers_are_counted();
}

/// Runs last, because profilers are never freed. A hardened build aborts when
/// mimalloc itself finds too many heaps.
#[cfg(all(
    mimalloc_profile,
    not(mimalloc_other_version),
    target_pointer_width = "64"
))]
fn profilers_are_counted() {
    use mimalloc::{Profiler, ProfilerError};

    let make = || Profiler::options().create_c(c"/tmp/never-written");
    const PROFILERS: usize = 20;
    for _ in 0..PROFILERS {
        make().unwrap();
    }
    let heaps: Vec<Heap> = (0..MAX_HEAPS - PROFILERS)
        .map(|_| Heap::new().unwrap())
        .collect();
    assert_eq!(Heap::new().unwrap_err(), HeapError::TooManyHeaps);
    assert_eq!(make().unwrap_err(), ProfilerError::TooManyHeaps);
    drop(heaps);
    make().unwrap();
}

#[cfg(target_pointer_width = "64")]
fn one_heap_too_many_is_an_error() {
    for _ in 0..2 {
        let mut heaps: Vec<Heap> = (0..MAX_HEAPS).map(|_| Heap::new().unwrap()).collect();
        assert_eq!(Heap::new().unwrap_err(), HeapError::TooManyHeaps);
        assert_eq!(Heap::scope(|_| ()), Err(HeapError::TooManyHeaps));
        assert_eq!(SharedHeap::new().unwrap_err(), HeapError::TooManyHeaps);

        // A reset that takes a new heap makes the new heap first, and leaves the
        // old one if there can be no new heap. A heap that two threads used takes a
        // new heap.
        let last = heaps.last_mut().unwrap();
        let kept: *const u64 = last.alloc(7).unwrap();
        std::thread::scope(|scope| {
            let last = &*last;
            scope.spawn(|| assert!(last.alloc(8).is_ok()));
        });
        assert_eq!(last.reset(), Err(HeapError::TooManyHeaps));
        // SAFETY: the failed reset left the heap and the value in it alone.
        assert_eq!(unsafe { kept.read() }, 7);
        assert_eq!(*Box02::new_in(8, &*last), 8);

        // The end of one heap makes room for another.
        heaps.swap_remove(MAX_HEAPS / 2);
        let one_more = Heap::new().unwrap();
        assert_eq!(*Box02::new_in(9, &one_more), 9);
        assert_eq!(Heap::new().unwrap_err(), HeapError::TooManyHeaps);
    }
}

/// Checks that a heap which leaves and comes back counts once.
fn raw_heaps_are_not_counted_twice() {
    let mut heap = Heap::new().unwrap();
    for _ in 0..MAX_HEAPS + 10 {
        let raw = core::ptr::NonNull::new(heap.into_raw()).unwrap();
        // SAFETY: `into_raw` gave the heap up, and no other code has the
        // pointer.
        heap = unsafe { Heap::from_raw(raw) };
    }
    for _ in 0..10 {
        let other = Heap::new().unwrap();
        // SAFETY: the heap has no blocks, and is not the default heap of a
        // thread.
        unsafe { other.delete_keeping_blocks() };
    }
    assert_eq!(Heap::scope(|_| 1), Ok(1));
}
