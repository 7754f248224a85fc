//! Allocates small blocks like engine v3, without a call.
//!
//! The module exists only for the pinned source, in builds that neither pad,
//! encode nor check blocks; see `offsets.rs`, and `build/inlined.rs` for all
//! conditions.

use core::ffi::c_void;

use crate::bindings::{mi_theap_t, mi_theap_wmalloc_small, mi_theap_wzalloc_small};
#[cfg(not(mimalloc_default_theap))]
use crate::bindings::{mi_wmalloc_small, mi_wzalloc_small};
#[cfg(mimalloc_default_theap)]
use crate::default_theap::mimalloc_sys_theap_default;

#[path = "offsets.rs"]
mod offsets;

use offsets::{PAGE_FREE, PAGE_FREE_IS_ZERO, PAGE_USED, THEAP_PAGES};

/// Adds one to the count of blocks in use and to the count of blocks ever used.
/// Each count has 16 bits.
const USED_ONE: usize = 0x1_0001;

/// A free block that was just taken from its page.
struct Taken {
    /// The block, or null if the page has no free block.
    block: *mut c_void,
    page: *mut c_void,
}

/// Takes a free block from the page of a size.
///
/// # Safety
///
/// The caller promises what [`mimalloc_sys_theap_wmalloc_small`] lists.
#[inline(always)]
unsafe fn take(theap: *mut mi_theap_t, wsize: usize) -> Taken {
    // SAFETY: the caller promises a theap, whose table of pages begins at this
    // offset; the C compiler checks the offset (upstream.md: inlined allocation).
    let pages = unsafe { theap.byte_add(THEAP_PAGES) }.cast::<*mut c_void>();
    // SAFETY: the table has an entry for each small size, and the caller
    // promises that `wsize` is small.
    let entry = unsafe { pages.add(wsize) };
    // SAFETY: the entry lies in the theap, and only this thread writes to the
    // table.
    let page = unsafe { *entry };
    // SAFETY: an entry of the table is never null: an empty entry points to a
    // page without free blocks (upstream.md: inlined allocation). The C
    // compiler checks the offset of the field.
    let free = unsafe { page.byte_add(PAGE_FREE) }.cast::<*mut c_void>();
    // SAFETY: the field is live as above, and only the thread that owns the
    // page uses the list of free blocks.
    let block = unsafe { *free };
    if block.is_null() {
        return Taken { block, page };
    }
    // SAFETY: the first word of a free block is the next free block or null.
    let next = unsafe { *block.cast::<*mut c_void>() };
    // SAFETY: the counts lie in the same page, at an offset that the C compiler
    // checks.
    let used = unsafe { page.byte_add(PAGE_USED) }.cast::<usize>();
    // SAFETY: only the thread that owns the page uses the counts. The page has
    // a free block, so the page is not the constant page of empty entries.
    let used = unsafe { &mut *used };
    *used = used.wrapping_add(USED_ONE);
    // SAFETY: the list of free blocks belongs to this thread, as above, and the
    // page is not constant.
    unsafe { *free = next };
    Taken { block, page }
}

/// Allocates `wsize` words in a theap like [`mi_theap_wmalloc_small`].
///
/// The function is not one of upstream's. It calls `mi_theap_wmalloc_small` if
/// the page of the theap has no free block. The function exists only where the
/// metadata `inline_alloc` is 1.
///
/// # Safety
///
/// - `theap` is a live theap of this thread, what
///   [`mi_heap_theap`](crate::mi_heap_theap) returned on this thread, or the
///   default theap of this thread.
/// - `theap` is not null.
/// - `wsize` is at most [`MI_SMALL_WSIZE_MAX`](crate::MI_SMALL_WSIZE_MAX).
#[inline(always)]
#[must_use]
pub unsafe fn mimalloc_sys_theap_wmalloc_small(
    theap: *mut mi_theap_t,
    wsize: usize,
) -> *mut c_void {
    // SAFETY: the caller promises a theap of this thread and a small size.
    let Taken { block, .. } = unsafe { take(theap, wsize) };
    if block.is_null() {
        // SAFETY: as above.
        return unsafe { mi_theap_wmalloc_small(theap, wsize) };
    }
    block
}

/// Allocates `wsize` words of zeros in a theap like [`mi_theap_wzalloc_small`].
///
/// Unlike that function, this one may leave bytes behind the `wsize` words as
/// they are. The function is not one of upstream's, and exists only where the
/// metadata `inline_alloc` is 1.
///
/// # Safety
///
/// The caller promises what [`mimalloc_sys_theap_wmalloc_small`] lists.
#[inline(always)]
#[must_use]
pub unsafe fn mimalloc_sys_theap_wzalloc_small(
    theap: *mut mi_theap_t,
    wsize: usize,
) -> *mut c_void {
    // SAFETY: the caller promises a theap of this thread and a small size.
    let Taken { block, page } = unsafe { take(theap, wsize) };
    if block.is_null() {
        // SAFETY: as above.
        return unsafe { mi_theap_wzalloc_small(theap, wsize) };
    }
    // SAFETY: the field lies in the page of the block, at an offset that the C
    // compiler checks.
    let is_zero = unsafe { page.byte_add(PAGE_FREE_IS_ZERO) }.cast::<u8>();
    // SAFETY: the field is a byte, and only the thread that owns the page uses it.
    if unsafe { *is_zero } != 0 {
        // Apart from the link, free blocks of such a page are zero.
        // SAFETY: a block has at least one word.
        unsafe { *block.cast::<usize>() = 0 };
    } else {
        // SAFETY: the block was taken just now, and has at least `wsize` words.
        unsafe { block.cast::<usize>().write_bytes(0, wsize) };
    }
    block
}

/// Allocates `wsize` words in the default theap like
/// [`mi_wmalloc_small`](crate::mi_wmalloc_small).
///
/// The function is not one of upstream's. It makes no call if the metadata
/// `default_theap` is 1 and the page of the theap has a free block. The function
/// exists only where the metadata `inline_alloc` is 1.
///
/// # Safety
///
/// `wsize` is at most [`MI_SMALL_WSIZE_MAX`](crate::MI_SMALL_WSIZE_MAX).
#[inline(always)]
#[must_use]
pub unsafe fn mimalloc_sys_wmalloc_small(wsize: usize) -> *mut c_void {
    #[cfg(mimalloc_default_theap)]
    // SAFETY: this is the thread's default theap, which is never null; the caller
    // promises a small size (upstream.md: reading the default theap).
    return unsafe { mimalloc_sys_theap_wmalloc_small(mimalloc_sys_theap_default(), wsize) };
    #[cfg(not(mimalloc_default_theap))]
    // SAFETY: the caller promises a small size.
    return unsafe { mi_wmalloc_small(wsize) };
}

/// Allocates `wsize` words of zeros in the default theap like
/// [`mi_wzalloc_small`](crate::mi_wzalloc_small).
///
/// Unlike that function, this one may leave bytes behind the `wsize` words as
/// they are. Otherwise as [`mimalloc_sys_wmalloc_small`].
///
/// # Safety
///
/// `wsize` is at most [`MI_SMALL_WSIZE_MAX`](crate::MI_SMALL_WSIZE_MAX).
#[inline(always)]
#[must_use]
pub unsafe fn mimalloc_sys_wzalloc_small(wsize: usize) -> *mut c_void {
    #[cfg(mimalloc_default_theap)]
    // SAFETY: this is the thread's default theap, which is never null; the caller
    // promises a small size (upstream.md: reading the default theap).
    return unsafe { mimalloc_sys_theap_wzalloc_small(mimalloc_sys_theap_default(), wsize) };
    #[cfg(not(mimalloc_default_theap))]
    // SAFETY: the caller promises a small size.
    return unsafe { mi_wzalloc_small(wsize) };
}

/// Takes a block of `wsize` words from the default theap, without a call.
///
/// Returns null if that is not possible: if the page of the theap has no free block,
/// which says nothing about how much memory is left, and always if the metadata
/// `default_theap` is 0. The function is not one of upstream's, and exists only
/// where the metadata `inline_alloc` is 1.
///
/// # Safety
///
/// `wsize` is at most [`MI_SMALL_WSIZE_MAX`](crate::MI_SMALL_WSIZE_MAX).
#[inline(always)]
#[must_use]
pub unsafe fn mimalloc_sys_wtake_small(wsize: usize) -> *mut c_void {
    #[cfg(mimalloc_default_theap)]
    // SAFETY: this is the thread's default theap, which is never null; the caller
    // promises a small size (upstream.md: reading the default theap).
    return unsafe { take(mimalloc_sys_theap_default(), wsize) }.block;
    #[cfg(not(mimalloc_default_theap))]
    {
        let _ = wsize;
        core::ptr::null_mut()
    }
}
