//! Contains all calls of C: **only this folder names C functions**
//! (`sys::mi_…`, `sys::mimalloc_sys_…`). The test `only_raw_names_c_functions`
//! keeps this rule.
//!
//! The public files use Rust's types. Types and constants of `mimalloc_sys` may
//! appear in them.
//!
//! | modules | what is in them |
//! |---|---|
//! | [`size_class`], [`alloc`], [`allocator`], [`backend`], [`theap_cache`] | blocks: from a [`Layout`](core::alloc::Layout) to the cheapest sound C call |
//! | [`engine`] | what differs between the engines |
//! | [`runtime`] | what differs without the standard library |
//! | [`arena`], [`heap`], [`hooks`], [`option`], [`process`], [`profiler`], [`stats`], [`string`], [`thread`] | one family of C functions each, with what a call needs |
//! | [`buffer`] | a list for places where nothing may be allocated |
//!
//! A function here is safe if nothing that a caller does makes the C call
//! wrong; a comment says why. Otherwise the function is `unsafe`, and its
//! documentation lists what the caller promises.
#![allow(
    clippy::disallowed_methods,
    reason = "mimalloc/clippy.toml leaves these functions to this module"
)]

pub(crate) mod alloc;
pub(crate) mod allocator;
pub(crate) mod arena;
pub(crate) mod backend;
pub(crate) mod buffer;
pub(crate) mod engine;
pub(crate) mod heap;
pub(crate) mod hooks;
pub(crate) mod option;
pub(crate) mod process;
#[cfg(mimalloc_profiler)]
pub(crate) mod profiler;
pub(crate) mod runtime;
pub(crate) mod size_class;
pub(crate) mod stats;
pub(crate) mod string;
pub(crate) mod theap_cache;
pub(crate) mod thread;
