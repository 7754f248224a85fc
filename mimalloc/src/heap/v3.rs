//! Adds to heaps what exists on engine v3 only.

use mimalloc_sys as sys;

use crate::arena::MaybeArena;
use crate::heap::Heap;
use crate::raw::engine;
use crate::raw::theap_cache::HeapId;
use crate::shared_heap::SharedHeap;
use crate::stats::{Stats, StatsError};

// SAFETY: engine v3 lets any thread use and destroy a heap (upstream.md: shared
// heaps, heap destruction). Destroying takes `&mut` or ownership, so no other
// thread is inside the heap at that time.
unsafe impl Send for Heap {}

// SAFETY: on engine v3, threads may call each function that `&Heap` reaches at
// the same time (upstream.md: shared heaps). The other functions take `&mut
// Heap`.
unsafe impl Sync for Heap {}

// SAFETY: on engine v3 `Heap` is `Send` and `Sync`, and the count is atomic.
// The last handle may destroy the heap on any thread, because no other thread
// can use the heap then (upstream.md: heap destruction).
unsafe impl Send for SharedHeap {}

// SAFETY: a shared handle gives shared access to the heap, which is `Sync` on
// engine v3, and makes clones, which are `Send`.
unsafe impl Sync for SharedHeap {}

impl Heap {
    /// Returns the heap that plain allocation uses, which all threads share.
    ///
    /// The main heap can't be destroyed or reset. Engine v2 has a main heap for
    /// each thread, and lacks this function.
    ///
    /// Calls `mi_heap_main`.
    #[must_use]
    #[doc(alias = "mi_heap_main")]
    pub fn main() -> &'static Self {
        use core::mem::offset_of;
        use core::sync::atomic::{AtomicPtr, Ordering};

        /// Has the layout of a `Heap`.
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
            let main = engine::main_heap();
            let null = core::ptr::null_mut();
            // The exchange writes once at most, so the plain reads below do not
            // race.
            let _ = (MAIN.raw).compare_exchange(null, main, Ordering::AcqRel, Ordering::Acquire);
        }
        const {
            assert!(size_of::<Main>() == size_of::<Self>());
            assert!(offset_of!(Main, raw) == offset_of!(Self, raw));
            assert!(offset_of!(Main, arena) == offset_of!(Self, arena));
            assert!(offset_of!(Main, id) == offset_of!(Self, id));
        }
        let main: *const Main = &raw const MAIN;
        // SAFETY: the assertions above prove that both types have the same
        // layout, and an `AtomicPtr` has the layout of a pointer. The pointer
        // is not null any more and is never written again, and the main heap is
        // never freed.
        unsafe { &*main.cast::<Self>() }
    }

    /// Returns the statistics of this heap alone.
    ///
    /// Each thread counts on its own. A thread hands over its counts when the
    /// thread collects, ends, or has allocated several megabytes since. Call
    /// [`collect`](Self::collect) first to include what this thread did.
    ///
    /// Calls `mi_heap_stats_get`.
    ///
    /// # Errors
    ///
    /// Returns an error when the linked library has another layout of
    /// statistics, as a system library of another version may.
    ///
    /// ```
    /// let heap = mimalloc::Heap::new()?;
    /// let block = allocator_api2::boxed::Box::new_in([0_u8; 1000], &heap);
    /// heap.collect(false);
    /// assert!(heap.stats()?.allocated.current >= 1000);
    /// # drop(block);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mi_heap_stats_get")]
    #[doc(alias = "mi_heap_stats_print_out")]
    pub fn stats(&self) -> Result<Stats, StatsError> {
        // SAFETY: the heap is live while `self` is borrowed.
        unsafe { Stats::of_heap(self.as_raw()) }
    }

    /// Sets the NUMA node whose memory the heap prefers from now on; `None`
    /// removes the preference.
    ///
    /// Calls `mi_heap_set_numa_affinity`.
    #[doc(alias = "mi_heap_set_numa_affinity")]
    pub fn set_numa_affinity(&mut self, node: Option<u16>) {
        let node = node.map_or(-1, i32::from);
        // SAFETY: the heap is live by the type's invariant, and `&mut` keeps
        // other threads from reading the field.
        unsafe { engine::set_numa_affinity(self.as_raw(), node) };
    }

    /// Sets how many bytes at the start of each block a build with debugging
    /// does not fill on allocation and on free.
    ///
    /// Calls `mi_heap_set_debug_fill_preserve`.
    #[cfg(mimalloc_since_3_6)]
    #[doc(alias = "mi_heap_set_debug_fill_preserve")]
    pub fn set_debug_fill_preserve(&mut self, bytes: usize) {
        // SAFETY: the heap is live by the type's invariant, and `&mut` keeps
        // other threads from reading the field.
        unsafe { engine::set_debug_fill_preserve(self.as_raw(), bytes) };
    }
}
