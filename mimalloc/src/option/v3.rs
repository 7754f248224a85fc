//! The options of engine v3 (mimalloc 3.6.2).

use crate::startup::{Line, line};

options! {
    /// Prints error and warning messages.
    ShowErrors = mi_option_show_errors,
        "mi_option_show_errors",
        "MIMALLOC_SHOW_ERRORS", Flag, Live, Safe,
        default "0; 1 in builds with checks", former [];
    /// Prints the statistics when the process ends.
    ShowStats = mi_option_show_stats,
        "mi_option_show_stats",
        "MIMALLOC_SHOW_STATS", Flag, Exit, Safe,
        default "0", former [];
    /// Prints what mimalloc does: 1 the important steps, 2 every step. If the
    /// option is set at startup, mimalloc also prints the options then, and the
    /// statistics at the end.
    Verbose = mi_option_verbose,
        "mi_option_verbose",
        "MIMALLOC_VERBOSE", Level, Live, Safe,
        default "0", former [];
    /// Without effect on this engine.
    DeprecatedEagerCommit = mi_option_deprecated_eager_commit,
        "mi_option_deprecated_eager_commit",
        "MIMALLOC_DEPRECATED_EAGER_COMMIT", Flag, Never, Safe,
        default "1", former ["eager_commit"];
    /// Commits an arena as a whole when the arena is reserved: 0 no, 1 yes, 2
    /// only on systems that overcommit, such as Linux, or with large pages.
    ArenaEagerCommit = mi_option_arena_eager_commit,
        "mi_option_arena_eager_commit",
        "MIMALLOC_ARENA_EAGER_COMMIT", Level, ArenaCreation, Safe,
        default "2", former ["eager_region_commit"];
    /// Whether purging decommits memory. Decommitted memory leaves the resident
    /// set at once. 0 only tells the system that the contents may be dropped,
    /// which is cheaper.
    PurgeDecommits = mi_option_purge_decommits,
        "mi_option_purge_decommits",
        "MIMALLOC_PURGE_DECOMMITS", Flag, Live, Safe,
        default "1", former ["reset_decommits"];
    /// Uses large pages (2 or 4 MiB) where the system grants them. Memory in
    /// large pages is not purged. Builds with guard pages switch this option
    /// off at startup when sampling is on.
    AllowLargeOsPages = mi_option_allow_large_os_pages,
        "mi_option_allow_large_os_pages",
        "MIMALLOC_ALLOW_LARGE_OS_PAGES", Flag, Live, Safe,
        default "0", former ["large_os_pages"];
    /// Reserves this many huge pages of 1 GiB each before `main`.
    ReserveHugeOsPages = mi_option_reserve_huge_os_pages,
        "mi_option_reserve_huge_os_pages",
        "MIMALLOC_RESERVE_HUGE_OS_PAGES", Count, Startup, Safe,
        default "0", former [];
    /// Sets the NUMA node on which the huge pages are reserved; -1 spreads the
    /// pages over all nodes.
    ReserveHugeOsPagesAt = mi_option_reserve_huge_os_pages_at,
        "mi_option_reserve_huge_os_pages_at",
        "MIMALLOC_RESERVE_HUGE_OS_PAGES_AT", Count, Startup, Safe,
        default "-1", former [];
    /// Reserves and commits this much memory as an arena before `main`. Use it
    /// together with `disallow_os_alloc` to give a process one fixed pool.
    ReserveOsMemory = mi_option_reserve_os_memory,
        "mi_option_reserve_os_memory",
        "MIMALLOC_RESERVE_OS_MEMORY", Kibibytes, Startup, Safe,
        default "0", former [];
    /// Without effect.
    DeprecatedSegmentCache = mi_option_deprecated_segment_cache,
        "mi_option_deprecated_segment_cache",
        "MIMALLOC_DEPRECATED_SEGMENT_CACHE", Count, Never, Safe,
        default "0", former [];
    /// Without effect on this engine.
    DeprecatedPageReset = mi_option_deprecated_page_reset,
        "mi_option_deprecated_page_reset",
        "MIMALLOC_DEPRECATED_PAGE_RESET", Flag, Never, Safe,
        default "0", former [];
    /// Without effect on this engine.
    DeprecatedAbandonedPagePurge = mi_option_deprecated_abandoned_page_purge,
        "mi_option_deprecated_abandoned_page_purge",
        "MIMALLOC_DEPRECATED_ABANDONED_PAGE_PURGE", Flag, Never, Safe,
        default "0", former ["abandoned_page_purge"];
    /// Without effect.
    DeprecatedSegmentReset = mi_option_deprecated_segment_reset,
        "mi_option_deprecated_segment_reset",
        "MIMALLOC_DEPRECATED_SEGMENT_RESET", Flag, Never, Safe,
        default "0", former [];
    /// Without effect on this engine.
    DeprecatedEagerCommitDelay = mi_option_deprecated_eager_commit_delay,
        "mi_option_deprecated_eager_commit_delay",
        "MIMALLOC_DEPRECATED_EAGER_COMMIT_DELAY", Count, Never, Safe,
        default "1", former ["eager_commit_delay"];
    /// Sets how long unused memory is kept before it is returned to the system:
    /// 0 returns the memory at once, -1 never. For memory in arenas the time is
    /// multiplied by `arena_purge_mult`.
    PurgeDelay = mi_option_purge_delay,
        "mi_option_purge_delay",
        "MIMALLOC_PURGE_DELAY", Milliseconds, Live, Safe,
        default "1000", former ["reset_delay", "decommit_delay"];
    /// Pretends that the machine has this many NUMA nodes; 0 uses the actual
    /// number. The option is read on first use only.
    UseNumaNodes = mi_option_use_numa_nodes,
        "mi_option_use_numa_nodes",
        "MIMALLOC_USE_NUMA_NODES", Count, Startup, Safe,
        default "0", former [];
    /// Takes no more memory from the system: allocation fails when the arenas
    /// that exist are full.
    DisallowOsAlloc = mi_option_disallow_os_alloc,
        "mi_option_disallow_os_alloc",
        "MIMALLOC_DISALLOW_OS_ALLOC", Flag, Live, Safe,
        default "0", former ["limit_os_alloc"];
    /// Sets the tag of mimalloc's mappings in `vmmap`, on macOS only.
    OsTag = mi_option_os_tag,
        "mi_option_os_tag",
        "MIMALLOC_OS_TAG", Count, Live, Safe,
        default "100", former [];
    /// Stops printing after this many error messages; negative prints all.
    MaxErrors = mi_option_max_errors,
        "mi_option_max_errors",
        "MIMALLOC_MAX_ERRORS", Count, Live, Safe,
        default "32", former [];
    /// Stops printing after this many warnings; negative prints all.
    MaxWarnings = mi_option_max_warnings,
        "mi_option_max_warnings",
        "MIMALLOC_MAX_WARNINGS", Count, Live, Safe,
        default "32", former [];
    /// Without effect on this engine.
    DeprecatedMaxSegmentReclaim = mi_option_deprecated_max_segment_reclaim,
        "mi_option_deprecated_max_segment_reclaim",
        "MIMALLOC_DEPRECATED_MAX_SEGMENT_RECLAIM", Percent, Never, Safe,
        default "10", former ["max_segment_reclaim"];
    /// Returns all memory when the process ends, in use or not; 2 only disables
    /// the automatic clean-up. **Not safe:** Rust neither joins threads nor
    /// drops statics at exit, and the memory that they touch afterwards is
    /// gone. Meant for libraries that are unloaded.
    DestroyOnExit = mi_option_destroy_on_exit,
        "mi_option_destroy_on_exit",
        "MIMALLOC_DESTROY_ON_EXIT", Level, Exit, Unsafe,
        default "0", former [];
    /// Sets how much address space mimalloc reserves at a time. Small values
    /// suit limits on virtual memory.
    ArenaReserve = mi_option_arena_reserve,
        "mi_option_arena_reserve",
        "MIMALLOC_ARENA_RESERVE", Kibibytes, ArenaCreation, Safe,
        default "1 GiB; 128 MiB on 32-bit targets", former [];
    /// Multiplies `purge_delay` for memory in arenas.
    ArenaPurgeMult = mi_option_arena_purge_mult,
        "mi_option_arena_purge_mult",
        "MIMALLOC_ARENA_PURGE_MULT", Count, Live, Safe,
        default "4", former [];
    /// Without effect on this engine.
    DeprecatedPurgeExtendDelay = mi_option_deprecated_purge_extend_delay,
        "mi_option_deprecated_purge_extend_delay",
        "MIMALLOC_DEPRECATED_PURGE_EXTEND_DELAY", Milliseconds, Never, Safe,
        default "1", former ["purge_extend_delay", "decommit_extend_delay"];
    /// Takes memory from the system for each use, not from shared arenas. Heaps
    /// in an arena of their own still use this arena.
    DisallowArenaAlloc = mi_option_disallow_arena_alloc,
        "mi_option_disallow_arena_alloc",
        "MIMALLOC_DISALLOW_ARENA_ALLOC", Flag, Live, Safe,
        default "0", former [];
    /// Sets how long to retry when the system is out of memory, on Windows
    /// only; at most 2000, 0 fails at once.
    RetryOnOom = mi_option_retry_on_oom,
        "mi_option_retry_on_oom",
        "MIMALLOC_RETRY_ON_OOM", Milliseconds, Live, Safe,
        default "400", former [];
    /// Without effect on this engine: abandoned blocks can always be visited.
    DeprecatedVisitAbandoned = mi_option_deprecated_visit_abandoned,
        "mi_option_deprecated_visit_abandoned",
        "MIMALLOC_DEPRECATED_VISIT_ABANDONED", Flag, Never, Safe,
        default "1", former ["visit_abandoned"];
    /// Sets the smallest block that a guard page may follow. Only in builds
    /// with guard pages.
    GuardedMin = mi_option_guarded_min,
        "mi_option_guarded_min",
        "MIMALLOC_GUARDED_MIN", Bytes, TheapCreation, Safe,
        default "0", former [];
    /// Sets the largest block that a guard page may follow. Only in builds with
    /// guard pages.
    GuardedMax = mi_option_guarded_max,
        "mi_option_guarded_max",
        "MIMALLOC_GUARDED_MAX", Bytes, TheapCreation, Safe,
        default "1 GiB", former [];
    /// Puts guarded blocks directly in front of the guard page. Only in builds
    /// with guard pages. **Not safe:** blocks whose size is no multiple of
    /// their alignment are misaligned.
    UnsafeGuardedPrecise = mi_option_unsafe_guarded_precise,
        "mi_option_unsafe_guarded_precise",
        "MIMALLOC_UNSAFE_GUARDED_PRECISE", Flag, Live, Unsafe,
        default "0", former ["guarded_precise"];
    /// Guards about one block in this many requested bytes; 0 guards none. Only
    /// in builds with guard pages.
    GuardedSampleRate = mi_option_guarded_sample_rate,
        "mi_option_guarded_sample_rate",
        "MIMALLOC_GUARDED_SAMPLE_RATE", Bytes, TheapCreation, Safe,
        default "0", former [];
    /// Seeds the sampling, for runs that can be repeated; 0 is random. Only in
    /// builds with guard pages.
    GuardedSampleSeed = mi_option_guarded_sample_seed,
        "mi_option_guarded_sample_seed",
        "MIMALLOC_GUARDED_SAMPLE_SEED", Count, TheapCreation, Safe,
        default "0", former [];
    /// Collects a thread's heap after this many allocations on the slow path, 1
    /// to 1,000,000.
    GenericCollect = mi_option_generic_collect,
        "mi_option_generic_collect",
        "MIMALLOC_GENERIC_COLLECT", Count, Live, Safe,
        default "10000", former [];
    /// Sets whether a free on an abandoned page reclaims the page: -1 never, 0
    /// only into the heap of origin on the same thread, 1 also for other
    /// threads.
    PageReclaimOnFree = mi_option_page_reclaim_on_free,
        "mi_option_page_reclaim_on_free",
        "MIMALLOC_PAGE_RECLAIM_ON_FREE", Level, HeapCreation, Safe,
        default "0", former ["abandoned_reclaim_on_free"];
    /// Sets how many full pages of a size a thread keeps before it abandons
    /// them; -1 keeps all, at most 32.
    PageFullRetain = mi_option_page_full_retain,
        "mi_option_page_full_retain",
        "MIMALLOC_PAGE_FULL_RETAIN", Count, TheapCreation, Safe,
        default "2", former [];
    /// Sets how many pages are examined to find the best one for an allocation.
    PageMaxCandidates = mi_option_page_max_candidates,
        "mi_option_page_max_candidates",
        "MIMALLOC_PAGE_MAX_CANDIDATES", Count, Live, Safe,
        default "4", former [];
    /// Sets how many bits of an address are used: 0 asks the system. Allocation
    /// fails when the system returns addresses outside of this range.
    MaxVabits = mi_option_max_vabits,
        "mi_option_max_vabits",
        "MIMALLOC_MAX_VABITS", Count, Startup, Safe,
        default "0", former [];
    /// Commits the whole page map at once, so that stray pointers are
    /// recognised.
    PagemapCommit = mi_option_pagemap_commit,
        "mi_option_pagemap_commit",
        "MIMALLOC_PAGEMAP_COMMIT", Flag, Startup, Safe,
        default "0", former [];
    /// Commits mimalloc pages piece by piece: 1 always, 2 only on systems that
    /// don't overcommit.
    PageCommitOnDemand = mi_option_page_commit_on_demand,
        "mi_option_page_commit_on_demand",
        "MIMALLOC_PAGE_COMMIT_ON_DEMAND", Level, Live, Safe,
        default "0", former [];
    /// Limits reclaiming of a thread's own pages on a free: a thread that
    /// already has this many pages of the size reclaims no more; -1 is no
    /// limit.
    PageMaxReclaim = mi_option_page_max_reclaim,
        "mi_option_page_max_reclaim",
        "MIMALLOC_PAGE_MAX_RECLAIM", Count, Live, Safe,
        default "-1", former [];
    /// Sets the same limit for pages of other threads, and for all pages on
    /// threads that are marked as belonging to a thread pool.
    PageCrossThreadMaxReclaim = mi_option_page_cross_thread_max_reclaim,
        "mi_option_page_cross_thread_max_reclaim",
        "MIMALLOC_PAGE_CROSS_THREAD_MAX_RECLAIM", Count, Live, Safe,
        default "32", former [];
    /// Controls transparent huge pages: 0 disables them for the process and the
    /// processes that it starts (at startup only), 1 allows them, 2 also purges
    /// in their size so that they stay whole.
    AllowThp = mi_option_allow_thp,
        "mi_option_allow_thp",
        "MIMALLOC_ALLOW_THP", Level, Live, Safe,
        default "2; 0 on Android", former [];
    /// Sets the smallest piece that is purged; 0 stands for the page size, or
    /// for the size of a transparent huge page if `allow_thp` is 2.
    ArenaPurgeMinSize = mi_option_arena_purge_min_size,
        "mi_option_arena_purge_min_size",
        "MIMALLOC_ARENA_PURGE_MIN_SIZE", Kibibytes, Live, Safe,
        default "0", former ["minimal_purge_size"];
    /// Sets the size above which blocks come from the system directly. The size
    /// that an arena can hold is a further limit.
    ArenaMaxObjectSize = mi_option_arena_max_object_size,
        "mi_option_arena_max_object_size",
        "MIMALLOC_ARENA_MAX_OBJECT_SIZE", Kibibytes, Live, Safe,
        default "2 GiB; 256 MiB on 32-bit targets", former [];
    /// Experimental: ties a new arena to the NUMA node of the thread that needs
    /// it.
    ArenaIsNumaLocal = mi_option_arena_is_numa_local,
        "mi_option_arena_is_numa_local",
        "MIMALLOC_ARENA_IS_NUMA_LOCAL", Flag, ArenaCreation, Safe,
        default "0", former [];
    /// Sets whether a collect adds the thread's statistics to those of the
    /// heap.
    StatsMergeOnCollect = mi_option_stats_merge_on_collect,
        "mi_option_stats_merge_on_collect",
        "MIMALLOC_STATS_MERGE_ON_COLLECT", Flag, Live, Safe,
        default "1", former [];
    /// Makes the profiler of `MIMALLOC_PROFILE` take a snapshot after this many
    /// allocated bytes; 0 takes none.
    ProfileAllocInterval = mi_option_profile_alloc_interval,
        "mi_option_profile_alloc_interval",
        "MIMALLOC_PROFILE_ALLOC_INTERVAL", Bytes, Startup, Safe,
        default "1 GiB", former [];
    /// Makes the profiler of `MIMALLOC_PROFILE` take a snapshot when the memory
    /// in use grew by this much; 0 takes none.
    ProfileInuseInterval = mi_option_profile_inuse_interval,
        "mi_option_profile_inuse_interval",
        "MIMALLOC_PROFILE_INUSE_INTERVAL", Bytes, Startup, Safe,
        default "0", former [];
    /// Makes the profiler of `MIMALLOC_PROFILE` take a snapshot after this
    /// time, at most a day; 0 takes none.
    ProfileTimeInterval = mi_option_profile_time_interval,
        "mi_option_profile_time_interval",
        "MIMALLOC_PROFILE_TIME_INTERVAL", Seconds, Startup, Safe,
        default "0", former [];
    /// Makes the profiler of `MIMALLOC_PROFILE` sample about one block in this
    /// many bytes.
    ProfileSampleRate = mi_option_profile_sample_rate,
        "mi_option_profile_sample_rate",
        "MIMALLOC_PROFILE_SAMPLE_RATE", Bytes, Startup, Safe,
        default "512 KiB", former [];
    /// Adds a thread's statistics to those of the heap after this many
    /// allocated or freed bytes; 0 waits for a collect.
    StatsMergeThreshold = mi_option_stats_merge_threshold,
        "mi_option_stats_merge_threshold",
        "MIMALLOC_STATS_MERGE_THRESHOLD", Bytes, Live, Safe,
        default "4 MiB", former [];
    /// Pieces of at least this size are purged at once, without the delay.
    ArenaPurgeImmediateSize = mi_option_arena_purge_immediate_size,
        "mi_option_arena_purge_immediate_size",
        "MIMALLOC_ARENA_PURGE_IMMEDIATE_SIZE", Kibibytes, Live, Safe,
        default "32 MiB; 4 MiB on 32-bit targets", former [];
    /// Uses memory tags (Arm MTE) where mimalloc is compiled for them and the
    /// system has them: 0 no, 1 yes, on Linux 2 checks synchronously, 3
    /// asynchronously, 4 as the processor prefers. This crate compiles mimalloc
    /// without memory tags.
    Mte = mi_option_mte,
        "mi_option_mte",
        "MIMALLOC_MTE", Level, Startup, Safe,
        default "1", former [];
}

/// The names of the presets of [`startup_options!`](crate::startup_options), and
/// their options.
///
/// A preset has only options that were measured to matter. `docs/memory.md` has
/// the same options, and what each preset saves and costs.
pub(crate) const PRESETS: [(&str, &[Line]); 2] = [
    (
        "small_memory",
        &[line("allow_thp", 0), line("purge_delay", 25)],
    ),
    (
        "speed",
        &[
            line("arena_purge_immediate_size", 1 << 30),
            line("stats_merge_threshold", 64 << 20),
        ],
    ),
];
