//! Arenas.

use core::ffi::c_int;
use core::ptr::NonNull;

use mimalloc_sys as sys;

use super::engine::NO_ARENA;
pub(crate) use super::engine::{
    arena_contains as contains, arena_min_alignment as min_alignment, arena_min_size as min_size,
};
use super::thread::thread_can_make_heaps;

/// Whether this build protects parts of each mimalloc page, for which memory that
/// can't be protected is of no use.
pub(crate) const PROTECTS_PAGES: bool = cfg!(mimalloc_protects_pages);

/// Reserves an arena from the system; [`NO_ARENA`] when that fails.
pub(crate) fn reserve(
    size: usize,
    commit: bool,
    large_pages: bool,
    exclusive: bool,
) -> sys::mi_arena_id_t {
    if !thread_can_make_heaps() {
        return NO_ARENA;
    }
    let mut id = NO_ARENA;
    // SAFETY: `id` may be written; the rest may be anything.
    let code =
        unsafe { sys::mi_reserve_os_memory_ex(size, commit, large_pages, exclusive, &raw mut id) };
    if code == 0 { id } else { NO_ARENA }
}

/// What [`manage`] is told about memory.
pub(crate) struct Region {
    pub(crate) start: NonNull<u8>,
    pub(crate) len: usize,
    pub(crate) committed: bool,
    pub(crate) pinned: bool,
    pub(crate) zeroed: bool,
    /// The NUMA node, or -1.
    pub(crate) node: c_int,
}

/// Turns memory into an arena; [`NO_ARENA`] when that fails.
///
/// # Safety
///
/// The memory is as described and valid until the process ends, and only mimalloc
/// uses the memory from now on.
pub(crate) unsafe fn manage(region: &Region, exclusive: bool) -> sys::mi_arena_id_t {
    if !thread_can_make_heaps() {
        return NO_ARENA;
    }
    let mut id = NO_ARENA;
    // SAFETY: the caller hands the memory over for good, as described; `id` may be
    // written.
    let is_done = unsafe {
        sys::mi_manage_os_memory_ex(
            region.start.as_ptr().cast(),
            region.len,
            region.committed,
            region.pinned,
            region.zeroed,
            region.node,
            exclusive,
            &raw mut id,
        )
    };
    if is_done { id } else { NO_ARENA }
}

/// Reserves huge pages at a NUMA node, -1 for any; [`NO_ARENA`] when there are
/// none. 0 milliseconds are no limit.
pub(crate) fn reserve_huge(
    pages: usize,
    node: c_int,
    timeout: usize,
    exclusive: bool,
) -> sys::mi_arena_id_t {
    if !thread_can_make_heaps() {
        return NO_ARENA;
    }
    let mut id = NO_ARENA;
    // SAFETY: `id` may be written; the rest may be anything.
    let code = unsafe {
        sys::mi_reserve_huge_os_pages_at_ex(pages, node, timeout, exclusive, &raw mut id)
    };
    if code == 0 { id } else { NO_ARENA }
}

/// Reserves huge pages spread over NUMA nodes; returns whether there were any.
/// 0 milliseconds are no limit.
pub(crate) fn reserve_huge_interleaved(pages: usize, nodes: usize, timeout: usize) -> bool {
    if !thread_can_make_heaps() {
        return false;
    }
    // SAFETY: the arguments may be anything.
    unsafe { sys::mi_reserve_huge_os_pages_interleave(pages, nodes, timeout) == 0 }
}

/// The address range of an arena, if C knows it.
///
/// # Safety
///
/// `id` is that of an arena.
pub(crate) unsafe fn area(id: sys::mi_arena_id_t) -> Option<NonNull<[u8]>> {
    let mut size = 0;
    // SAFETY: arenas are never unloaded; `size` may be written.
    let start = unsafe { sys::mi_arena_area(id, &raw mut size) };
    let start = NonNull::new(start.cast::<u8>())?;
    Some(NonNull::slice_from_raw_parts(start, size))
}

/// The largest block that fits in an arena at all.
#[cfg(mimalloc_since_3_5)]
pub(crate) fn max_object_size() -> usize {
    // SAFETY: may be called at any time, options or not.
    unsafe { sys::mi_arena_max_object_size() }
}
