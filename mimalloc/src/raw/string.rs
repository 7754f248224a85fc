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
}

/// Copies a string to the default heap; returns null when memory runs out.
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
    }
}

/// Copies a string to a heap; returns null when memory runs out.
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
    }
}

/// Copies the resolved form of a path to the default heap; returns null when
/// memory runs out, or when the path cannot be resolved.
///
/// # Safety
///
/// `path` is a C string.
#[allow(dead_code, reason = "offered where the system's error can be told")]
pub(crate) unsafe fn realpath(path: *const c_char) -> *mut c_char {
    // SAFETY: the caller promises a C string; a null result buffer asks C for a
    // block.
    unsafe { sys::mi_realpath(path, core::ptr::null_mut()) }
}

/// Copies the resolved form of a path to a heap; returns null when memory runs
/// out, or when the path cannot be resolved.
///
/// # Safety
///
/// `path` is a C string.
#[allow(dead_code, reason = "offered where the system's error can be told")]
pub(crate) unsafe fn realpath_in(heap: &Heap, path: *const c_char) -> *mut c_char {
    if !super::thread::thread_is_initialized() {
        return core::ptr::null_mut();
    }
    // SAFETY: the borrow keeps the heap live, the thread is initialised, and the
    // caller promises a C string; a null result buffer asks C for a block.
    unsafe { sys::mi_heap_realpath(heap.as_raw(), path, core::ptr::null_mut()) }
}

/// Frees a string made by this module.
///
/// # Safety
///
/// - `text` was returned by another function of this module.
/// - Its heap is live.
/// - The string is not used again.
pub(crate) unsafe fn free(text: *mut c_char) {
    // SAFETY: the caller promises a block of this module whose heap lives, and
    // gives the block up.
    unsafe { sys::mi_free(text.cast()) };
}
