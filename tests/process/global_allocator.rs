//! Runs a whole program on our global allocator. The program does everything at
//! once, and ends while its threads still allocate.
//!
//! The test has no harness, because the harness would be part of the program.
//! The program runs many times, because errors at the end of a process are
//! rare.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use hashbrown::{DefaultHashBuilder, HashMap};
use mimalloc::{Heap, MiMalloc, SharedHeap, any_heap_contains};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static NAMES: Vec<String> = (0..100).map(|n| format!("name {n}")).collect();
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("child") {
        everything();
        return;
    }
    for _ in 0..30 {
        let mut child = mimalloc_tests::this_program();
        let output = child.arg("child").stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {text}{errors}", output.status);
        assert_eq!(text, "done\n", "{errors}");
        // A debug build of upstream sometimes reports that a running thread
        // makes or drops a heap after mimalloc's own end.
        let ours = errors
            .lines()
            .filter(|line| !line.starts_with("mimalloc: error: "));
        assert_eq!(ours.collect::<String>(), "");
    }
    println!("ok");
}

fn everything() {
    // The standard library allocates with our allocator.
    let text = String::from("on the default heap");
    assert!(any_heap_contains(text.as_str()));

    let counts = Arc::new(Mutex::new(BTreeMap::new()));
    let (give, take) = mpsc::channel::<Vec<u64>>();
    let mut threads = Vec::new();
    for n in 0..4_u64 {
        let (give, counts) = (give.clone(), Arc::clone(&counts));
        threads.push(thread::spawn(move || {
            NAMES.with(|names| assert_eq!(names[42], "name 42"));
            for round in 0..200 {
                give.send((0..round).map(|k| k * n).collect()).unwrap();
                *counts.lock().unwrap().entry(n).or_insert(0) += 1;
            }
            in_heaps(n);
        }));
    }
    drop(give);
    assert_eq!(
        take.into_iter().map(|list| list.len()).sum::<usize>(),
        4 * 199 * 100
    );
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert!(counts.lock().unwrap().values().all(|count| *count == 200));

    // These threads are at work when `main` returns.
    for n in 0..4 {
        thread::spawn(move || {
            loop {
                in_heaps(n);
                drop(vec![0_u8; 300_000]);
                ALLOCATED.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while ALLOCATED.load(Ordering::Relaxed) < 20 {
        thread::yield_now();
    }
    NAMES.with(|names| assert_eq!(names.len(), 100));
    println!("done");
}

fn in_heaps(seed: u64) {
    let heap = Heap::new().unwrap();
    let mut squares = HashMap::with_hasher_in(DefaultHashBuilder::default(), &heap);
    for n in 0..1_000 {
        squares.insert(n, n * n + seed);
    }
    assert_eq!(squares[&999], 998_001 + seed);
    drop(squares);
    let kept = SharedHeap::from_heap(heap).unwrap();
    let map: HashMap<u64, Box<u64>, _, _> =
        HashMap::with_hasher_in(DefaultHashBuilder::default(), kept.clone());
    drop((kept, map));
    #[cfg(not(mimalloc_other_version))]
    if seed == 0 {
        assert!(mimalloc::stats::Stats::get().is_ok());
    }
    mimalloc::collect(seed == 1);
}
