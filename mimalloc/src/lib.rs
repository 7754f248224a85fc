#![doc = include_str!("../docs/crate.md")]
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![cfg_attr(
    docsrs,
    feature(doc_cfg),
    // The engine's name and `since_3_6` are labels that readers understand. The
    // text of an item says what these mean.
    doc(auto_cfg(hide(
        mimalloc_default_heap,
        mimalloc_deferred_free,
        mimalloc_guarded,
        mimalloc_has_collect_reduce,
        mimalloc_has_options_print,
        mimalloc_has_stats,
        mimalloc_heap_pool,
        mimalloc_owned_heaps,
        mimalloc_profiler,
        mimalloc_threadpool,
    )))
)]
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
pub mod arena;
mod error;
mod global;
#[cfg(mimalloc_guarded)]
mod guarded;
mod heap;
#[cfg(mimalloc_heap_pool)]
mod heap_pool;
#[cfg(all(feature = "std", feature = "allocator-api2-04"))]
mod heap_string;
pub mod hooks;
mod local_heap;
pub mod option;
#[cfg(mimalloc_profiler)]
mod profiler;
mod shared_heap;
mod startup;
pub mod stats;
mod string;
mod value;
mod version;
mod visit;

pub use mimalloc_sys as ffi;

pub use crate::arena::{Arena, ArenaError};
pub use crate::error::{AllocError, HeapError};
pub use crate::global::MiMalloc;
#[cfg(mimalloc_default_heap)]
pub use crate::heap::default_guard::DefaultGuard;
pub use crate::heap::{Heap, MAX_HEAPS};
#[cfg(mimalloc_heap_pool)]
pub use crate::heap_pool::{HeapPool, HeapPoolOptions, PooledHeap};
#[cfg(all(feature = "std", feature = "allocator-api2-04"))]
pub use crate::heap_string::HeapString;
pub use crate::local_heap::LocalHeap;
pub use crate::option::{Option, OptionError};
#[cfg(all(mimalloc_profiler, feature = "std"))]
pub use crate::profiler::with_std::SnapshotError;
#[cfg(mimalloc_profiler)]
pub use crate::profiler::{Profiler, ProfilerError, ProfilerOptions};
pub use crate::shared_heap::SharedHeap;
pub use crate::string::HeapCString;
pub use crate::version::{Version, is_redirected, version};
pub use crate::visit::{Areas, Blocks, HeapArea, HeapBlock, HeapUsage};

pub mod docs {
    //! Describes whole subjects, one on each page. This module has no code.
    pub mod choosing {
        #![doc = include_str!("../docs/choosing.md")]
        // The page's own picture is a file, which rustdoc does not copy.
        #![doc = include_str!("../docs/requests.svg")]
    }
    pub mod recipes {
        // The recipes use all of engine v3.
        #![cfg_attr(
            any(not(doctest), mimalloc_profiler),
            doc = include_str!("../docs/recipes.md")
        )]
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
    pub mod security {
        #![doc = include_str!("../docs/security.md")]
    }
    pub mod environment {
        #![doc = include_str!("../docs/environment.md")]
    }
    pub mod engines {
        #![doc = include_str!("../docs/engines.md")]
    }
    pub mod platforms {
        #![doc = include_str!("../docs/platforms.md")]
    }
    pub mod migrating {
        #![doc = include_str!("../docs/migrating.md")]
    }
    pub mod from_zig {
        #![doc = include_str!("../docs/from_zig.md")]
    }
    pub mod upstream {
        #![doc = include_str!("../docs/upstream.md")]
    }
}

/// Runs the examples of the README as tests.
#[cfg(all(doctest, mimalloc_owned_heaps))]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc(hidden)]
pub mod __startup {
    //! Exports the items that `startup_options!` expands to.
    pub use crate::startup::{GiB, KiB, MiB, Preset, Setting, apply};
}

/// Returns unused memory of the current thread.
///
/// With `force`, memory that mimalloc would keep for a while is returned as
/// well. Calls `mi_collect`.
#[doc(alias = "mi_collect")]
pub fn collect(force: bool) {
    raw::process::collect(force);
}

/// Returns unused memory like [`collect(true)`](collect), then abandons
/// segments until the thread holds at most about `target` bytes.
///
/// Pass 0 to use `Option::TargetSegmentsPerThread`. Other threads may take over
/// the abandoned segments. Calls `mi_collect_reduce`. Engine v2 only.
#[cfg(mimalloc_has_collect_reduce)]
#[doc(alias = "mi_collect_reduce")]
pub fn collect_reduce(target: usize) {
    raw::process::collect_reduce(target);
}

/// Returns the size of the block that mimalloc would allocate for `size` bytes.
///
/// The size is a hint for buffers that grow.
///
/// The size is not a promise: builds with padding or guard pages use some of
/// the bytes themselves. Never take the size for the length of a block.
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
    // Old versions overflow for sizes close to the maximum.
    raw::process::good_size(size).max(size)
}

/// Tells mimalloc that the calling thread belongs to a thread pool.
///
/// The thread then takes over fewer pages of other threads. This cannot be
/// undone, and has no effect on engine v2, or if mimalloc cannot allocate its
/// data for the thread. The function is absent with a system library of v3,
/// which crashes on a thread that mimalloc is done with.
///
/// Calls `mi_thread_set_in_threadpool`.
#[cfg(mimalloc_threadpool)]
#[doc(alias = "mi_thread_set_in_threadpool")]
pub fn set_thread_in_threadpool() {
    raw::thread::set_in_threadpool();
}

/// Returns whether `value` lies in a block of any mimalloc heap.
///
/// Calls `mi_any_heap_contains`; on engine v2 `mi_is_in_heap_region`.
#[must_use]
#[doc(alias = "mi_any_heap_contains")]
#[doc(alias = "mi_is_in_heap_region")]
pub fn any_heap_contains<T: ?Sized>(value: &T) -> bool {
    raw::engine::any_heap_contains(core::ptr::from_ref(value).cast())
}
