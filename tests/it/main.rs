//! Tests the safe layer and the bindings. Each type has a module.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

mod abi;
mod allocator;
mod arena;
mod auto_traits;
mod ecosystem;
mod heap;
mod heap_string;
// The items of another version are those of its own headers.
#[cfg(not(mimalloc_other_version))]
mod libmimalloc_sys;
mod link;
mod option;
#[cfg(mimalloc_owned_heaps)]
mod pool;
mod process_info;
#[cfg(mimalloc_profile)]
mod profiler;
// The tests leave blocks to heaps. In an old system library, other heaps take over
// such blocks when the thread ends.
#[cfg(any(mimalloc_v3, not(mimalloc_other_version)))]
mod reset;
#[cfg(not(mimalloc_other_version))]
mod stats;
mod string;
mod value;
mod visit;
