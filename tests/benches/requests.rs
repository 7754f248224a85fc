//! Measures what a request costs that allocates n blocks and throws them away: with
//! each block dropped through `MiMalloc`, in a heap that is reset, in a new heap, and
//! in a bump arena. Prints nanoseconds per request, the fastest of 15 samples.
//!
//! `cargo bench -p mimalloc-benches --bench requests`

use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::NonNull;
use std::time::Instant;

use allocator_api2::alloc::Allocator;
use bumpalo::Bump;
use mimalloc::{Heap, MiMalloc};

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

/// Allocates a block in `heap` and writes to the block's first byte.
fn touch(allocator: impl Allocator, layout: Layout) -> NonNull<u8> {
    let block = allocator.allocate(layout).unwrap().cast::<u8>();
    // SAFETY: the block has at least 16 bytes.
    unsafe { block.write(1) };
    black_box(block)
}

fn main() {
    println!("      n   MiMalloc      reset   new heap    bumpalo   reset/MiMalloc");
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
        println!(
            "{count:>7} {global:>10.0} {reset:>10.0} {fresh:>10.0} {bumped:>10.0} {:>16.2}",
            reset / global
        );
    }
}
