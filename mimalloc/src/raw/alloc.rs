//! Turns a [`Layout`] into the cheapest sound C call.
//!
//! All common paths are inlined. A layout is nearly always a compile-time
//! constant, so the machine code keeps no test of size or alignment. The
//! over-aligned cases stay out of line and cost the common cases nothing. The
//! steps rely on these facts of `upstream.md`:
//!
//! - *small allocation*: the small entries take any size up to `SMALL_MAX`.
//! - *small frees*: a block that fits `align <= size <= SMALL_MAX` lies in a
//!   small page. This holds for blocks of every entry used here, and after each
//!   way of resizing below.
//! - *resizing in place*: the `mi_realloc` family keeps a block only while at
//!   least half of the block is used. A block resized to `SMALL_MAX` or less is
//!   therefore in a small page. `mi_expand` has no such bound, so this crate
//!   only grows blocks with `mi_expand`.
//! - *changed alignment*: a resize that changes the alignment may stay in place
//!   only if the old alignment is at most `KEEP_ALIGN_MAX`.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr;

use mimalloc_sys as sys;

use super::backend::RawAlloc;
use super::engine;
use super::size_class::{
    WORD, fits_default_align, is_refused, is_small, is_small_free, probably_aligned,
    probably_aligned_large,
};

/// Allocates a block for `layout`, or returns null when memory runs out.
///
/// # Safety
///
/// - `layout.size()` is not zero.
/// - `backend` is usable on this thread.
#[inline(always)]
pub(crate) unsafe fn allocate<S: RawAlloc>(backend: S, layout: Layout) -> *mut u8 {
    let (size, align) = (layout.size(), layout.align());
    if is_refused(size, align) {
        return ptr::null_mut();
    }
    if fits_default_align(size, align) {
        if is_small(size) {
            // SAFETY: `is_small` checks the entry's bound (upstream.md: small
            // allocation), and the caller promises a usable backend.
            unsafe { backend.malloc_small(size) }.cast()
        } else {
            // SAFETY: the caller promises a usable backend; any size and power
            // of two is valid.
            unsafe { backend.malloc(size) }.cast()
        }
    } else if probably_aligned(size, align) {
        // SAFETY: `probably_aligned` is false above `SMALL_MAX`, and the caller
        // promises a usable backend.
        let block = unsafe { backend.take_small(size) };
        if !block.is_null() && is_aligned(block, align) {
            return block.cast();
        }
        // SAFETY: `probably_aligned` is false above `SMALL_MAX`; a layout's
        // alignment is a power of two, and the caller promises the rest. No other
        // code has the block.
        unsafe { alloc_and_check::<S, false>(backend, size, align, block) }
    } else {
        // SAFETY: the caller promises a usable backend; any size and power of
        // two is valid.
        unsafe { over_aligned(backend, size, align) }
    }
}

/// Allocates a block of zeros for `layout`, or returns null when memory runs
/// out.
///
/// # Safety
///
/// - `layout.size()` is not zero.
/// - `backend` is usable on this thread.
#[inline(always)]
pub(crate) unsafe fn allocate_zeroed<S: RawAlloc>(backend: S, layout: Layout) -> *mut u8 {
    let (size, align) = (layout.size(), layout.align());
    if is_refused(size, align) {
        return ptr::null_mut();
    }
    if fits_default_align(size, align) {
        if is_small(size) {
            // SAFETY: `is_small` checks the entry's bound (upstream.md: small
            // allocation), and the caller promises a usable backend.
            unsafe { backend.zalloc_small(size) }.cast()
        } else {
            // SAFETY: the caller promises a usable backend; any size and power
            // of two is valid.
            unsafe { backend.zalloc(size) }.cast()
        }
    } else if probably_aligned(size, align) {
        // SAFETY: `probably_aligned` is false above `SMALL_MAX`; a layout's
        // alignment is a power of two, and the caller promises the rest.
        unsafe { alloc_and_check::<S, true>(backend, size, align, ptr::null_mut()) }
    } else {
        // SAFETY: the caller promises a usable backend; any size and power of
        // two is valid.
        unsafe { aligned::<S, true>(backend, size, align) }
    }
}

/// Returns whether the address is a multiple of `align`, a power of two. Null is.
#[inline(always)]
fn is_aligned(block: *mut c_void, align: usize) -> bool {
    block.addr() & (align - 1) == 0
}

/// Allocates an over-aligned small block: tries a plain block and checks its
/// address first. The plain block is `taken`, unless that is null. The size and the
/// alignment come first, as in `__rust_alloc`, which needn't move them then.
///
/// # Safety
///
/// - `taken` is null or a live block of `size` bytes, which the caller gives up;
///   if `ZERO`, it is null.
/// - `0 < size <= SMALL_MAX`.
/// - `align` is a power of two.
/// - `backend` is usable on this thread.
#[inline(never)]
unsafe fn alloc_and_check<S: RawAlloc, const ZERO: bool>(
    backend: S,
    size: usize,
    align: usize,
    taken: *mut c_void,
) -> *mut u8 {
    let block = if !taken.is_null() {
        taken
    } else if ZERO {
        // SAFETY: the caller promises `size <= SMALL_MAX`, the entry's bound
        // (upstream.md: small allocation).
        unsafe { backend.zalloc_small(size) }
    } else {
        // SAFETY: the caller promises `size <= SMALL_MAX`, the entry's bound
        // (upstream.md: small allocation).
        unsafe { backend.malloc_small(size) }
    };
    if is_aligned(block, align) {
        return block.cast();
    }
    // SAFETY: mimalloc returned the block, or null, just now and no other code
    // has the pointer; `mi_free` also takes null.
    unsafe { sys::mi_free(block) };
    // SAFETY: the caller promises a usable backend; any size and power of two
    // is valid.
    unsafe { aligned::<S, ZERO>(backend, size, align) }
}

/// Allocates an over-aligned block of any size.
///
/// The function is not inlined: a larger [`allocate`] would be inlined less often,
/// and small blocks would lose what is known of their layout.
///
/// # Safety
///
/// - `size` is not zero.
/// - `align` is a power of two.
/// - `backend` is usable on this thread.
#[inline(never)]
unsafe fn over_aligned<S: RawAlloc>(backend: S, size: usize, align: usize) -> *mut u8 {
    if probably_aligned_large(size, align) {
        // SAFETY: the caller promises a usable backend; any size is valid.
        let block = unsafe { backend.malloc(size) };
        if is_aligned(block, align) {
            return block.cast();
        }
        // SAFETY: mimalloc returned the block, or null, just now and no other
        // code has the pointer; `mi_free` also takes null.
        unsafe { sys::mi_free(block) };
    }
    // SAFETY: the caller promises a usable backend; any size and power of two
    // is valid.
    unsafe { aligned::<S, false>(backend, size, align) }
}

/// Allocates a block through the entry that takes an alignment.
///
/// # Safety
///
/// - `size` is not zero.
/// - `align` is a power of two.
/// - `backend` is usable on this thread.
#[inline(always)]
unsafe fn aligned<S: RawAlloc, const ZERO: bool>(backend: S, size: usize, align: usize) -> *mut u8 {
    let block = if ZERO {
        // SAFETY: the caller promises a usable backend; any size and power of
        // two is valid.
        unsafe { backend.zalloc_aligned(size, align) }
    } else {
        // SAFETY: the caller promises a usable backend; any size and power of
        // two is valid.
        unsafe { backend.malloc_aligned(size, align) }
    };
    if engine::MISALIGNS && block.addr() & (align - 1) != 0 {
        // SAFETY: mimalloc returned the block, or null, just now and no other
        // code has the pointer; `mi_free` also takes null.
        unsafe { sys::mi_free(block) };
        // SAFETY: the caller promises a usable backend; any size and power of
        // two is valid.
        return unsafe { aligned_once_more::<S, ZERO>(backend, size, align) };
    }
    block.cast()
}

/// Allocates a block with one byte more, which old libraries align reliably.
/// Version 2.0.9 assumes that a block of up to 1024 bytes is aligned if its
/// size is a multiple of the alignment, and some such blocks are not.
///
/// # Safety
///
/// - `size` is not zero.
/// - `align` is a power of two.
/// - `backend` is usable on this thread.
#[cold]
unsafe fn aligned_once_more<S: RawAlloc, const ZERO: bool>(
    backend: S,
    size: usize,
    align: usize,
) -> *mut u8 {
    let block = if ZERO {
        // SAFETY: the caller promises a usable backend; any size and power of
        // two is valid.
        unsafe { backend.zalloc_aligned(size + 1, align) }
    } else {
        // SAFETY: the caller promises a usable backend; any size and power of
        // two is valid.
        unsafe { backend.malloc_aligned(size + 1, align) }
    };
    if block.addr() & (align - 1) == 0 {
        return block.cast();
    }
    // SAFETY: mimalloc returned the block, or null, just now and no other code
    // has the pointer; `mi_free` also takes null.
    unsafe { sys::mi_free(block) };
    ptr::null_mut()
}

/// Frees a block.
///
/// # Safety
///
/// - `ptr` is a live block that fits `layout`.
/// - `layout.size()` is not zero.
#[inline(always)]
pub(crate) unsafe fn deallocate(ptr: *mut u8, layout: Layout) {
    let (size, align) = (layout.size(), layout.align());
    if !engine::FREES_BY_SIZE {
        // SAFETY: the caller promises a live block and gives it up.
        unsafe { sys::mi_free(ptr.cast()) };
    } else if align > size {
        // A separate call makes two jumps decide where the layout is not
        // constant; the compiler would otherwise combine two flags into one.
        // SAFETY: the caller promises a live block and gives it up.
        unsafe { free_over_aligned(ptr) };
    } else if is_small_free(size, align) {
        // SAFETY: a live block is not null, and one that fits `align <= size <=
        // SMALL_MAX` is in a small page (upstream.md: small frees; the module's
        // documentation covers resized blocks).
        unsafe { engine::free_small(ptr.cast()) };
    } else {
        // SAFETY: the caller promises a live block and gives it up.
        unsafe { sys::mi_free(ptr.cast()) };
    }
}

/// Frees a block that is smaller than its alignment. Such blocks are rare.
///
/// # Safety
///
/// `ptr` is a live block of mimalloc.
#[cold]
#[inline(never)]
unsafe fn free_over_aligned(ptr: *mut u8) {
    // SAFETY: the caller promises a live block and gives it up.
    unsafe { sys::mi_free(ptr.cast()) };
}

/// Resizes a block at its alignment and keeps the contents. On null, the old
/// block is unchanged.
///
/// # Safety
///
/// - `ptr` is a live block that fits `old`.
/// - Neither `old.size()` nor `new_size` is zero.
/// - `new_size` is valid for the alignment of `old`.
/// - `backend` is usable on this thread.
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
        // SAFETY: the caller promises the same list for this function.
        return unsafe { resize_aligned(backend, ptr, old, new_size) };
    }
    // A small block that grows to at least twice its size cannot stay in place,
    // except for the smallest. Allocating at once avoids looking up its page.
    if is_small(new_size) && new_size >= 2 * old.size() && new_size > 2 * WORD {
        // SAFETY: `is_small` checks the entry's bound (upstream.md: small
        // allocation), and the caller promises a usable backend.
        let new = unsafe { backend.malloc_small(new_size) }.cast::<u8>();
        if !new.is_null() {
            // SAFETY: both blocks are live and distinct, and both hold
            // `old.size()` bytes, since `new_size` is the larger.
            unsafe { ptr::copy_nonoverlapping(ptr, new, old.size()) };
            // SAFETY: `ptr` fits `old`; its contents are copied, and the caller
            // uses `new` from now on.
            unsafe { deallocate(ptr, old) };
        }
        return new;
    }
    // SAFETY: the caller promises a live block of mimalloc and a usable
    // backend.
    unsafe { backend.realloc(ptr.cast(), new_size) }.cast()
}

/// Resizes a block as [`resize`] does, at an alignment that plain blocks lack.
///
/// # Safety
///
/// The caller promises what [`resize`] lists.
#[inline(never)]
unsafe fn resize_aligned<S: RawAlloc>(
    backend: S,
    ptr: *mut u8,
    old: Layout,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the caller promises a live block of mimalloc and a usable
    // backend.
    match unsafe { backend.realloc_aligned(ptr.cast(), new_size, old.align()) } {
        Some(new) => new.cast(),
        None => {
            // SAFETY: the caller promises that `new_size` is valid for the
            // alignment, which comes from a layout.
            let new = unsafe { Layout::from_size_align_unchecked(new_size, old.align()) };
            // SAFETY: the caller promises a live block that fits `old`, sizes
            // that are not zero, and a usable backend.
            unsafe { relocate(backend, ptr, old, new) }
        }
    }
}

/// Allocates a block for `new`, copies what fits, and frees the old block.
///
/// # Safety
///
/// - `ptr` is a live block that fits `old`.
/// - Neither size is zero.
/// - `backend` is usable on this thread.
#[inline(never)]
pub(super) unsafe fn relocate<S: RawAlloc>(
    backend: S,
    ptr: *mut u8,
    old: Layout,
    new: Layout,
) -> *mut u8 {
    // SAFETY: the caller promises a size that is not zero and a usable backend.
    let to = unsafe { allocate(backend, new) };
    if !to.is_null() {
        let kept = old.size().min(new.size());
        // SAFETY: both blocks are live, distinct and hold `kept` bytes.
        unsafe { ptr::copy_nonoverlapping(ptr, to, kept) };
        // SAFETY: `ptr` fits `old`; its contents are copied, and the caller
        // uses `to` from now on.
        unsafe { deallocate(ptr, old) };
    }
    to
}

/// Returns the number of bytes that a live block can hold, which is at least
/// the size asked for; 0 for null.
///
/// # Safety
///
/// `ptr` is null or a live block of mimalloc.
#[inline(always)]
pub(crate) unsafe fn usable_size(ptr: *const c_void) -> usize {
    // SAFETY: the caller promises null or a live block, and `mi_usable_size`
    // only reads the data of the block's page (upstream.md: usable size).
    unsafe { sys::mi_usable_size(ptr) }
}
