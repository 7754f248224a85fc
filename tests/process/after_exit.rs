//! Uses heaps on threads that go on while the process ends. mimalloc has given
//! up its own tables by then, and must not make heaps from the memory that
//! mimalloc freed.
//!
//! The test has a process of its own, because mimalloc is done with the process
//! afterwards.

#![cfg(mimalloc_patched)]

use std::thread;

use allocator_api2_04::vec::Vec as Vec04;
use mimalloc::Heap;
use mimalloc::hooks::{self, ErrorPolicy};
use mimalloc_tests::fail_instead_of_hanging;

/// Uses many heaps at once, and checks what was written to them.
fn use_heaps(seed: usize) {
    for round in 0..50 {
        let heaps: Vec<Heap> = (0..60).map(|_| Heap::new().unwrap()).collect();
        let filled: Vec<Vec04<usize, &Heap>> = heaps
            .iter()
            .enumerate()
            .map(|(at, heap)| {
                let mut numbers = Vec04::new_in(heap);
                numbers.resize(10 + at * 7, seed + round + at);
                numbers
            })
            .collect();
        for (at, numbers) in filled.iter().enumerate() {
            assert!(numbers.iter().all(|&number| number == seed + round + at));
        }
    }
}

#[test]
fn heaps_work_while_the_process_ends() {
    fail_instead_of_hanging();
    // Counts what mimalloc reports. Corruption would be reported.
    hooks::set_error_policy(ErrorPolicy::Ignore);
    use_heaps(1);
    // SAFETY: the system calls the same function when `main` returns while
    // threads run. The option `destroy_on_exit` is off, so mimalloc keeps its
    // memory.
    unsafe { mimalloc_sys::mi_process_done() };
    use_heaps(2);
    thread::scope(|scope| {
        for seed in 3..7 {
            scope.spawn(move || use_heaps(seed));
        }
    });
    // These threads are new to mimalloc, and take from the freed memory.
    for seed in 0..100 {
        thread::spawn(move || use_heaps(seed * 1000))
            .join()
            .unwrap();
    }
    assert_eq!(hooks::last_error(), None);
}
