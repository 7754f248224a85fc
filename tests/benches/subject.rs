//! The allocators under test, and the use of one, two or four heaps of each in
//! turn.

use allocator_api2::alloc::Allocator;
use mimalloc::{Heap, MiMalloc, SharedHeap};

/// A small piece of work that repeats in one heap.
pub(crate) trait Pattern {
    /// The state of the pattern in a heap.
    type In<A: Allocator + Clone>: Step;

    /// Prepares the work in a heap.
    fn new_in<A: Allocator + Clone>(alloc: A) -> Self::In<A>;
}

/// Work that consists of steps.
pub(crate) trait Step {
    /// Does one step.
    fn step(&mut self, turn: usize);

    /// Does many steps, in a loop that knows the allocator.
    fn steps(&mut self, count: usize) {
        for turn in 0..count {
            self.step(turn);
        }
    }
}

/// Takes steps in two heaps in turn.
impl<L: Step, R: Step> Step for (L, R) {
    #[inline]
    fn step(&mut self, turn: usize) {
        self.0.step(turn);
        self.1.step(turn);
    }
}

/// An allocator with all heaps that a benchmark may need.
pub(crate) trait Subject {
    /// Makes the heaps.
    fn new() -> Self;

    /// Prepares `P` in one, two or four heaps, and lends the result to `work`.
    /// A step is then one step in each of the heaps.
    fn with<P: Pattern>(&self, heaps: usize, work: impl FnOnce(&mut dyn Step));
}

/// Allocates with [`MiMalloc`], which has one heap for all.
pub(crate) struct Global;

/// Allocates with `&Heap`.
pub(crate) struct RefHeap([Heap; 4]);

/// Allocates with [`SharedHeap`] by value. Each container counts as a handle.
pub(crate) struct OwnShared([SharedHeap; 4]);

/// Allocates with `&SharedHeap`.
pub(crate) struct RefShared([SharedHeap; 4]);

/// Allocates with [`LocalHeap`](mimalloc::LocalHeap), which is made once for
/// all steps.
pub(crate) struct InLocal([Heap; 4]);

/// Returns a new heap. Without memory there is nothing to measure.
pub(crate) fn heap() -> Heap {
    Heap::new().expect("no memory for a heap")
}

/// Returns a new shared heap.
pub(crate) fn shared_heap() -> SharedHeap {
    SharedHeap::new().expect("no memory for a heap")
}

impl Subject for Global {
    fn new() -> Self {
        Self
    }

    fn with<P: Pattern>(&self, heaps: usize, work: impl FnOnce(&mut dyn Step)) {
        in_turn::<P, _>(heaps, [MiMalloc; 4], work);
    }
}

impl Subject for RefHeap {
    fn new() -> Self {
        Self([(); 4].map(|()| heap()))
    }

    fn with<P: Pattern>(&self, heaps: usize, work: impl FnOnce(&mut dyn Step)) {
        in_turn::<P, _>(heaps, self.0.each_ref(), work);
    }
}

impl Subject for OwnShared {
    fn new() -> Self {
        Self([(); 4].map(|()| shared_heap()))
    }

    fn with<P: Pattern>(&self, heaps: usize, work: impl FnOnce(&mut dyn Step)) {
        in_turn::<P, _>(heaps, self.0.clone(), work);
    }
}

impl Subject for RefShared {
    fn new() -> Self {
        Self([(); 4].map(|()| shared_heap()))
    }

    fn with<P: Pattern>(&self, heaps: usize, work: impl FnOnce(&mut dyn Step)) {
        in_turn::<P, _>(heaps, self.0.each_ref(), work);
    }
}

impl Subject for InLocal {
    fn new() -> Self {
        Self([(); 4].map(|()| heap()))
    }

    // The `LocalHeap` of each heap has a type of its own.
    fn with<P: Pattern>(&self, heaps: usize, work: impl FnOnce(&mut dyn Step)) {
        let [a, b, c, d] = &self.0;
        match heaps {
            1 => a.with_local(|a| work(&mut P::new_in(a))),
            2 => a.with_local(|a| b.with_local(|b| work(&mut (P::new_in(a), P::new_in(b))))),
            _ => a.with_local(|a| {
                b.with_local(|b| {
                    c.with_local(|c| {
                        d.with_local(|d| {
                            let left = (P::new_in(a), P::new_in(b));
                            let right = (P::new_in(c), P::new_in(d));
                            work(&mut (left, right));
                        });
                    });
                });
            }),
        }
    }
}

/// Does the work of [`Subject::with`] where the allocators of all heaps have
/// one type.
fn in_turn<P: Pattern, A: Allocator + Clone>(
    heaps: usize,
    [a, b, c, d]: [A; 4],
    work: impl FnOnce(&mut dyn Step),
) {
    match heaps {
        1 => work(&mut P::new_in(a)),
        2 => work(&mut (P::new_in(a), P::new_in(b))),
        _ => {
            let left = (P::new_in(a), P::new_in(b));
            let right = (P::new_in(c), P::new_in(d));
            work(&mut (left, right));
        }
    }
}
