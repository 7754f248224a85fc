//! Names the entries that take a block without a call, where there is one.

pub(super) use mimalloc_sys::{
    mimalloc_sys_theap_wmalloc_small as theap_malloc,
    mimalloc_sys_theap_wzalloc_small as theap_zalloc, mimalloc_sys_wmalloc_small as malloc,
    mimalloc_sys_wtake_small as take, mimalloc_sys_wzalloc_small as zalloc,
};

/// The entries take a number of machine words.
pub(super) use crate::raw::size_class::WORD as UNIT;
