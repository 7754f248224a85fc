//! The allocation core: from a [`Layout`] to the cheapest sound C call.
//!
//! Everything here inlines. A layout is nearly always a compile-time constant,
//! and then no test on size or alignment is left in the machine code; the
//! over-aligned cases stay out of line so that they cost the common ones
//! nothing. What each step relies on:
//!
//! - *Small allocation*: the small entries take any size up to `SMALL_MAX`.
//! - *Small free*: a block that fits `align <= size <= SMALL_MAX` lies in a
//!   small page (upstream: `mi_free_csize_aligned`). This holds for blocks of
//!   every entry used here, and after every way of resizing below.
//! - *Resizing in place* happens only in upstream's `mi_realloc` family, which
//!   keeps a block only while at least half of it is used: a block resized to
//!   `SMALL_MAX` or less is then in a small page. `mi_expand` has no such bound
//!   and is used for growing only.
//! - A resize that changes the alignment may stay in place only when the old
//!   alignment was modest (`KEEP_ALIGN_MAX`).

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::{self, NonNull};

use mimalloc_sys as sys;

#[cfg(mimalloc_sized_free)]
use super::layout::is_small_free;
use super::layout::{
    KEEP_ALIGN_MAX, WORD, is_likely_natural, is_likely_natural_large, is_plain, is_small,
};
use super::source::Source;

/// From here on a zeroed growth that moves takes fresh zeroed memory from the
/// system rather than writing zeros: untouched pages then stay untouched.
const FRESH_ZERO_MIN: usize = 128 * 1024;

/// Allocates a block for `layout`, whose size is not zero; null when out of
/// memory.
///
/// # Safety
///
/// `layout.size() != 0`, and `source` is usable on this thread.
#[inline(always)]
pub(crate) unsafe fn allocate<S: Source>(source: S, layout: Layout) -> *mut u8 {
    let (size, align) = (layout.size(), layout.align());
    if is_plain(size, align) {
        if is_small(size) {
            // SAFETY: `is_small` is the entry's bound; the source is usable.
            unsafe { source.malloc_small(size) }.cast()
        } else {
            // SAFETY: the source is usable.
            unsafe { source.malloc(size) }.cast()
        }
    } else if is_likely_natural(size, align) {
        // SAFETY: `is_likely_natural` includes `is_small`.
        unsafe { natural::<S, false>(source, size, align) }
    } else {
        // SAFETY: the source is usable.
        unsafe { over_aligned(source, size, align) }
    }
}

/// As [`allocate`], all `layout.size()` bytes zero.
///
/// # Safety
///
/// As for [`allocate`].
#[inline(always)]
pub(crate) unsafe fn allocate_zeroed<S: Source>(source: S, layout: Layout) -> *mut u8 {
    let (size, align) = (layout.size(), layout.align());
    if is_plain(size, align) {
        if is_small(size) {
            // SAFETY: `is_small` is the entry's bound; the source is usable.
            unsafe { source.zalloc_small(size) }.cast()
        } else {
            // SAFETY: the source is usable.
            unsafe { source.zalloc(size) }.cast()
        }
    } else if is_likely_natural(size, align) {
        // SAFETY: `is_likely_natural` includes `is_small`.
        unsafe { natural::<S, true>(source, size, align) }
    } else {
        // SAFETY: the source is usable.
        unsafe { aligned::<S, true>(source, size, align) }
    }
}

/// Over-aligned small blocks: take a plain one and look at its address.
///
/// # Safety
///
/// `0 < size <= SMALL_MAX`, `align` is a power of two, `source` is usable.
#[inline(never)]
unsafe fn natural<S: Source, const ZERO: bool>(source: S, size: usize, align: usize) -> *mut u8 {
    let block = if ZERO {
        // SAFETY: the caller keeps `size` small.
        unsafe { source.zalloc_small(size) }
    } else {
        // SAFETY: the caller keeps `size` small.
        unsafe { source.malloc_small(size) }
    };
    if block.addr() & (align - 1) == 0 {
        return block.cast();
    }
    // SAFETY: the block is live and nobody else has seen it.
    unsafe { sys::mi_free(block) };
    // SAFETY: the source is usable.
    unsafe { aligned::<S, ZERO>(source, size, align) }
}

/// Over-aligned larger blocks.
///
/// # Safety
///
/// `size != 0`, `align` is a power of two, `source` is usable.
#[inline(never)]
unsafe fn over_aligned<S: Source>(source: S, size: usize, align: usize) -> *mut u8 {
    if is_likely_natural_large(size, align) {
        // SAFETY: the source is usable.
        let block = unsafe { source.malloc(size) };
        if block.addr() & (align - 1) == 0 {
            return block.cast();
        }
        // SAFETY: the block is live and nobody else has seen it.
        unsafe { sys::mi_free(block) };
    }
    // SAFETY: the source is usable.
    unsafe { aligned::<S, false>(source, size, align) }
}

/// A block from the entry that takes an alignment.
///
/// # Safety
///
/// `size != 0`, `align` is a power of two, `source` is usable.
#[inline(always)]
unsafe fn aligned<S: Source, const ZERO: bool>(source: S, size: usize, align: usize) -> *mut u8 {
    let block = if ZERO {
        // SAFETY: the source is usable.
        unsafe { source.zalloc_aligned(size, align) }
    } else {
        // SAFETY: the source is usable.
        unsafe { source.malloc_aligned(size, align) }
    };
    #[cfg(mimalloc_realign)]
    if block.addr() & (align - 1) != 0 {
        // SAFETY: the block is live and nobody else has seen it.
        unsafe { sys::mi_free(block) };
        // SAFETY: the source is usable.
        return unsafe { aligned_once_more::<S, ZERO>(source, size, align) };
    }
    block.cast()
}

/// Old libraries (2.0.9) take blocks of up to 1024 bytes whose size is a
/// multiple of the alignment for aligned, and some are not. Other sizes they
/// align for sure.
///
/// # Safety
///
/// As for [`aligned`].
#[cold]
#[cfg(mimalloc_realign)]
unsafe fn aligned_once_more<S: Source, const ZERO: bool>(
    source: S,
    size: usize,
    align: usize,
) -> *mut u8 {
    let block = if ZERO {
        // SAFETY: the source is usable.
        unsafe { source.zalloc_aligned(size + 1, align) }
    } else {
        // SAFETY: the source is usable.
        unsafe { source.malloc_aligned(size + 1, align) }
    };
    if block.addr() & (align - 1) == 0 {
        return block.cast();
    }
    // SAFETY: the block is live and nobody else has seen it.
    unsafe { sys::mi_free(block) };
    ptr::null_mut()
}

/// Frees a block.
///
/// # Safety
///
/// `ptr` is a live block that fits `layout`, whose size is not zero.
#[inline(always)]
pub(crate) unsafe fn deallocate(ptr: *mut u8, layout: Layout) {
    let (size, align) = (layout.size(), layout.align());
    #[cfg(mimalloc_sized_free)]
    if align > size {
        // A call of its own, so that two jumps decide where the layout is not
        // constant: the compiler would rather combine two flags into one.
        // SAFETY: the block is live.
        unsafe { free_over_aligned(ptr) };
    } else if is_small_free(size, align) {
        // SAFETY: the block is live, hence not null, and in a small page, as
        // the module's documentation shows for all blocks that fit here.
        unsafe { sys::mi_free_small_nonnull(ptr.cast()) };
    } else {
        // SAFETY: the block is live.
        unsafe { sys::mi_free(ptr.cast()) };
    }
    #[cfg(not(mimalloc_sized_free))]
    {
        let _ = (size, align);
        // SAFETY: the block is live.
        unsafe { sys::mi_free(ptr.cast()) };
    }
}

/// Frees a block that is smaller than its alignment, which is rare.
///
/// # Safety
///
/// `ptr` is a live block.
#[cfg(mimalloc_sized_free)]
#[cold]
#[inline(never)]
unsafe fn free_over_aligned(ptr: *mut u8) {
    // SAFETY: the block is live.
    unsafe { sys::mi_free(ptr.cast()) };
}

/// Resizes a block at its alignment, keeping the contents. Null leaves the old
/// block as it was.
///
/// # Safety
///
/// `ptr` is a live block that fits `old`; neither `old.size()` nor `new_size`
/// is zero, and `new_size` is valid for the alignment; `source` is usable.
#[inline(always)]
pub(crate) unsafe fn resize<S: Source>(
    source: S,
    ptr: *mut u8,
    old: Layout,
    new_size: usize,
) -> *mut u8 {
    if !is_plain(new_size, old.align()) {
        // SAFETY: as promised by the caller.
        return unsafe { resize_aligned(source, ptr, old, new_size) };
    }
    // Growing a small block to at least its double can't stay in place (but
    // for the tiniest): going there directly spares asking for its page.
    if is_small(new_size) && new_size >= 2 * old.size() && new_size > 2 * WORD {
        // SAFETY: `is_small` is the entry's bound; the source is usable.
        let new = unsafe { source.malloc_small(new_size) }.cast::<u8>();
        if !new.is_null() {
            // SAFETY: both blocks are live and distinct, and both hold
            // `old.size()` bytes, since `new_size` is the larger.
            unsafe { ptr::copy_nonoverlapping(ptr, new, old.size()) };
            // SAFETY: `ptr` fits `old` and is given up for `new`.
            unsafe { deallocate(ptr, old) };
        }
        return new;
    }
    // SAFETY: the block is live and the source usable.
    unsafe { source.realloc(ptr.cast(), new_size) }.cast()
}

/// [`resize`] at an alignment that plain blocks don't have.
///
/// # Safety
///
/// As for [`resize`].
#[inline(never)]
unsafe fn resize_aligned<S: Source>(
    source: S,
    ptr: *mut u8,
    old: Layout,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the block is live and the source usable.
    match unsafe { source.realloc_aligned(ptr.cast(), new_size, old.align()) } {
        Some(new) => new.cast(),
        None => {
            // SAFETY: the caller vouches for size and alignment.
            let new = unsafe { Layout::from_size_align_unchecked(new_size, old.align()) };
            // SAFETY: as promised by the caller.
            unsafe { relocate(source, ptr, old, new) }
        }
    }
}

/// Allocates for `new`, copies what fits, frees the old block.
///
/// # Safety
///
/// `ptr` is a live block that fits `old`; neither size is zero; `source` is
/// usable.
#[inline(never)]
unsafe fn relocate<S: Source>(source: S, ptr: *mut u8, old: Layout, new: Layout) -> *mut u8 {
    // SAFETY: the size is not zero and the source usable.
    let to = unsafe { allocate(source, new) };
    if !to.is_null() {
        let kept = old.size().min(new.size());
        // SAFETY: both blocks are live, distinct and hold `kept` bytes.
        unsafe { ptr::copy_nonoverlapping(ptr, to, kept) };
        // SAFETY: `ptr` fits `old` and is given up for `to`.
        unsafe { deallocate(ptr, old) };
    }
    to
}

/// [`resize`] for containers, where the alignment may change too.
///
/// # Safety
///
/// As for [`resize`], with `new` for `new_size`.
#[inline(always)]
unsafe fn refit<S: Source>(source: S, ptr: *mut u8, old: Layout, new: Layout) -> *mut u8 {
    if old.align() == new.align() {
        // SAFETY: as promised by the caller.
        unsafe { resize(source, ptr, old, new.size()) }
    } else {
        // SAFETY: as promised by the caller.
        unsafe { realign(source, ptr, old, new) }
    }
}

/// Resizes a block and changes its alignment.
///
/// # Safety
///
/// As for [`refit`].
#[inline(never)]
unsafe fn realign<S: Source>(source: S, ptr: *mut u8, old: Layout, new: Layout) -> *mut u8 {
    if old.align() <= KEEP_ALIGN_MAX {
        // SAFETY: the block is live and the source usable; an alignment this
        // modest never makes a block point into a larger page.
        let moved = unsafe { source.realloc_aligned(ptr.cast(), new.size(), new.align()) };
        if let Some(moved) = moved {
            return moved.cast();
        }
    }
    // SAFETY: as promised by the caller.
    unsafe { relocate(source, ptr, old, new) }
}

/// `Allocator::allocate` for any source.
///
/// # Safety
///
/// What `source` was made with still holds.
#[inline(always)]
pub(crate) unsafe fn container_allocate<S: Source, const ZERO: bool>(
    source: S,
    layout: Layout,
) -> Option<NonNull<u8>> {
    if layout.size() == 0 {
        return Some(dangling(layout));
    }
    if !source.is_usable() {
        return None;
    }
    NonNull::new(if ZERO {
        // SAFETY: the size is not zero and the source usable.
        unsafe { allocate_zeroed(source, layout) }
    } else {
        // SAFETY: the size is not zero and the source usable.
        unsafe { allocate(source, layout) }
    })
}

/// `Allocator::deallocate` for every source.
///
/// # Safety
///
/// `ptr` is currently allocated by this crate and fits `layout`.
#[inline(always)]
pub(crate) unsafe fn container_deallocate(ptr: NonNull<u8>, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: a block that fits a layout with a size is a live one of C's.
        unsafe { deallocate(ptr.as_ptr(), layout) };
    }
}

/// `Allocator::grow` for any source.
///
/// # Safety
///
/// `ptr` is currently allocated by this crate and fits `old`;
/// `new.size() >= old.size()`; what `source` was made with still holds.
#[inline(always)]
pub(crate) unsafe fn container_grow<S: Source>(
    source: S,
    ptr: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<u8>> {
    debug_assert!(new.size() >= old.size());
    if old.size() == 0 {
        // SAFETY: the source is usable.
        return unsafe { container_allocate::<S, false>(source, new) };
    }
    if !source.is_usable() {
        return None;
    }
    // SAFETY: neither size is zero, as `new` is the larger; the rest is the
    // caller's promise.
    NonNull::new(unsafe { refit(source, ptr.as_ptr(), old, new) })
}

/// `Allocator::grow_zeroed` for any source.
///
/// # Safety
///
/// As for [`container_grow`].
#[inline(always)]
pub(crate) unsafe fn container_grow_zeroed<S: Source>(
    source: S,
    ptr: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<u8>> {
    debug_assert!(new.size() >= old.size());
    if old.size() == 0 {
        // SAFETY: the source is usable.
        return unsafe { container_allocate::<S, true>(source, new) };
    }
    if !source.is_usable() {
        return None;
    }
    let grown = if new.size() >= FRESH_ZERO_MIN {
        // SAFETY: as promised by the caller.
        unsafe { grow_zeroed_large(source, ptr.as_ptr(), old, new) }
    } else {
        // SAFETY: neither size is zero; the rest is the caller's promise.
        let grown = unsafe { refit(source, ptr.as_ptr(), old, new) };
        // SAFETY: `grown` is null or holds `new.size()` bytes.
        unsafe { zero_tail(grown, old.size(), new.size()) };
        grown
    };
    NonNull::new(grown)
}

/// Grows a block to a large size with a zero tail.
///
/// Never upstream's `mi_rezalloc`, which zeroes only what lies beyond the old
/// block's usable size and so exposes old contents after any earlier shrink.
///
/// # Safety
///
/// As for [`container_grow`], with sizes that are not zero.
#[inline(never)]
unsafe fn grow_zeroed_large<S: Source>(
    source: S,
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
    // SAFETY: the size is not zero and the source usable.
    let to = unsafe { allocate_zeroed(source, new) };
    if !to.is_null() {
        // SAFETY: both blocks are live, distinct and hold `old.size()` bytes.
        unsafe { ptr::copy_nonoverlapping(ptr, to, old.size()) };
        // SAFETY: `ptr` fits `old` and is given up for `to`.
        unsafe { deallocate(ptr, old) };
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

/// `Allocator::shrink` for any source.
///
/// # Safety
///
/// `ptr` is currently allocated by this crate and fits `old`;
/// `new.size() <= old.size()`; what `source` was made with still holds.
#[inline(always)]
pub(crate) unsafe fn container_shrink<S: Source>(
    source: S,
    ptr: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Option<NonNull<u8>> {
    debug_assert!(new.size() <= old.size());
    if new.size() == 0 {
        // SAFETY: the block fits `old` and is given up.
        unsafe { container_deallocate(ptr, old) };
        return Some(dangling(new));
    }
    if !source.is_usable() {
        return None;
    }
    // SAFETY: neither size is zero, as `old` is the larger; the rest is the
    // caller's promise.
    NonNull::new(unsafe { refit(source, ptr.as_ptr(), old, new) })
}

/// Bytes that a live block can hold, at least what was asked for.
///
/// # Safety
///
/// `ptr` is a live block.
#[inline(always)]
pub(crate) unsafe fn usable_size(ptr: *const c_void) -> usize {
    // SAFETY: the block is live.
    unsafe { sys::mi_usable_size(ptr) }
}

/// The "block" of a layout without size: aligned, and nobody's memory.
#[inline(always)]
pub(crate) const fn dangling(layout: Layout) -> NonNull<u8> {
    let align = ptr::without_provenance_mut(layout.align());
    // SAFETY: an alignment is a power of two, so never zero.
    unsafe { NonNull::new_unchecked(align) }
}
