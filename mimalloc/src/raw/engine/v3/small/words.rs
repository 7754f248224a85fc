//! Names the entries that take a number of machine words. Upstream does not
//! export these entries, so only a library that is compiled into the program has
//! them.

pub(super) use mimalloc_sys::{
    mi_theap_wmalloc_small as theap_malloc, mi_theap_wzalloc_small as theap_zalloc,
    mi_wmalloc_small as malloc, mi_wzalloc_small as zalloc,
};

/// The entries take a number of machine words.
pub(super) use crate::raw::size_class::WORD as UNIT;

/// Returns null: the library has no such entry.
#[inline(always)]
pub(super) unsafe fn take(_words: usize) -> *mut core::ffi::c_void {
    core::ptr::null_mut()
}
