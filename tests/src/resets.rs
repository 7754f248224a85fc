//! Holds a heap against the model, with resets in the middle of the sequence.

use fastrand::Rng;
use mimalloc::Heap;

use crate::{Api02, Api04, Limits, Model};

/// Resets `heap` again and again, each time with blocks of the model left in it.
///
/// The blocks come through each allocator that a heap can be reset under.
pub fn hold_with_resets(heap: &mut Heap, seed: u64, rounds: usize) {
    let mut random = Rng::with_seed(seed);
    let limits = Limits {
        size: 1 << 20,
        align: 1 << 17,
        live: 6 << 20,
        ..Limits::default()
    };
    let mut model = Model::new(seed, limits);
    for _ in 0..rounds {
        let steps = [5, 50, 500, 2_000][random.usize(..4)];
        match random.u32(..3) {
            0 => (0..steps).for_each(|_| model.step(&Api02(&*heap))),
            1 => (0..steps).for_each(|_| model.step(&Api04(&*heap))),
            _ => heap.with_local(|local| {
                (0..steps).for_each(|_| model.step(&Api02(local)));
            }),
        }
        if random.u32(..4) == 0 {
            heap.collect(random.bool());
        }
        model.forget();
        match random.u32(..6) {
            0 => heap.reset_keeping(0).unwrap(),
            1 => heap.reset_keeping(64 << 10).unwrap(),
            2 => heap.reset_keeping(usize::MAX).unwrap(),
            _ => heap.reset().unwrap(),
        }
        if random.u32(..8) == 0 {
            assert_eq!(heap.usage().blocks, 0);
        }
    }
}
