//! The process, and mimalloc itself.

use core::ffi::c_int;

use mimalloc_sys as sys;

use super::engine;

/// The number of the linked library's version.
pub(crate) fn version() -> c_int {
    // SAFETY: returns a constant.
    unsafe { sys::mi_version() }
}

/// Whether the C `malloc` of the process was redirected to mimalloc.
pub(crate) fn is_redirected() -> bool {
    // SAFETY: reads a flag that is set before `main`.
    unsafe { sys::mi_is_redirected() }
}

/// Gives unused memory of the current thread back.
pub(crate) fn collect(force: bool) {
    let _collecting = engine::collecting(force);
    // SAFETY: may be called at any time, on any thread.
    unsafe { sys::mi_collect(force) };
}

/// Collects as [`collect`] does, and leaves the current thread at most about
/// `target` bytes.
#[cfg(mimalloc_has_collect_reduce)]
pub(crate) fn collect_reduce(target: usize) {
    let _collecting = engine::collecting(true);
    // SAFETY: may be called at any time, on any thread.
    unsafe { sys::mi_collect_reduce(target) };
}

/// The size of the block that mimalloc would give for `size` bytes.
pub(crate) fn good_size(size: usize) -> usize {
    // SAFETY: arithmetic only.
    unsafe { sys::mi_good_size(size) }
}
