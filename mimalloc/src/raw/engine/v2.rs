//! Engine v2: a heap is the heap of the thread that made it.
//!
//! mimalloc ends a thread's heaps with the thread. Whatever runs on the thread
//! later, such as the destructor of a pthread key made after mimalloc's, may
//! still own one. The vendored source of v2 is compiled with a patch
//! (`mimalloc-sys/build/patches/v2.rs`) that leaves a dead heap: nothing is in it,
//! and every allocation in it is null. With another library there are no owned
//! heaps in safe code.

use core::ffi::c_void;

use mimalloc_sys as sys;

use crate::error::HeapError;
use crate::raw::backend::HeapBackend;
use crate::raw::heap as raw_heap;
use crate::raw::runtime::{self, Flag};

pub(crate) use arena_heaps::new_heap_in;
pub(crate) use sys::mi_free as free_small;

pub(crate) use crate::raw::backend::HeapBackend as LocalBackend;
pub(crate) use crate::raw::thread::initialize_by_allocating as initialize_thread;

/// Counts a heap in: engine v2 has no limit.
#[inline(always)]
pub(crate) fn count_in() -> Result<(), HeapError> {
    Ok(())
}

/// Counts in a heap that is there already: engine v2 has no limit.
#[inline(always)]
pub(crate) fn count_in_adopted() {}

/// Takes a heap back out of the count: engine v2 has none.
#[inline(always)]
pub(crate) fn count_out() {}

/// Keeps blocks of threads that have ended out of heaps that are made from now
/// on.
///
/// When a heap needs memory, engine v2 takes over what such threads left, with
/// their live blocks, into that very heap, although heaps that can be destroyed
/// are marked not to; destroying the heap would free those blocks. The option
/// `max_segment_reclaim` is the one way to stop it. Threads then get such memory
/// back when they free a block in it.
pub(crate) fn prepare_heaps() {
    use core::sync::atomic::{AtomicBool, Ordering};

    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.load(Ordering::Acquire) {
        // SAFETY: 0 is the value that there is nothing to promise for.
        let _ = unsafe { crate::option::Option::MaxSegmentReclaim.set_unchecked(0) };
        DONE.store(true, Ordering::Release);
    }
}

/// Has mimalloc keep the structure of a heap when the heap's thread ends.
///
/// # Safety
///
/// `heap` is live, and will be ended by [`destroy`] or [`delete`] or given to
/// [`give_up`].
#[inline(always)]
pub(crate) unsafe fn keep(heap: *mut sys::mi_heap_t) {
    // SAFETY: the heap is live.
    unsafe { dead::keep(heap) };
}

/// Frees all blocks of a heap and keeps up to about `keep` bytes of its pages.
/// Returns false and does nothing where that is not possible.
///
/// # Safety
///
/// `heap` is dead, or live and this thread's. No block of the heap is used again.
#[inline(always)]
pub(crate) unsafe fn reset_in_place(heap: *mut sys::mi_heap_t, keep: usize) -> bool {
    // SAFETY: the caller promises a live heap of this thread or a dead heap, and
    // blocks that are not used again.
    unsafe { dead::reset(heap, keep) }
}

/// Does nothing: heaps of this engine have no settings that a reset keeps.
///
/// # Safety
///
/// No preconditions; `unsafe` as for engine v3.
#[inline(always)]
pub(crate) unsafe fn copy_settings(_to: *mut sys::mi_heap_t, _from: *mut sys::mi_heap_t) {}

/// Undoes [`keep`].
///
/// # Safety
///
/// `heap` is live or dead.
#[inline(always)]
pub(crate) unsafe fn give_up(heap: *mut sys::mi_heap_t) {
    // SAFETY: the heap's structure is there.
    unsafe { dead::give_up(heap) };
}

/// What becomes of a heap when its thread ends, in a library that is patched to
/// leave a dead heap.
#[cfg(mimalloc_patched)]
mod dead {
    use mimalloc_sys as sys;

    /// # Safety
    ///
    /// `heap` is live.
    #[inline(always)]
    pub(super) unsafe fn keep(heap: *mut sys::mi_heap_t) {
        // SAFETY: the heap is live.
        unsafe { sys::mimalloc_sys_heap_keep(heap) };
    }

    /// # Safety
    ///
    /// `heap` is live or dead.
    #[inline(always)]
    pub(super) unsafe fn give_up(heap: *mut sys::mi_heap_t) {
        // SAFETY: the heap's structure is there.
        unsafe { sys::mimalloc_sys_heap_give_up(heap) };
    }

    /// # Safety
    ///
    /// `heap` is dead, or live and this thread's. No block of the heap is used
    /// again.
    #[inline(always)]
    pub(super) unsafe fn reset(heap: *mut sys::mi_heap_t, keep: usize) -> bool {
        // SAFETY: the caller promises a live heap of this thread or a dead heap,
        // and blocks that are not used again.
        unsafe { sys::mimalloc_sys_heap_reset(heap, keep) }
    }

    /// Returns whether the heap's thread has not ended.
    ///
    /// # Safety
    ///
    /// `heap` is live or dead.
    #[inline(always)]
    pub(super) unsafe fn is_alive(heap: *mut sys::mi_heap_t) -> bool {
        // SAFETY: the heap's structure is there.
        unsafe { sys::mimalloc_sys_heap_is_alive(heap) }
    }
}

/// The same in another library: a heap is gone with its thread, and this crate
/// has no heap that outlives its thread.
#[cfg(not(mimalloc_patched))]
mod dead {
    use mimalloc_sys as sys;

    pub(super) unsafe fn keep(_heap: *mut sys::mi_heap_t) {}

    pub(super) unsafe fn give_up(_heap: *mut sys::mi_heap_t) {}

    pub(super) unsafe fn reset(_heap: *mut sys::mi_heap_t, _keep: usize) -> bool {
        false
    }

    pub(super) unsafe fn is_alive(_heap: *mut sys::mi_heap_t) -> bool {
        true
    }
}

/// How heaps begin and end that can be destroyed.
#[cfg(mimalloc_has_heap_new_ex)]
mod arena_heaps {
    use mimalloc_sys as sys;
    pub(super) use sys::mi_heap_destroy as destroy_or_delete;

    /// Makes a heap in an arena. Heaps of `mi_heap_new_in_arena` can't be
    /// destroyed on 2.5.2.
    ///
    /// # Safety
    ///
    /// `arena` is the id of an arena.
    pub(crate) unsafe fn new_heap_in(arena: sys::mi_arena_id_t) -> *mut sys::mi_heap_t {
        // SAFETY: the id is that of an arena, which are never unloaded.
        unsafe { sys::mi_heap_new_ex(0, true, arena) }
    }
}

/// The same in versions without `mi_heap_new_ex`. Nothing keeps live blocks of
/// ended threads out of a heap (see [`prepare_heaps`]): they stay.
#[cfg(not(mimalloc_has_heap_new_ex))]
mod arena_heaps {
    use mimalloc_sys as sys;
    pub(super) use sys::mi_heap_delete as destroy_or_delete;
    pub(crate) use sys::mi_heap_new_in_arena as new_heap_in;
}

/// Ends a heap and frees its blocks, where the version can. Frees what is left
/// of a dead heap.
///
/// # Safety
///
/// `heap` is dead, or live and this thread's; neither it nor a block of it is
/// used again.
pub(crate) unsafe fn destroy(heap: *mut sys::mi_heap_t) {
    // SAFETY: as the caller promises.
    unsafe { end(heap, arena_heaps::destroy_or_delete) };
}

/// Ends a heap and keeps its blocks. Frees what is left of a dead heap.
///
/// # Safety
///
/// `heap` is dead, or live and this thread's, and not used again.
pub(crate) unsafe fn delete(heap: *mut sys::mi_heap_t) {
    // SAFETY: as the caller promises.
    unsafe { end(heap, sys::mi_heap_delete) };
}

/// Ends a heap by `by`, one of C's functions that do; frees what is left of a
/// dead one.
///
/// # Safety
///
/// `heap` is dead and not used again, or live and `by` may be called with it.
#[inline(always)]
unsafe fn end(heap: *mut sys::mi_heap_t, by: unsafe extern "C" fn(*mut sys::mi_heap_t)) {
    // SAFETY: the heap's structure is there.
    unsafe { give_up(heap) };
    // SAFETY: as above.
    if unsafe { dead::is_alive(heap) } {
        // SAFETY: the caller vouches for a heap that is not dead.
        unsafe { by(heap) };
    } else {
        // SAFETY: the structure of a dead heap is a block, and not used again.
        unsafe { sys::mi_free(heap.cast()) };
    }
}

/// Whether `ptr` points into a block of the heap.
///
/// # Safety
///
/// `heap` is dead, or live and this thread's.
pub(crate) unsafe fn contains(heap: *mut sys::mi_heap_t, ptr: *const u8) -> bool {
    // Upstream only looks for whole words' addresses. Pages begin at one, and
    // their blocks have whole words, so that the word of an address is in a page
    // exactly if the address is.
    let ptr = ptr.map_addr(|addr| addr & !(size_of::<usize>() - 1));
    // SAFETY: the heap is this thread's, and a dead heap is an empty one; only the
    // heap's own pages are looked at, never the pointer's target.
    unsafe { sys::mi_heap_check_owned(heap, ptr.cast()) }
}

/// Whether `ptr` points into a block of any heap.
pub(crate) fn any_heap_contains(ptr: *const c_void) -> bool {
    // SAFETY: only mimalloc's own tables are asked.
    unsafe { sys::mi_is_in_heap_region(ptr) }
}

/// A heap as the default of a thread.
pub(crate) mod default_heap {
    use mimalloc_sys as sys;

    use super::dead;

    /// What was a thread's default before [`set`]; null if the heap was dead.
    pub(crate) type Before = *mut sys::mi_heap_t;

    /// Makes a heap the default of the current thread, unless it is dead.
    ///
    /// # Safety
    ///
    /// `heap` is dead, or live and this thread's, and stays so until [`restore`] is
    /// called or the thread ends.
    pub(crate) unsafe fn set(heap: *mut sys::mi_heap_t) -> Before {
        // SAFETY: the heap is live or dead.
        if unsafe { dead::is_alive(heap) } {
            // SAFETY: the heap is live and this thread's.
            unsafe { sys::mi_heap_set_default(heap) }
        } else {
            core::ptr::null_mut()
        }
    }

    /// Undoes [`set`].
    ///
    /// # Safety
    ///
    /// `before` was returned by `set` of `heap` on this thread, and what was the
    /// default then is still live unless the thread has ended.
    pub(crate) unsafe fn restore(heap: *mut sys::mi_heap_t, before: Before) {
        // A heap dies with all others of its thread, and is no default then.
        // SAFETY: the heap is live or dead.
        if unsafe { dead::is_alive(heap) } {
            // SAFETY: the thread has not ended, so that its default before is live.
            unsafe { sys::mi_heap_set_default(before) };
        }
    }
}

/// The cheapest way for the current thread to allocate in a heap: the heap.
///
/// # Safety
///
/// None: the heap's own backend is as good. On engine v3 the heap must be live.
#[inline(always)]
pub(crate) unsafe fn local_backend(heap: HeapBackend) -> LocalBackend {
    heap
}

/// Guard pages behind sampled blocks, per heap.
#[cfg(mimalloc_guarded)]
pub(crate) mod guarded {
    use mimalloc_sys as sys;

    use crate::error::AllocError;
    use crate::raw::backend::HeapBackend;

    /// Guards a block about every `rate` bytes that are allocated in the heap.
    /// Fails for a dead heap, which has no numbers to sample with.
    ///
    /// # Safety
    ///
    /// `heap` is dead, or live and this thread's.
    pub(crate) unsafe fn set_sample_rate(
        heap: HeapBackend,
        rate: usize,
        seed: usize,
    ) -> Result<(), AllocError> {
        // SAFETY: the heap is live or dead.
        if !unsafe { super::dead::is_alive(heap.as_raw()) } {
            return Err(AllocError);
        }
        // SAFETY: a live heap of this thread.
        unsafe { sys::mi_heap_guarded_set_sample_rate(heap.as_raw(), rate, seed) };
        Ok(())
    }

    /// Guards only blocks of `min` to `max` bytes. Fails for a dead heap.
    ///
    /// # Safety
    ///
    /// The caller promises what [`set_sample_rate`] lists.
    pub(crate) unsafe fn set_size_bound(
        heap: HeapBackend,
        min: usize,
        max: usize,
    ) -> Result<(), AllocError> {
        // SAFETY: the heap is live or dead.
        if !unsafe { super::dead::is_alive(heap.as_raw()) } {
            return Err(AllocError);
        }
        // SAFETY: a live heap of this thread.
        unsafe { sys::mi_heap_guarded_set_size_bound(heap.as_raw(), min, max) };
        Ok(())
    }
}

/// Allocates a small block in the default heap.
///
/// # Safety
///
/// `0 < size <= SMALL_MAX`.
#[inline(always)]
pub(crate) unsafe fn malloc_small(size: usize) -> *mut c_void {
    // SAFETY: the caller keeps `size` within the small sizes.
    unsafe { sys::mi_malloc_small(size) }
}

/// Returns null: no entry of this engine takes a block without a call.
///
/// # Safety
///
/// The caller promises what [`malloc_small`] lists.
#[inline(always)]
pub(crate) unsafe fn take_small(_size: usize) -> *mut c_void {
    core::ptr::null_mut()
}

/// Allocates as [`malloc_small`] does, with all bytes zero.
///
/// # Safety
///
/// The caller promises what [`malloc_small`] lists.
#[inline(always)]
pub(crate) unsafe fn zalloc_small(size: usize) -> *mut c_void {
    // SAFETY: the caller keeps `size` within the small sizes.
    unsafe { sys::mi_zalloc_small(size) }
}

/// Stands in for the lock of engine v3: engine v2 keeps its statistics in one
/// static and needs none.
#[derive(Debug)]
#[must_use]
pub(crate) struct NoLock;

/// Keeps walks over all heaps away while a heap is destroyed.
#[inline(always)]
pub(crate) fn destroying() -> NoLock {
    NoLock
}

/// Keeps heaps from being destroyed during a walk over all heaps.
#[inline(always)]
pub(crate) fn walking() -> NoLock {
    NoLock
}

/// Marks this thread as collecting on purpose, until dropped.
///
/// v2 forces a deferred free when a thread ends, too: 4 calls a thread, each of
/// which leaves about 100 KiB behind if the hook allocates. So a thread records
/// when it collects on purpose.
#[derive(Debug)]
#[must_use]
pub(crate) struct Collecting {
    before: bool,
}

/// Begins a collect on purpose.
pub(crate) fn collecting(force: bool) -> Collecting {
    Collecting {
        before: runtime::replace(Flag::Collecting, force),
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        runtime::replace(Flag::Collecting, self.before);
    }
}

/// Returns whether a forced deferred free comes from a collect on purpose.
/// Without thread-locals none is known to.
pub(crate) fn is_collect_on_purpose() -> bool {
    runtime::get(Flag::Collecting)
}

/// States that heaps may be used on any thread: an allocation initialises the
/// thread or returns null.
pub(crate) const ADMITS_ALL_THREADS: bool = true;

/// Returns whether the current thread may make heaps and arenas, and may merge
/// its statistics.
///
/// Engine v2 does all of these through the thread's first heap, without a look
/// whether the thread has a heap. A thread that engine v2 has no memory for makes
/// upstream (2.5.2) dereference null.
#[inline]
pub(crate) fn thread_can_make_heaps() -> bool {
    initialize_thread()
}

/// States that [`free_small`] is no cheaper than `mi_free`.
pub(crate) const FREES_BY_SIZE: bool = false;

/// States that blocks of whole pages are not aligned to them.
pub(crate) const ALIGNS_LARGE_BLOCKS: bool = false;

/// States whether the aligned entries may return misaligned blocks.
pub(crate) const MISALIGNS: bool = cfg!(mimalloc_realign);

/// States that sizes of 2 GiB and more do no harm on 32-bit targets.
pub(crate) const MISTAKES_LARGE_SIZES: bool = false;

/// Returns the block size of a bin that is not the last one.
#[allow(dead_code, reason = "older versions have no statistics")]
pub(crate) fn bin_size(bin: usize) -> usize {
    crate::raw::size_class::bin_words(bin) * size_of::<usize>()
}

/// Takes in blocks that other threads freed. Before that, a visit lists those of
/// them that are in full pages. Old libraries may give a heap pages of ended threads
/// when they collect, so the function does nothing there.
///
/// # Safety
///
/// `heap` is live and this thread's, or dead.
pub(crate) unsafe fn take_in_frees(heap: *mut sys::mi_heap_t) {
    if cfg!(mimalloc_patched) {
        // SAFETY: the heap is this thread's or dead, and a collect frees no live block.
        unsafe { raw_heap::collect(heap, false) };
    }
}

/// Adds the current thread's statistics to those of the process.
#[allow(dead_code, reason = "older versions have no statistics")]
pub(crate) fn merge_stats() {
    // A thread that has no records in mimalloc has no statistics.
    if initialize_thread() {
        // SAFETY: the thread has statistics, and upstream adds them to those of
        // the process with atomic operations.
        unsafe { sys::mi_stats_merge() };
    }
}

/// The C id of no arena.
pub(crate) const NO_ARENA: sys::mi_arena_id_t = 0;

/// Whether an id is that of an arena.
pub(crate) fn is_arena(id: sys::mi_arena_id_t) -> bool {
    id > 0
}

/// Entries in upstream's table of arenas (`MI_MAX_ARENAS`).
pub(crate) const ARENA_ENTRIES: u64 = 132;

/// What one entry of the table holds: an arena takes one whatever its size.
pub(crate) const ARENA_ENTRY_SIZE: Option<usize> = None;

/// States the step in which arenas are handed out on 64-bit systems.
const ARENA_STEP: usize = 32 << 20;

/// Returns the smallest size of an arena: this engine has no limit.
pub(crate) fn arena_min_size() -> usize {
    1
}

/// Returns the alignment of an arena's start.
pub(crate) fn arena_min_alignment() -> usize {
    ARENA_STEP
}

/// Returns whether an address is in an arena.
///
/// # Safety
///
/// `id` is that of an arena.
pub(crate) unsafe fn arena_contains(id: sys::mi_arena_id_t, ptr: *const c_void) -> bool {
    // SAFETY: the caller promises the id of an arena.
    unsafe { crate::raw::arena::area(id) }.is_some_and(|area| {
        let start = area.cast::<u8>().as_ptr().addr();
        ptr.addr().wrapping_sub(start) < area.len()
    })
}

/// What must be left of memory whose start had to be aligned: the step in which
/// arenas are handed out.
pub(crate) fn region_needed(_min_size: usize, _alignment: usize) -> usize {
    ARENA_STEP
}
