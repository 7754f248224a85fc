//! Lists the cfgs of this crate: what each means, and when it holds.

use Engine::{V2, V3};

/// A line of mimalloc's versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    V2,
    V3,
}

impl Engine {
    /// Returns the engine that `mimalloc-sys` names so.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [V2, V3].into_iter().find(|engine| engine.name() == name)
    }

    /// Returns the name in the metadata of `mimalloc-sys`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            V2 => "v2",
            V3 => "v3",
        }
    }
}

/// The linked library and the target, as far as cfgs depend on them.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) engine: Engine,
    /// The library is compiled with this crate, from the pinned source or another.
    pub(crate) is_vendored: bool,
    /// The pinned source is compiled with the patches of `mimalloc-sys`.
    pub(crate) is_patched: bool,
    /// `mimalloc-sys` allocates small blocks without a call.
    pub(crate) inlines_alloc: bool,
    /// The value of `MI_SECURE`.
    pub(crate) secure: u32,
    pub(crate) padding: bool,
    pub(crate) guarded: bool,
    pub(crate) profile: bool,
    /// Functions of the bindings that the library lacks.
    pub(crate) missing: Vec<String>,
    /// The feature `std` is on.
    pub(crate) has_std: bool,
    pub(crate) os: String,
    pub(crate) env: String,
    pub(crate) pointer_width: String,
}

impl Facts {
    fn has_all(&self, functions: &[&str]) -> bool {
        let is_missing = |name: &&str| self.missing.iter().any(|missing| missing == name);
        !functions.iter().any(is_missing)
    }

    fn v2_has(&self, functions: &[&str]) -> bool {
        match self.engine {
            V2 => self.has_all(functions),
            V3 => false,
        }
    }

    fn v3_has(&self, functions: &[&str]) -> bool {
        match self.engine {
            V2 => false,
            V3 => self.has_all(functions),
        }
    }

    /// Returns whether the library is the one that the bindings are made from.
    /// Another library may be of another version than its headers.
    fn is_bound_version(&self) -> bool {
        self.is_vendored && self.missing.is_empty()
    }

    /// Returns whether thread-locals are there until the very end of a thread, and
    /// a heap's number does not come again.
    fn can_cache_theaps(&self) -> bool {
        let has_thread_locals = self.os == "linux" && ["gnu", "musl"].contains(&&*self.env);
        has_thread_locals && self.has_std && self.pointer_width == "64"
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cfg {
    pub(crate) name: &'static str,
    #[allow(dead_code, reason = "for readers of the table, and its tests")]
    pub(crate) meaning: &'static str,
    /// Returns whether the cfg holds.
    when: fn(&Facts) -> bool,
}

const fn cfg(name: &'static str, meaning: &'static str, when: fn(&Facts) -> bool) -> Cfg {
    Cfg {
        name,
        meaning,
        when,
    }
}

/// Returns whether safe code may own a heap.
///
/// A v2 heap belongs to its thread and dies with mimalloc's thread data. The
/// destructor of a pthread key may run later, and the patches leave the structure
/// of the heap for it.
fn owns_heaps(facts: &Facts) -> bool {
    match facts.engine {
        V2 => facts.is_patched,
        V3 => true,
    }
}

/// All cfgs of this crate.
#[rustfmt::skip]
pub(crate) const CFGS: &[Cfg] = &[
    cfg("mimalloc_v2", "The engine is v2.", |facts| match facts.engine { V2 => true, V3 => false }),
    cfg("mimalloc_v3", "The engine is v3.", |facts| match facts.engine { V2 => false, V3 => true }),
    cfg("mimalloc_patched", "The pinned source is compiled, with the patches of mimalloc-sys.",
        |facts| facts.is_patched),
    cfg("mimalloc_inline_alloc", "mimalloc-sys allocates small blocks without a call.",
        |facts| facts.inlines_alloc),
    cfg("mimalloc_owned_heaps", "Safe code may own a heap.", owns_heaps),
    cfg("mimalloc_heap_pool", "There are pools of heaps.", |facts| {
        facts.has_std && owns_heaps(facts)
    }),
    // The cache needs the notice that a thread's theaps are about to be freed.
    cfg("mimalloc_theap_cache", "A thread caches its theaps of several heaps.",
        |facts| match facts.engine {
            V2 => false,
            V3 => facts.is_patched && facts.can_cache_theaps(),
        }),
    // 2.0.9 misaligns over-aligned blocks of 256 to 1024 bytes whose size is a
    // multiple of the alignment.
    cfg("mimalloc_realign", "The library may return misaligned blocks.",
        |facts| match facts.engine {
            V2 => !facts.is_bound_version(),
            V3 => false,
        }),
    cfg("mimalloc_padding", "Blocks are larger than asked or start elsewhere, so that sizes that \
        are powers of two are not naturally aligned.", |facts| facts.padding || facts.guarded),
    cfg("mimalloc_guarded", "The library can put a guard page behind a block, of each heap.",
        |facts| facts.guarded && match facts.engine {
            V2 => facts.has_all(&["mi_heap_guarded_set_sample_rate",
                "mi_heap_guarded_set_size_bound"]),
            V3 => true,
        }),
    // Versions before `mi_heap_new_ex` refuse such memory for the first segment of a
    // thread.
    cfg("mimalloc_protects_pages", "The library can't use memory that can't be protected.",
        |facts| match facts.engine {
            V2 => facts.secure >= 1 || !facts.has_all(&["mi_heap_new_ex"]),
            V3 => facts.secure >= 5,
        }),
    cfg("mimalloc_default_heap", "A heap can be the default heap of a thread.",
        |facts| match facts.engine {
            V2 => true,
            V3 => facts.has_all(&["mi_theap_set_default"]),
        }),
    // Engine v3 without the patches holds locks.
    cfg("mimalloc_deferred_free", "The library holds no lock while it calls a deferred free.",
        |facts| match facts.engine {
            V2 => true,
            V3 => facts.is_patched,
        }),
    // Engine v3 without the patches crashes on a thread that it is done with.
    cfg("mimalloc_threadpool", "Threads can be marked as belonging to a thread pool.",
        |facts| facts.has_all(&["mi_thread_set_in_threadpool"]) && match facts.engine {
            V2 => true,
            V3 => facts.is_patched,
        }),

    // The pinned source has all functions. Another version may lack some, and an item
    // that calls a missing function must be absent. `mimalloc-sys` doesn't declare such
    // a function, and `cargo xtask ci` compiles against the oldest versions. A function
    // that each supported version of an engine has needs no row.
    cfg("mimalloc_profiler", "The engine has the profiler, which can be left out.",
        |facts| facts.profile && facts.v3_has(&["mi_heap_profile", "mi_heap_profile_disable",
            "mi_pprof_profiler_new", "mi_profile", "mi_profiler_snapshot", "mi_profiler_start",
            "mi_profiler_stop"])),
    // Upstream does not export these functions, so a program finds them only in a
    // library that is compiled with the program.
    cfg("mimalloc_has_word_sizes", "The small functions that take numbers of words are there.",
        |facts| facts.is_vendored && facts.v3_has(&["mi_wmalloc_small", "mi_wzalloc_small",
            "mi_theap_wmalloc_small", "mi_theap_wzalloc_small"])),
    cfg("mimalloc_since_3_5", "The library has what 3.5 brought.",
        |facts| facts.v3_has(&["mi_arena_max_object_size"])),
    cfg("mimalloc_since_3_6", "The library has what 3.6 brought.",
        |facts| facts.v3_has(&["mi_arenas_purge", "mi_free_small_nonnull",
            "mi_heap_set_debug_fill_preserve"])),
    cfg("mimalloc_has_theap_aligned", "Theaps have aligned functions.",
        |facts| facts.v3_has(&["mi_theap_realloc_aligned", "mi_theap_zalloc_aligned"])),
    cfg("mimalloc_has_stats", "The library hands out its statistics.",
        |facts| facts.has_all(&["mi_stats_get", "mi_stats_get_json"])),
    cfg("mimalloc_has_options_print", "The library prints its options.",
        |facts| facts.has_all(&["mi_options_print"])),
    cfg("mimalloc_has_heap_new_ex", "A heap in an arena can be destroyed.",
        |facts| facts.v2_has(&["mi_heap_new_ex"])),
    cfg("mimalloc_has_heap_zalloc_small", "Heaps have the small function of zeroed memory.",
        |facts| facts.has_all(&["mi_heap_zalloc_small"])),
    cfg("mimalloc_has_collect_reduce", "The library can collect down to a size.",
        |facts| facts.v2_has(&["mi_collect_reduce"])),
];

/// Returns the names of the cfgs that hold.
pub(crate) fn cfgs(facts: &Facts) -> Vec<&'static str> {
    let held = CFGS.iter().filter(|cfg| (cfg.when)(facts));
    held.map(|cfg| cfg.name).collect()
}
