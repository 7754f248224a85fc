//! Sends random sequences of requests to an allocator, and checks after each
//! step: alignment, overlap with live blocks, kept contents, and promised
//! zeroes.

use core::alloc::Layout;
use core::ptr::NonNull;
use std::collections::BTreeMap;

use fastrand::Rng;

use crate::subject::Subject;

/// The sizes at which mimalloc or our core takes another path.
const EDGES: &[usize] = &[
    0, 1, 8, 16, 24, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 10_240, 16_384, 65_536,
    131_072, 262_144, 524_288, 1_048_576, 4_194_304,
];

/// The number of sizes that are not large.
const SMALL_EDGES: usize = 16;

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

#[derive(Clone, Copy, Debug)]
struct Block {
    ptr: NonNull<u8>,
    layout: Layout,
    tag: u64,
}

// SAFETY: a block is plain memory that the model alone reads and writes, one
// thread at a time; whether it may be freed elsewhere is up to the allocator.
unsafe impl Send for Block {}

/// The live blocks of one allocator and their contents.
#[derive(Debug)]
pub struct Model {
    rng: Rng,
    seed: u64,
    limits: Limits,
    blocks: Vec<Block>,
    /// The start and the end of each live block that has a size.
    ranges: BTreeMap<usize, usize>,
    live: usize,
    next_tag: u64,
}

impl Model {
    /// Returns a model whose sequence follows from `seed`.
    #[must_use]
    pub fn new(seed: u64, limits: Limits) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            seed,
            limits,
            blocks: Vec::new(),
            ranges: BTreeMap::new(),
            live: 0,
            next_tag: seed << 20,
        }
    }

    /// Runs the whole sequence, and frees what is left.
    pub fn run(&mut self, subject: &impl Subject) {
        for step in 0..self.limits.steps {
            self.step(subject);
            if step % 97 == 0 {
                self.check_all();
            }
        }
        self.finish(subject);
    }

    /// Checks and frees all live blocks.
    pub fn finish(&mut self, subject: &impl Subject) {
        self.check_all();
        while !self.blocks.is_empty() {
            self.free(subject, 0);
        }
    }

    /// Checks all live blocks and forgets them, as a reset of their heap frees them.
    pub fn forget(&mut self) {
        self.check_all();
        self.blocks.clear();
        self.ranges.clear();
        self.live = 0;
    }

    /// Makes one random request.
    pub fn step(&mut self, subject: &impl Subject) {
        let choice = self.rng.u32(0..100);
        if self.blocks.is_empty() || (choice < 34 && self.live < self.limits.live) {
            self.allocate(subject);
            return;
        }
        let at = self.rng.usize(0..self.blocks.len());
        match choice {
            0..60 => self.resize(subject, at, true),
            60..76 => self.resize(subject, at, false),
            _ => self.free(subject, at),
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
        let ptr = if zeroed {
            subject.allocate_zeroed(layout)
        } else {
            subject.allocate(layout)
        };
        let ptr = ptr.unwrap_or_else(|| panic!("seed {}: no memory for {layout:?}", self.seed));
        if zeroed {
            self.expect_zero(ptr, 0, size, "allocate_zeroed");
        }
        self.insert(ptr, layout);
    }

    fn resize(&mut self, subject: &impl Subject, at: usize, growing: bool) {
        let block = self.blocks[at];
        let old = block.layout;
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

        self.check(block);
        self.remove(at);
        let moved = match (growing, zeroed) {
            // SAFETY: the block is live, fits `old`, and `new` is no smaller.
            (true, true) => unsafe { subject.grow_zeroed(block.ptr, old, new) },
            // SAFETY: the block is live, fits `old`, and `new` is no smaller.
            (true, false) => unsafe { subject.grow(block.ptr, old, new) },
            // SAFETY: the block is live, fits `old`, and `new` is no larger.
            (false, _) => unsafe { subject.shrink(block.ptr, old, new) },
        };
        let ptr = moved.unwrap_or_else(|| {
            panic!("seed {}: no memory to resize {old:?} to {new:?}", self.seed)
        });
        self.expect(ptr, old.size().min(size), block.tag, "kept contents");
        if zeroed {
            self.expect_zero(ptr, old.size(), size, "grow_zeroed");
        }
        self.insert(ptr, new);
    }

    fn free(&mut self, subject: &impl Subject, at: usize) {
        let block = self.blocks[at];
        self.check(block);
        self.remove(at);
        // SAFETY: the model removed the block just now, so the block is live
        // and fits its layout.
        unsafe { subject.deallocate(block.ptr, block.layout) };
    }

    fn insert(&mut self, ptr: NonNull<u8>, layout: Layout) {
        let address = ptr.addr().get();
        assert_eq!(
            address % layout.align(),
            0,
            "seed {}: {layout:?} at {address:#x}",
            self.seed
        );
        let end = address + layout.size();
        if layout.size() != 0 {
            let before = self.ranges.range(..end).next_back();
            if let Some((&start, &stop)) = before {
                assert!(
                    stop <= address,
                    "seed {}: {address:#x}..{end:#x} overlaps {start:#x}..{stop:#x}",
                    self.seed
                );
            }
            self.ranges.insert(address, end);
        }
        self.next_tag += 1;
        let block = Block {
            ptr,
            layout,
            tag: self.next_tag,
        };
        for offset in places(layout.size()) {
            // SAFETY: `offset` is within the block, which only the model uses.
            let place = unsafe { ptr.add(offset) };
            // SAFETY: `offset` is within the block, which only the model uses.
            unsafe { place.write(pattern(block.tag, offset)) };
        }
        self.live += layout.size();
        self.blocks.push(block);
    }

    fn remove(&mut self, at: usize) {
        let block = self.blocks.swap_remove(at);
        if block.layout.size() != 0 {
            self.ranges.remove(&block.ptr.addr().get());
        }
        self.live -= block.layout.size();
    }

    fn check_all(&self) {
        for &block in &self.blocks {
            self.check(block);
        }
    }

    fn check(&self, block: Block) {
        self.expect(block.ptr, block.layout.size(), block.tag, "contents");
    }

    fn expect(&self, ptr: NonNull<u8>, len: usize, tag: u64, what: &str) {
        for offset in places(len) {
            // SAFETY: `offset` is within the block, which `insert` wrote to.
            let place = unsafe { ptr.add(offset) };
            // SAFETY: `insert` wrote this byte, or the block kept the byte when
            // it moved.
            let found = unsafe { place.read() };
            assert_eq!(
                found,
                pattern(tag, offset),
                "seed {}: {what} at {offset} of {len}",
                self.seed
            );
        }
    }

    fn expect_zero(&self, ptr: NonNull<u8>, from: usize, to: usize, what: &str) {
        // SAFETY: `from` is at most the size of the block.
        let tail = unsafe { ptr.add(from) };
        // SAFETY: the rest of the block is within the block, which only the
        // model uses. The allocator zeroed the rest, so it is initialised.
        let tail = unsafe { core::slice::from_raw_parts(tail.as_ptr(), to - from) };
        let dirty = tail.iter().position(|&byte| byte != 0);
        assert_eq!(
            dirty, None,
            "seed {}: {what} from {from} to {to}",
            self.seed
        );
    }
}

/// Returns the byte that a block holds at an offset.
fn pattern(tag: u64, offset: usize) -> u8 {
    let mixed = (tag ^ offset as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 56) as u8
}

/// Returns the offsets that are written and checked: all of the first 16 KiB,
/// and then every 64th. A longer block contains the offsets of a shorter one.
fn places(len: usize) -> impl Iterator<Item = usize> {
    let dense = len.min(16 * 1024);
    (0..dense).chain((dense..len).filter(move |offset| offset % 64 == 0))
}
