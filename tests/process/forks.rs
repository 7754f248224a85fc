//! Forks a process whose threads allocate. The child may allocate, free, and use
//! heaps, as `docs::threads` says.
//!
//! The test has a process of its own and no harness, because a child has only the
//! thread that forked.

#[cfg(not(all(mimalloc_owned_heaps, unix)))]
fn main() {
    eprintln!("SKIPPED: this needs owned heaps, and `fork`");
}

#[cfg(all(mimalloc_owned_heaps, unix))]
fn main() {
    unix::main();
}

#[cfg(all(mimalloc_owned_heaps, unix))]
mod unix {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use allocator_api2_02::vec::Vec as Vec02;
    use mimalloc::{Heap, HeapPool, MiMalloc};

    // Locks of the C library's own allocator may be held at the fork; the library
    // takes care of them.
    #[global_allocator]
    static GLOBAL: MiMalloc = MiMalloc;

    const FORKS: usize = 200;

    pub(crate) fn main() {
        let (running, stop) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            for seed in 0..3 {
                let (running, stop) = (&running, &stop);
                scope.spawn(move || allocate(seed, running, stop));
            }
            while !running.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            let mut heap = Heap::new().unwrap();
            let pool = HeapPool::new();
            for round in 0..FORKS {
                fork(&mut heap, &pool, round);
            }
            stop.store(true, Ordering::Relaxed);
        });
        println!("ok");
    }

    /// Allocates in the default heap and in a heap of the thread. No heap begins or
    /// ends meanwhile: the child might hang on engine v3.
    fn allocate(seed: u64, running: &AtomicBool, stop: &AtomicBool) {
        let mut random = fastrand::Rng::with_seed(seed);
        let heap = Heap::new().unwrap();
        while !stop.load(Ordering::Relaxed) {
            let mut lists: Vec<Vec02<u8, &Heap>> = Vec::new();
            for _ in 0..random.usize(1..300) {
                let mut list = Vec02::new_in(&heap);
                list.resize(random.usize(1..4_000), 5);
                lists.push(list);
                running.store(true, Ordering::Relaxed);
            }
            assert!(lists.iter().flatten().all(|&byte| byte == 5));
        }
    }

    fn fork(heap: &mut Heap, pool: &HeapPool, round: usize) {
        let before = vec![round; 100];
        let in_heap = heap.alloc_slice_copy(&before).unwrap();
        // SAFETY: the child uses no lock but those of mimalloc, which are free in
        // the child: that is what this test checks.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            // A hang ends the child by a signal.
            // SAFETY: the call only sets a timer.
            unsafe { libc::alarm(60) };
            let is_right = *in_heap == *before && in_child(before, heap, pool);
            // SAFETY: the call ends the process without running destructors, which
            // may wait for threads that the child lacks.
            unsafe { libc::_exit(if is_right { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: the child is ours, and `status` is valid for writes.
        let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(ended, child);
        assert_eq!(status, 0, "round {round}: status {status:#x}");
    }

    fn in_child(block: Vec<usize>, heap: &mut Heap, pool: &HeapPool) -> bool {
        drop(block);
        let mut list = Vec02::new_in(&*heap);
        list.extend(0..3_000);
        let mut is_right = list.iter().copied().eq(0..3_000);
        drop(list);
        is_right &= heap.reset().is_ok() && heap.usage().blocks == 0;
        let mut other = Heap::new().unwrap();
        let lent = pool.take().unwrap();
        is_right &= other.alloc_slice_with(5_000, |at| at).is_ok();
        is_right &= lent.alloc_str("text").is_ok_and(|text| text == "text");
        is_right &= other.usage().blocks == 1;
        let blocks: Vec<Vec<u8>> = (0..2_000).map(|size| vec![3; size]).collect();
        is_right && blocks.iter().flatten().all(|&byte| byte == 3)
    }
}
