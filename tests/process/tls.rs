//! Uses heaps in the destructors of thread-locals, on threads and on the main
//! thread.
//!
//! The test has no harness, because the harness never runs a test on the main
//! thread. The process runs itself again to see what comes after `main`.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

use core::cell::{Cell, RefCell};
use std::process::exit;
use std::thread;

use allocator_api2_02::vec::Vec as Vec02;
use hashbrown::{DefaultHashBuilder, HashMap};
use mimalloc::{Heap, MiMalloc, SharedHeap};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewShared as _};

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

type Words = HashMap<u64, String, DefaultHashBuilder, SharedHeap>;

thread_local! {
    static HEAP: Heap = Heap::new().unwrap();
    static SHARED: SharedHeap = SharedHeap::new().unwrap();
    /// A collection that keeps its heap alive.
    static WORDS: RefCell<Words> = RefCell::new(HashMap::with_hasher_in(
        DefaultHashBuilder::default(),
        SharedHeap::new().unwrap(),
    ));
    static EARLY: UsesHeaps = const { UsesHeaps("early") };
    static LATE: UsesHeaps = const { UsesHeaps("late") };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Allocates in every heap that is still there when this value is dropped.
struct UsesHeaps(&'static str);

impl Drop for UsesHeaps {
    fn drop(&mut self) {
        let seen = (
            HEAP.try_with(work_in).is_ok(),
            SHARED.try_with(|heap| work_in(heap)).is_ok(),
            WORDS.try_with(fill).is_ok(),
        );
        // A fresh heap always works.
        let heap = Heap::new().unwrap();
        work_in(&heap);
        drop(heap);
        work_in(&SharedHeap::new().unwrap());
        if thread::current().name() == Some("main") {
            println!("{} destructor on main, with {seen:?}", self.0);
        }
    }
}

/// Returns whether a heap of engine v2 died before this destructor. That
/// happens where the standard library runs destructors after mimalloc's pthread
/// key.
fn is_dead(heap: &Heap) -> bool {
    let is_late = !cfg!(all(
        target_os = "linux",
        target_env = "gnu",
        not(target_feature = "crt-static")
    ));
    cfg!(mimalloc_v2) && is_late && heap.alloc(0_u8).is_err()
}

fn work_in(heap: &Heap) {
    if is_dead(heap) {
        heap.collect(false);
        return;
    }
    let mut list = Vec02::new_in(heap);
    list.extend(0..10_000_u32);
    check(list.iter().copied().eq(0..10_000));
    core::mem::forget(list);
    heap.with_local(|local| {
        let mut list = Vec02::new_in(local);
        list.extend(0..100_u8);
        check(list[99] == 99);
    });
    heap.collect(false);
}

fn fill(words: &RefCell<Words>) {
    let mut words = words.borrow_mut();
    if is_dead(words.allocator()) {
        check(words.iter().all(|(n, text)| *text == n.to_string()));
        return;
    }
    let start = words.len() as u64;
    for n in start..start + 500 {
        words.insert(n, n.to_string());
    }
    check(words.iter().all(|(n, text)| *text == n.to_string()));
}

/// Reports an error without a panic, which would end the process in a
/// destructor of a thread-local.
fn check(right: bool) {
    if !right {
        eprintln!("wrong contents");
        exit(1);
    }
}

/// Uses all thread-locals. The system drops them in the order of their first
/// use or in reverse, so one user is first and one is last.
fn use_all() {
    EARLY.with(|_| {});
    HEAP.with(work_in);
    SHARED.with(|heap| work_in(heap));
    WORDS.with(fill);
    LATE.with(|_| {});
    DEPTH.set(DEPTH.get() + 1);
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("child") {
        use_all();
        println!("end of main");
        return;
    }
    for round in 0..100 {
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(use_all)).collect();
        if round % 10 == 0 {
            HEAP.with(work_in);
        }
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    }

    let mut child = mimalloc_tests::this_program();
    let output = child.arg("child").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}{errors}", output.status);
    // Some systems do not run the destructors of the main thread.
    #[cfg(all(
        target_os = "linux",
        target_env = "gnu",
        not(target_feature = "crt-static")
    ))]
    for name in ["early", "late"] {
        assert!(text.contains(name), "no {name} destructor: {text}");
    }
    println!("{text}ok");
}
