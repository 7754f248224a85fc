//! What engine v2 (mimalloc 2.5.2) counts.

use crate::stats::{ChunkKind, StatCount};

stats! {
    /// mimalloc pages: areas of blocks of one size.
    pages: count of Number;
    /// Address space reserved from the system.
    reserved: count of Bytes;
    /// Memory committed: it may be used, and counts against limits.
    committed: count of Bytes;
    /// Memory that the system was told it may drop.
    reset: counter of Bytes;
    /// Memory that was given back to the system.
    purged: counter of Bytes;
    /// Memory committed within mimalloc pages.
    page_committed: count of Bytes;
    /// mimalloc pages that their thread left behind.
    pages_abandoned: count of Number;
    /// Threads. The main thread does not count.
    threads: count of Number;
    /// Blocks in use up to the large size, in bytes. 0 in release builds.
    malloc_normal: count of Bytes;
    /// Blocks in use with a segment of their own, in bytes. 0 in release
    /// builds.
    malloc_huge: count of Bytes;
    /// Bytes asked for and in use. 0 in release builds.
    malloc_requested: count of Bytes;
    /// Calls that asked the system for address space.
    mmap_calls: counter of Number;
    /// Calls that committed memory.
    commit_calls: counter of Number;
    /// Calls that told the system it may drop memory.
    reset_calls: counter of Number;
    /// Calls that gave memory back.
    purge_calls: counter of Number;
    /// Arenas made.
    arena_count: counter of Number;
    /// Blocks allocated up to the large size. 0 in release builds.
    malloc_normal_count: counter of Number;
    /// Blocks allocated with a segment of their own. 0 in release builds.
    malloc_huge_count: counter of Number;
    /// Blocks with a guard page behind them.
    malloc_guarded_count: counter of Number;
    /// Arena allocations taken back because another thread was faster.
    arena_rollback_count: counter of Number;
    /// Times that arenas were purged.
    arena_purges: counter of Number;
    /// Times that a page got more blocks.
    pages_extended: counter of Number;
    /// Pages kept for a while after their last block was freed.
    pages_retire: counter of Number;
    /// Pages looked at for a free block.
    page_searches: counter of Number;
    /// Searches for a page with a free block.
    page_searches_count: counter of Number;
    /// Segments: what pages are cut from.
    segments: count of Number;
    /// Segments that their thread left behind.
    segments_abandoned: count of Number;
    /// Segments kept for reuse.
    segments_cache: count of Number;

    bins malloc_bins: super::BINS;
    bins page_bins: super::BINS;
}

impl Stats {
    /// Returns `None`: arenas of this engine have no chunks.
    pub(super) fn chunks(&self) -> Option<core::iter::Empty<(ChunkKind, StatCount)>> {
        None
    }
}
