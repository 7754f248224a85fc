//! What engine v3 does for a small block, without a call. Only for the pinned
//! source in builds that neither pad, encode nor check blocks; see `offsets.rs`.

use core::ffi::c_void;

use crate::bindings::{mi_theap_t, mi_theap_wmalloc_small};

#[path = "offsets.rs"]
mod offsets;

use offsets::{PAGE_FREE, PAGE_USED, THEAP_PAGES};

/// One more block in use, and one more that ever was: a 16-bit number each.
const USED_ONE: usize = 0x1_0001;

/// Not one of upstream's: as [`mi_theap_wmalloc_small`], and calls it where the
/// theap's page has no free block at hand. Only where the metadata `inline_alloc`
/// is 1.
///
/// # Safety
///
/// `theap` is a live theap of this thread or what
/// [`mi_heap_theap`](crate::mi_heap_theap) returned on it, not null, and `wsize`
/// is at most [`MI_SMALL_WSIZE_MAX`](crate::MI_SMALL_WSIZE_MAX).
#[inline(always)]
#[must_use]
pub unsafe fn mimalloc_sys_theap_wmalloc_small(
    theap: *mut mi_theap_t,
    wsize: usize,
) -> *mut c_void {
    // SAFETY: the theap's entries are that many bytes in.
    let pages = unsafe { theap.byte_add(THEAP_PAGES) }.cast::<*mut c_void>();
    // SAFETY: there is an entry for each small size.
    let entry = unsafe { pages.add(wsize) };
    // SAFETY: never null.
    let page = unsafe { *entry };
    // SAFETY: a field of the page.
    let free = unsafe { page.byte_add(PAGE_FREE) }.cast::<*mut c_void>();
    // SAFETY: only the thread that owns a page uses its free blocks.
    let block = unsafe { *free };
    if block.is_null() {
        // SAFETY: as promised by the caller.
        return unsafe { mi_theap_wmalloc_small(theap, wsize) };
    }
    // SAFETY: a free block holds the next one or null.
    let next = unsafe { *block.cast::<*mut c_void>() };
    // SAFETY: another field of the page.
    let used = unsafe { page.byte_add(PAGE_USED) }.cast::<usize>();
    // SAFETY: as for the free blocks. This is not the constant page that stands
    // for none, as it has a block.
    let used = unsafe { &mut *used };
    *used = used.wrapping_add(USED_ONE);
    // SAFETY: as above.
    unsafe { *free = next };
    block
}
