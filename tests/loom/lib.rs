//! Compiles files of the crate with atomics of loom's, which tries all orders in which
//! threads may see the effects of each other.
//!
//! The files are those of `mimalloc/src`, unchanged. They name `core`, and in this
//! crate `core` is this crate: the module `sync::atomic` below is another one, and
//! everything else is the real thing.

// The files' unit tests run with the crate.
#![cfg(not(test))]
#![allow(missing_docs, reason = "stands in for core and for the crate")]
#![allow(dead_code, reason = "the models use a part of the files")]

extern crate self as core;

pub use std::{
    alloc, array, clone, cmp, convert, default, fmt, hash, iter, marker, mem, ops, option, panic,
    ptr, result,
};

pub mod hint {
    //! Stands in for `core::hint`: a thread that waits lets another run.

    pub use crate::atomics::wait as spin_loop;
}

#[path = "atomic.rs"]
pub mod atomics;

pub mod sync {
    //! Stands in for `core::sync`.

    pub use crate::atomics as atomic;
}

// Where the files of the crate look for each other.

pub mod error {
    //! Stands in for the crate's errors.

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum HeapError {
        OutOfMemory,
    }
}

pub mod heap {
    //! Stands in for heaps.

    use std::sync::Arc;

    use loom::cell::UnsafeCell;

    use crate::raw::backend::HeapBackend;

    /// Is a heap of one number. loom finds a use that is not ordered before the end.
    #[derive(Debug)]
    pub struct Heap(Arc<UnsafeCell<usize>>);

    impl Heap {
        pub fn new(blocks: Arc<UnsafeCell<usize>>) -> Self {
            Self(blocks)
        }

        /// Uses the heap, as an allocation of any thread does.
        pub fn touch(&self) {
            self.0.with(|blocks| {
                // SAFETY: loom lets no write happen at the same time.
                assert_ne!(unsafe { *blocks }, ENDED);
            });
        }

        pub(crate) fn backend(&self) -> HeapBackend {
            HeapBackend
        }
    }

    /// Is the number of a heap that was dropped.
    pub const ENDED: usize = usize::MAX;

    impl Drop for Heap {
        fn drop(&mut self) {
            self.0.with_mut(|blocks| {
                // SAFETY: loom lets no other access happen at the same time.
                let before = unsafe { blocks.replace(ENDED) };
                assert_ne!(before, ENDED, "the heap ends twice");
            });
        }
    }
}

pub mod raw {
    //! Stands in for the unsafe core.

    pub(crate) mod runtime {
        //! Stands in for what the standard library does.

        pub(crate) fn give_way(_times: u32) {
            crate::atomics::wait();
        }

        pub(crate) fn abort(reason: &str) -> ! {
            panic!("{reason}");
        }
    }

    pub(crate) mod backend {
        //! Stands in for the ways to allocate.

        pub(crate) struct DefaultHeap;
        pub(crate) struct HeapBackend;
    }

    pub(crate) mod alloc {
        //! Allocates with the system's allocator.

        use std::alloc::Layout;

        /// # Safety
        ///
        /// The layout has a size.
        pub(crate) unsafe fn allocate(_: super::backend::DefaultHeap, layout: Layout) -> *mut u8 {
            // SAFETY: the caller passes a layout that has a size.
            unsafe { std::alloc::alloc(layout) }
        }

        /// # Safety
        ///
        /// `block` is a live block of this layout.
        pub(crate) unsafe fn deallocate(block: *mut u8, layout: Layout) {
            // SAFETY: the caller passes a live block of this layout.
            unsafe { std::alloc::dealloc(block, layout) };
        }
    }

    use crate::lock;

    /// Runs `f` as a thread that destroys a heap.
    pub fn destroying(f: impl FnOnce()) {
        let _guard = lock::destroying();
        f();
    }

    /// Runs `f` as a thread that walks over all heaps.
    pub fn walking(f: impl FnOnce()) {
        let _guard = lock::walking();
        f();
    }
}

#[path = "../../mimalloc/src/raw/engine/v3/lock.rs"]
mod lock;
#[path = "../../mimalloc/src/hooks/ring.rs"]
mod ring;
#[path = "../../mimalloc/src/shared_heap.rs"]
pub mod shared_heap;

pub mod hooks {
    //! Holds the ring of captured messages.

    use crate::ring;

    /// Is a ring of four bytes.
    #[allow(missing_debug_implementations, reason = "the crate's has none")]
    pub struct Ring(ring::Ring<4>);

    impl Default for Ring {
        fn default() -> Self {
            Self(ring::Ring::new())
        }
    }

    impl Ring {
        pub fn push(&self, text: &[u8]) {
            self.0.push(text);
        }

        pub fn take(&self, sink: impl FnMut(&[u8])) -> usize {
            self.0.take(sink)
        }
    }
}
