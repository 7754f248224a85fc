//! Tests the safe layer and the bindings. Each type has a module.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

mod abi;
mod allocator;
mod arena;
mod auto_traits;
mod ecosystem;
mod heap;
mod link;
mod option;
mod process_info;
mod reset;
#[cfg(not(mimalloc_other_version))]
mod stats;
mod string;
mod value;
mod visit;
