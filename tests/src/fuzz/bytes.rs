//! Reads choices out of bytes.

use core::alloc::Layout;

use super::resize_to;
use crate::live::Resize;
use crate::model::{EDGES, SMALL_EDGES};

/// The largest size of a block.
const LARGEST: usize = 4 << 20;

/// The bytes that a program has left. Behind their end there are zeroes.
#[derive(Debug)]
pub(super) struct Bytes<'a> {
    left: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(super) fn new(left: &'a [u8]) -> Self {
        Self { left }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, left)) = self.left.split_first() else {
            return 0;
        };
        self.left = left;
        first
    }

    fn word(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// Returns a number below `end`, which is not zero.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let number = if end > 256 {
            self.word()
        } else {
            usize::from(self.byte())
        };
        number % end
    }

    /// Cuts off a program for another thread.
    pub(super) fn program(&mut self, longest: usize) -> Vec<u8> {
        let len = self.below(longest).min(self.left.len());
        let (program, left) = self.left.split_at(len);
        self.left = left;
        program.to_vec()
    }

    pub(super) fn text(&mut self) -> String {
        let len = usize::from(self.byte());
        let letters = ["a", "ß", "€", "🦀"];
        (0..len).map(|at| letters[at % 4]).collect()
    }

    fn size(&mut self) -> usize {
        let how = self.byte();
        let edges = match how % 16 {
            0..7 => return usize::from(self.byte()),
            7..11 => return self.word() % 2_100,
            11 | 12 => return self.word() % 20_000,
            13 => return self.word() * 2,
            // Blocks of megabytes are rare, because they cost the most to check.
            14 if how >= 240 => EDGES,
            _ => &EDGES[..SMALL_EDGES],
        };
        let edge = edges[self.below(edges.len())];
        (edge + usize::from(self.byte() % 5)).saturating_sub(2)
    }

    fn align(&mut self) -> usize {
        let how = usize::from(self.byte());
        let bits = match how {
            0..176 => how % 5,
            176..248 => how % 13,
            _ => how % 19,
        };
        1 << bits
    }

    pub(super) fn layout(&mut self) -> Layout {
        let (size, align) = (self.size().min(LARGEST), self.align());
        Layout::from_size_align(size, align).expect("sizes are far below the maximum")
    }

    /// Returns another layout for a block.
    pub(super) fn resize(&mut self, old: Layout, can_realign: bool) -> (Layout, Resize) {
        let how = self.byte();
        let size = match how & 7 {
            0 => old.size() + usize::from(self.byte() & 63),
            1 => old.size() * 2,
            2 => old.size() / 2,
            3 => old.size().saturating_sub(usize::from(self.byte() & 63)),
            _ => self.size(),
        };
        let size = size.min(LARGEST);
        let align = if can_realign && how & 24 == 0 {
            self.align()
        } else {
            old.align()
        };
        let new = Layout::from_size_align(size, align).expect("sizes are far below the maximum");
        (new, resize_to(old, new, how & 32 == 0))
    }
}
