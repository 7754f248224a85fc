//! The seam to C: the only place that allocates, reallocates or frees through
//! mimalloc's functions. Everything above speaks in [`core::alloc::Layout`].

pub(crate) mod alloc;
#[cfg(mimalloc_theap_cache)]
pub(crate) mod cache;
pub(crate) mod container;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod source;
pub(crate) mod string;
pub(crate) mod thread_part;
