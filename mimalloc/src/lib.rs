//! mimalloc for Rust.
#![cfg_attr(mimalloc_nightly_compiler, feature(allocator_api))]
#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

mod raw;

mod allocator;
mod arena;
mod error;
mod global;
mod heap;
mod local;
mod shared;

pub use mimalloc_sys as ffi;

pub use crate::arena::{Arena, ArenaError, ArenaOptions, Foreign};
pub use crate::error::HeapError;
pub use crate::global::MiMalloc;
pub use crate::heap::{DefaultGuard, Heap, MAX_HEAPS, any_heap_contains};
pub use crate::local::Local;
pub use crate::shared::SharedHeap;

/// Gives unused memory of the current thread back.
#[doc(alias = "mi_collect")]
pub fn collect(force: bool) {
    // SAFETY: may be called at any time, on any thread.
    unsafe { ffi::mi_collect(force) }
}
