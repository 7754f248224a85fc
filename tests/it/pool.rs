//! A pool lends empty heaps, takes them back whatever happened to them, and keeps no
//! more than its bounds.
//!
//! Where no heap is reset in place, a pool keeps none. The tests hold there as well.

use core::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use allocator_api2_04::vec::Vec as Vec04;
use hashbrown::{DefaultHashBuilder, HashMap};
use mimalloc::{Arena, Heap, HeapError, HeapPool, PooledHeap};

const MIB: usize = 1 << 20;

/// Returns whether this build resets a small heap in place.
fn keeps() -> bool {
    let mut heap = Heap::new().unwrap();
    let raw = heap.as_raw();
    mem::forget(Box02::new_in(1, &heap));
    heap.reset().unwrap();
    heap.as_raw() == raw
}

/// Leaves blocks to the heap that hold `seed`, and some that were freed.
fn use_up(heap: &Heap, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kept = std::vec::Vec::new();
    for _ in 0..random.usize(1..60) {
        let mut block = Vec02::new_in(heap);
        block.resize(random.usize(1..2_000), seed as u8);
        if random.bool() {
            kept.push(block);
        }
    }
    for block in kept {
        assert!(mimalloc_tests::is_filled(&block, seed as u8));
        mem::forget(block);
    }
}

/// Checks that nothing is left of the request before.
fn is_empty(heap: &mut PooledHeap<'_>) -> bool {
    let usage = heap.usage();
    usage.blocks == 0 && usage.used == 0
}

#[test]
fn a_thread_gets_its_last_heap_again_and_empty() {
    let pool = HeapPool::new();
    for round in 0..300 {
        let mut heap = pool.take().unwrap();
        assert_eq!(pool.idle_count(), 0);
        assert!(is_empty(&mut heap));
        use_up(&heap, round);
        let raw = heap.as_raw();
        drop(heap);
        assert_eq!(pool.idle_count(), usize::from(keeps()));
        if keeps() {
            assert_eq!(pool.take().unwrap().as_raw(), raw);
        }
    }
}

#[test]
fn heaps_beyond_the_bound_are_dropped() {
    for max_idle in [0, 1, 2, 3, 7, 20] {
        let pool = HeapPool::options().max_idle(max_idle).build();
        for round in 0..3 {
            let heaps: Vec<_> = (0..max_idle + 5).map(|_| pool.take().unwrap()).collect();
            assert_eq!(pool.idle_count(), 0);
            for (at, heap) in heaps.iter().enumerate() {
                use_up(heap, round + at as u64);
                let others = heaps.iter().filter(|other| other.as_raw() == heap.as_raw());
                assert_eq!(others.count(), 1, "a heap was lent twice");
            }
            drop(heaps);
            assert_eq!(pool.idle_count(), if keeps() { max_idle } else { 0 });
        }
    }
    let endless = HeapPool::options().max_idle(usize::MAX).build();
    drop(endless.take().unwrap());
    assert!(endless.idle_count() <= 1);
}

#[test]
fn an_idle_heap_keeps_little() {
    for keep in [1, 100_000, MIB] {
        let pool = HeapPool::options().keep_bytes(keep).build();
        for count in [10, 1_000, 20_000] {
            let heap = pool.take().unwrap();
            for at in 0..count {
                mem::forget(Box02::new_in([at; 20], &*heap));
            }
            drop(heap);
            let usage = pool.take().unwrap().usage();
            assert!(usage.committed <= 2 * keep, "{keep}: {usage:?}");
        }
    }
    let nothing = HeapPool::options().keep_bytes(0).build();
    use_up(&nothing.take().unwrap(), 1);
    let mut heap = nothing.take().unwrap();
    assert_eq!(heap.usage(), mimalloc::HeapUsage::default());
}

#[test]
fn a_panic_gives_the_heap_back() {
    let pool = HeapPool::new();
    for round in 0..20 {
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let heap = pool.take().unwrap();
            use_up(&heap, round);
            let _boxed = Box02::new_in(5, &*heap);
            std::panic::resume_unwind(std::boxed::Box::new(7));
        }));
        assert_eq!(panic.unwrap_err().downcast_ref::<i32>(), Some(&7));
        assert_eq!(pool.idle_count(), usize::from(keeps()));
        assert!(is_empty(&mut pool.take().unwrap()));
    }
}

#[test]
fn a_forgotten_heap_is_the_only_one_lost() {
    let pool = HeapPool::options().max_idle(4).build();
    for round in 0..20 {
        let (lost, kept) = (pool.take().unwrap(), pool.take().unwrap());
        use_up(&lost, round);
        use_up(&kept, round);
        mem::forget(lost);
        drop(kept);
        assert_eq!(pool.idle_count(), usize::from(keeps()));
    }
}

#[test]
fn a_cleared_pool_works_on() {
    let pool = HeapPool::new();
    for round in 0..3 {
        let heaps = [pool.take().unwrap(), pool.take().unwrap()];
        heaps.iter().for_each(|heap| use_up(heap, round));
        let in_use = pool.take().unwrap();
        drop(heaps);
        pool.clear();
        assert_eq!(pool.idle_count(), 0);
        use_up(&in_use, round);
    }
    assert_eq!(pool.idle_count(), usize::from(keeps()));
}

#[test]
fn an_owned_loan_outlives_the_handles() {
    let pool = HeapPool::new();
    let copy = pool.clone();
    let heap = pool.take_owned().unwrap();
    drop(pool);
    drop(copy);
    let value = heap.alloc(5).unwrap();
    assert_eq!(*value, 5);
    drop(heap); // and the pool with it
}

#[test]
fn collections_own_their_loan() {
    let pool = HeapPool::new();
    let mut numbers = Vec02::new_in(pool.take_owned().unwrap());
    numbers.extend(0..1_000);
    let mut words = Vec04::new_in(pool.take().unwrap());
    words.extend(["a", "b"]);
    let hasher = DefaultHashBuilder::default();
    let mut map = HashMap::with_hasher_in(hasher, pool.take().unwrap());
    map.extend((0..100).map(|n| (n, n * n)));

    let moved = numbers; // moving the loan moves no block
    assert!(moved.iter().copied().eq(0..1_000));
    assert!(moved.allocator().contains(moved.as_slice()));
    assert_eq!(map[&9], 81);
    drop((moved, words, map));
    assert_eq!(pool.idle_count(), if keeps() { 3 } else { 0 });
    assert!(is_empty(&mut pool.take().unwrap()));
}

#[test]
fn heaps_may_be_exchanged() {
    let (one, two) = (HeapPool::new(), HeapPool::new());
    let (mut first, mut second) = (one.take().unwrap(), two.take().unwrap());
    let inside = first.alloc(1).unwrap();
    assert_eq!(*inside, 1);
    mem::swap(&mut *first, &mut *second);
    use_up(&first, 1);
    use_up(&second, 2);
    let raw = first.as_raw();
    drop((first, second));
    if keeps() {
        assert_eq!(one.take().unwrap().as_raw(), raw);
    }

    let mut loan = one.take().unwrap();
    let mut own = mem::replace(&mut *loan, Heap::new().unwrap());
    use_up(&loan, 3);
    drop(loan);
    use_up(&own, 4);
    own.reset().unwrap();
    assert_eq!(one.idle_count(), usize::from(keeps()));

    let mut again = one.take().unwrap();
    use_up(&again, 5);
    again.reset().unwrap();
    assert!(is_empty(&mut again));
}

/// A heap with a limit must not end up with requests that expect none.
// Guarded builds of v2 keep forgotten blocks of a heap.
#[cfg(not(all(mimalloc_v2, mimalloc_guarded)))]
#[test]
fn a_heap_in_another_arena_is_not_kept() {
    let arena = Arena::reserve(64 * MIB).unwrap();
    let (plain, within) = (HeapPool::new(), HeapPool::options().build_in(arena));
    for _ in 0..3 {
        let mut heap = plain.take().unwrap();
        heap.reset_in(arena).unwrap();
        use_up(&heap, 1);
        drop(heap);
        assert_eq!(plain.idle_count(), 0);
        assert_eq!(plain.take().unwrap().arena(), None);
        plain.clear();

        let mut heap = within.take().unwrap();
        assert_eq!(heap.arena(), Some(arena));
        assert!(arena.contains(heap.alloc(1).unwrap()));
        *heap = Heap::new().unwrap();
        drop(heap);
        assert_eq!(within.idle_count(), 0);
        drop(within.take().unwrap());
    }
}

// Guarded builds of v2 keep forgotten blocks of a heap.
#[cfg(not(all(mimalloc_v2, mimalloc_guarded)))]
#[test]
fn each_heap_is_in_an_arena_of_its_own() {
    let pool = HeapPool::options().build_in_arenas(2, 64 * MIB).unwrap();
    let arenas = || {
        let heaps = [pool.take().unwrap(), pool.take().unwrap()];
        let mut arenas = heaps.each_ref().map(|heap| heap.arena().unwrap().as_raw());
        arenas.sort_unstable();
        assert_ne!(arenas[0], arenas[1]);
        assert_eq!(pool.take().err(), Some(HeapError::AllInUse));
        use_up(&heaps[0], 1);
        arenas
    };
    let first = arenas();
    for round in 0..30 {
        let mut heap = pool.take().unwrap();
        assert!(is_empty(&mut heap));
        let mut bytes = Vec02::<u8, _>::new_in(&*heap);
        assert!(bytes.try_reserve(10 * MIB).is_ok());
        assert!(bytes.try_reserve(64 * MIB).is_err());
        mem::forget(bytes);
        match round % 4 {
            0 => drop(heap),
            1 => {
                *heap = Heap::new().unwrap();
                drop(heap);
            }
            2 => drop(catch_unwind(AssertUnwindSafe(move || {
                let _heap = heap;
                std::panic::resume_unwind(std::boxed::Box::new(7));
            }))),
            _ => {
                drop(heap);
                pool.clear();
                assert_eq!(pool.idle_count(), 0);
            }
        }
        assert_eq!(arenas(), first, "round {round}");
    }
    assert!(HeapPool::options().build_in_arenas(1, 0).is_err());
    let none = HeapPool::options().build_in_arenas(0, 64 * MIB).unwrap();
    assert_eq!(none.take().err(), Some(HeapError::AllInUse));
}

/// The destructor of a thread-local takes a heap and gives one back.
#[test]
fn pools_serve_the_end_of_a_thread() {
    struct Late(HeapPool, Option<PooledHeap<'static>>);
    impl Drop for Late {
        fn drop(&mut self) {
            self.1 = None;
            use_up(&self.0.take().unwrap(), 2);
        }
    }
    std::thread_local! {
        static LATE: core::cell::RefCell<Option<Late>> = const { core::cell::RefCell::new(None) };
    }
    for _ in 0..20 {
        std::thread::spawn(|| {
            let pool = HeapPool::new();
            let heap = pool.take_owned().unwrap();
            use_up(&heap, 1);
            LATE.set(Some(Late(pool, Some(heap))));
        })
        .join()
        .unwrap();
    }
}

#[cfg(mimalloc_v3)]
mod threads {
    use core::future::{Future, pending, poll_fn};
    use core::pin::{Pin, pin};
    use core::task::{Context, Poll, Waker};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use super::*;

    #[test]
    fn a_heap_that_two_threads_used_is_not_kept() {
        let pool = HeapPool::new();
        for round in 0..20 {
            let heap = pool.take().unwrap();
            use_up(&heap, round);
            thread::scope(|scope| {
                scope.spawn(|| drop(heap));
            });
            assert_eq!(pool.idle_count(), 0);

            let heap = pool.take().unwrap();
            use_up(&heap, round);
            thread::scope(|scope| {
                scope.spawn(|| use_up(&heap, round));
            });
            drop(heap);
            assert_eq!(pool.idle_count(), 0);
        }
    }

    #[test]
    fn a_heap_goes_to_the_thread_that_used_it() {
        let pool = HeapPool::new();
        let there = pool.take().unwrap();
        let raw = there.as_raw().addr();
        thread::scope(|scope| {
            let (pool, keeps) = (&pool, keeps());
            let (go, wait) = channel::<()>();
            let (done, finished) = channel::<()>();
            scope.spawn(move || {
                use_up(&there, 1);
                drop(there);
                done.send(()).unwrap();
                wait.recv().unwrap();
                let again = pool.take().unwrap();
                assert!(!keeps || again.as_raw().addr() == raw);
            });
            finished.recv().unwrap();
            assert_eq!(pool.idle_count(), usize::from(keeps));
            let here = pool.take().unwrap();
            // A heap that was not kept may give its address to a new heap.
            assert!(!keeps || here.as_raw().addr() != raw);
            assert_eq!(pool.idle_count(), usize::from(keeps));
            drop(here);
            go.send(()).unwrap();
        });
    }

    /// A pool full of heaps of ended threads takes the heaps of live ones.
    #[test]
    fn heaps_of_ended_threads_give_way() {
        let pool = HeapPool::options().max_idle(3).build();
        for round in 0..30 {
            thread::scope(|scope| {
                scope.spawn(|| {
                    let heaps = [pool.take().unwrap(), pool.take().unwrap()];
                    heaps.iter().for_each(|heap| use_up(heap, round));
                });
            });
            assert!(pool.idle_count() <= 3);
        }
        let heap = pool.take().unwrap();
        use_up(&heap, 1);
        drop(heap);
        assert_eq!(pool.idle_count(), if keeps() { 3 } else { 0 });
        // A new heap has no pages. Engine v2 gives pages without blocks back when a heap
        // is looked at.
        let has_pages = pool.take().unwrap().usage() != mimalloc::HeapUsage::default();
        assert_eq!(has_pages, keeps() && cfg!(mimalloc_v3));
    }

    /// An arena must not wait for a thread that is gone.
    #[test]
    fn arenas_of_ended_threads_are_lent_again() {
        let pool = HeapPool::options().build_in_arenas(2, 64 * MIB).unwrap();
        for round in 0..30 {
            let heap = pool.take().unwrap();
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut other = pool.take().unwrap();
                    assert!(is_empty(&mut other));
                    use_up(&other, round);
                    assert_eq!(pool.take().err(), Some(HeapError::AllInUse));
                    assert_ne!(other.arena(), heap.arena());
                });
            });
            use_up(&heap, round);
        }
    }

    /// With as many threads as arenas, no thread ever finds all of them in use.
    #[test]
    fn no_arena_is_overlooked() {
        const THREADS: usize = 3;
        let pool = HeapPool::options()
            .build_in_arenas(THREADS, 64 * MIB)
            .unwrap();
        thread::scope(|scope| {
            for seed in 0..THREADS as u64 {
                let pool = &pool;
                scope.spawn(move || {
                    for round in 0..300 {
                        let mut heap = pool.take().expect("there is one for each thread");
                        assert!(is_empty(&mut heap));
                        use_up(&heap, seed + round);
                    }
                });
            }
        });
    }

    /// Holds a loan, and a collection that fills another.
    type Request = (PooledHeap<'static>, Vec02<u64, PooledHeap<'static>>);

    #[test]
    fn threads_take_and_hand_over_heaps() {
        const THREADS: usize = 4;
        const ROUNDS: u64 = 400;
        let pool = HeapPool::options().max_idle(5).build();
        let in_use = AtomicUsize::new(0);
        let (senders, receivers): (Vec<Sender<Request>>, Vec<_>) =
            (0..THREADS).map(|_| channel()).unzip();
        thread::scope(|scope| {
            for (at, receiver) in receivers.into_iter().enumerate() {
                let (pool, in_use, senders) = (pool.clone(), &in_use, senders.clone());
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(at as u64);
                    for round in 0..ROUNDS {
                        let mut heap = pool.take_owned().unwrap();
                        assert!(is_empty(&mut heap), "a heap was lent twice");
                        in_use.fetch_add(1, Ordering::Relaxed);
                        use_up(&heap, round);
                        let mut numbers = Vec02::new_in(pool.take_owned().unwrap());
                        numbers.extend(round..round + 500);
                        if random.bool() {
                            let to = random.usize(..THREADS);
                            // A thread that is done drops what comes too late.
                            drop(senders[to].send((heap, numbers)));
                        }
                        for (heap, numbers) in receiver.try_iter() {
                            use_up(&heap, round);
                            let first = numbers[0];
                            assert!(numbers.iter().copied().eq(first..first + 500));
                        }
                    }
                });
            }
            drop(senders);
        });
        assert!(pool.idle_count() <= 5);
        assert_eq!(in_use.into_inner(), THREADS * ROUNDS as usize);
    }

    /// Is pending once.
    async fn yield_once() {
        let mut is_ready = false;
        poll_fn(|_| {
            if mem::replace(&mut is_ready, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    async fn handle(pool: HeapPool, request: usize) -> Vec02<usize, PooledHeap<'static>> {
        let scratch = pool.take().expect("there is memory");
        let mut parts = Vec02::new_in(&*scratch);
        parts.extend(0..request);
        yield_once().await;
        parts.extend(0..request);
        let mut answer = Vec02::new_in(pool.take_owned().expect("there is memory"));
        yield_once().await;
        answer.extend(parts.iter().copied());
        answer
    }

    fn poll<F: Future>(task: Pin<&mut F>) -> Poll<F::Output> {
        task.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// As with a runtime of several threads: each poll may be on another thread.
    #[test]
    fn a_task_holds_heaps_across_awaits_and_threads() {
        let pool = HeapPool::new();
        for request in 0..50 {
            let mut task = Box::pin(handle(pool.clone(), request));
            assert!(poll(task.as_mut()).is_pending());
            let mut task = thread::spawn(move || {
                assert!(poll(task.as_mut()).is_pending());
                task
            })
            .join()
            .unwrap();
            let Poll::Ready(answer) = poll(task.as_mut()) else {
                panic!("the task has two awaits");
            };
            assert_eq!(answer.len(), 2 * request);
            drop(task);
            assert!(answer.iter().copied().eq((0..request).chain(0..request)));
        }
        // A task that is cancelled gives its heap back.
        let cancelled = async {
            let heap = pool.take().expect("there is memory");
            use_up(&heap, 1);
            pending::<()>().await;
        };
        let idle = pool.idle_count();
        {
            let mut task = pin!(cancelled);
            assert!(poll(task.as_mut()).is_pending());
        }
        assert!(pool.idle_count() >= idle);
    }
}
