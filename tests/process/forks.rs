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
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;

    use allocator_api2_02::vec::Vec as Vec02;
    use mimalloc::{Heap, HeapPool, MiMalloc};

    // Locks of the C library's own allocator may be held at the fork; the library
    // takes care of them.
    #[global_allocator]
    static GLOBAL: MiMalloc = MiMalloc;

    const FORKS: usize = 200;
    const THREADS: usize = 3;

    pub(crate) fn main() {
        let (running, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let statuses: Vec<i32> = thread::scope(|scope| {
            for seed in 0..THREADS as u64 {
                let (running, stop) = (&running, &stop);
                scope.spawn(move || allocate(seed, running, stop));
            }
            while running.load(Ordering::Relaxed) < THREADS {
                thread::yield_now();
            }
            let mut heap = Heap::new().unwrap();
            let pool = HeapPool::new();
            let forks = (0..FORKS).map(|round| fork(&mut heap, &pool, round));
            // The first failure says all.
            let mut statuses: Vec<i32> = forks.take_while(|&status| status == 0).collect();
            statuses.resize(FORKS, -1);
            stop.store(true, Ordering::Relaxed);
            statuses
        });
        let failed = statuses.iter().position(|&status| status != 0);
        assert_eq!(failed, None, "the number of the fork whose child failed");
        println!("ok");
    }

    /// Allocates in the default heap and in a heap of the thread. No heap begins or
    /// ends meanwhile: the child might hang on engine v3.
    fn allocate(seed: u64, running: &AtomicUsize, stop: &AtomicBool) {
        let mut random = fastrand::Rng::with_seed(seed);
        let heap = Heap::new().unwrap();
        heap.alloc(1).unwrap();
        running.fetch_add(1, Ordering::Relaxed);
        while !stop.load(Ordering::Relaxed) {
            let mut lists: Vec<Vec02<u8, &Heap>> = Vec::new();
            for _ in 0..random.usize(1..300) {
                let mut list = Vec02::new_in(&heap);
                list.resize(random.usize(1..4_000), 5);
                lists.push(list);
            }
            assert!(lists.iter().flatten().all(|&byte| byte == 5));
        }
    }

    /// Forks, and returns the status of the child.
    fn fork(heap: &mut Heap, pool: &HeapPool, round: usize) -> i32 {
        let before = vec![round; 100];
        let in_heap = heap.alloc_slice_copy(&before).unwrap();
        // SAFETY: the child uses no lock but those of mimalloc, which are free in
        // the child: that is what this test checks.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            // A hang ends the child by a signal.
            // SAFETY: the call only sets a timer.
            unsafe { libc::alarm(20) };
            let is_right = *in_heap == *before && in_child(before, heap, pool);
            // SAFETY: the call ends the process without running destructors, which
            // may wait for threads that the child lacks.
            unsafe { libc::_exit(if is_right { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: the child is ours, and `status` is valid for writes.
        let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(ended, child);
        status
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
