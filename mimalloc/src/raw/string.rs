//! C strings, copied into blocks by mimalloc's own `strdup` family.

use core::ffi::c_char;

use mimalloc_sys as sys;

use crate::heap::Heap;

/// A string, or part of one, to copy to a fresh block.
#[derive(Clone, Copy)]
pub(crate) enum CopyMode {
    /// All of it.
    Whole,
    /// At most that many bytes.
    Prefix(usize),
    /// The resolved form of the path.
    #[cfg(all(unix, feature = "std"))]
    Path,
}

/// Copies a string to the default heap; null when out of memory, or when a path
/// can't be resolved.
///
/// # Safety
///
/// `from` is a C string.
pub(crate) unsafe fn copy(from: *const c_char, mode: CopyMode) -> *mut c_char {
    match mode {
        // SAFETY: a C string, by the caller.
        CopyMode::Whole => unsafe { sys::mi_strdup(from) },
        // SAFETY: a C string, by the caller.
        CopyMode::Prefix(len) => unsafe { sys::mi_strndup(from, len) },
        #[cfg(all(unix, feature = "std"))]
        // SAFETY: a C string, by the caller; null asks for a block.
        CopyMode::Path => unsafe { sys::mi_realpath(from, core::ptr::null_mut()) },
    }
}

/// As [`copy`], to a heap.
///
/// # Safety
///
/// `from` is a C string.
pub(crate) unsafe fn copy_in(heap: &Heap, from: *const c_char, mode: CopyMode) -> *mut c_char {
    let heap = heap.as_raw();
    if !super::thread::thread_is_initialized() {
        return core::ptr::null_mut();
    }
    match mode {
        // SAFETY: a live heap and a C string, by the caller.
        CopyMode::Whole => unsafe { sys::mi_heap_strdup(heap, from) },
        // SAFETY: a live heap and a C string, by the caller.
        CopyMode::Prefix(len) => unsafe { sys::mi_heap_strndup(heap, from, len) },
        #[cfg(all(unix, feature = "std"))]
        // SAFETY: a live heap and a C string; null asks for a block.
        CopyMode::Path => unsafe { sys::mi_heap_realpath(heap, from, core::ptr::null_mut()) },
    }
}

/// Frees a string made by this module.
///
/// # Safety
///
/// `text` was returned by [`copy`] or [`copy_in`], its heap is live, and it is
/// not used again.
pub(crate) unsafe fn free(text: *mut c_char) {
    // SAFETY: a live block, by the caller.
    unsafe { sys::mi_free(text.cast()) };
}
