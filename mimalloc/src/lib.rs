#![doc = include_str!("../docs/crate.md")]
#![cfg_attr(mimalloc_nightly_compiler, feature(allocator_api))]
#![no_std]
#![cfg_attr(
    not(any(
        feature = "allocator-api2-02",
        feature = "allocator-api2-04",
        feature = "nightly"
    )),
    allow(dead_code, unused_macros, reason = "what only the traits use")
)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_core)]

#[cfg(any(feature = "std", test))]
extern crate std;

mod raw;

mod allocator;
mod arena;
mod error;
mod global;
#[cfg(all(mimalloc_guarded, any(mimalloc_v3, mimalloc_has_heap_guarded)))]
mod guarded;
mod heap;
pub mod hooks;
mod local_heap;
mod option;
mod process;
#[cfg(all(mimalloc_has_profiler, mimalloc_profile))]
mod profiler;
mod shared_heap;
mod startup;
#[cfg(mimalloc_has_stats)]
mod stats;
mod string;
mod value;
mod visit;

pub use mimalloc_sys as ffi;

pub use crate::arena::{Arena, ArenaError, ArenaOptions, RegionAttributes};
pub use crate::error::{AllocError, HeapError};
pub use crate::global::MiMalloc;
#[cfg(any(mimalloc_v2, mimalloc_has_theap_set_default))]
pub use crate::heap::DefaultGuard;
pub use crate::heap::{Heap, MAX_HEAPS};
pub use crate::local_heap::LocalHeap;
#[cfg(mimalloc_has_options_print)]
pub use crate::option::print_options;
pub use crate::option::{Option, OptionError, OptionErrorKind, ReadWhen, Unit};
pub use crate::process::any_heap_contains;
#[cfg(mimalloc_has_process_info_print)]
pub use crate::process::print_process_info;
#[cfg(all(mimalloc_has_threadpool, any(mimalloc_v2, mimalloc_patched)))]
pub use crate::process::set_thread_in_threadpool;
pub use crate::process::{
    ProcessInfo, Version, is_redirected, print_stats, process_info, reset_stats, version,
};
#[cfg(all(mimalloc_has_profiler, mimalloc_profile))]
pub use crate::profiler::{Profiler, ProfilerError, ProfilerOptions};
pub use crate::shared_heap::SharedHeap;
pub use crate::startup::{GiB, KiB, MiB};
#[cfg(mimalloc_has_stats)]
pub use crate::stats::{Bin, ChunkKind, StatCount, Stats, StatsError, write_stats_json};
pub use crate::string::HeapCString;
pub use crate::visit::{Areas, Blocks, HeapArea, HeapBlock, HeapUsage};

pub mod docs {
    //! Pages on whole subjects. There is no code in here.
    pub mod choosing {
        #![doc = include_str!("../docs/choosing.md")]
    }
    pub mod threads {
        #![doc = include_str!("../docs/threads.md")]
    }
    pub mod memory {
        #![doc = include_str!("../docs/memory.md")]
    }
    pub mod features {
        #![doc = include_str!("../docs/features.md")]
    }
    pub mod environment {
        #![doc = include_str!("../docs/environment.md")]
    }
    pub mod engines {
        #![doc = include_str!("../docs/engines.md")]
    }
    pub mod from_zig {
        #![doc = include_str!("../docs/from_zig.md")]
    }
    pub mod upstream {
        #![doc = include_str!("../docs/upstream.md")]
    }
}

/// The README's examples are tests.
#[cfg(all(doctest, mimalloc_owned_heaps))]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc(hidden)]
pub mod __startup {
    //! What `startup_options!` expands to.
    pub use crate::startup::{Setting, apply};
}

/// Gives unused memory of the current thread back.
#[doc(alias = "mi_collect")]
pub fn collect(force: bool) {
    let _collecting = hooks::collecting(force);
    // SAFETY: may be called at any time, on any thread.
    unsafe { mimalloc_sys::mi_collect(force) }
}

/// As [`collect(true)`](collect), and leaves the current thread at most about
/// `target` bytes, with 0 for what `Option::TargetSegmentsPerThread` says. What
/// is over goes to whichever thread needs it. Engine v2 only.
#[cfg(mimalloc_has_collect_reduce)]
#[doc(alias = "mi_collect_reduce")]
pub fn collect_reduce(target: usize) {
    let _collecting = hooks::collecting(true);
    // SAFETY: may be called at any time, on any thread.
    unsafe { mimalloc_sys::mi_collect_reduce(target) }
}

/// The size of the block that mimalloc would give for `size` bytes: a hint for
/// sizing buffers that grow anyway.
///
/// Not a promise. Builds with padding or guard pages keep some of it to
/// themselves, so never take it for the length of a block.
///
/// Calls `mi_good_size`.
///
/// ```
/// assert!(mimalloc::good_size(1000) >= 1000);
/// ```
#[must_use]
#[doc(alias = "mi_good_size")]
#[doc(alias = "mi_malloc_good_size")]
pub fn good_size(size: usize) -> usize {
    // SAFETY: arithmetic only.
    let good = unsafe { mimalloc_sys::mi_good_size(size) };
    // Old versions overflow close to the largest sizes.
    good.max(size)
}
