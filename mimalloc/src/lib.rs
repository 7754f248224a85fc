#![doc = include_str!("../docs/crate.md")]
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![cfg_attr(docsrs, feature(doc_cfg))]
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
#[cfg(all(mimalloc_guarded, any(mimalloc_v3, mimalloc_has_heap_guarded)))]
mod guarded;
mod heap;
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
#[cfg(any(mimalloc_v2, mimalloc_has_theap_set_default))]
pub use crate::heap::DefaultGuard;
pub use crate::heap::{Heap, MAX_HEAPS};
pub use crate::local_heap::LocalHeap;
pub use crate::option::{Option, OptionError};
#[cfg(mimalloc_profiler)]
pub use crate::profiler::{Profiler, ProfilerError, ProfilerOptions};
pub use crate::shared_heap::SharedHeap;
pub use crate::string::HeapCString;
pub use crate::version::{Version, is_redirected, version};
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
    pub use crate::startup::{GiB, KiB, MiB, Setting, apply};
}

/// Gives unused memory of the current thread back.
#[doc(alias = "mi_collect")]
pub fn collect(force: bool) {
    raw::process::collect(force);
}

/// As [`collect(true)`](collect), and leaves the current thread at most about
/// `target` bytes, with 0 for what `Option::TargetSegmentsPerThread` says. What
/// is over goes to whichever thread needs it. Engine v2 only.
#[cfg(mimalloc_has_collect_reduce)]
#[doc(alias = "mi_collect_reduce")]
pub fn collect_reduce(target: usize) {
    raw::process::collect_reduce(target);
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
    // Old versions overflow close to the largest sizes.
    raw::process::good_size(size).max(size)
}

/// Tells mimalloc that the calling thread belongs to a thread pool: it then
/// takes over fewer pages of other threads. There is no way back. On v2 this
/// does nothing, nor does it where mimalloc has no memory for its records of
/// the thread. Not with a system library of v3, which crashes on a thread that
/// mimalloc is done with.
#[cfg(all(mimalloc_has_threadpool, any(mimalloc_v2, mimalloc_patched)))]
#[doc(alias = "mi_thread_set_in_threadpool")]
pub fn set_thread_in_threadpool() {
    raw::thread::set_in_threadpool();
}

/// Whether `value` lies in a block of any heap of mimalloc.
///
/// Calls `mi_any_heap_contains`; on engine v2 `mi_is_in_heap_region`.
#[must_use]
#[doc(alias = "mi_any_heap_contains")]
#[doc(alias = "mi_is_in_heap_region")]
pub fn any_heap_contains<T: ?Sized>(value: &T) -> bool {
    raw::engine::any_heap_contains(core::ptr::from_ref(value).cast())
}
