//! Ends heaps on several threads while other threads read the statistics of all heaps.
//! Without the crate's lock, upstream often crashes here. The unit tests of the lock
//! check which functions wait for each other; this program checks that these are enough.
//!
//! The tests have a process of their own, so that no other test slows either
//! side down.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use allocator_api2_02::vec::Vec as Vec02;
use mimalloc::Heap;
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;

const READERS: usize = 2;
const MAKERS: usize = 3;
const ROUNDS: usize = 80;

fn read_everything() {
    #[cfg(not(mimalloc_other_version))]
    {
        let stats = mimalloc::stats::Stats::get().unwrap();
        assert!(stats.reserved.total >= 0);
        let mut text = String::new();
        mimalloc::stats::write_json(&mut text).unwrap();
        assert!(text.starts_with('{'));
    }
    assert!(mimalloc::stats::process_info().peak_rss > 0);
}

/// Gives each reader a theap of each heap on engine v3. A walk over all heaps
/// touches these theaps, and the end of a heap frees them.
#[cfg(mimalloc_v3)]
#[test]
fn heaps_end_while_statistics_are_read() {
    use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

    use mimalloc::SharedHeap;

    fn make(readers: &[SyncSender<SharedHeap>], seed: usize) {
        for round in 0..ROUNDS {
            let heap = SharedHeap::new().unwrap();
            let mut list = Vec02::new_in(&*heap);
            list.extend(0..100 + seed + round % 7);
            for reader in readers {
                reader.send(heap.clone()).unwrap();
            }
            // Once each reader has used the heap, the readers only read
            // statistics.
            while heap.handle_count() > 1 {
                thread::yield_now();
            }
            assert_eq!(list[99], 99);
        }
    }

    fn read(heaps: &Receiver<SharedHeap>) {
        loop {
            match heaps.try_recv() {
                Ok(heap) => {
                    drop(Vec02::<u64, _>::with_capacity_in(50, &*heap));
                    #[cfg(not(mimalloc_other_version))]
                    assert!(heap.stats().is_ok());
                }
                Err(TryRecvError::Empty) => read_everything(),
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }

    thread::scope(|scope| {
        let mut to_readers = Vec::new();
        for _ in 0..READERS {
            let (give, take) = sync_channel(64);
            to_readers.push(give);
            scope.spawn(move || read(&take));
        }
        let makers: Vec<_> = (0..MAKERS)
            .map(|seed| {
                let readers = to_readers.clone();
                scope.spawn(move || make(&readers, seed))
            })
            .collect();
        drop(to_readers);
        for maker in makers {
            maker.join().unwrap();
        }
    });
}

/// Makes and ends heaps that only one thread uses.
#[test]
fn statistics_are_read_while_heaps_come_and_go() {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    read_everything();
                }
            });
        }
        let makers: Vec<_> = (0..MAKERS)
            .map(|seed| {
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let mut heap = Heap::new().unwrap();
                        let list: Vec02<usize, _> = Vec02::with_capacity_in(seed + round, &heap);
                        drop(list);
                        heap.reset().unwrap();
                        assert_eq!(heap.usage().blocks, 0);
                    }
                })
            })
            .collect();
        for maker in makers {
            maker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Checks that heaps end while threads read statistics without a pause. With a
/// lock that readers enter before a waiting writer, this test never ends.
#[cfg(not(mimalloc_other_version))]
#[test]
fn heaps_end_however_much_is_read() {
    // With this many heaps, a reader spends all of its time on them.
    let _heaps: Vec<_> = (0..500).map(|_| Heap::new().unwrap()).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    mimalloc::stats::Stats::get().unwrap();
                }
            });
        }
        for round in 0..50 {
            let mut heap = Heap::new().unwrap();
            drop(Vec02::<u8, _>::with_capacity_in(1 + round, &heap));
            heap.reset().unwrap();
            drop(heap);
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Checks that statistics are read while threads end heaps without a pause.
#[test]
fn statistics_are_read_however_many_heaps_end() {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop(Heap::new().unwrap());
                }
            });
        }
        for _ in 0..200 {
            read_everything();
        }
        done.store(true, Ordering::Relaxed);
    });
}
