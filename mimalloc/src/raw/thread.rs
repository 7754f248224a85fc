//! The state of the current thread in mimalloc.
//!
//! On engine v3 a thread's theap of a heap is made on the thread's first use of
//! that heap. A thread that has no memory at all, not even for
//! mimalloc's records of the thread, then makes upstream (3.6.2) write to a
//! constant. The vendored source is compiled with a patch
//! (`mimalloc-sys/build/patches.rs`); elsewhere [`thread_is_initialized`] keeps
//! such a thread out.

use mimalloc_sys as sys;

use super::engine;
pub(crate) use super::engine::{initialize_thread, thread_can_make_heaps};

/// Returns whether the current thread may use heaps. Where the linked library is
/// patched, the answer is a constant.
///
/// Elsewhere each call asks mimalloc, because a flag would not notice that
/// mimalloc is done with the thread.
#[inline(always)]
pub(crate) fn thread_is_initialized() -> bool {
    engine::ADMITS_ALL_THREADS || initialize_thread()
}

/// Initialises the current thread, unless the thread is initialised. Returns false
/// when memory runs out.
///
/// A thread that mimalloc was done with is initialised again.
///
/// This is [`initialize_thread`] of libraries without an entry for that.
#[inline]
#[allow(dead_code, reason = "the patched engine v3 has an entry")]
pub(crate) fn initialize_by_allocating() -> bool {
    // SAFETY: one byte is a small size (upstream.md: small allocation).
    let block = unsafe { sys::mi_malloc_small(1) };
    if block.is_null() {
        return false;
    }
    // SAFETY: mimalloc returned the block just now, and no other code has the
    // pointer.
    unsafe { sys::mi_free(block) };
    true
}

/// Tells mimalloc that the current thread belongs to a thread pool.
#[cfg(mimalloc_threadpool)]
pub(crate) fn set_in_threadpool() {
    // On a thread that can't be initialised upstream (3.6.2) writes to a constant.
    if initialize_thread() {
        // SAFETY: the function sets a flag of the current thread, which is
        // initialised.
        unsafe { sys::mi_thread_set_in_threadpool() };
    }
}
