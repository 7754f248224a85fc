//! The patterns of the instruction counts, which do little but allocate.

use core::hint::black_box;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use allocator_api2::alloc::{Allocator, Layout};
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;

use crate::subject::{Pattern, Step};

/// The allocator of a heap, and what to do with it.
pub(crate) struct With<A, P> {
    alloc: A,
    pattern: PhantomData<P>,
}

impl<A, P> With<A, P> {
    fn new(alloc: A) -> Self {
        Self {
            alloc,
            pattern: PhantomData,
        }
    }
}

/// Allocates and frees one block without writing to it, while another block of
/// its size is live. A mimalloc page that becomes empty costs more, and rarely
/// does in a program.
pub(crate) struct Pair<T>(PhantomData<T>);

/// The state of [`Pair`].
pub(crate) struct Beside<A: Allocator, T> {
    alloc: A,
    #[expect(dead_code, reason = "only has to be there")]
    live: Box<MaybeUninit<T>, A>,
}

/// A type of the size and the alignment of a cache line.
#[repr(align(64))]
pub(crate) struct Line(#[expect(dead_code, reason = "for its size")] [u8; 64]);

impl<T> Pattern for Pair<T> {
    type In<A: Allocator + Clone> = Beside<A, T>;

    fn new_in<A: Allocator + Clone>(alloc: A) -> Beside<A, T> {
        let live = Box::new_uninit_in(alloc.clone());
        Beside { alloc, live }
    }
}

impl<T, A: Allocator + Clone> Step for Beside<A, T> {
    #[inline(always)]
    fn step(&mut self, _turn: usize) {
        let block = Box::<T, A>::new_uninit_in(self.alloc.clone());
        black_box(block.as_ptr());
    }
}

/// Allocates no block: counts the loop and the look at an address.
pub(crate) struct Nothing;

impl Pattern for Nothing {
    type In<A: Allocator + Clone> = With<A, Self>;

    fn new_in<A: Allocator + Clone>(alloc: A) -> With<A, Self> {
        With::new(alloc)
    }
}

impl<A: Allocator + Clone> Step for With<A, Nothing> {
    #[inline(always)]
    fn step(&mut self, turn: usize) {
        black_box(core::ptr::without_provenance::<u8>(turn));
    }
}

/// Grows a vector to 1000 elements by `push`. One operation is one push.
pub(crate) struct Grow;

impl Pattern for Grow {
    type In<A: Allocator + Clone> = Vec<usize, A>;

    fn new_in<A: Allocator + Clone>(alloc: A) -> Vec<usize, A> {
        Vec::new_in(alloc)
    }
}

impl<A: Allocator + Clone> Step for Vec<usize, A> {
    #[inline(always)]
    fn step(&mut self, turn: usize) {
        self.push(turn);
    }
}

/// Builds lines of 64 bytes from pieces.
pub(crate) struct Text;

impl Pattern for Text {
    type In<A: Allocator + Clone> = With<A, Self>;

    fn new_in<A: Allocator + Clone>(alloc: A) -> With<A, Self> {
        With::new(alloc)
    }
}

impl<A: Allocator + Clone> Step for With<A, Text> {
    #[inline(always)]
    fn step(&mut self, _turn: usize) {
        let mut line = Vec::new_in(self.alloc.clone());
        for _ in 0..8 {
            line.extend_from_slice(black_box(b"a piece "));
        }
        black_box(line.as_slice());
    }
}

/// Grows a zeroed block from 64 to 1024 bytes by doubling.
pub(crate) struct Zeroed;

impl Pattern for Zeroed {
    type In<A: Allocator + Clone> = With<A, Self>;

    fn new_in<A: Allocator + Clone>(alloc: A) -> With<A, Self> {
        With::new(alloc)
    }
}

impl<A: Allocator + Clone> Step for With<A, Zeroed> {
    #[inline(always)]
    fn step(&mut self, _turn: usize) {
        let mut layout = Layout::new::<[u8; 64]>();
        let Ok(block) = self.alloc.allocate_zeroed(layout) else {
            return;
        };
        let mut block = block.cast();
        while let Ok(larger) = Layout::array::<u8>(layout.size() * 2) {
            if larger.size() > 1024 {
                break;
            }
            // SAFETY: the block is currently allocated and fits `layout`, and
            // `larger` is larger.
            let Ok(grown) = (unsafe { self.alloc.grow_zeroed(block, layout, larger) }) else {
                break;
            };
            block = grown.cast();
            layout = larger;
        }
        black_box(block);
        // SAFETY: the block came from this allocator, and fits `layout`.
        unsafe { self.alloc.deallocate(block, layout) };
    }
}
