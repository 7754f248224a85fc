//! Keeps the live blocks of allocators, and checks what the blocks promise:
//! alignment, no overlap, kept contents, and zeroes.

use core::alloc::Layout;
use core::ptr::NonNull;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use fastrand::Rng;

use crate::subject::Subject;

/// A block that an allocator returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) ptr: NonNull<u8>,
    pub(crate) layout: Layout,
    /// Names the heap that the block is in, for the user of the list.
    pub(crate) heap: u64,
    tag: u64,
}

// SAFETY: a block is plain memory that its list alone reads and writes, one
// thread at a time; whether it may be freed elsewhere is up to the allocator.
unsafe impl Send for Block {}

impl Block {
    /// Checks the contents.
    pub(crate) fn check(&self, context: u64) {
        expect(self.ptr, self.layout.size(), self.tag, context, "contents");
    }

    /// Checks the contents and frees the block.
    pub(crate) fn free(self, subject: &dyn Subject, context: u64) {
        self.check(context);
        // SAFETY: the list removed the block before it gave the block out, so the
        // block is live and fits its layout.
        unsafe { subject.deallocate(self.ptr, self.layout) };
    }
}

/// Says how to resize a block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resize {
    Grow,
    GrowZeroed,
    Shrink,
}

/// The live blocks and their contents.
#[derive(Debug)]
pub(crate) struct Live {
    /// Is in the messages, so that a failure can be repeated.
    context: u64,
    blocks: Vec<Block>,
    /// The start and the end of each live block that has a size.
    ranges: BTreeMap<usize, usize>,
    bytes: usize,
    next_tag: u64,
}

impl Live {
    /// Returns an empty list. `context` is in the messages.
    pub(crate) fn new(context: u64) -> Self {
        Self {
            context,
            blocks: Vec::new(),
            ranges: BTreeMap::new(),
            bytes: 0,
            next_tag: context << 20,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Returns the number of bytes in all live blocks.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, at: usize) -> Block {
        self.blocks[at]
    }

    /// Returns the number of blocks with a size that are in `heap`.
    pub(crate) fn count_in(&self, heap: u64) -> usize {
        let in_heap = self.blocks.iter().filter(|block| block.heap == heap);
        in_heap.filter(|block| block.layout.size() != 0).count()
    }

    /// Allocates a block, checks and fills it. Returns false if there is no memory.
    pub(crate) fn allocate(
        &mut self,
        subject: &dyn Subject,
        layout: Layout,
        zeroed: bool,
        heap: u64,
    ) -> bool {
        let ptr = if zeroed {
            subject.allocate_zeroed(layout)
        } else {
            subject.allocate(layout)
        };
        let Some(ptr) = ptr else {
            return false;
        };
        if zeroed {
            self.expect_zero(ptr, 0, layout.size(), "allocate_zeroed");
        }
        self.insert(ptr, layout, heap);
        true
    }

    /// Resizes a block, and checks what it kept. Returns false if there is no
    /// memory; the block then stays as it is.
    pub(crate) fn resize(
        &mut self,
        subject: &dyn Subject,
        at: usize,
        new: Layout,
        resize: Resize,
    ) -> bool {
        let block = self.take(at);
        let old = block.layout;
        let moved = match resize {
            // SAFETY: the block is live, fits `old`, and `new` is no smaller.
            Resize::GrowZeroed => unsafe { subject.grow_zeroed(block.ptr, old, new) },
            // SAFETY: the block is live, fits `old`, and `new` is no smaller.
            Resize::Grow => unsafe { subject.grow(block.ptr, old, new) },
            // SAFETY: the block is live, fits `old`, and `new` is no larger.
            Resize::Shrink => unsafe { subject.shrink(block.ptr, old, new) },
        };
        let Some(ptr) = moved else {
            // A failed resize leaves the block alone.
            block.check(self.context);
            self.adopt(block);
            return false;
        };
        let kept = old.size().min(new.size());
        expect(ptr, kept, block.tag, self.context, "kept contents");
        if matches!(resize, Resize::GrowZeroed) {
            self.expect_zero(ptr, old.size(), new.size(), "grow_zeroed");
        }
        self.insert(ptr, new, block.heap);
        true
    }

    /// Checks a block and frees it.
    pub(crate) fn free(&mut self, subject: &dyn Subject, at: usize) {
        let block = self.take(at);
        // SAFETY: the list removed the block just now, so the block is live and
        // fits its layout.
        unsafe { subject.deallocate(block.ptr, block.layout) };
    }

    /// Checks a block and removes it from the list.
    pub(crate) fn take(&mut self, at: usize) -> Block {
        let block = self.blocks.swap_remove(at);
        block.check(self.context);
        if block.layout.size() != 0 {
            self.ranges.remove(&block.ptr.addr().get());
        }
        self.bytes -= block.layout.size();
        block
    }

    /// Checks the blocks that are in `heap`, and removes them from the list.
    pub(crate) fn take_all_in(&mut self, heap: u64) -> Vec<Block> {
        let mut taken = Vec::new();
        for at in (0..self.blocks.len()).rev() {
            if self.blocks[at].heap == heap {
                taken.push(self.take(at));
            }
        }
        taken
    }

    /// Says that the blocks of a heap are in another heap from now on.
    pub(crate) fn rename(&mut self, from: u64, to: u64) {
        for block in &mut self.blocks {
            if block.heap == from {
                block.heap = to;
            }
        }
    }

    /// Checks all live blocks and forgets them, as a reset of their heap frees them.
    pub(crate) fn forget(&mut self) {
        self.check_all();
        self.blocks.clear();
        self.ranges.clear();
        self.bytes = 0;
    }

    pub(crate) fn check_all(&self) {
        for block in &self.blocks {
            block.check(self.context);
        }
    }

    /// Checks the place of a block, fills the block, and adds it to the list.
    fn insert(&mut self, ptr: NonNull<u8>, layout: Layout, heap: u64) {
        self.next_tag += 1;
        let block = Block {
            ptr,
            layout,
            heap,
            tag: self.next_tag,
        };
        self.adopt(block);
        for (offset, piece) in pieces(block.tag, layout.size()) {
            // SAFETY: `offset` is within the block, which only the list uses.
            let place = unsafe { ptr.add(offset) };
            // SAFETY: the piece ends within the block, and is no part of the block.
            unsafe {
                place
                    .as_ptr()
                    .copy_from_nonoverlapping(piece.as_ptr(), piece.len())
            };
        }
    }

    /// Checks the place of a block that is filled, and adds it to the list.
    pub(crate) fn adopt(&mut self, block: Block) {
        let Block { ptr, layout, .. } = block;
        let address = ptr.addr().get();
        assert_eq!(
            address % layout.align(),
            0,
            "seed {}: {layout:?} at {address:#x}",
            self.context
        );
        let end = address + layout.size();
        if layout.size() != 0 {
            let before = self.ranges.range(..end).next_back();
            if let Some((&start, &stop)) = before {
                assert!(
                    stop <= address,
                    "seed {}: {address:#x}..{end:#x} overlaps {start:#x}..{stop:#x}",
                    self.context
                );
            }
            self.ranges.insert(address, end);
        }
        self.bytes += layout.size();
        self.blocks.push(block);
    }

    fn expect_zero(&self, ptr: NonNull<u8>, from: usize, to: usize, what: &str) {
        for (offset, zeroes) in chunks(&[0; TABLE], 0, to - from) {
            // SAFETY: `from` is at most the size of the block, and the piece is within
            // the rest of the block, which only the list uses. The allocator zeroed the
            // rest, so it is initialised.
            let piece = unsafe { bytes(ptr, from + offset, zeroes.len()) };
            assert!(
                piece == zeroes,
                "seed {}: {what} from {from} to {to}: byte {:?} behind {offset}",
                self.context,
                piece.iter().position(|&byte| byte != 0)
            );
        }
    }
}

fn expect(ptr: NonNull<u8>, len: usize, tag: u64, context: u64, what: &str) {
    for (offset, expected) in pieces(tag, len) {
        // SAFETY: the piece is within the block. The list wrote the bytes, or the block
        // kept the bytes when it moved.
        let found = unsafe { bytes(ptr, offset, expected.len()) };
        if found != expected {
            let differs = (0..).zip(found.iter().zip(expected));
            let mut differs = differs.filter(|(_, (found, expected))| found != expected);
            let at: usize = differs.next().map_or(0, |(at, _)| at);
            panic!("seed {context}: {what} at {} of {len}", offset + at);
        }
    }
}

/// Returns a part of a block.
///
/// # Safety
///
/// The part is within the block and initialised, and nothing writes to the part for the
/// lifetime.
unsafe fn bytes<'a>(ptr: NonNull<u8>, offset: usize, len: usize) -> &'a [u8] {
    // SAFETY: the offset is within the block.
    let start = unsafe { ptr.add(offset) };
    // SAFETY: as the caller promises.
    unsafe { core::slice::from_raw_parts(start.as_ptr(), len) }
}

/// The number of random bytes from which contents come: no multiple of a size or an
/// alignment, so that contents that moved are others.
const TABLE: usize = 65_521;

/// Returns what a block holds, in pieces with their offsets. A tag chooses where in the
/// table the contents begin. Whole pieces are copied and compared, which is fast also
/// without optimisation.
fn pieces(tag: u64, len: usize) -> impl Iterator<Item = (usize, &'static [u8])> {
    static RANDOM: LazyLock<[u8; TABLE]> = LazyLock::new(|| {
        let mut table = [0; TABLE];
        Rng::with_seed(1).fill(&mut table);
        table
    });
    let mixed = tag.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let start = usize::try_from(mixed).unwrap_or_default() % TABLE;
    chunks(&RANDOM, start, len)
}

/// Returns `len` bytes of a table that repeats, in pieces with their offsets.
fn chunks(table: &[u8; TABLE], start: usize, len: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let mut offset = 0;
    core::iter::from_fn(move || {
        let from = (start + offset) % TABLE;
        let piece = &table[from..TABLE.min(from + len - offset)];
        let at = offset;
        offset += piece.len();
        (!piece.is_empty()).then_some((at, piece))
    })
}
