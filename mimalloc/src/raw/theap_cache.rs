//! Remembers the current thread's parts ("theaps") of the heaps it used last.
//!
//! Engine v3 remembers one of them, and counts references atomically whenever
//! that changes: heaps used in turn cost it some six times what one heap does.
//! Here a heap is known by a number that no other heap will ever have, so that
//! nothing needs to be counted or told when a heap ends.
//!
//! A thread's part of a live heap stays until mimalloc is done with the thread
//! (3.6.2: only `mi_thread_theaps_done`, the heap's own end and `mi_theap_delete`
//! free one; this crate does not call the last). The vendored library then calls
//! [`forget`] first, however late in the thread's end that is.
//!
//! The cache is there on targets whose thread-locals last until the thread's very
//! end, with the vendored library of engine v3. Elsewhere a heap has no number.

pub(crate) use imp::*;

#[cfg(mimalloc_theap_cache)]
mod imp {
    use core::cell::{Cell, UnsafeCell};
    use core::ptr;
    use core::sync::atomic::{AtomicU64, Ordering};
    use std::sync::Once;

    use mimalloc_sys as sys;

    /// A power of two.
    const ENTRY_COUNT: usize = 16;

    /// Numbers are this far apart: each is the place of its entry in bytes.
    const STEP: u64 = size_of::<Entry>() as u64;

    /// What a heap is known by: not zero, and never given out twice.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct HeapId(u64);

    impl HeapId {
        /// That of the main heap.
        pub(crate) const MAIN: Self = Self(STEP);

        /// The next one. There are enough for one each nanosecond for 36 years.
        pub(crate) fn next() -> Self {
            static NEXT: AtomicU64 = AtomicU64::new(HeapId::MAIN.0 + STEP);

            Self(NEXT.fetch_add(STEP, Ordering::Relaxed))
        }

        #[inline(always)]
        const fn place(self) -> usize {
            (self.0 / STEP) as usize % ENTRY_COUNT
        }
    }

    /// A heap and the current thread's part of it.
    struct Entry {
        heap: Cell<u64>,
        theap: Cell<*mut sys::mi_theap_t>,
    }

    impl Entry {
        const fn empty() -> Self {
            Self {
                heap: Cell::new(0),
                theap: Cell::new(ptr::null_mut()),
            }
        }

        #[inline(always)]
        fn get(&self, heap: HeapId) -> Option<*mut sys::mi_theap_t> {
            (self.heap.get() == heap.0).then(|| self.theap.get())
        }

        fn set(&self, heap: HeapId, theap: *mut sys::mi_theap_t) {
            self.theap.set(theap);
            self.heap.set(heap.0);
        }
    }

    /// What a thread remembers.
    struct Cache {
        last: Entry,
        entries: [Entry; ENTRY_COUNT],
    }

    std::thread_local! {
        // Without a destructor: it is there as long as the thread is, and to read it
        // is all that reading takes.
        static CACHE: Cache = const {
            Cache {
                last: Entry::empty(),
                entries: [const { Entry::empty() }; ENTRY_COUNT],
            }
        };
    }

    /// Forgets all that the current thread remembers. mimalloc calls it.
    ///
    /// # Safety
    ///
    /// None; the type says `unsafe`.
    unsafe extern "C" fn forget() {
        CACHE.with(|cache| {
            cache.last.heap.set(0);
            cache.entries.iter().for_each(|entry| entry.heap.set(0));
        });
    }

    /// The current thread's part of the heap, if that was the last one used.
    #[inline(always)]
    pub(crate) fn last(heap: HeapId) -> Option<*mut sys::mi_theap_t> {
        CACHE.with(|cache| cache.last.get(heap))
    }

    /// The current thread's part of the heap, if it is remembered at all; it is the
    /// last one used then.
    #[inline(always)]
    pub(crate) fn find(heap: HeapId) -> Option<*mut sys::mi_theap_t> {
        CACHE.with(|cache| {
            let theap = cache.entries[heap.place()].get(heap)?;
            cache.last.set(heap, theap);
            Some(theap)
        })
    }

    /// What mimalloc is to call.
    struct Listener(UnsafeCell<sys::mimalloc_sys_thread_done_t>);

    // SAFETY: only handed to C, once.
    unsafe impl Sync for Listener {}

    /// Remembers the current thread's part of a heap.
    ///
    /// # Safety
    ///
    /// `heap` is live and `theap` is the current thread's part of it.
    #[cold]
    pub(crate) unsafe fn remember(heap: HeapId, theap: *mut sys::mi_theap_t) {
        static LISTENER: Listener = Listener(UnsafeCell::new(sys::mimalloc_sys_thread_done_t {
            fun: forget,
            next: ptr::null_mut(),
        }));
        static LISTENING: Once = Once::new();

        LISTENING.call_once(|| {
            // SAFETY: given once, never touched again, and `forget` only writes to a
            // thread-local without destructor.
            unsafe { sys::mimalloc_sys_on_thread_done(LISTENER.0.get()) };
        });
        CACHE.with(|cache| {
            cache.last.set(heap, theap);
            cache.entries[heap.place()].set(heap, theap);
        });
    }
}

#[cfg(not(mimalloc_theap_cache))]
mod imp {
    /// What a heap is known by: nothing.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct HeapId;

    impl HeapId {
        #[allow(dead_code, reason = "engine v3 has a main heap")]
        pub(crate) const MAIN: Self = Self;

        pub(crate) fn next() -> Self {
            Self
        }
    }
}
