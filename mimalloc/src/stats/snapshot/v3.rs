//! What engine v3 (mimalloc 3.6.2) counts.

use mimalloc_sys as sys;

use super::StatsError;
use crate::raw::engine;
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
    /// Threads. The main thread counts too.
    threads: count of Number;
    /// Blocks in use, in bytes of block size.
    allocated: count of Bytes;
    /// Blocks allocated.
    malloc_count: counter of Number;
    /// Blocks freed.
    free_count: counter of Number;
    /// Blocks freed, in bytes of block size.
    freed: counter of Bytes;
    /// Bytes asked for; release builds count block sizes instead.
    malloc_requested: counter of Bytes;
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
    /// Heaps.
    heaps: count of Number;
    /// Threads' parts of heaps.
    theaps: count of Number;
    /// Abandoned pages outside arenas: slow to find again.
    pages_os_abandoned: count of Number;
    /// Pages outside arenas.
    pages_os_allocated: count of Number;
    /// Abandoned pages taken over by an allocation.
    pages_reclaim_on_alloc: counter of Number;
    /// Abandoned pages taken over by a free.
    pages_reclaim_on_free: counter of Number;
    /// Full pages that a thread gave up again.
    pages_reabandon_full: counter of Number;
    /// Times a thread waited to take over a page.
    pages_unabandon_busy_wait: counter of Number;
    /// Times that giving up a page was retried.
    pages_unown_cas_retry: counter of Number;
    /// Times that destroying a heap waited for a thread.
    heaps_delete_wait: counter of Number;
    /// Times that the numbers of a page were handed over.
    pages_stat_updates: counter of Number;
    /// Allocations and frees in those.
    pages_stat_update_count: counter of Number;
    /// Blocks that the profiler sampled.
    profile_samples: counter of Number;
    /// Deprecated upstream: blocks up to the large size, in bytes.
    malloc_normal: count of Bytes;
    /// Deprecated upstream: blocks with a page of their own, in bytes.
    malloc_huge: count of Bytes;
    /// Deprecated upstream: blocks up to the large size.
    malloc_normal_count: counter of Number;
    /// Deprecated upstream: blocks with a page of their own.
    malloc_huge_count: counter of Number;

    bins malloc_bins: super::BINS;
    bins page_bins: super::BINS;
    bins chunk_bins: ChunkKind::ALL.len();
}

impl Stats {
    /// Returns the uses of the arenas' chunks.
    pub fn chunk_bins(&self) -> impl ExactSizeIterator<Item = (ChunkKind, StatCount)> + '_ {
        ChunkKind::ALL.into_iter().zip(self.chunk_bins)
    }

    /// Returns [`chunk_bins`](Self::chunk_bins), which other engines lack.
    pub(super) fn chunks(
        &self,
    ) -> Option<impl ExactSizeIterator<Item = (ChunkKind, StatCount)> + '_> {
        Some(self.chunk_bins())
    }

    /// Returns the statistics of one heap.
    ///
    /// # Safety
    ///
    /// `heap` is a live heap, and stays alive during the call.
    pub(crate) unsafe fn of_heap(heap: *mut sys::mi_heap_t) -> Result<Self, StatsError> {
        // SAFETY: the caller promises that the heap is live and stays alive
        // during the call.
        super::copied(unsafe { engine::heap_stats(heap) })
    }
}
