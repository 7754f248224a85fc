//! Stands in for what mimalloc 3.6 added.

pub(crate) use mimalloc_sys::mi_free as free_small;

/// States that [`free_small`] is no cheaper than `mi_free`.
pub(crate) const FREES_BY_SIZE: bool = false;
