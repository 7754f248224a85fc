//! The methods of the allocator traits, for any backend, on the core in `alloc`.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use mimalloc_sys as sys;

use super::alloc;
use super::backend::RawAlloc;
use super::size_class::{KEEP_ALIGN_MAX, is_refused};

/// From here on a zeroed growth that moves takes fresh zeroed memory from the
/// system rather than writing zeros: untouched pages then stay untouched.
const FRESH_ZERO_MIN: usize = 128 * 1024;

/// [`alloc::resize`] for containers, where the alignment may change too.
///
/// # Safety
///
/// As for [`alloc::resize`], with `new` for `new_size`.
#[inline(always)]
unsafe fn resize_layout<S: RawAlloc>(
    backend: S,
    ptr: *mut u8,
    old: Layout,
    new: Layout,
) -> *mut u8 {
    if old.align() == new.align() {
        // SAFETY: as promised by the caller.
        unsafe { alloc::resize(backend, ptr, old, new.size()) }
    } else {
        // SAFETY: as promised by the caller.
        unsafe { change_align(backend, ptr, old, new) }
    }
}

/// Resizes a block and changes its alignment.
///
/// # Safety
///
/// As for [`resize_layout`].
#[inline(never)]
unsafe fn change_align<S: RawAlloc>(backend: S, ptr: *mut u8, old: Layout, new: Layout) -> *mut u8 {
    if old.align() <= KEEP_ALIGN_MAX && !is_refused(new.size(), new.align()) {
        // SAFETY: the block is live and the backend usable; an alignment this
        // modest never makes a block point into a larger page.
        let moved = unsafe { backend.realloc_aligned(ptr.cast(), new.size(), new.align()) };
        if let Some(moved) = moved {
            return moved.cast();
        }
    }
    // SAFETY: as promised by the caller.
    unsafe { alloc::relocate(backend, ptr, old, new) }
}

/// `Allocator::allocate` for any backend.
///
/// # Safety
///
/// What `backend` was made with still holds.
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
        // SAFETY: the size is not zero and the backend usable.
        unsafe { alloc::allocate_zeroed(backend, layout) }
    } else {
        // SAFETY: the size is not zero and the backend usable.
        unsafe { alloc::allocate(backend, layout) }
    })
}

/// `Allocator::deallocate` for every backend.
///
/// # Safety
///
/// `ptr` is currently allocated by this crate and fits `layout`.
#[inline(always)]
pub(crate) unsafe fn deallocate(ptr: NonNull<u8>, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: a block that fits a layout with a size is a live one of C's.
        unsafe { alloc::deallocate(ptr.as_ptr(), layout) };
    }
}

/// `Allocator::grow` and `Allocator::grow_zeroed` for any backend.
///
/// # Safety
///
/// `ptr` is currently allocated by this crate and fits `old`;
/// `new.size() >= old.size()`; what `backend` was made with still holds.
#[inline(always)]
pub(crate) unsafe fn grow<S: RawAlloc, const ZERO: bool>(
    backend: S,
    ptr: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<u8>> {
    debug_assert!(new.size() >= old.size());
    if old.size() == 0 {
        // SAFETY: as promised by the caller.
        return unsafe { allocate::<S, ZERO>(backend, new) };
    }
    if !backend.is_available() {
        return None;
    }
    if ZERO && new.size() >= FRESH_ZERO_MIN {
        // SAFETY: neither size is zero, as `new` is the larger; the rest is the
        // caller's promise.
        return NonNull::new(unsafe { grow_zeroed_large(backend, ptr.as_ptr(), old, new) });
    }
    // SAFETY: as above.
    let grown = unsafe { resize_layout(backend, ptr.as_ptr(), old, new) };
    if ZERO {
        // SAFETY: `grown` is null or holds `new.size()` bytes.
        unsafe { zero_tail(grown, old.size(), new.size()) };
    }
    NonNull::new(grown)
}

/// Grows a block to a large size with a zero tail.
///
/// Never upstream's `mi_rezalloc`, which zeroes only what lies beyond the old
/// block's usable size and so exposes old contents after any earlier shrink.
///
/// # Safety
///
/// As for [`grow`], with sizes that are not zero.
#[inline(never)]
unsafe fn grow_zeroed_large<S: RawAlloc>(
    backend: S,
    ptr: *mut u8,
    old: Layout,
    new: Layout,
) -> *mut u8 {
    if old.align() == new.align() {
        // SAFETY: the block is live; it is only asked to grow.
        let same = unsafe { sys::mi_expand(ptr.cast(), new.size()) };
        if !same.is_null() {
            // SAFETY: the block now holds `new.size()` bytes.
            unsafe { zero_tail(ptr, old.size(), new.size()) };
            return ptr;
        }
    }
    // SAFETY: the size is not zero and the backend usable.
    let to = unsafe { alloc::allocate_zeroed(backend, new) };
    if !to.is_null() {
        // SAFETY: both blocks are live, distinct and hold `old.size()` bytes.
        unsafe { ptr::copy_nonoverlapping(ptr, to, old.size()) };
        // SAFETY: `ptr` fits `old` and is given up for `to`.
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

/// `Allocator::shrink` for any backend.
///
/// # Safety
///
/// `ptr` is currently allocated by this crate and fits `old`;
/// `new.size() <= old.size()`; what `backend` was made with still holds.
#[inline(always)]
pub(crate) unsafe fn shrink<S: RawAlloc>(
    backend: S,
    ptr: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<u8>> {
    debug_assert!(new.size() <= old.size());
    if new.size() == 0 {
        // SAFETY: the block fits `old` and is given up.
        unsafe { deallocate(ptr, old) };
        return Some(dangling(new));
    }
    if !backend.is_available() {
        return None;
    }
    // SAFETY: neither size is zero, as `old` is the larger; the rest is the
    // caller's promise.
    NonNull::new(unsafe { resize_layout(backend, ptr.as_ptr(), old, new) })
}

/// The "block" of a layout without size: aligned, and nobody's memory.
#[inline(always)]
pub(crate) const fn dangling(layout: Layout) -> NonNull<u8> {
    let align = ptr::without_provenance_mut(layout.align());
    // SAFETY: an alignment is a power of two, so never zero.
    unsafe { NonNull::new_unchecked(align) }
}
