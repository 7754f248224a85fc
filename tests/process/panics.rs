//! Panics wherever code of the program is called. Afterwards no heap is left, and
//! no lock is held: heaps can be made, listed and ended.
//!
//! The tests have a process of their own, because a hook is a state of the process,
//! and because statistics would count the heaps of other tests.

#![cfg(mimalloc_owned_heaps)]

use core::fmt;
use core::hash::{Hash, Hasher};
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use hashbrown::HashMap;
use mimalloc::hooks::{self, Output};
use mimalloc::{Arena, Heap, HeapPool, HeapString, MiMalloc, SharedHeap};

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

/// Panics on the `at`th call.
#[derive(Debug, Default)]
struct Bomb {
    calls: AtomicUsize,
    at: usize,
}

impl Bomb {
    fn new(at: usize) -> Self {
        let calls = AtomicUsize::new(0);
        Self { calls, at }
    }

    fn tick(&self) -> usize {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        assert_ne!(call, self.at, "on purpose");
        call
    }
}

/// Ticks when it is dropped, hashed, compared, cloned or displayed.
struct Ticking<'a>(&'a Bomb);

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.tick();
    }
}

impl Clone for Ticking<'_> {
    fn clone(&self) -> Self {
        self.0.tick();
        Self(self.0)
    }
}

impl fmt::Display for Ticking<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>100}", self.0.tick())
    }
}

#[derive(Clone)]
struct Key<'a>(&'a Bomb, usize);

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.tick();
        self.1.hash(state);
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.tick();
        self.1 == other.1
    }
}

impl Eq for Key<'_> {}

/// Takes text, and ticks for each piece.
struct Sink<'a>(&'a Bomb);

impl fmt::Write for Sink<'_> {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        self.0.tick();
        Ok(())
    }
}

/// A name, and a function that calls the bomb at least once.
type Place = (&'static str, fn(&Bomb));

/// The places where code of the program runs.
const PLACES: &[Place] = &[
    ("Heap::scope", |bomb| {
        let _ = Heap::scope(|heap| {
            heap.alloc([1; 100]).unwrap();
            bomb.tick()
        });
    }),
    ("Arena::scope", |bomb| {
        let _ = arena().scope(|heap| {
            heap.alloc([1; 100]).unwrap();
            bomb.tick()
        });
    }),
    ("Heap::with_local", |bomb| {
        let heap = Heap::new().unwrap();
        heap.with_local(|local| {
            let mut list = Vec02::new_in(local);
            list.extend(0..100);
            heap.with_local(|_| bomb.tick());
            assert_eq!(list.len(), 100);
        });
    }),
    ("Heap::alloc_with", |bomb| {
        let heap = Heap::new().unwrap();
        heap.alloc_with(|| bomb.tick()).unwrap();
    }),
    ("Heap::alloc_slice_with", |bomb| {
        let heap = Heap::new().unwrap();
        heap.alloc_slice_with(20, |_| bomb.tick()).unwrap();
    }),
    ("a loan of a pool", |bomb| {
        let pool = HeapPool::new();
        let heap = pool.take().unwrap();
        let mut list = Vec02::new_in(&*heap);
        list.extend(0..100);
        bomb.tick();
        assert_eq!(list.len(), 100);
    }),
    ("an owned loan", |bomb| {
        let pool = HeapPool::new();
        let mut list = Vec02::new_in(pool.take_owned().unwrap());
        list.push(Ticking(bomb));
    }),
    ("the loop over blocks", |bomb| {
        let mut heap = Heap::new().unwrap();
        heap.alloc([1; 100]).unwrap();
        for _ in heap.blocks().unwrap() {
            bomb.tick();
        }
    }),
    ("the loop over areas", |bomb| {
        let mut heap = Heap::new().unwrap();
        heap.alloc([1; 100]).unwrap();
        for _ in heap.areas().unwrap() {
            bomb.tick();
        }
    }),
    ("an iterator that fills a list", |bomb| {
        let heap = Heap::new().unwrap();
        let mut list = Vec02::new_in(&heap);
        list.extend((0..300).map(|_| bomb.tick()));
    }),
    ("destructors in a list", |bomb| {
        let heap = Heap::new().unwrap();
        let mut list = Vec02::new_in(&heap);
        list.resize_with(20, || Ticking(bomb));
        list.truncate(10);
    }),
    ("a destructor in a box of a shared heap", |bomb| {
        let heap = SharedHeap::new().unwrap();
        drop(Box02::new_in(Ticking(bomb), heap));
    }),
    ("clones into a list", |bomb| {
        let heap = Heap::new().unwrap();
        let mut list = Vec02::new_in(heap);
        list.resize(20, Ticking(bomb));
    }),
    ("hashes and comparisons of keys", |bomb| {
        let heap = Heap::new().unwrap();
        let mut map = HashMap::new_in(&heap);
        for at in 0..40 {
            map.insert(Key(bomb, at % 20), at);
        }
    }),
    ("text that is formatted", |bomb| {
        let heap = Heap::new().unwrap();
        let shown = core::mem::ManuallyDrop::new(Ticking(bomb));
        let text = mimalloc::format_in!(&heap, "{} {}", *shown, *shown);
        assert!(text.len() > 100);
    }),
    ("text that is written", |bomb| {
        let heap = SharedHeap::new().unwrap();
        let shown = core::mem::ManuallyDrop::new(Ticking(bomb));
        let mut text = HeapString::new_in(heap);
        fmt::Write::write_fmt(&mut text, format_args!("{}", *shown)).unwrap();
    }),
    ("hooks::take_output", |bomb| {
        hooks::set_output(Output::Capture);
        mimalloc::stats::print();
        hooks::take_output(|_| {
            bomb.tick();
        });
    }),
    #[cfg(not(mimalloc_other_version))]
    ("the sink of statistics", |bomb| {
        let _ = mimalloc::stats::write_json(&mut Sink(bomb));
    }),
    #[cfg(not(mimalloc_other_version))]
    ("the sink of a copy of statistics", |bomb| {
        let stats = mimalloc::stats::Stats::get().unwrap();
        let _ = stats.write_json(&mut Sink(bomb));
        let _ = fmt::Write::write_fmt(&mut Sink(bomb), format_args!("{stats}"));
    }),
];

fn arena() -> Arena {
    use std::sync::OnceLock;

    static ARENA: OnceLock<Arena> = OnceLock::new();
    *ARENA.get_or_init(|| Arena::reserve(64 << 20).unwrap())
}

/// Uses what a panic might have left locked or half done.
fn everything_works() {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut heap = Heap::new().unwrap();
            heap.alloc([1; 100]).unwrap();
            assert_eq!(heap.blocks().unwrap().len(), 1);
            heap.reset().unwrap();
            mimalloc::collect(true);
        });
    });
    let mut heap = Heap::new().unwrap();
    heap.alloc([1; 100]).unwrap();
    assert_eq!(heap.usage().blocks, 1);
    hooks::set_output(Output::Capture);
    mimalloc::stats::print();
    let mut text = Vec::new();
    hooks::take_output(|piece| text.extend_from_slice(piece));
    assert!(!text.is_empty(), "the output is stuck");
}

#[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
fn heaps() -> i64 {
    mimalloc::stats::Stats::get().unwrap().heaps.current
}

#[cfg(not(all(mimalloc_v3, not(mimalloc_other_version))))]
fn heaps() -> i64 {
    0
}

#[test]
fn a_panic_leaves_nothing_behind() {
    mimalloc_tests::fail_instead_of_hanging();
    // Makes the arena, and runs each place to its end.
    for (name, place) in PLACES {
        let bomb = Bomb::new(0);
        place(&bomb);
        assert_ne!(bomb.calls.into_inner(), 0, "{name} calls nothing");
    }
    std::panic::set_hook(Box::new(|_| {}));
    let before = heaps();
    for (name, place) in PLACES {
        for at in [1, 2, 7, 15] {
            let bomb = Bomb::new(at);
            let outcome = catch_unwind(AssertUnwindSafe(|| place(&bomb)));
            let is_called = bomb.calls.load(Ordering::Relaxed) >= at;
            assert_eq!(outcome.is_err(), is_called, "{name} at call {at}");
            assert_eq!(heaps(), before, "{name} at call {at} leaves a heap");
            everything_works();
        }
    }
    drop(std::panic::take_hook());
}

/// Panics in hooks, each in a process of its own.
#[test]
fn a_panic_in_a_hook_ends_the_process() {
    const CHILD: &str = "MIMALLOC_TEST_HOOK";

    if let Ok(hook) = std::env::var(CHILD) {
        panic_in(&hook);
        // The parent takes success for a failure.
        std::process::exit(0);
    }
    let hooks = ["output", "error"];
    let deferred = cfg!(any(mimalloc_v2, mimalloc_patched)).then_some("deferred");
    for hook in hooks.into_iter().chain(deferred) {
        let mut child = mimalloc_tests::this_program();
        child.args(["--exact", "a_panic_in_a_hook_ends_the_process"]);
        let output = child.env(CHILD, hook).output().unwrap();
        // The harness would report a panic that travels on with 101.
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&output.status),
            Some(libc::SIGABRT),
            "{hook}: {output:?}"
        );
        assert!(!output.status.success(), "{hook}: {output:?}");
    }
}

fn panic_in(hook: &str) {
    use core::alloc::Layout;

    fn output(_: &[u8]) {
        panic!("on purpose");
    }
    fn error(_: hooks::ErrorCode) {
        panic!("on purpose");
    }
    match hook {
        "output" => {
            // SAFETY: the process ends in the hook. Another hook breaks the rule
            // about panics as little.
            unsafe { hooks::set_output_hook(output) };
            mimalloc::stats::print();
        }
        "error" => {
            // SAFETY: as above.
            unsafe { hooks::set_error_hook(error) };
            let layout = Layout::from_size_align(isize::MAX as usize - 4_095, 8).unwrap();
            let heap = Heap::new().unwrap();
            let blocks = [(); 4]
                .map(|()| allocator_api2_02::alloc::Allocator::allocate(&heap, layout).is_ok());
            assert!(blocks.contains(&false));
        }
        _ => deferred(),
    }
}

#[cfg(any(mimalloc_v2, mimalloc_patched))]
fn deferred() {
    hooks::set_deferred_free(Some(|_, _| panic!("on purpose")));
    mimalloc::collect(true);
}

#[cfg(not(any(mimalloc_v2, mimalloc_patched)))]
fn deferred() {}
