//! Implements the methods of the allocator traits for each backend, on the core
//! in `alloc`.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use mimalloc_sys as sys;

use super::alloc;
use super::backend::RawAlloc;
use super::size_class::{KEEP_ALIGN_MAX, is_refused};

/// Smallest new size at which a zeroed growth that moves takes fresh zeroed
/// memory from the system instead of writing zeros. Untouched pages then stay
/// untouched.
const FRESH_ZERO_MIN: usize = 128 * 1024;

/// Resizes a block as [`alloc::resize`] does, and also changes the alignment.
///
/// # Safety
///
/// The caller promises what [`alloc::resize`] lists, with `new` for `new_size`.
#[inline(always)]
unsafe fn resize_layout<S: RawAlloc>(
    backend: S,
    ptr: *mut u8,
    old: Layout,
    new: Layout,
) -> *mut u8 {
    if old.align() == new.align() {
        // SAFETY: the caller promises the list of `alloc::resize`, and the
        // alignments are equal.
        unsafe { alloc::resize(backend, ptr, old, new.size()) }
    } else {
        // SAFETY: the caller promises the same list for this function.
        unsafe { change_align(backend, ptr, old, new) }
    }
}

/// Resizes a block and changes its alignment.
///
/// # Safety
///
/// The caller promises what [`resize_layout`] lists.
#[inline(never)]
unsafe fn change_align<S: RawAlloc>(backend: S, ptr: *mut u8, old: Layout, new: Layout) -> *mut u8 {
    if old.align() <= KEEP_ALIGN_MAX && !is_refused(new.size(), new.align()) {
        // SAFETY: the caller promises a live block and a usable backend; the
        // old alignment is small enough that the block cannot point into a
        // larger page (upstream.md: changed alignment).
        let moved = unsafe { backend.realloc_aligned(ptr.cast(), new.size(), new.align()) };
        if let Some(moved) = moved {
            return moved.cast();
        }
    }
    // SAFETY: the caller promises a live block that fits `old`, sizes that are
    // not zero, and a usable backend.
    unsafe { alloc::relocate(backend, ptr, old, new) }
}

/// Implements `Allocator::allocate` for each backend.
///
/// # Safety
///
/// The promises made to create `backend` still hold.
#[inline(always)]
pub(crate) unsafe fn allocate<S: RawAlloc, const ZERO: bool>(
    backend: S,
    layout: Layout,
) -> Option<NonNull<u8>> {
    if layout.size() == 0 {
        return Some(dangling(layout));
    }
    if !backend.is_available() {
        return None;
    }
    NonNull::new(if ZERO {
        // SAFETY: the size was checked above, and `is_available` returned true,
        // so the backend is usable on this thread.
        unsafe { alloc::allocate_zeroed(backend, layout) }
    } else {
        // SAFETY: the size was checked above, and `is_available` returned true,
        // so the backend is usable on this thread.
        unsafe { alloc::allocate(backend, layout) }
    })
}

/// Implements `Allocator::deallocate` for each backend.
///
/// # Safety
///
/// `ptr` is currently allocated by this crate and fits `layout`.
#[inline(always)]
pub(crate) unsafe fn deallocate(ptr: NonNull<u8>, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: a block with a nonzero size came from mimalloc; the caller
        // promises that the block is live and fits `layout`.
        unsafe { alloc::deallocate(ptr.as_ptr(), layout) };
    }
}

/// Implements `Allocator::grow` and `Allocator::grow_zeroed` for each backend.
///
/// # Safety
///
/// - `ptr` is currently allocated by this crate and fits `old`.
/// - `new.size() >= old.size()`.
/// - The promises made to create `backend` still hold.
#[inline(always)]
pub(crate) unsafe fn grow<S: RawAlloc, const ZERO: bool>(
    backend: S,
    ptr: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<u8>> {
    debug_assert!(new.size() >= old.size());
    if old.size() == 0 {
        // SAFETY: the caller promises that the promises for `backend` still
        // hold.
        return unsafe { allocate::<S, ZERO>(backend, new) };
    }
    if !backend.is_available() {
        return None;
    }
    if ZERO && new.size() >= FRESH_ZERO_MIN {
        // SAFETY: `old.size()` is not zero and `new` is at least as large; the
        // caller promises the rest, and `is_available` returned true.
        return NonNull::new(unsafe { grow_zeroed_large(backend, ptr.as_ptr(), old, new) });
    }
    // SAFETY: neither size is zero, the backend is available, and the caller
    // promises that `ptr` fits `old`.
    let grown = unsafe { resize_layout(backend, ptr.as_ptr(), old, new) };
    if ZERO {
        // SAFETY: `grown` is null or holds `new.size()` bytes.
        unsafe { zero_tail(grown, old.size(), new.size()) };
    }
    NonNull::new(grown)
}

/// Grows a block to a large size and zeroes the new bytes.
///
/// This function avoids `mi_rezalloc`, which zeroes only the bytes beyond the
/// old block's usable size and exposes old contents after an earlier shrink
/// (upstream.md: zeroing).
///
/// # Safety
///
/// The caller promises what [`grow`] lists, that neither size is zero, and that
/// `backend` is usable on this thread.
#[inline(never)]
unsafe fn grow_zeroed_large<S: RawAlloc>(
    backend: S,
    ptr: *mut u8,
    old: Layout,
    new: Layout,
) -> *mut u8 {
    if old.align() == new.align() {
        // SAFETY: the caller promises a live block, and `new` is not smaller,
        // so the block only grows (upstream.md: resizing in place).
        let same = unsafe { sys::mi_expand(ptr.cast(), new.size()) };
        if !same.is_null() {
            // SAFETY: `mi_expand` succeeded, so the block now holds
            // `new.size()` bytes.
            unsafe { zero_tail(ptr, old.size(), new.size()) };
            return ptr;
        }
    }
    // SAFETY: the size was checked above, and `is_available` returned true, so
    // the backend is usable on this thread.
    let to = unsafe { alloc::allocate_zeroed(backend, new) };
    if !to.is_null() {
        // SAFETY: both blocks are live, distinct and hold `old.size()` bytes.
        unsafe { ptr::copy_nonoverlapping(ptr, to, old.size()) };
        // SAFETY: `ptr` fits `old`; its contents are copied, and the caller
        // uses `to` from now on.
        unsafe { alloc::deallocate(ptr, old) };
    }
    to
}

/// Zeroes the bytes from `from` to `to` of a block, if there is one.
///
/// # Safety
///
/// `ptr` is null or valid for writes of `to` bytes; `from <= to`.
#[inline(always)]
unsafe fn zero_tail(ptr: *mut u8, from: usize, to: usize) {
    if !ptr.is_null() {
        // SAFETY: `from <= to` bytes are within the block.
        let tail = unsafe { ptr.add(from) };
        // SAFETY: `to - from` bytes from there are within the block.
        unsafe { ptr::write_bytes(tail, 0, to - from) };
    }
}

/// Implements `Allocator::shrink` for each backend.
///
/// # Safety
///
/// - `ptr` is currently allocated by this crate and fits `old`.
/// - `new.size() <= old.size()`.
/// - The promises made to create `backend` still hold.
#[inline(always)]
pub(crate) unsafe fn shrink<S: RawAlloc>(
    backend: S,
    ptr: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<u8>> {
    debug_assert!(new.size() <= old.size());
    if new.size() == 0 {
        // SAFETY: the caller promises that the block fits `old`, and gives the
        // block up.
        unsafe { deallocate(ptr, old) };
        return Some(dangling(new));
    }
    if !backend.is_available() {
        return None;
    }
    // SAFETY: `new.size()` is not zero and `old` is at least as large; the
    // caller promises the rest, and `is_available` returned true.
    NonNull::new(unsafe { resize_layout(backend, ptr.as_ptr(), old, new) })
}

/// Returns the dangling, aligned pointer that stands for a block of size zero.
#[inline(always)]
pub(crate) const fn dangling(layout: Layout) -> NonNull<u8> {
    let align = ptr::without_provenance_mut(layout.align());
    // SAFETY: an alignment is a power of two, so never zero.
    unsafe { NonNull::new_unchecked(align) }
}
