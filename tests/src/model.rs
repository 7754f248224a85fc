//! Sends random sequences of requests to an allocator, and checks after each
//! step: alignment, overlap with live blocks, kept contents, and promised
//! zeroes.

use core::alloc::Layout;

use fastrand::Rng;

use crate::live::{Live, Resize};
use crate::subject::Subject;

/// The sizes at which mimalloc or our core takes another path.
pub(crate) const EDGES: &[usize] = &[
    0, 1, 8, 16, 24, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 10_240, 16_384, 65_536,
    131_072, 262_144, 524_288, 1_048_576, 4_194_304,
];

/// The number of sizes that are not large.
pub(crate) const SMALL_EDGES: usize = 16;

/// The limits of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The number of requests in the sequence.
    pub steps: usize,
    /// The largest size of a block.
    pub size: usize,
    /// The largest alignment, a power of two.
    pub align: usize,
    /// The number of bytes that may be live at once.
    pub live: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 3_000,
            size: 4 << 20,
            align: 4 << 20,
            live: 24 << 20,
        }
    }
}

/// The live blocks of one allocator and their contents.
#[derive(Debug)]
pub struct Model {
    rng: Rng,
    seed: u64,
    limits: Limits,
    live: Live,
}

impl Model {
    /// Returns a model whose sequence follows from `seed`.
    #[must_use]
    pub fn new(seed: u64, limits: Limits) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            seed,
            limits,
            live: Live::new(seed),
        }
    }

    /// Runs the whole sequence, and frees what is left.
    pub fn run(&mut self, subject: &impl Subject) {
        for step in 0..self.limits.steps {
            self.step(subject);
            if step % 97 == 0 {
                self.live.check_all();
            }
        }
        self.finish(subject);
    }

    /// Checks and frees all live blocks.
    pub fn finish(&mut self, subject: &impl Subject) {
        self.live.check_all();
        while !self.live.is_empty() {
            self.live.free(subject, 0);
        }
    }

    /// Checks all live blocks and forgets them, as a reset of their heap frees them.
    pub fn forget(&mut self) {
        self.live.forget();
    }

    /// Makes one random request.
    pub fn step(&mut self, subject: &impl Subject) {
        let choice = self.rng.u32(0..100);
        if self.live.is_empty() || (choice < 34 && self.live.bytes() < self.limits.live) {
            self.allocate(subject);
            return;
        }
        let at = self.rng.usize(0..self.live.len());
        match choice {
            0..60 => self.resize(subject, at, true),
            60..76 => self.resize(subject, at, false),
            _ => self.live.free(subject, at),
        }
    }

    fn size(&mut self) -> usize {
        let size = match self.rng.u32(0..100) {
            0..40 => {
                // Blocks of megabytes are rare, because they cost the most to
                // check.
                let large = self.rng.u32(0..32) == 0;
                let edges = if large { EDGES } else { &EDGES[..SMALL_EDGES] };
                let edge = edges[self.rng.usize(0..edges.len())];
                (edge + self.rng.usize(0..5)).saturating_sub(2)
            }
            40..97 => self.rng.usize(0..2_100),
            _ => {
                let bits = self.rng.u32(0..23);
                self.rng.usize(0..=1 << bits)
            }
        };
        size.min(self.limits.size)
    }

    fn align(&mut self) -> usize {
        let bits = match self.rng.u32(0..20) {
            0..14 => self.rng.u32(0..=4),
            14..18 => self.rng.u32(0..=12),
            _ => self.rng.u32(0..=22),
        };
        (1_usize << bits).min(self.limits.align)
    }

    fn layout(&mut self, size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("sizes are far below the maximum")
    }

    fn allocate(&mut self, subject: &impl Subject) {
        let (size, align) = (self.size(), self.align());
        let layout = self.layout(size, align);
        let zeroed = self.rng.bool();
        let is_there = self.live.allocate(subject, layout, zeroed, 0);
        assert!(is_there, "seed {}: no memory for {layout:?}", self.seed);
    }

    fn resize(&mut self, subject: &impl Subject, at: usize, growing: bool) {
        let old = self.live.get(at).layout;
        let other = self.size();
        let near = old.size() + self.rng.usize(0..65);
        let (size, align) = if growing {
            let size = match self.rng.u32(0..3) {
                0 => near,
                1 => old.size() * 2,
                _ => other.max(old.size()),
            };
            (size.min(self.limits.size).max(old.size()), self.align())
        } else {
            let size = if self.rng.bool() {
                other
            } else {
                old.size() / 2
            };
            (size.min(old.size()), self.align())
        };
        let realign = subject.realigns() && self.rng.u32(0..4) == 0;
        let new = self.layout(size, if realign { align } else { old.align() });
        let zeroed = growing && self.rng.bool();

        let resize = match (growing, zeroed) {
            (true, true) => Resize::GrowZeroed,
            (true, false) => Resize::Grow,
            (false, _) => Resize::Shrink,
        };
        let is_there = self.live.resize(subject, at, new, resize);
        assert!(
            is_there,
            "seed {}: no memory to resize {old:?} to {new:?}",
            self.seed
        );
    }
}
