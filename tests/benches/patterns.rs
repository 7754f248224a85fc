//! The patterns that the benchmarks of heaps run in each heap.

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use divan::black_box;
use hashbrown::{DefaultHashBuilder, HashMap};

use crate::subject::{Pattern, Step};

/// Fills a ring with boxes of one size, and replaces the oldest.
pub(crate) struct Boxes;

/// The state of [`Boxes`].
pub(crate) struct Ring<A: Allocator> {
    alloc: A,
    slots: std::vec::Vec<Option<Box<[usize; 6], A>>>,
}

impl Pattern for Boxes {
    type In<A: Allocator + Clone> = Ring<A>;

    fn new_in<A: Allocator + Clone>(alloc: A) -> Ring<A> {
        Ring {
            alloc,
            slots: (0..256).map(|_| None).collect(),
        }
    }
}

impl<A: Allocator + Clone> Step for Ring<A> {
    #[inline]
    fn step(&mut self, turn: usize) {
        self.slots[turn % 256] = Some(Box::new_in([turn; 6], self.alloc.clone()));
    }
}

/// Grows vectors to 100 elements.
pub(crate) struct Growth;

/// The state of [`Growth`].
pub(crate) struct Growing<A>(A);

impl Pattern for Growth {
    type In<A: Allocator + Clone> = Growing<A>;

    fn new_in<A: Allocator + Clone>(alloc: A) -> Growing<A> {
        Growing(alloc)
    }
}

impl<A: Allocator + Clone> Step for Growing<A> {
    #[inline]
    fn step(&mut self, turn: usize) {
        let mut items = Vec::new_in(self.0.clone());
        for i in 0..100 {
            items.push(turn + i);
        }
        black_box(items.as_slice());
    }
}

/// Fills hash maps with 100 entries.
pub(crate) struct Map;

/// The state of [`Map`].
pub(crate) struct Filling<A>(A);

impl Pattern for Map {
    type In<A: Allocator + Clone> = Filling<A>;

    fn new_in<A: Allocator + Clone>(alloc: A) -> Filling<A> {
        Filling(alloc)
    }
}

impl<A: Allocator + Clone> Step for Filling<A> {
    #[inline]
    fn step(&mut self, turn: usize) {
        let hasher = DefaultHashBuilder::default();
        let mut map = HashMap::with_hasher_in(hasher, self.0.clone());
        for i in 0..100 {
            map.insert(turn + i, i);
        }
        black_box(map.len());
    }
}
