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
use core::ptr;

use mimalloc_sys as sys;

use super::backend::RawAlloc;
#[cfg(mimalloc_sized_free)]
use super::size_class::is_small_free;
use super::size_class::{
    WORD, fits_default_align, is_refused, is_small, probably_aligned, probably_aligned_large,
};

/// Allocates a block for `layout`, whose size is not zero; null when out of
/// memory.
///
/// # Safety
///
/// `layout.size() != 0`, and `backend` is usable on this thread.
#[inline(always)]
pub(crate) unsafe fn allocate<S: RawAlloc>(backend: S, layout: Layout) -> *mut u8 {
    let (size, align) = (layout.size(), layout.align());
    if is_refused(size, align) {
        return ptr::null_mut();
    }
    if fits_default_align(size, align) {
        if is_small(size) {
            // SAFETY: `is_small` is the entry's bound; the backend is usable.
            unsafe { backend.malloc_small(size) }.cast()
        } else {
            // SAFETY: the backend is usable.
            unsafe { backend.malloc(size) }.cast()
        }
    } else if probably_aligned(size, align) {
        // SAFETY: `probably_aligned` includes `is_small`.
        unsafe { alloc_and_check::<S, false>(backend, size, align) }
    } else {
        // SAFETY: the backend is usable.
        unsafe { over_aligned(backend, size, align) }
    }
}

/// As [`allocate`], all `layout.size()` bytes zero.
///
/// # Safety
///
/// As for [`allocate`].
#[inline(always)]
pub(crate) unsafe fn allocate_zeroed<S: RawAlloc>(backend: S, layout: Layout) -> *mut u8 {
    let (size, align) = (layout.size(), layout.align());
    if is_refused(size, align) {
        return ptr::null_mut();
    }
    if fits_default_align(size, align) {
        if is_small(size) {
            // SAFETY: `is_small` is the entry's bound; the backend is usable.
            unsafe { backend.zalloc_small(size) }.cast()
        } else {
            // SAFETY: the backend is usable.
            unsafe { backend.zalloc(size) }.cast()
        }
    } else if probably_aligned(size, align) {
        // SAFETY: `probably_aligned` includes `is_small`.
        unsafe { alloc_and_check::<S, true>(backend, size, align) }
    } else {
        // SAFETY: the backend is usable.
        unsafe { aligned::<S, true>(backend, size, align) }
    }
}

/// Over-aligned small blocks: take a plain one and look at its address.
///
/// # Safety
///
/// `0 < size <= SMALL_MAX`, `align` is a power of two, `backend` is usable.
#[inline(never)]
unsafe fn alloc_and_check<S: RawAlloc, const ZERO: bool>(
    backend: S,
    size: usize,
    align: usize,
) -> *mut u8 {
    let block = if ZERO {
        // SAFETY: the caller keeps `size` small.
        unsafe { backend.zalloc_small(size) }
    } else {
        // SAFETY: the caller keeps `size` small.
        unsafe { backend.malloc_small(size) }
    };
    if block.addr() & (align - 1) == 0 {
        return block.cast();
    }
    // SAFETY: the block is live and nobody else has seen it.
    unsafe { sys::mi_free(block) };
    // SAFETY: the backend is usable.
    unsafe { aligned::<S, ZERO>(backend, size, align) }
}

/// Over-aligned larger blocks.
///
/// # Safety
///
/// `size != 0`, `align` is a power of two, `backend` is usable.
#[inline(never)]
unsafe fn over_aligned<S: RawAlloc>(backend: S, size: usize, align: usize) -> *mut u8 {
    if probably_aligned_large(size, align) {
        // SAFETY: the backend is usable.
        let block = unsafe { backend.malloc(size) };
        if block.addr() & (align - 1) == 0 {
            return block.cast();
        }
        // SAFETY: the block is live and nobody else has seen it.
        unsafe { sys::mi_free(block) };
    }
    // SAFETY: the backend is usable.
    unsafe { aligned::<S, false>(backend, size, align) }
}

/// A block from the entry that takes an alignment.
///
/// # Safety
///
/// `size != 0`, `align` is a power of two, `backend` is usable.
#[inline(always)]
unsafe fn aligned<S: RawAlloc, const ZERO: bool>(backend: S, size: usize, align: usize) -> *mut u8 {
    let block = if ZERO {
        // SAFETY: the backend is usable.
        unsafe { backend.zalloc_aligned(size, align) }
    } else {
        // SAFETY: the backend is usable.
        unsafe { backend.malloc_aligned(size, align) }
    };
    #[cfg(mimalloc_realign)]
    if block.addr() & (align - 1) != 0 {
        // SAFETY: the block is live and nobody else has seen it.
        unsafe { sys::mi_free(block) };
        // SAFETY: the backend is usable.
        return unsafe { aligned_once_more::<S, ZERO>(backend, size, align) };
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
unsafe fn aligned_once_more<S: RawAlloc, const ZERO: bool>(
    backend: S,
    size: usize,
    align: usize,
) -> *mut u8 {
    let block = if ZERO {
        // SAFETY: the backend is usable.
        unsafe { backend.zalloc_aligned(size + 1, align) }
    } else {
        // SAFETY: the backend is usable.
        unsafe { backend.malloc_aligned(size + 1, align) }
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
/// is zero, and `new_size` is valid for the alignment; `backend` is usable.
#[inline(always)]
pub(crate) unsafe fn resize<S: RawAlloc>(
    backend: S,
    ptr: *mut u8,
    old: Layout,
    new_size: usize,
) -> *mut u8 {
    if is_refused(new_size, old.align()) {
        return ptr::null_mut();
    }
    if !fits_default_align(new_size, old.align()) {
        // SAFETY: as promised by the caller.
        return unsafe { resize_aligned(backend, ptr, old, new_size) };
    }
    // Growing a small block to at least its double can't stay in place (but
    // for the tiniest): going there directly spares asking for its page.
    if is_small(new_size) && new_size >= 2 * old.size() && new_size > 2 * WORD {
        // SAFETY: `is_small` is the entry's bound; the backend is usable.
        let new = unsafe { backend.malloc_small(new_size) }.cast::<u8>();
        if !new.is_null() {
            // SAFETY: both blocks are live and distinct, and both hold
            // `old.size()` bytes, since `new_size` is the larger.
            unsafe { ptr::copy_nonoverlapping(ptr, new, old.size()) };
            // SAFETY: `ptr` fits `old` and is given up for `new`.
            unsafe { deallocate(ptr, old) };
        }
        return new;
    }
    // SAFETY: the block is live and the backend usable.
    unsafe { backend.realloc(ptr.cast(), new_size) }.cast()
}

/// [`resize`] at an alignment that plain blocks don't have.
///
/// # Safety
///
/// As for [`resize`].
#[inline(never)]
unsafe fn resize_aligned<S: RawAlloc>(
    backend: S,
    ptr: *mut u8,
    old: Layout,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the block is live and the backend usable.
    match unsafe { backend.realloc_aligned(ptr.cast(), new_size, old.align()) } {
        Some(new) => new.cast(),
        None => {
            // SAFETY: the caller vouches for size and alignment.
            let new = unsafe { Layout::from_size_align_unchecked(new_size, old.align()) };
            // SAFETY: as promised by the caller.
            unsafe { relocate(backend, ptr, old, new) }
        }
    }
}

/// Allocates for `new`, copies what fits, frees the old block.
///
/// # Safety
///
/// `ptr` is a live block that fits `old`; neither size is zero; `backend` is
/// usable.
#[inline(never)]
pub(super) unsafe fn relocate<S: RawAlloc>(
    backend: S,
    ptr: *mut u8,
    old: Layout,
    new: Layout,
) -> *mut u8 {
    // SAFETY: the size is not zero and the backend usable.
    let to = unsafe { allocate(backend, new) };
    if !to.is_null() {
        let kept = old.size().min(new.size());
        // SAFETY: both blocks are live, distinct and hold `kept` bytes.
        unsafe { ptr::copy_nonoverlapping(ptr, to, kept) };
        // SAFETY: `ptr` fits `old` and is given up for `to`.
        unsafe { deallocate(ptr, old) };
    }
    to
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
