//! Counts the live heaps of the process while a pool lends and takes back thousands:
//! none is leaked, and idle heaps are used again.
//!
//! The test has a process of its own and no harness, because other tests make heaps.

fn main() {
    #[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
    count::check();
    println!("ok");
}

#[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
mod count {
    use core::mem;
    use std::thread;

    use mimalloc::stats::Stats;
    use mimalloc::{Heap, HeapPool, HeapUsage, PooledHeap};

    const MAX_IDLE: usize = 4;

    /// Returns how many heaps are live, and how many were ever made.
    fn heaps() -> (i64, i64) {
        let heaps = Stats::get().unwrap().heaps;
        (heaps.current, heaps.total)
    }

    fn use_up(heap: &Heap) {
        static ZEROES: [usize; 200_000] = [0; 200_000];
        for size in [1, 10, 100, 1_000, 10_000, 200_000] {
            heap.alloc_slice_copy(&ZEROES[..size]).unwrap();
        }
    }

    fn resets_in_place() -> bool {
        let mut heap = Heap::new().unwrap();
        use_up(&heap);
        heap.reset().unwrap();
        heap.usage() != HeapUsage::default()
    }

    pub(super) fn check() {
        let keeps = resets_in_place();
        let (before, _) = heaps();
        let pool = HeapPool::options().max_idle(MAX_IDLE).build();
        let idle = || {
            let (now, _) = heaps();
            let idle = usize::try_from(now - before).unwrap();
            assert!(idle <= MAX_IDLE, "{idle} live heaps");
            assert_eq!(idle, pool.idle_count());
            idle
        };

        // One thread gets its heaps again.
        let (_, made) = heaps();
        for round in 0..5_000 {
            let heaps = [pool.take().unwrap(), pool.take().unwrap()];
            use_up(&heaps[round % 2]);
        }
        let (_, now) = heaps();
        if keeps {
            assert_eq!((idle(), now - made), (2, 2));
        }

        // Heaps come back on other threads, which end.
        for _ in 0..500 {
            let heap = pool.take().unwrap();
            use_up(&heap);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let own = pool.take().unwrap();
                    use_up(&own);
                    use_up(&heap);
                    drop(heap);
                });
            });
            idle();
        }

        // Heaps go from thread to thread, and all of them are used by several.
        let mut loans: Vec<PooledHeap<'_>> = Vec::new();
        for _ in 0..500 {
            loans.push(pool.take().unwrap());
            loans.iter().for_each(|heap| use_up(heap));
            thread::scope(|scope| {
                scope.spawn(|| {
                    loans.iter().for_each(|heap| use_up(heap));
                    if loans.len() > 3 {
                        loans.clear();
                    }
                });
            });
        }
        drop(loans);
        idle();

        // A forgotten loan leaks a heap. The pool goes on.
        for lost in 1..=10 {
            mem::forget(pool.take().unwrap());
            let (now, _) = heaps();
            let idle = i64::try_from(pool.idle_count()).unwrap();
            assert_eq!(now - before - idle, lost);
        }
        pool.clear();
        assert_eq!((heaps().0 - before, pool.idle_count()), (10, 0));
        drop(pool.take().unwrap());
        drop(pool);
        assert_eq!(heaps().0 - before, 10, "the pool drops its heaps");
    }
}
