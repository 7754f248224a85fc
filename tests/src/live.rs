//! Keeps the live blocks of allocators, and checks what the blocks promise:
//! alignment, no overlap, kept contents, and zeroes.

use core::alloc::Layout;
use core::ptr::NonNull;
use std::collections::BTreeMap;

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
        for offset in places(layout.size()) {
            // SAFETY: `offset` is within the block, which only the list uses.
            let place = unsafe { ptr.add(offset) };
            // SAFETY: `offset` is within the block, which only the list uses.
            unsafe { place.write(pattern(block.tag, offset)) };
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
        // SAFETY: `from` is at most the size of the block.
        let tail = unsafe { ptr.add(from) };
        // SAFETY: the rest of the block is within the block, which only the list
        // uses. The allocator zeroed the rest, so it is initialised.
        let tail = unsafe { core::slice::from_raw_parts(tail.as_ptr(), to - from) };
        let dirty = tail.iter().position(|&byte| byte != 0);
        assert_eq!(
            dirty, None,
            "seed {}: {what} from {from} to {to}",
            self.context
        );
    }
}

fn expect(ptr: NonNull<u8>, len: usize, tag: u64, context: u64, what: &str) {
    for offset in places(len) {
        // SAFETY: `offset` is within the block, which its list wrote to.
        let place = unsafe { ptr.add(offset) };
        // SAFETY: the list wrote this byte, or the block kept the byte when it
        // moved.
        let found = unsafe { place.read() };
        assert_eq!(
            found,
            pattern(tag, offset),
            "seed {context}: {what} at {offset} of {len}"
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
