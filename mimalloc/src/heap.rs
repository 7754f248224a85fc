//! Defines heaps, whose blocks are all freed in one call.

#[cfg(mimalloc_default_heap)]
pub(crate) mod default_guard;
#[cfg(mimalloc_owned_heaps)]
mod owned;
#[cfg(mimalloc_v3)]
mod v3;

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use mimalloc_sys as sys;

use crate::arena::{Arena, MaybeArena};
use crate::error::HeapError;
use crate::raw::theap_cache::HeapId;
use crate::raw::{self, backend, engine};

/// States how many heaps can be live at once on engine v3, without the main
/// heap.
///
/// Each `Profiler` also has a heap. Engine v2 has no limit of its own.
///
/// mimalloc can have 64,512 heaps, and 3,072 on 32-bit targets. The difference is
/// left for heaps that this crate does not make, such as the heap of the profiler
/// that `MIMALLOC_PROFILE` starts.
pub const MAX_HEAPS: usize = if usize::BITS == 64 { 64_500 } else { 3_060 };

/// Owns a mimalloc heap: an allocator whose blocks are all freed at once.
///
/// # Caveats
///
/// - **Dropping a heap frees every block in the heap**, whether or not the
///   values in the blocks were dropped. Collections borrow the heap
///   (`Vec::new_in(&heap)`) or own the heap (`Vec::new_in(heap)`), so no
///   collection is left when the heap is dropped. The memory of a
///   [forgotten](core::mem::forget) collection is freed as well. On engine v2,
///   with the feature `guarded` or a system library without `mi_heap_new_ex`
///   (2.1.7, 2.0), dropping a heap frees nothing: forgotten blocks are leaked.
///   In such a library, a heap may have taken over live blocks of other
///   threads.
/// - **Threads**: on engine v3 a heap is `Send` and `Sync`, and any thread may
///   allocate in the heap. On engine v2 a heap belongs to the thread that made
///   the heap, and dies when mimalloc's part of that thread ends: see
///   [`docs::threads`](crate::docs::threads).
/// - Making a heap takes a few microseconds. A [reset](Self::reset) takes a small
///   part of that.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use hashbrown::{DefaultHashBuilder, HashMap};
/// use mimalloc::Heap;
///
/// let heap = Heap::new()?;
/// let mut primes = Vec::new_in(&heap);
/// primes.extend([2, 3, 5, 7, 11]);
///
/// let mut squares = HashMap::with_hasher_in(DefaultHashBuilder::default(), &heap);
/// for &prime in &primes {
///     squares.insert(prime, prime * prime);
/// }
/// assert_eq!(squares[&7], 49);
/// assert!(heap.contains(primes.as_slice()));
/// # Ok::<(), mimalloc::HeapError>(())
/// ```
///
/// A collection can't outlive the heap that it borrows:
///
/// ```compile_fail
/// use allocator_api2::vec::Vec;
/// let numbers = {
///     let heap = mimalloc::Heap::new().unwrap();
///     Vec::<u8, _>::new_in(&heap)
/// };
/// drop(numbers);
/// ```
///
/// # Invariants
///
/// `raw` is a live heap that this value owns, unless the value is behind the
/// reference that `Heap::main` returns. On engine v2 the heap belongs to the
/// current thread, and is dead (`raw::engine`) once mimalloc's part of the
/// thread has ended. The functions of C take a dead heap for an empty heap,
/// except the functions that end a heap.
#[repr(C)]
#[doc(alias = "mi_heap_t")]
pub struct Heap {
    raw: NonNull<sys::mi_heap_t>,
    /// The arena in which [`reset`](Self::reset) makes the next heap.
    arena: MaybeArena,
    id: HeapId,
}

impl Heap {
    /// Makes a heap, lends the heap to `f`, and destroys the heap when `f`
    /// returns or panics.
    ///
    /// This works on every engine and platform.
    ///
    /// ```
    /// use allocator_api2::vec::Vec;
    /// use mimalloc::Heap;
    ///
    /// let total = Heap::scope(|heap| {
    ///     let mut parts = Vec::new_in(heap);
    ///     parts.extend(["1", "2", "39"]);
    ///     parts.iter().filter_map(|part| part.parse::<u32>().ok()).sum::<u32>()
    /// })?;
    /// assert_eq!(total, 42);
    /// # Ok::<(), mimalloc::HeapError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out, or on engine v3 when
    /// [`MAX_HEAPS`] heaps are live. `f` is then not called.
    pub fn scope<R>(f: impl FnOnce(&Self) -> R) -> Result<R, HeapError> {
        let heap = Self::create()?;
        Ok(f(&heap))
    }

    pub(crate) fn create() -> Result<Self, HeapError> {
        counted(MaybeArena::NONE, raw::heap::new)
    }

    pub(crate) fn create_in(arena: Arena) -> Result<Self, HeapError> {
        counted(arena.into(), || {
            // SAFETY: the id comes from an `Arena`, and arenas are never given
            // back (upstream.md: arena lifetime).
            unsafe { raw::heap::new_in(arena.id()) }
        })
    }

    #[inline(always)]
    pub(crate) fn backend(&self) -> backend::HeapBackend {
        // SAFETY: by the type's invariant the heap lives while `self` does, and
        // on engine v2 `self` can't leave the thread.
        unsafe { backend::HeapBackend::new(self.raw.as_ptr(), self.id) }
    }

    /// Frees every block in the heap and leaves the heap empty, ready for the
    /// next request, frame or parse.
    ///
    /// `&mut self` proves that no collection in the heap is left. A heap made in
    /// an [`Arena`] stays in that arena.
    ///
    /// The heap keeps up to about 1 MiB of its pages, so that the next blocks cost
    /// little. [`reset_keeping`](Self::reset_keeping) chooses how much;
    /// [`collect(true)`](Self::collect) gives the kept pages back.
    ///
    /// Both vendored engines keep pages, for a heap of at most a few hundred pages,
    /// without the features `guarded`, `valgrind`, `asan` and `debug-full`. On
    /// engine v3, only the calling thread may have used the heap; on engine v2, the
    /// feature `debug` keeps no pages either.
    /// Otherwise `reset` destroys the heap and makes a new one: it calls
    /// `mi_heap_new` or `mi_heap_new_in_arena`, and `mi_heap_destroy`.
    ///
    /// With the pinned source, a profiler that is attached to the heap hears that
    /// its sampled blocks are free, and stays attached. The settings of the heap
    /// also stay.
    ///
    /// ```
    /// use allocator_api2::boxed::Box;
    /// use mimalloc::Heap;
    ///
    /// let mut heap = Heap::new()?;
    /// for frame in 0..3 {
    ///     let scratch = Box::new_in([frame; 1000], &heap);
    ///     assert_eq!(scratch[999], frame);
    ///     drop(scratch);
    ///     heap.reset()?;
    /// }
    /// # Ok::<(), mimalloc::HeapError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out, or on engine v3 when
    /// [`MAX_HEAPS`] heaps are live. The heap then stays unchanged.
    #[doc(alias = "mi_heap_destroy")]
    pub fn reset(&mut self) -> Result<(), HeapError> {
        self.reset_keeping(KEPT_BY_RESET)
    }

    /// Frees every block in the heap, as [`reset`](Self::reset) does, and keeps up
    /// to about `bytes` of its pages. With 0 the heap keeps no page.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out, or on engine v3 when
    /// [`MAX_HEAPS`] heaps are live. The heap then stays unchanged.
    pub fn reset_keeping(&mut self, bytes: usize) -> Result<(), HeapError> {
        if self.reset_in_place(bytes) {
            return Ok(());
        }
        // A heap without blocks takes nothing from its arena yet, so the arena
        // has room for the new heap while the old heap is live.
        self.replace(match self.arena.get() {
            Some(arena) => Self::create_in(arena)?,
            None => Self::create()?,
        });
        Ok(())
    }

    /// Puts a heap that was made just now in the place of this one.
    fn replace(&mut self, new: Self) {
        // SAFETY: both heaps are live by the type's invariant, and the new heap was
        // not used yet.
        unsafe { engine::copy_settings(new.as_raw(), self.as_raw()) };
        *self = new;
    }

    /// Frees every block in the heap and keeps up to about `bytes` of its pages.
    /// Returns false and does nothing where that is not possible. After true, no
    /// other thread has a theap of the heap.
    #[inline]
    pub(crate) fn reset_in_place(&mut self, bytes: usize) -> bool {
        // SAFETY: the heap is live and not the main heap, which is never borrowed
        // mutably. `&mut` proves that none of its blocks is used and that no other
        // thread uses the heap.
        unsafe { engine::reset_in_place(self.as_raw(), bytes) }
    }

    /// Frees every block like [`reset`](Self::reset), and makes the fresh heap
    /// in `arena`.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out, or on engine v3 when
    /// [`MAX_HEAPS`] heaps are live. The heap then stays unchanged.
    pub fn reset_in(&mut self, arena: Arena) -> Result<(), HeapError> {
        self.replace(Self::create_in(arena)?);
        Ok(())
    }

    /// Returns the arena passed to [`new_in`](Self::new_in), or `None` if the
    /// heap has no arena or came from [`from_raw`](Self::from_raw).
    #[must_use]
    pub fn arena(&self) -> core::option::Option<Arena> {
        self.arena.get()
    }

    /// Returns unused memory of the heap.
    ///
    /// On engine v3 this covers only the theap of the current thread. With
    /// `force`, memory that mimalloc would keep for a while is returned as
    /// well.
    ///
    /// Frees no live block. Calls `mi_heap_collect`.
    #[doc(alias = "mi_heap_collect")]
    pub fn collect(&self, force: bool) {
        // SAFETY: the heap is live by the type's invariant. On engine v2 the
        // heap belongs to this thread or is dead, and collecting a dead heap
        // does nothing.
        unsafe { raw::heap::collect(self.as_raw(), force) };
    }

    /// Returns whether `value` lies in a block of this heap.
    ///
    /// A value of size zero, such as an empty slice, lies in no block.
    ///
    /// On engine v3, only about the first 4 MiB of a block count as inside, and
    /// on 32-bit targets the first 1 MiB. On engine v2 the search takes time in
    /// proportion to the heap's pages.
    ///
    /// Calls `mi_heap_contains`; on engine v2 `mi_heap_check_owned`.
    #[must_use]
    #[doc(alias = "mi_heap_contains")]
    #[doc(alias = "mi_heap_check_owned")]
    pub fn contains<T: ?Sized>(&self, value: &T) -> bool {
        let ptr = core::ptr::from_ref(value).cast();
        // The place of a value without bytes may be freed during the call.
        // SAFETY: `value` has bytes, and is borrowed, so the block of the bytes
        // is not freed during the call (upstream.md: containment).
        size_of_val(value) != 0 && unsafe { self.contains_ptr(ptr) }
    }

    /// Returns whether `ptr` points into a block of this heap.
    ///
    /// # Safety
    ///
    /// - If `ptr` points into a block of mimalloc, no thread frees that block
    ///   during the call. Any other pointer is allowed.
    #[must_use]
    pub unsafe fn contains_ptr(&self, ptr: *const u8) -> bool {
        // SAFETY: the heap is live by the type's invariant (on engine v2 this
        // thread's, or dead), and the caller keeps a block of mimalloc alive
        // (upstream.md: containment).
        unsafe { engine::contains(self.as_raw(), ptr) }
    }

    /// Returns the raw heap pointer, for C functions that this crate does not
    /// wrap.
    ///
    /// The heap is live while `self` is borrowed. The caller answers for what C
    /// does with the heap.
    #[inline]
    #[must_use]
    pub fn as_raw(&self) -> *mut sys::mi_heap_t {
        self.raw.as_ptr()
    }

    /// Releases ownership of the heap.
    ///
    /// The caller must destroy the heap, for example by passing the pointer to
    /// [`Heap::from_raw`].
    ///
    /// On engine v2 mimalloc deletes the heap when the thread ends.
    #[must_use]
    pub fn into_raw(self) -> *mut sys::mi_heap_t {
        engine::count_out();
        let raw = ManuallyDrop::new(self).raw.as_ptr();
        // SAFETY: `self` owned this live heap, and no longer drops the heap.
        unsafe { engine::give_up(raw) };
        raw
    }

    /// Takes ownership of a C heap.
    ///
    /// # Safety
    ///
    /// - `raw` is a live heap, not a main heap, and no other code deletes or
    ///   destroys `raw`.
    /// - No block of the heap is used after the returned value is dropped or
    ///   reset.
    /// - The heap is not the default heap of any thread when the returned value
    ///   is dropped or reset.
    /// - On engine v2 the heap belongs to the current thread, and holds no
    ///   block of an ended thread. Heaps that this crate did not make may take
    ///   over such blocks unless `Option::MaxSegmentReclaim` is 0. With a
    ///   library of v2 that is not compiled from the pinned source, the
    ///   returned value is dropped before mimalloc's part of the thread ends.
    #[must_use]
    pub unsafe fn from_raw(raw: NonNull<sys::mi_heap_t>) -> Self {
        engine::count_in_adopted();
        // SAFETY: the caller promises a live heap that this value now owns;
        // `Drop` and `into_raw` remove the mark.
        unsafe { engine::keep(raw.as_ptr()) };
        // INVARIANT: the caller promises that the heap is live and owned.
        Self {
            raw,
            arena: MaybeArena::NONE,
            id: HeapId::next(),
        }
    }

    /// Ends the heap and moves its blocks to the main heap.
    ///
    /// The blocks are then freed one by one, like other blocks.
    ///
    /// [`SharedHeap`](crate::SharedHeap) is the safe way to let blocks outlive
    /// their heap's handle.
    ///
    /// Calls `mi_heap_delete`.
    ///
    /// # Safety
    ///
    /// - No thread frees or resizes a block of this heap during the call: on
    ///   engine v3 the two race, and the process crashes.
    /// - The calling thread has allocated with mimalloc before, so the call
    ///   needs no memory.
    /// - On engine v2, the heap is in no [`Arena`]: mimalloc leaves the pages of
    ///   such a heap to no heap, and crashes when a block of them is freed.
    /// - No [`set_default`](Self::set_default) of this heap is in force.
    #[doc(alias = "mi_heap_delete")]
    pub unsafe fn delete_keeping_blocks(self) {
        let raw = ManuallyDrop::new(self).raw.as_ptr();
        let _guard = engine::destroying();
        // SAFETY: the heap was owned and is not used again. The caller promises
        // that no thread frees its blocks meanwhile, and the guard keeps away
        // walks over all heaps (upstream.md: heap deletion, statistics walks).
        unsafe { engine::delete(raw) };
        engine::count_out();
    }
}

/// States about how many bytes of its pages a heap keeps in [`Heap::reset`].
pub(crate) const KEPT_BY_RESET: usize = 1 << 20;

/// Counts a heap and makes the heap.
fn counted(
    arena: MaybeArena,
    make: impl FnOnce() -> *mut sys::mi_heap_t,
) -> Result<Heap, HeapError> {
    engine::prepare_heaps();
    engine::count_in()?;
    let Some(raw) = NonNull::new(make()) else {
        engine::count_out();
        return Err(HeapError::OutOfMemory);
    };
    // INVARIANT: `make` just made the heap, so this value is the only owner.
    Ok(Heap {
        raw,
        arena,
        id: HeapId::next(),
    })
}

impl Drop for Heap {
    fn drop(&mut self) {
        let _guard = engine::destroying();
        // SAFETY: the heap is owned, and `&mut self` proves that nothing
        // borrows the heap. So no thread is inside the heap, and no block of
        // the heap is used again (upstream.md: heap destruction). The guard
        // keeps away walks over all heaps (upstream.md: statistics walks).
        unsafe { engine::destroy(self.as_raw()) };
        engine::count_out();
    }
}

impl fmt::Debug for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Heap").field(&self.raw).finish()
    }
}
