//! Counts the instructions of each kind of allocator. The counts are exact, and
//! the same on a busy machine. A figure is for 1000 operations, less the cost
//! of `the_loop`.
//!
//! `cargo bench -p mimalloc-benches --bench instructions` says what to install
//! where valgrind or gungraun-runner is missing.

#![allow(missing_docs, reason = "gungraun's macros make public items")]

use core::hint::black_box;
use std::env;
use std::process::Command;

use gungraun::prelude::*;
use mimalloc::{Heap, MiMalloc, SharedHeap};

mod blocks;
#[allow(dead_code, reason = "the benchmarks of time use the rest")]
mod subject;

use blocks::{Grow, Line, Nothing, Pair, Text, Zeroed};
use subject::{
    Global, InLocal, OwnShared, Pattern, RefHeap, RefShared, Subject, heap, shared_heap,
};

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

/// A piece of work that is ready to be counted.
type Ready = Box<dyn Fn()>;

/// Returns a run of 1000 steps in all heaps together.
fn ready<S: Subject + 'static, P: Pattern>(heaps: usize) -> Ready {
    let subject = S::new();
    let run = move || subject.with::<P>(heaps, |work| work.steps(1000 / heaps));
    // Two runs make mimalloc's pages, which a running program has already.
    run();
    run();
    Box::new(run)
}

// Runs the loop around the steps, for subtraction.
#[library_benchmark]
#[bench::one_heap(ready::<Global, Nothing>(1))]
#[bench::two_heaps(ready::<Global, Nothing>(2))]
fn the_loop(run: Ready) -> Ready {
    run();
    run
}

macro_rules! of {
    ($name:ident, $subject:ty) => {
        #[library_benchmark]
        #[bench::pair_8(ready::<$subject, Pair<[u8; 8]>>(1))]
        #[bench::pair_48(ready::<$subject, Pair<[u8; 48]>>(1))]
        #[bench::pair_1024(ready::<$subject, Pair<[u8; 1024]>>(1))]
        #[bench::pair_4096(ready::<$subject, Pair<[u8; 4096]>>(1))]
        #[bench::pair_aligned_64(ready::<$subject, Pair<Line>>(1))]
        #[bench::two_heaps_8(ready::<$subject, Pair<[u8; 8]>>(2))]
        #[bench::two_heaps_48(ready::<$subject, Pair<[u8; 48]>>(2))]
        #[bench::two_heaps_1024(ready::<$subject, Pair<[u8; 1024]>>(2))]
        #[bench::two_heaps_4096(ready::<$subject, Pair<[u8; 4096]>>(2))]
        #[bench::two_heaps_aligned_64(ready::<$subject, Pair<Line>>(2))]
        #[bench::four_heaps_48(ready::<$subject, Pair<[u8; 48]>>(4))]
        #[bench::vec_to_1000(ready::<$subject, Grow>(1))]
        #[bench::text(ready::<$subject, Text>(1))]
        #[bench::grow_zeroed(ready::<$subject, Zeroed>(1))]
        fn $name(run: Ready) -> Ready {
            run();
            run
        }
    };
}

of!(global, Global);
of!(ref_heap, RefHeap);
of!(shared_heap_by_value, OwnShared);
of!(shared_heap_by_reference, RefShared);
of!(local, InLocal);

/// Makes one heap first, which pays for what a thread does once.
fn second<T>(new: fn() -> T) -> fn() -> T {
    black_box(new());
    new
}

// Makes and destroys one heap without a block.
#[library_benchmark]
#[bench::empty(second(heap))]
fn life(new: fn() -> Heap) {
    drop(black_box(new()));
}

// Does the same with one block, which costs a theap.
#[library_benchmark]
#[bench::one_block(second(heap))]
fn life_used(new: fn() -> Heap) {
    let heap = new();
    drop(black_box(allocator_api2::boxed::Box::new_in(1, &heap)));
}

// Makes and destroys a shared heap without a block.
#[library_benchmark]
#[bench::empty(second(shared_heap))]
fn shared_life(new: fn() -> SharedHeap) {
    drop(black_box(new()));
}

library_benchmark_group!(
    name = operations,
    benchmarks = [
        the_loop,
        global,
        ref_heap,
        shared_heap_by_value,
        shared_heap_by_reference,
        local
    ]
);
library_benchmark_group!(name = lives, benchmarks = [life, life_used, shared_life]);

mod harness {
    //! Holds the `main` of the harness, because the program's own `main` runs
    //! first.
    use gungraun::prelude::*;
    use gungraun::{Callgrind, CallgrindMetrics, EventKind, main};

    use super::{lives, operations};

    main!(
        config = LibraryBenchmarkConfig::default().tool(
            Callgrind::with_args(["--cache-sim=no"])
                .format([CallgrindMetrics::from(EventKind::Ir)])
        ),
        library_benchmark_groups = [operations, lives]
    );

    pub(super) fn run() {
        main();
    }
}

/// The tools that the harness needs, and how to install them.
const TOOLS: [(&str, &str); 2] = [
    ("valgrind", "apt-get install valgrind"),
    (
        "gungraun-runner",
        "cargo install --locked --version 0.18.2 gungraun-runner",
    ),
];

fn main() {
    // The harness starts this program again for each count.
    if env::args()
        .nth(1)
        .is_none_or(|first| first != "--gungraun-run")
    {
        for (tool, command) in TOOLS {
            if Command::new(tool).arg("--version").output().is_err() {
                eprintln!("{tool} is not in the path; to get it: {command}");
            }
        }
    }
    harness::run();
}
