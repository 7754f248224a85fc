//! Measures what a request costs that allocates n blocks and throws them away: with
//! each block dropped through `MiMalloc`, in a heap that is reset, in a new heap, in a
//! bump arena, and in a heap of a pool. Prints nanoseconds per request, the fastest of
//! 15 samples. Then come requests that grow vectors and that build strings, two
//! threads at once, and heaps that go from one thread to another.
//!
//! `cargo bench -p mimalloc-benches --bench requests`; with `-- --chart FILE` the
//! first table is also drawn, as SVG.

mod chart;

use std::alloc::Layout;
use std::env;
use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::mem;
use std::ptr::NonNull;
#[cfg(not(feature = "v2"))]
use std::sync::{Barrier, mpsc::sync_channel};
#[cfg(not(feature = "v2"))]
use std::thread;
use std::time::Instant;

use allocator_api2::alloc::Allocator;
use allocator_api2::vec::Vec as VecIn;
use bumpalo::Bump;
use mimalloc::{Heap, HeapPool, MiMalloc};

use self::chart::{Series, Words, chart};

const SAMPLES: usize = 15;

/// Returns `count` layouts of 16 to 511 bytes, the same ones each time.
fn layouts(count: usize) -> Vec<Layout> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..count)
        .map(|_| Layout::from_size_align(random.usize(16..512), 8).unwrap())
        .collect()
}

/// Returns the nanoseconds of the fastest sample of `run`.
fn fastest(rounds: usize, mut run: impl FnMut()) -> f64 {
    (0..3).for_each(|_| run());
    let samples = (0..SAMPLES).map(|_| {
        let start = Instant::now();
        (0..rounds).for_each(|_| run());
        start.elapsed().as_nanos() as f64 / rounds as f64
    });
    samples.fold(f64::INFINITY, f64::min)
}

/// Runs the functions in turn, so that a busy machine slows all of them, and returns
/// the nanoseconds of the fastest sample of each. Calls `begin` before each sample.
fn alternately<const N: usize>(
    rounds: usize,
    begin: impl Fn(),
    mut runs: [&mut dyn FnMut(); N],
) -> [f64; N] {
    let mut fastest = [f64::INFINITY; N];
    for _ in 0..3 * SAMPLES {
        for (run, fastest) in runs.iter_mut().zip(&mut fastest) {
            begin();
            let start = Instant::now();
            (0..rounds).for_each(|_| run());
            *fastest = fastest.min(start.elapsed().as_nanos() as f64 / rounds as f64);
        }
    }
    fastest
}

/// Allocates a block in `heap` and writes to the block's first byte.
fn touch(allocator: impl Allocator, layout: Layout) -> NonNull<u8> {
    let block = allocator.allocate(layout).unwrap().cast::<u8>();
    // SAFETY: the block has at least 16 bytes.
    unsafe { block.write(1) };
    black_box(block)
}

fn main() {
    let file = env::args().skip_while(|arg| arg != "--chart").nth(1);
    let series = one_thread();
    if let Some(file) = file {
        // Cargo starts benchmarks in their package's folder.
        fs::write(&file, draw(&series)).unwrap();
        println!("drawn to {file}");
    }
    collections("vectors, grown value by value", &Vectors);
    collections("strings, written in pieces", &Strings);
    #[cfg(not(feature = "v2"))]
    {
        two_threads();
        hand_over();
    }
}

/// Draws what a request costs.
fn draw(series: &[Series]) -> String {
    let words = Words {
        title: "Time of a request that allocates n blocks and throws them away",
        below: &format!(
            "blocks of 16 to 511 bytes, mixed, one thread, fastest of {SAMPLES}, mimalloc {}; cargo \
             bench -p mimalloc-benches --bench requests",
            mimalloc::version()
        ),
        x: "blocks in a request",
        y: "time of a request",
    };
    chart(&words, series)
}

/// Prints the table of the first part, and returns the lines of the chart.
fn one_thread() -> [Series; 4] {
    let mut series = [
        "MiMalloc, one by one",
        "heap and reset",
        "heap of a pool",
        "bumpalo and reset",
    ]
    .map(|name| Series {
        name,
        points: Vec::new(),
    });
    println!(
        "      n   MiMalloc      reset   new heap    bumpalo   reset/MiMalloc       pool   pool-reset"
    );
    for count in [1, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000] {
        let layouts = layouts(count);
        let rounds = (200_000 / count).clamp(2, 2_000);
        let mut blocks = Vec::with_capacity(count);
        let global = fastest(rounds, || {
            blocks.extend(layouts.iter().map(|&layout| touch(MiMalloc, layout)));
            for (block, &layout) in blocks.drain(..).zip(&layouts) {
                // SAFETY: the block came from `MiMalloc` with this layout.
                unsafe { MiMalloc.deallocate(block, layout) };
            }
        });
        let mut heap = Heap::new().unwrap();
        let reset = fastest(rounds, || {
            for &layout in &layouts {
                touch(&heap, layout);
            }
            heap.reset().unwrap();
        });
        let fresh = fastest(rounds, || {
            let heap = Heap::new().unwrap();
            for &layout in &layouts {
                touch(&heap, layout);
            }
        });
        let mut bump = Bump::new();
        let bumped = fastest(rounds, || {
            for &layout in &layouts {
                // SAFETY: the block has at least 16 bytes.
                unsafe { bump.alloc_layout(layout).write(1) };
            }
            bump.reset();
        });
        let pool = HeapPool::new();
        let [alone, pooled] = alternately(
            rounds,
            || (),
            [
                &mut || {
                    for &layout in &layouts {
                        touch(&heap, layout);
                    }
                    heap.reset().unwrap();
                },
                &mut || {
                    let heap = pool.take().unwrap();
                    for &layout in &layouts {
                        touch(&*heap, layout);
                    }
                },
            ],
        );
        println!(
            "{count:>7} {global:>10.0} {reset:>10.0} {fresh:>10.0} {bumped:>10.0} {:>16.2} \
             {pooled:>10.0} {:>12.0}",
            reset / global,
            pooled - alone
        );
        for (line, ns) in series.iter_mut().zip([global, reset, pooled, bumped]) {
            line.points.push((count as f64, ns));
        }
    }
    series
}

/// Collections that a request makes.
trait Collections {
    type Item;

    /// Makes `count` of them, and a list of them, in one allocator.
    fn make<A: Allocator + Copy>(&self, count: usize, alloc: A) -> VecIn<VecIn<Self::Item, A>, A>;
}

/// Vectors of 1 to 64 numbers, without a capacity to begin with.
struct Vectors;

impl Collections for Vectors {
    type Item = u64;

    fn make<A: Allocator + Copy>(&self, count: usize, alloc: A) -> VecIn<VecIn<u64, A>, A> {
        let mut random = fastrand::Rng::with_seed(1);
        let mut list = VecIn::new_in(alloc);
        for _ in 0..count {
            let mut numbers = VecIn::new_in(alloc);
            (0..random.u64(1..=64)).for_each(|number| numbers.push(number));
            list.push(numbers);
        }
        list
    }
}

/// Lines such as `name: value`, written in three pieces.
struct Strings;

impl Collections for Strings {
    type Item = u8;

    fn make<A: Allocator + Copy>(&self, count: usize, alloc: A) -> VecIn<VecIn<u8, A>, A> {
        let mut random = fastrand::Rng::with_seed(1);
        let value = "v".repeat(200);
        let mut list = VecIn::new_in(alloc);
        for at in 0..count {
            let mut text = VecIn::new_in(alloc);
            write!(text, "field-{at}: {}", &value[..random.usize(0..200)]).unwrap();
            list.push(text);
        }
        list
    }
}

fn collections(title: &str, kind: &impl Collections) {
    println!(
        "\n{title}\n      n   MiMalloc      reset       pool    bumpalo   reset/MiMalloc   reset/bumpalo"
    );
    for count in [1, 10, 100, 1_000, 10_000] {
        let rounds = (50_000 / count).clamp(2, 1_000);
        let mut heap = Heap::new().unwrap();
        let pool = HeapPool::new();
        let mut bump = Bump::new();
        let [global, reset, pooled, bumped] = alternately(
            rounds,
            || (),
            [
                &mut || drop(black_box(kind.make(count, MiMalloc))),
                &mut || {
                    mem::forget(black_box(kind.make(count, &heap)));
                    heap.reset().unwrap();
                },
                &mut || {
                    let heap = pool.take().unwrap();
                    mem::forget(black_box(kind.make(count, &*heap)));
                },
                &mut || {
                    mem::forget(black_box(kind.make(count, &bump)));
                    bump.reset();
                },
            ],
        );
        println!(
            "{count:>7} {global:>10.0} {reset:>10.0} {pooled:>10.0} {bumped:>10.0} {:>16.2} \
             {:>15.2}",
            reset / global,
            reset / bumped
        );
    }
}

#[cfg(not(feature = "v2"))]
fn two_threads() {
    println!("\ntwo threads at once, each making its own requests");
    println!("      n      reset       pool   pool, owned   pool-reset");
    for count in [1, 10, 100, 1_000] {
        let layouts = layouts(count);
        let rounds = (200_000 / count).clamp(2, 10_000);
        let pool = HeapPool::new();
        let begin = Barrier::new(2);
        let one = || {
            let mut heap = Heap::new().unwrap();
            let fill = |heap: &Heap| {
                layouts.iter().for_each(|&layout| {
                    touch(heap, layout);
                });
            };
            alternately(
                rounds,
                || {
                    begin.wait();
                },
                [
                    &mut || {
                        fill(&heap);
                        heap.reset().unwrap();
                    },
                    &mut || fill(&pool.take().unwrap()),
                    &mut || fill(&pool.take_owned().unwrap()),
                ],
            )
        };
        let [reset, pooled, owned] = thread::scope(|scope| {
            let other = scope.spawn(one);
            let (here, there) = (one(), other.join().unwrap());
            [0, 1, 2].map(|at| here[at].max(there[at]))
        });
        println!(
            "{count:>7} {reset:>10.0} {pooled:>10.0} {owned:>13.0} {:>12.0}",
            pooled - reset
        );
    }
}

/// Measures heaps in which one thread allocates, and that another thread drops, with or
/// without allocating in them as well. They travel in batches, so that waking the
/// threads counts little.
#[cfg(not(feature = "v2"))]
fn hand_over() {
    const BATCH: usize = 16;

    fn measure<T: Send>(rounds: usize, begin: impl Fn() -> T, end: impl Fn(T) + Sync) -> f64 {
        thread::scope(|scope| {
            let (send, receive) = sync_channel::<Vec<T>>(1);
            let (done, wait) = sync_channel::<()>(1);
            let end = &end;
            scope.spawn(move || {
                for batch in receive {
                    batch.into_iter().for_each(end);
                    done.send(()).unwrap();
                }
            });
            let ns = fastest(rounds, || {
                send.send((0..BATCH).map(|_| begin()).collect()).unwrap();
                wait.recv().unwrap();
            });
            ns / BATCH as f64
        })
    }

    println!("\nthreads in turn: one takes and allocates, the other drops");
    println!("      n   also allocates   nothing   new heap       pool   pool, not moved");
    for count in [1, 10, 100, 1_000] {
        let layouts = &layouts(count);
        let rounds = (20_000 / count).clamp(2, 200);
        for again in [false, true] {
            let fill = |heap: &Heap| {
                layouts.iter().for_each(|&layout| {
                    touch(heap, layout);
                });
            };
            let finish = |heap: &Heap| {
                if again {
                    fill(heap);
                }
            };
            let nothing = measure(rounds, || (), |()| ());
            let fresh = measure(
                rounds,
                || {
                    let heap = Heap::new().unwrap();
                    fill(&heap);
                    heap
                },
                |heap| finish(&heap),
            );
            let pool = HeapPool::new();
            let begin = || {
                let heap = pool.take().unwrap();
                fill(&heap);
                heap
            };
            let moved = measure(rounds, begin, |heap| finish(&heap));
            let stayed = measure(rounds, || finish(&begin()), |()| ());
            println!(
                "{count:>7} {again:>16} {nothing:>9.0} {fresh:>10.0} {moved:>10.0} {stayed:>17.0}"
            );
        }
    }
}
