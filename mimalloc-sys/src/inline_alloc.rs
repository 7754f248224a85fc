//! Allocates small blocks like engine v3, without a call.
//!
//! The module exists only for the pinned source, in builds that neither pad,
//! encode nor check blocks; see `offsets.rs`, and `build/inlined.rs` for all
//! conditions.

use core::ffi::c_void;

use crate::bindings::{mi_theap_t, mi_theap_wmalloc_small};

#[path = "offsets.rs"]
mod offsets;

use offsets::{PAGE_FREE, PAGE_USED, THEAP_PAGES};

/// Adds one to the count of blocks in use and to the count of blocks ever used.
/// Each count has 16 bits.
const USED_ONE: usize = 0x1_0001;

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
///   default theap of this thread. It is not null.
/// - `wsize` is at most [`MI_SMALL_WSIZE_MAX`](crate::MI_SMALL_WSIZE_MAX).
#[inline(always)]
#[must_use]
pub unsafe fn mimalloc_sys_theap_wmalloc_small(
    theap: *mut mi_theap_t,
    wsize: usize,
) -> *mut c_void {
    // SAFETY: the caller promises a live theap, whose table of pages begins at
    // this offset; the C compiler checks the offset (upstream.md: inlined
    // allocation).
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
        // SAFETY: the caller promises a live theap of this thread and a small
        // size.
        return unsafe { mi_theap_wmalloc_small(theap, wsize) };
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
    // SAFETY: this is the thread's default theap, which is never null and in which
    // each thread may allocate at any time; the caller promises a small size
    // (upstream.md: default theap).
    return unsafe {
        mimalloc_sys_theap_wmalloc_small(crate::default_theap::mimalloc_sys_theap_default(), wsize)
    };
    #[cfg(not(mimalloc_default_theap))]
    // SAFETY: the caller promises a small size.
    return unsafe { crate::mi_wmalloc_small(wsize) };
}
