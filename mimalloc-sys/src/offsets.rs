//! States the offsets in mimalloc 3.6.2 that `inline_alloc.rs` uses, on 64-bit
//! targets. The C compiler checks each number against upstream's own types
//! (`build/patches/v3/inline_alloc.h`).

/// The offset in a theap of the pages with free blocks, one page for each
/// number of words.
pub(super) const THEAP_PAGES: usize = 0;
/// The offset in a page of the first free block, which begins with the address
/// of the next free block.
pub(super) const PAGE_FREE: usize = 16;
/// The offset in a page of two counts: the blocks in use, and the blocks ever
/// used.
pub(super) const PAGE_USED: usize = 40;
/// The offset in a page of a byte that is not 0 if free blocks are zero but for
/// their first word.
pub(super) const PAGE_FREE_IS_ZERO: usize = 63;
