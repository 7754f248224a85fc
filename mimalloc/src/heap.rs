//! Heaps: memory that is thrown away in one call.

#[cfg(any(mimalloc_v2, mimalloc_has_theap_set_default))]
mod default_guard;

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use mimalloc_sys as sys;

#[cfg(any(mimalloc_v2, mimalloc_has_theap_set_default))]
pub use default_guard::DefaultGuard;

use crate::arena::{Arena, MaybeArena};
use crate::error::HeapError;
use crate::raw::theap_cache::HeapId;
use crate::raw::{self, backend, engine};

/// The most heaps that can be live at once on engine v3, the main heap not
/// counted. Each `Profiler` has a heap, too. Engine v2 has no limit of its own.
///
/// mimalloc can have 64,512, and 3,072 on 32-bit targets; a few are left for heaps that this crate doesn't
/// make, such as that of the profiler that `MIMALLOC_PROFILE` starts.
pub const MAX_HEAPS: usize = if cfg!(target_pointer_width = "64") {
    64_500
} else {
    3_060
};

/// An owned mimalloc heap: an allocator whose blocks are all freed at once.
///
/// What will bite:
///
/// - **Dropping a heap frees every block in it**, whether or not the values in
///   those blocks were dropped. Collections borrow the heap (`Vec::new_in(&heap)`)
///   or own it (`Vec::new_in(heap)`), so none can be left by then; a collection
///   that was [forgotten](core::mem::forget) loses its memory, as it asked for.
///   On engine v2, with the feature `guarded` or a system library without
///   `mi_heap_new_ex` (2.1.7, 2.0), dropping frees nothing: forgotten blocks are
///   leaked. In such a library a heap may have taken over live blocks of other
///   threads.
/// - **Threads**: on engine v3 a heap is `Send` and `Sync`; any thread may
///   allocate in it. On engine v2 it belongs to the thread that made it, and
///   dies when mimalloc's part of that thread ends: see
///   [`docs::threads`](crate::docs::threads).
/// - A heap costs some microseconds and, once used, some 160 to 250 KiB on
///   engine v3. It pays from a few thousand objects, or where a clean end
///   matters more than that.
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
/// `raw` is a live heap that this value owns, unless it is behind the reference
/// that `Heap::main` returns. On engine v2 it belongs to the current thread, and
/// is dead (`raw::engine`) once mimalloc's part of that has ended: all of C's
/// functions for heaps take a dead heap for an empty one, but those that end it.
#[repr(C)]
#[doc(alias = "mi_heap_t")]
pub struct Heap {
    raw: NonNull<sys::mi_heap_t>,
    /// Where [`reset`](Self::reset) makes the next heap.
    arena: MaybeArena,
    id: HeapId,
}

// SAFETY: engine v3 documents heaps as usable and destroyable on any thread
// (mimalloc.h 3.6.2, "Heaps: first-class. Can allocate from any thread").
// Destroying takes `&mut` or ownership, so no other thread is inside then.
#[cfg(mimalloc_v3)]
unsafe impl Send for Heap {}

// SAFETY: as above: every function reachable through `&Heap` may be called
// concurrently on engine v3. What must not be takes `&mut Heap`.
#[cfg(mimalloc_v3)]
unsafe impl Sync for Heap {}

impl Heap {
    /// Makes a heap.
    ///
    /// Calls `mi_heap_new`.
    ///
    /// # Errors
    ///
    /// When memory runs out, or on engine v3 when [`MAX_HEAPS`] are live.
    ///
    /// # Platform-specific behaviour
    ///
    /// With a library of engine v2 that is not compiled from the pinned source,
    /// such as a system's, a heap must be gone before its thread is. There are no
    /// owned heaps then, only [`Heap::scope`].
    #[cfg(mimalloc_owned_heaps)]
    #[doc(alias = "mi_heap_new")]
    pub fn new() -> Result<Self, HeapError> {
        Self::create()
    }

    /// Makes a heap whose memory all comes from `arena`.
    ///
    /// In an exclusive arena that is a hard limit: when the arena is full,
    /// allocating fails with the trait's error (`try_reserve` returns it), and
    /// nothing else in the process suffers. See [`Arena`].
    ///
    /// Calls `mi_heap_new_in_arena`; on engine v2 `mi_heap_new_ex` where the
    /// library has it.
    ///
    /// # Errors
    ///
    /// As for [`Heap::new`].
    #[cfg(mimalloc_owned_heaps)]
    #[doc(alias = "mi_heap_new_in_arena")]
    #[doc(alias = "mi_heap_new_ex")]
    pub fn new_in(arena: Arena) -> Result<Self, HeapError> {
        Self::create_in(arena)
    }

    /// Makes a heap, lends it to `f`, and destroys it when `f` is done or
    /// panics. Works on every engine and platform.
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
    /// As for `Heap::new`; `f` is then not called.
    pub fn scope<R>(f: impl FnOnce(&Self) -> R) -> Result<R, HeapError> {
        let heap = Self::create()?;
        Ok(f(&heap))
    }

    pub(crate) fn create() -> Result<Self, HeapError> {
        counted(MaybeArena::NONE, raw::heap::new)
    }

    pub(crate) fn create_in(arena: Arena) -> Result<Self, HeapError> {
        counted(arena.into(), || {
            // SAFETY: the id is that of an arena.
            unsafe { raw::heap::new_in(arena.id()) }
        })
    }

    /// The heap that plain allocation uses, shared by all threads.
    ///
    /// It can't be destroyed or reset. Engine v3 only; engine v2 has a main
    /// heap for each thread.
    ///
    /// Calls `mi_heap_main`.
    #[cfg(mimalloc_v3)]
    #[must_use]
    #[doc(alias = "mi_heap_main")]
    pub fn main() -> &'static Self {
        use core::mem::offset_of;
        use core::sync::atomic::{AtomicPtr, Ordering};

        /// Laid out as a `Heap`.
        #[repr(C)]
        struct Main {
            raw: AtomicPtr<sys::mi_heap_t>,
            arena: MaybeArena,
            id: HeapId,
        }
        static MAIN: Main = Main {
            raw: AtomicPtr::new(core::ptr::null_mut()),
            arena: MaybeArena::NONE,
            id: HeapId::MAIN,
        };
        if MAIN.raw.load(Ordering::Acquire).is_null() {
            let main = raw::heap::main();
            let null = core::ptr::null_mut();
            // Only ever written once, so that it can be read plainly below.
            let _ = (MAIN.raw).compare_exchange(null, main, Ordering::AcqRel, Ordering::Acquire);
        }
        const {
            assert!(size_of::<Main>() == size_of::<Self>());
            assert!(offset_of!(Main, raw) == offset_of!(Self, raw));
            assert!(offset_of!(Main, arena) == offset_of!(Self, arena));
            assert!(offset_of!(Main, id) == offset_of!(Self, id));
        }
        let main: *const Main = &raw const MAIN;
        // SAFETY: both have the same fields in C's order, and an `AtomicPtr` is
        // laid out as the pointer; it is not null any more, never written
        // again, and the main heap is never freed.
        unsafe { &*main.cast::<Self>() }
    }

    #[inline(always)]
    pub(crate) fn backend(&self) -> backend::HeapBackend {
        // SAFETY: by the type's invariant the heap lives while `self` does, and
        // on engine v2 `self` can't leave the thread.
        unsafe { backend::HeapBackend::new(self.raw.as_ptr(), self.id) }
    }

    /// Frees every block in the heap and leaves it empty, ready for the next
    /// request, frame or parse.
    ///
    /// `&mut self` proves that no collection in the heap is left. A heap made in
    /// an [`Arena`] stays in that arena.
    ///
    /// The heap keeps up to about 1 MiB of its pages, so that the next blocks cost
    /// little. [`reset_keeping`](Self::reset_keeping) chooses how much;
    /// [`collect(true)`](Self::collect) gives the kept pages back.
    ///
    /// Pages are kept by the vendored engine v3, for a heap of at most a few
    /// hundred pages that only the calling thread has used, without the features
    /// `guarded`, `valgrind`, `asan` and `debug-full`, and while no profiler
    /// samples the heap. Otherwise `reset` destroys the heap and makes a new one:
    /// it calls `mi_heap_new` or `mi_heap_new_in_arena`, and `mi_heap_destroy`.
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
    /// As for `Heap::new`; the heap then stays as it was.
    #[doc(alias = "mi_heap_destroy")]
    pub fn reset(&mut self) -> Result<(), HeapError> {
        self.reset_keeping(KEPT_BY_RESET)
    }

    /// Frees every block in the heap, as [`reset`](Self::reset) does, and keeps up
    /// to about `bytes` of its pages. With 0 the heap keeps nothing.
    ///
    /// # Errors
    ///
    /// As for `Heap::new`; the heap then stays as it was.
    pub fn reset_keeping(&mut self, bytes: usize) -> Result<(), HeapError> {
        // SAFETY: the heap is live and not the main one, which is never borrowed
        // mutably. `&mut` proves that none of its blocks is used and that no other
        // thread uses the heap.
        if unsafe { engine::reset_in_place(self.as_raw(), bytes) } {
            return Ok(());
        }
        // A heap without blocks takes nothing from its arena yet, so that there
        // is room for the new one while the old one is there.
        *self = match self.arena.get() {
            Some(arena) => Self::create_in(arena)?,
            None => Self::create()?,
        };
        Ok(())
    }

    /// As [`reset`](Self::reset), with the fresh heap in `arena`.
    ///
    /// # Errors
    ///
    /// As for `Heap::new`; the heap then stays as it was.
    pub fn reset_in(&mut self, arena: Arena) -> Result<(), HeapError> {
        *self = Self::create_in(arena)?;
        Ok(())
    }

    /// The arena that the heap was made in, if it was and this crate knows.
    #[must_use]
    pub fn arena(&self) -> core::option::Option<Arena> {
        self.arena.get()
    }

    /// Gives unused memory of the heap back: that of the current thread's part
    /// on engine v3. `force` also what mimalloc would keep for a while.
    ///
    /// Frees no live block. Calls `mi_heap_collect`.
    #[doc(alias = "mi_heap_collect")]
    pub fn collect(&self, force: bool) {
        // SAFETY: the heap is live and, on engine v2, this thread's or dead.
        unsafe { raw::heap::collect(self.as_raw(), force) };
    }

    /// The statistics of this heap alone. Engine v3 only.
    ///
    /// Each thread counts for itself and hands its counts over when it
    /// collects, ends, or has allocated some megabytes since;
    /// [`collect`](Self::collect) first for what this thread did.
    ///
    /// Calls `mi_heap_stats_get`.
    ///
    /// # Errors
    ///
    /// When the linked library has another layout of statistics, as a system
    /// library of another version may.
    ///
    /// ```
    /// let heap = mimalloc::Heap::new()?;
    /// let block = allocator_api2::boxed::Box::new_in([0_u8; 1000], &heap);
    /// heap.collect(false);
    /// assert!(heap.stats()?.allocated.current >= 1000);
    /// # drop(block);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(mimalloc_has_heap_stats)]
    #[doc(alias = "mi_heap_stats_get")]
    #[doc(alias = "mi_heap_stats_print_out")]
    pub fn stats(&self) -> Result<crate::stats::Stats, crate::stats::StatsError> {
        // SAFETY: the heap is live while `self` is borrowed.
        unsafe { crate::stats::Stats::of_heap(self.as_raw()) }
    }

    /// Whether `value` lies in a block of this heap. A value of size zero, such
    /// as an empty slice, lies nowhere.
    ///
    /// On engine v2 the search takes time in proportion to the heap's pages.
    ///
    /// Calls `mi_heap_contains`; on engine v2 `mi_heap_check_owned`.
    #[must_use]
    #[doc(alias = "mi_heap_contains")]
    #[doc(alias = "mi_heap_check_owned")]
    pub fn contains<T: ?Sized>(&self, value: &T) -> bool {
        let ptr = core::ptr::from_ref(value).cast();
        // Nothing keeps the place of a value without bytes from being freed.
        // SAFETY: other values are not freed while they are borrowed.
        size_of_val(value) != 0 && unsafe { self.contains_ptr(ptr) }
    }

    /// As [`contains`](Self::contains), for a pointer.
    ///
    /// # Safety
    ///
    /// - If `ptr` points into a block of mimalloc, that block is not freed
    ///   during the call. Otherwise it may be anything.
    #[must_use]
    pub unsafe fn contains_ptr(&self, ptr: *const u8) -> bool {
        // SAFETY: the heap is live (on engine v2 this thread's, or dead), and the
        // caller keeps a block of mimalloc alive.
        unsafe { engine::contains(self.as_raw(), ptr) }
    }

    /// Prefers memory of one NUMA node for what the heap allocates from now on;
    /// `None` takes the preference away.
    ///
    /// Calls `mi_heap_set_numa_affinity`. Engine v3 only.
    #[cfg(mimalloc_has_numa_affinity)]
    #[doc(alias = "mi_heap_set_numa_affinity")]
    pub fn set_numa_affinity(&mut self, node: Option<u16>) {
        let node = node.map_or(-1, i32::from);
        // SAFETY: the heap is live; `&mut` keeps others from reading the field.
        unsafe { raw::heap::set_numa_affinity(self.as_raw(), node) };
    }

    /// In builds with debugging, leaves the first `bytes` of each block alone
    /// when filling it on allocation and on free.
    ///
    /// Calls `mi_heap_set_debug_fill_preserve`. Engine v3 only.
    #[cfg(mimalloc_has_debug_fill_preserve)]
    #[doc(alias = "mi_heap_set_debug_fill_preserve")]
    pub fn set_debug_fill_preserve(&mut self, bytes: usize) {
        // SAFETY: the heap is live; `&mut` keeps others from reading the field.
        unsafe { raw::heap::set_debug_fill_preserve(self.as_raw(), bytes) };
    }

    /// The C heap, for calls that this crate has no form for.
    ///
    /// It is live for as long as `self` is borrowed; what is done with it is
    /// the caller's to answer for.
    #[inline]
    #[must_use]
    pub fn as_raw(&self) -> *mut sys::mi_heap_t {
        self.raw.as_ptr()
    }

    /// Gives up ownership of the C heap, which is now the caller's to destroy,
    /// with `Heap::from_raw` for one.
    ///
    /// On engine v2 mimalloc deletes it when the thread ends.
    #[must_use]
    pub fn into_raw(self) -> *mut sys::mi_heap_t {
        engine::count_out();
        let raw = ManuallyDrop::new(self).raw.as_ptr();
        // SAFETY: owned until now.
        unsafe { engine::give_up(raw) };
        raw
    }

    /// Takes ownership of a C heap.
    ///
    /// # Safety
    ///
    /// - `raw` is a live heap that nobody else will delete or destroy, and not
    ///   a main heap.
    /// - Its blocks are not used after the returned value is dropped or reset.
    /// - It is not, and will not be, any thread's default heap when that
    ///   happens.
    /// - On engine v2 it belongs to the current thread; with a library of v2 that
    ///   is not compiled from the pinned source, the returned value is dropped
    ///   before mimalloc's part of the thread ends. It holds no block of an ended
    ///   thread: those get into heaps that this crate did not make
    ///   unless `Option::MaxSegmentReclaim` is 0.
    #[must_use]
    pub unsafe fn from_raw(raw: NonNull<sys::mi_heap_t>) -> Self {
        engine::count_in_adopted();
        // SAFETY: live, as the caller promises; `Drop` and `into_raw` undo it.
        unsafe { engine::keep(raw.as_ptr()) };
        // INVARIANT: live and owned, as the caller promises.
        Self {
            raw,
            arena: MaybeArena::NONE,
            id: HeapId::next(),
        }
    }

    /// Ends the heap but keeps its blocks, which become the main heap's and are
    /// freed one by one like any other.
    ///
    /// [`SharedHeap`](crate::SharedHeap) is the safe way to let blocks outlive
    /// their heap's handle.
    ///
    /// Calls `mi_heap_delete`.
    ///
    /// # Safety
    ///
    /// - No block of this heap is freed or resized on another thread during the
    ///   call: engine v3 races that, and crashes.
    /// - The calling thread has allocated something with mimalloc before, so that
    ///   it needs no memory now.
    /// - No [`set_default`](Self::set_default) of this heap is in force.
    #[doc(alias = "mi_heap_delete")]
    pub unsafe fn delete_keeping_blocks(self) {
        let raw = ManuallyDrop::new(self).raw.as_ptr();
        let _guard = engine::destroying();
        // SAFETY: the heap was owned and is used no more; the caller keeps
        // foreign frees away, the guard walks over all heaps.
        unsafe { engine::delete(raw) };
        engine::count_out();
    }

    /// Makes this heap the one that plain allocation of the current thread
    /// uses, until the returned guard is dropped.
    ///
    /// That is all of it: with [`MiMalloc`](crate::MiMalloc) as global
    /// allocator also what the standard library keeps for the thread.
    ///
    /// Calls `mi_theap_set_default` on engine v3, `mi_heap_set_default` on v2.
    ///
    /// # Safety
    ///
    /// - The guard is dropped, not forgotten, on this thread, and guards of
    ///   several heaps in the reverse order of their making. It is dropped before
    ///   mimalloc's part of the thread ends, so not by the destructor of a pthread
    ///   key.
    /// - Nothing allocated meanwhile on this thread by plain allocation is used
    ///   or freed after the heap is gone.
    /// - On engine v2 this thread meanwhile frees no block of a thread that has
    ///   ended: that may bring others of its kind into this heap.
    #[cfg(any(mimalloc_v2, mimalloc_has_theap_set_default))]
    #[doc(alias = "mi_theap_set_default")]
    #[doc(alias = "mi_heap_set_default")]
    #[must_use = "the heap is the default only until the guard is dropped"]
    pub unsafe fn set_default(&self) -> DefaultGuard<'_> {
        // SAFETY: the heap is live (on engine v2 this thread's, or dead), and the
        // guard borrows it.
        let before = unsafe { engine::set_default(self.as_raw()) };
        DefaultGuard { before, heap: self }
    }
}

/// About how many bytes of its pages a heap keeps in [`Heap::reset`].
const KEPT_BY_RESET: usize = 1 << 20;

/// Counts a heap in and makes it.
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
    // INVARIANT: just made, and nobody else knows it.
    Ok(Heap {
        raw,
        arena,
        id: HeapId::next(),
    })
}

impl Drop for Heap {
    fn drop(&mut self) {
        let _guard = engine::destroying();
        // SAFETY: the heap is owned; nothing borrows it any more, so no thread
        // is inside, and no block of it is used again. The guard keeps walks
        // over all heaps away.
        unsafe { engine::destroy(self.as_raw()) };
        engine::count_out();
    }
}

impl fmt::Debug for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Heap").field(&self.raw).finish()
    }
}
