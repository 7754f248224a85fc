//! Names the entries that every library has, which take a number of bytes.

pub(super) use mimalloc_sys::{
    mi_malloc_small as malloc, mi_theap_malloc_small as theap_malloc,
    mi_theap_zalloc_small as theap_zalloc, mi_zalloc_small as zalloc,
};

/// The entries take a number of bytes.
pub(super) const UNIT: usize = 1;

/// Returns null: the library has no such entry.
#[inline(always)]
pub(super) unsafe fn take(_size: usize) -> *mut core::ffi::c_void {
    core::ptr::null_mut()
}
