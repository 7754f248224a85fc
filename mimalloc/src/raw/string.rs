//! Copies C strings into blocks, with mimalloc's own `strdup` family.

use core::ffi::c_char;

use mimalloc_sys as sys;

use crate::heap::Heap;

/// Selects how much of a string to copy to a fresh block.
#[derive(Clone, Copy)]
pub(crate) enum CopyMode {
    /// Copies the whole string.
    Whole,
    /// Copies at most this many bytes.
    Prefix(usize),
    /// Copies the resolved form of the path.
    #[cfg(all(unix, feature = "std"))]
    Path,
}

/// Copies a string to the default heap; returns null when memory runs out, or
/// when a path cannot be resolved.
///
/// # Safety
///
/// `from` is a C string.
pub(crate) unsafe fn copy(from: *const c_char, mode: CopyMode) -> *mut c_char {
    match mode {
        // SAFETY: the caller promises a C string; the default heap serves any
        // thread.
        CopyMode::Whole => unsafe { sys::mi_strdup(from) },
        // SAFETY: the caller promises a C string; the default heap serves any
        // thread.
        CopyMode::Prefix(len) => unsafe { sys::mi_strndup(from, len) },
        #[cfg(all(unix, feature = "std"))]
        // SAFETY: the caller promises a C string; a null result buffer asks C
        // for a block.
        CopyMode::Path => unsafe { sys::mi_realpath(from, core::ptr::null_mut()) },
    }
}

/// Copies a string to a heap; returns null when memory runs out, or when a path
/// cannot be resolved.
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
        // SAFETY: the borrow keeps the heap live, the thread is initialised,
        // and the caller promises a C string.
        CopyMode::Whole => unsafe { sys::mi_heap_strdup(heap, from) },
        // SAFETY: the borrow keeps the heap live, the thread is initialised,
        // and the caller promises a C string.
        CopyMode::Prefix(len) => unsafe { sys::mi_heap_strndup(heap, from, len) },
        #[cfg(all(unix, feature = "std"))]
        // SAFETY: the borrow keeps the heap live, the thread is initialised,
        // and the caller promises a C string; a null result buffer asks C for a
        // block.
        CopyMode::Path => unsafe { sys::mi_heap_realpath(heap, from, core::ptr::null_mut()) },
    }
}

/// Frees a string made by this module.
///
/// # Safety
///
/// - `text` was returned by [`copy`] or [`copy_in`].
/// - Its heap is live.
/// - The string is not used again.
pub(crate) unsafe fn free(text: *mut c_char) {
    // SAFETY: the caller promises a block of this module whose heap lives, and
    // gives the block up.
    unsafe { sys::mi_free(text.cast()) };
}
