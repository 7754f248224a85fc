//! Caches the current thread's theaps of the heaps that it used last.
//!
//! Engine v3 caches one theap, and counts references atomically whenever the
//! cached theap changes: taking turns between heaps costs about six times as
//! much as staying in one. This cache knows a heap by a number that no other
//! heap ever gets, so it counts no references and needs no notice when a heap
//! ends.
//!
//! The theap of a live heap stays until mimalloc is done with the thread
//! (upstream.md: theap lifetime). The vendored library calls [`forget`] before
//! it frees the theaps, however late in the thread's end that is (upstream.md:
//! theap thread end).
//!
//! The cache exists on targets whose thread-locals last until the very end of
//! the thread, with the vendored library of engine v3. Elsewhere a heap has no
//! number.

pub(crate) use imp::*;

#[cfg(mimalloc_theap_cache)]
mod imp {
    use core::cell::{Cell, UnsafeCell};
    use core::ptr;
    use core::sync::atomic::{AtomicU64, Ordering};
    use std::sync::Once;

    use mimalloc_sys as sys;

    /// Number of cached theaps; must be a power of two.
    const ENTRY_COUNT: usize = 16;

    /// Distance between two numbers: each number gives the place of its entry
    /// in bytes.
    const STEP: u64 = size_of::<Entry>() as u64;

    /// Identifies a heap. A number is never zero and never given out twice.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct HeapId(u64);

    impl HeapId {
        /// Identifies the main heap.
        pub(crate) const MAIN: Self = Self(STEP);

        /// Returns a new number. There are enough numbers for one each
        /// nanosecond for 36 years.
        pub(crate) fn next() -> Self {
            static NEXT: AtomicU64 = AtomicU64::new(HeapId::MAIN.0 + STEP);

            Self(NEXT.fetch_add(STEP, Ordering::Relaxed))
        }

        #[inline(always)]
        const fn place(self) -> usize {
            (self.0 / STEP) as usize % ENTRY_COUNT
        }
    }

    /// Holds a heap's number and the current thread's theap of the heap.
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

    /// Holds the theaps that a thread caches.
    struct Cache {
        last: Entry,
        entries: [Entry; ENTRY_COUNT],
    }

    std::thread_local! {
        // The cache has no destructor: it lasts as long as its thread, and an
        // access needs no check.
        static CACHE: Cache = const {
            Cache {
                last: Entry::empty(),
                entries: [const { Entry::empty() }; ENTRY_COUNT],
            }
        };
    }

    /// Empties the current thread's cache. mimalloc calls this function.
    ///
    /// # Safety
    ///
    /// No preconditions; `unsafe` only to match the C callback type.
    unsafe extern "C" fn forget() {
        CACHE.with(|cache| {
            cache.last.heap.set(0);
            cache.entries.iter().for_each(|entry| entry.heap.set(0));
        });
    }

    /// Returns the current thread's theap of the heap if the heap was the last
    /// one used.
    #[inline(always)]
    pub(crate) fn last(heap: HeapId) -> Option<*mut sys::mi_theap_t> {
        CACHE.with(|cache| cache.last.get(heap))
    }

    /// Returns the current thread's theap of the heap if the theap is cached,
    /// and makes the heap the last one used.
    #[inline(always)]
    pub(crate) fn find(heap: HeapId) -> Option<*mut sys::mi_theap_t> {
        CACHE.with(|cache| {
            let theap = cache.entries[heap.place()].get(heap)?;
            cache.last.set(heap, theap);
            Some(theap)
        })
    }

    /// Holds the listener that mimalloc calls.
    struct Listener(UnsafeCell<sys::mimalloc_sys_thread_done_t>);

    // SAFETY: Rust code never reads or writes the contents; only the pointer is
    // passed to C, once.
    unsafe impl Sync for Listener {}

    /// Adds the current thread's theap of a heap to the cache.
    ///
    /// # Safety
    ///
    /// - `heap` is live.
    /// - `theap` is the current thread's theap of that heap.
    #[cold]
    pub(crate) unsafe fn remember(heap: HeapId, theap: *mut sys::mi_theap_t) {
        static LISTENER: Listener = Listener(UnsafeCell::new(sys::mimalloc_sys_thread_done_t {
            fun: forget,
            next: ptr::null_mut(),
        }));
        static LISTENING: Once = Once::new();

        LISTENING.call_once(|| {
            // SAFETY: `Once` registers the static listener a single time, Rust
            // never touches it again, and `forget` only writes to a
            // thread-local without a destructor, so C may call it as late as it
            // likes.
            unsafe { sys::mimalloc_sys_on_thread_done(LISTENER.0.get()) };
        });
        CACHE.with(|cache| {
            cache.last.set(heap, theap);
            cache.entries[heap.place()].set(heap, theap);
        });
    }

    /// Calls an entry of the thread's theap of the heap, which the thread caches.
    /// `$entry` has the name, and `$plain` is the heap's own.
    macro_rules! heap_or_theap {
        ($plain:path, $entry:ident, $heap:expr $(, $argument:ident: $type:ty)*) => {{
            #[cold]
            #[inline(never)]
            unsafe fn not_last(
                heap: $crate::raw::backend::HeapBackend,
                $($argument: $type),*
            ) -> *mut core::ffi::c_void {
                if let Some(theap) = $crate::raw::theap_cache::find(heap.id) {
                    // SAFETY: this thread cached the theap for this live heap, and
                    // the cache is cleared before the theap ends (upstream.md:
                    // theap lifetime, theap thread end).
                    let theap = unsafe { $crate::raw::engine::LocalBackend::new(theap) };
                    // SAFETY: the theap is this thread's; the caller promises the
                    // arguments.
                    return unsafe { theap.$entry($($argument),*) };
                }
                // SAFETY: `new` makes its caller promise that the heap is live.
                let theap = unsafe { $crate::raw::engine::find_theap(heap.heap) };
                // SAFETY: this thread found the theap just now, for a heap that
                // lives.
                let backend = unsafe { $crate::raw::engine::LocalBackend::new(theap) };
                // SAFETY: a failed lookup gives a theap in which each allocation is
                // null (upstream.md: theap failure); the caller promises the
                // arguments.
                let block = unsafe { backend.$entry($($argument),*) };
                if !block.is_null() {
                    // SAFETY: a theap that returns a block is not the constant one,
                    // so it is this thread's theap of the live heap.
                    unsafe { $crate::raw::theap_cache::remember(heap.id, theap) };
                }
                block
            }
            if let Some(theap) = $crate::raw::theap_cache::last($heap.id) {
                // SAFETY: this thread cached the theap for this live heap, and the
                // cache is cleared before the theap ends (upstream.md: theap
                // lifetime, theap thread end).
                let theap = unsafe { $crate::raw::engine::LocalBackend::new(theap) };
                // SAFETY: the theap is this thread's; the caller promises the
                // arguments.
                return unsafe { theap.$entry($($argument),*) };
            }
            // SAFETY: the caller promises a usable heap and the arguments.
            unsafe { not_last($heap, $($argument),*) }
        }};
    }
    pub(crate) use heap_or_theap;
}

#[cfg(not(mimalloc_theap_cache))]
mod imp {
    /// Stands for the number that a heap has where theaps are cached.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct HeapId;

    impl HeapId {
        #[allow(dead_code, reason = "engine v3 has a main heap")]
        pub(crate) const MAIN: Self = Self;

        pub(crate) fn next() -> Self {
            Self
        }
    }

    /// Calls an entry of the heap.
    macro_rules! heap_or_theap {
        ($plain:path, $entry:ident, $heap:expr $(, $argument:ident: $type:ty)*) => {
            // SAFETY: `new` makes its caller promise a usable heap; the caller
            // promises the arguments.
            unsafe { $plain($heap.heap, $($argument),*) }
        };
    }
    pub(crate) use heap_or_theap;
}
