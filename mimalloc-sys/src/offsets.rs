//! Where mimalloc 3.6.2 keeps what `inline_alloc.rs` uses, on 64-bit targets. The build
//! script has the C compiler check each number against upstream's own types.

/// In a theap: for each number of words a page with free blocks of that size.
pub(super) const THEAP_PAGES: usize = 0;
/// In a page: its first free block, which begins with the next.
pub(super) const PAGE_FREE: usize = 16;
/// In a page: how many of its blocks are in use, and how many ever were.
pub(super) const PAGE_USED: usize = 40;
