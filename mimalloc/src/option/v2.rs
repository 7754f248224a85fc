//! The options of engine v2 (mimalloc 2.5.2).

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
    /// Whether segments are committed as a whole, after the first
    /// `eager_commit_delay` of a thread.
    EagerCommit = mi_option_eager_commit,
        "mi_option_eager_commit",
        "MIMALLOC_EAGER_COMMIT", Flag, Live, Safe,
        default "1", former [];
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
    /// Deprecated upstream, but read: resets the memory of a page that became
    /// empty.
    DeprecatedPageReset = mi_option_deprecated_page_reset,
        "mi_option_deprecated_page_reset",
        "MIMALLOC_DEPRECATED_PAGE_RESET", Flag, Live, Safe,
        default "0", former ["page_reset"];
    /// Purges the free pages of a thread when it ends, without the delay.
    AbandonedPagePurge = mi_option_abandoned_page_purge,
        "mi_option_abandoned_page_purge",
        "MIMALLOC_ABANDONED_PAGE_PURGE", Flag, Live, Safe,
        default "0", former ["abandoned_page_reset", "abandoned_page_decommit"];
    /// Without effect.
    DeprecatedSegmentReset = mi_option_deprecated_segment_reset,
        "mi_option_deprecated_segment_reset",
        "MIMALLOC_DEPRECATED_SEGMENT_RESET", Flag, Never, Safe,
        default "0", former [];
    /// The first segments of a thread, this many, are committed piece by piece.
    EagerCommitDelay = mi_option_eager_commit_delay,
        "mi_option_eager_commit_delay",
        "MIMALLOC_EAGER_COMMIT_DELAY", Count, Live, Safe,
        default "1; 0 on NetBSD", former [];
    /// Sets how long unused memory is kept before it is returned to the system:
    /// 0 returns the memory at once, -1 never. For memory in arenas the time is
    /// multiplied by `arena_purge_mult`.
    PurgeDelay = mi_option_purge_delay,
        "mi_option_purge_delay",
        "MIMALLOC_PURGE_DELAY", Milliseconds, Live, Safe,
        default "10", former ["reset_delay", "decommit_delay"];
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
        "MIMALLOC_MAX_ERRORS", Count, Startup, Safe,
        default "32", former [];
    /// Stops printing after this many warnings; negative prints all.
    MaxWarnings = mi_option_max_warnings,
        "mi_option_max_warnings",
        "MIMALLOC_MAX_WARNINGS", Count, Startup, Safe,
        default "32", former [];
    /// How many of the segments that ended threads left are taken over at a
    /// time. **Not safe** other than 0, which the first [`Heap`](crate::Heap)
    /// sets: a heap would take over live blocks of others, and free them when it
    /// is dropped.
    MaxSegmentReclaim = mi_option_max_segment_reclaim,
        "mi_option_max_segment_reclaim",
        "MIMALLOC_MAX_SEGMENT_RECLAIM", Percent, Live, Unsafe,
        default "10", former [];
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
        default "10", former [];
    /// Delays a purge further when more memory in the segment becomes unused.
    PurgeExtendDelay = mi_option_purge_extend_delay,
        "mi_option_purge_extend_delay",
        "MIMALLOC_PURGE_EXTEND_DELAY", Milliseconds, Live, Safe,
        default "1", former ["decommit_extend_delay"];
    /// Whether a free in a segment that its thread left takes the segment over.
    AbandonedReclaimOnFree = mi_option_abandoned_reclaim_on_free,
        "mi_option_abandoned_reclaim_on_free",
        "MIMALLOC_ABANDONED_RECLAIM_ON_FREE", Flag, Live, Safe,
        default "0", former [];
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
    /// Lets blocks be visited that ended threads left. Must be set before any
    /// thread ends.
    VisitAbandoned = mi_option_visit_abandoned,
        "mi_option_visit_abandoned",
        "MIMALLOC_VISIT_ABANDONED", Flag, Live, Safe,
        default "0", former [];
    /// Sets the smallest block that a guard page may follow. Only in builds
    /// with guard pages.
    GuardedMin = mi_option_guarded_min,
        "mi_option_guarded_min",
        "MIMALLOC_GUARDED_MIN", Bytes, HeapCreation, Safe,
        default "0", former [];
    /// Sets the largest block that a guard page may follow. Only in builds with
    /// guard pages.
    GuardedMax = mi_option_guarded_max,
        "mi_option_guarded_max",
        "MIMALLOC_GUARDED_MAX", Bytes, HeapCreation, Safe,
        default "1 GiB", former [];
    /// Puts guarded blocks directly in front of the guard page. Only in builds
    /// with guard pages. **Not safe:** blocks whose size is no multiple of
    /// their alignment are misaligned.
    GuardedPrecise = mi_option_guarded_precise,
        "mi_option_guarded_precise",
        "MIMALLOC_GUARDED_PRECISE", Flag, Live, Unsafe,
        default "0", former [];
    /// Only in builds with guard pages: guards one of this many blocks; 0
    /// guards none.
    GuardedSampleRate = mi_option_guarded_sample_rate,
        "mi_option_guarded_sample_rate",
        "MIMALLOC_GUARDED_SAMPLE_RATE", Count, HeapCreation, Safe,
        default "4000 in builds with guard pages and without checks, else 0", former [];
    /// Seeds the sampling, for runs that can be repeated; 0 is random. Only in
    /// builds with guard pages.
    GuardedSampleSeed = mi_option_guarded_sample_seed,
        "mi_option_guarded_sample_seed",
        "MIMALLOC_GUARDED_SAMPLE_SEED", Count, HeapCreation, Safe,
        default "0", former [];
    /// Experimental: a thread gives segments up when it has more than this; 0
    /// is no limit.
    TargetSegmentsPerThread = mi_option_target_segments_per_thread,
        "mi_option_target_segments_per_thread",
        "MIMALLOC_TARGET_SEGMENTS_PER_THREAD", Count, Live, Safe,
        default "0", former [];
    /// Collects a thread's heap after this many allocations on the slow path, 1
    /// to 1,000,000.
    GenericCollect = mi_option_generic_collect,
        "mi_option_generic_collect",
        "MIMALLOC_GENERIC_COLLECT", Count, Live, Safe,
        default "10000", former [];
    /// Transparent huge pages. 0 also disables them for the whole process and
    /// the processes that it starts, if set at startup.
    AllowThp = mi_option_allow_thp,
        "mi_option_allow_thp",
        "MIMALLOC_ALLOW_THP", Flag, Live, Safe,
        default "1; 0 on Android", former [];
}

/// The names of the presets of [`startup_options!`](crate::startup_options), and
/// their options.
///
/// A preset has only options that were measured to matter. `docs/memory.md` has
/// the same options, and what each preset saves and costs.
pub(crate) const PRESETS: [(&str, &[Line]); 2] = [
    ("small_memory", &[line("allow_thp", 0)]),
    ("speed", &[line("purge_delay", 400)]),
];
