//! The state of the current thread in mimalloc.
//!
//! On engine v3 a thread's theap of a heap is made on the thread's first use of
//! that heap. A thread that has no memory at all, not even for
//! mimalloc's records of the thread, then makes upstream (3.6.2) write to a
//! constant. The vendored source is compiled with a patch
//! (`mimalloc-sys/build/patches.rs`); elsewhere [`thread_is_initialized`] keeps
//! such a thread out.

use mimalloc_sys as sys;

/// Returns whether the current thread may use heaps. Where the linked library is
/// patched, the answer is a constant.
///
/// Elsewhere each call asks mimalloc, because a flag would not notice that
/// mimalloc is done with the thread.
#[inline(always)]
pub(crate) fn thread_is_initialized() -> bool {
    cfg!(any(mimalloc_v2, mimalloc_patched)) || initialize_thread()
}

/// Initialises the current thread, unless the thread is initialised. Returns false
/// when memory runs out.
///
/// A thread that mimalloc was done with is initialised again.
#[inline]
pub(crate) fn initialize_thread() -> bool {
    #[cfg(all(mimalloc_v3, mimalloc_patched))]
    {
        sys::mimalloc_sys_thread_init()
    }
    #[cfg(not(all(mimalloc_v3, mimalloc_patched)))]
    {
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
}

/// Returns whether the current thread may make heaps and arenas, and may merge
/// its statistics.
///
/// Engine v2 does all of these through the thread's first heap, without a look
/// whether the thread has a heap. A thread that engine v2 has no memory for makes
/// upstream (2.5.2) dereference null. Engine v3 looks.
#[inline]
pub(crate) fn thread_can_make_heaps() -> bool {
    if cfg!(mimalloc_v2) {
        initialize_thread()
    } else {
        thread_is_initialized()
    }
}

/// Tells mimalloc that the current thread belongs to a thread pool.
#[cfg(all(mimalloc_has_threadpool, any(mimalloc_v2, mimalloc_patched)))]
pub(crate) fn set_in_threadpool() {
    // On a thread that can't be initialised upstream (3.6.2) writes to a constant.
    if initialize_thread() {
        // SAFETY: the function sets a flag of the current thread, which is
        // initialised.
        unsafe { sys::mi_thread_set_in_threadpool() };
    }
}
