//! The seam to C: the only place that allocates, reallocates or frees through
//! mimalloc's functions. Everything above speaks in [`core::alloc::Layout`].
#![allow(
    clippy::disallowed_methods,
    reason = "mimalloc/clippy.toml leaves these functions to this module"
)]

pub(crate) mod alloc;
pub(crate) mod allocator;
pub(crate) mod backend;
pub(crate) mod buffer;
pub(crate) mod keep;
pub(crate) mod lock;
pub(crate) mod size_class;
pub(crate) mod string;
pub(crate) mod theap;
#[cfg_attr(not(mimalloc_theap_cache), path = "theap_cache_none.rs")]
pub(crate) mod theap_cache;
