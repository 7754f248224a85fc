//! Heaps end on eight threads while three others read the statistics of all
//! heaps. Alone, so that nothing else slows either side down: upstream crashes
//! here within moments if the crate's lock does not keep the two apart.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use allocator_api2_02::vec::Vec as Vec02;
use mimalloc::Heap;
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;

const READERS: usize = 3;
const MAKERS: usize = 8;
const ROUNDS: usize = 400;

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

/// Engine v3: the readers have a part of each heap of their own, which is what
/// a walk over all heaps touches, and what a heap takes with it.
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
            // Each reader has been in it: from now on they only read statistics.
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

/// The heaps of one owner each, made and ended where nobody else was in them.
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

/// Threads that read statistics without a pause don't keep heaps from ending.
/// With a lock that lets them in past those who wait, this never ends.
#[cfg(not(mimalloc_other_version))]
#[test]
fn heaps_end_however_much_is_read() {
    // So many that a reader spends all of its time with them.
    let _heaps: Vec<_> = (0..1_000).map(|_| Heap::new().unwrap()).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    mimalloc::stats::Stats::get().unwrap();
                }
            });
        }
        for round in 0..200 {
            let mut heap = Heap::new().unwrap();
            drop(Vec02::<u8, _>::with_capacity_in(1 + round, &heap));
            heap.reset().unwrap();
            drop(heap);
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Threads that end heaps without a pause don't keep statistics from being
/// read.
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
