//! The seam to C: the only place that allocates, reallocates or frees through
//! mimalloc's functions. Everything above speaks in [`core::alloc::Layout`].

pub(crate) mod alloc;
pub(crate) mod buffer;
#[cfg_attr(not(mimalloc_theap_cache), path = "no_cache.rs")]
pub(crate) mod cache;
pub(crate) mod container;
pub(crate) mod keep;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod source;
pub(crate) mod string;
pub(crate) mod thread_part;
