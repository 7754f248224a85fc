//! Declares all of [mimalloc]'s C interface: each public function, type, option
//! and constant of `mimalloc.h`, `mimalloc-stats.h` and `mimalloc-profile.h`,
//! under its C name.
//!
//! Engine v3 (mimalloc 3.x) is compiled from the vendored C source by default.
//! The feature `v2` selects engine v2 (mimalloc 2.x), and the feature `system`
//! selects an installed library. The README lists the features and the
//! variables that the build script reads.
//!
//! This crate checks nothing. The `mimalloc` crate is the safe layer.
//!
//! [mimalloc]: https://github.com/microsoft/mimalloc
#![no_std]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_core)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// bindgen generates this code: the names are C's, and there are no docs,
// because upstream comments with `//`.
#[allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    missing_debug_implementations,
    clippy::missing_safety_doc
)]
mod bindings {
    // These bindings are of another version of mimalloc than the committed
    // bindings.
    #[cfg(any(mimalloc_other_version, feature = "bindgen"))]
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
    #[cfg(all(mimalloc_v3, not(any(mimalloc_other_version, feature = "bindgen"))))]
    include!("bindings/v3.rs");
    #[cfg(all(mimalloc_v2, not(any(mimalloc_other_version, feature = "bindgen"))))]
    include!("bindings/v2.rs");
}
pub mod build;
#[cfg(mimalloc_default_theap)]
mod default_theap;
#[cfg(mimalloc_inline)]
mod inline;
#[cfg(mimalloc_inline_alloc)]
mod inline_alloc;
mod macros;
pub mod version;
mod wchar;

pub use bindings::*;
#[cfg(mimalloc_default_theap)]
pub use default_theap::mimalloc_sys_theap_default;
#[cfg(mimalloc_inline)]
pub use inline::*;
#[cfg(mimalloc_inline_alloc)]
pub use inline_alloc::{
    mimalloc_sys_theap_wmalloc_small, mimalloc_sys_theap_wzalloc_small, mimalloc_sys_wmalloc_small,
    mimalloc_sys_wtake_small, mimalloc_sys_wzalloc_small,
};
pub use macros::*;
pub use wchar::*;

/// Names the C type of an enumeration: `int` for MSVC's compiler, and `unsigned
/// int` for other compilers, because no value is negative.
#[cfg(target_env = "msvc")]
#[allow(non_camel_case_types, reason = "named like the types in core::ffi")]
pub type c_enum = core::ffi::c_int;

/// Names the C type of an enumeration: `int` for MSVC's compiler, and `unsigned
/// int` for other compilers, because no value is negative.
#[cfg(not(target_env = "msvc"))]
#[allow(non_camel_case_types, reason = "named like the types in core::ffi")]
pub type c_enum = core::ffi::c_uint;

/// States the largest size of the `_small` functions, in bytes.
///
/// C has an expression here, so bindgen leaves the constant out.
pub const MI_SMALL_SIZE_MAX: usize = MI_SMALL_WSIZE_MAX as usize * size_of::<usize>();

/// States whether the C source was compiled with this crate, or found
/// installed.
pub const VENDORED: bool = matches!(env!("MIMALLOC_SYS_VENDORED").as_bytes(), b"1");

/// Describes a listener for [`mimalloc_sys_on_thread_done`].
///
/// The type is not one of upstream's.
#[cfg(all(mimalloc_v3, mimalloc_patched))]
#[repr(C)]
#[allow(non_camel_case_types, reason = "named like the types of C")]
#[derive(Debug)]
pub struct mimalloc_sys_thread_done_t {
    /// The function to call.
    pub fun: unsafe extern "C" fn(),
    /// The next listener, which `mimalloc_sys_on_thread_done` sets.
    pub next: *mut mimalloc_sys_thread_done_t,
}

#[cfg(all(mimalloc_v3, mimalloc_patched))]
unsafe extern "C" {
    /// Registers a listener, whose `fun` is called on each thread before
    /// `mi_thread_done` frees the theaps of the thread, and once more when the
    /// process ends.
    ///
    /// With the option `destroy_on_exit`, all heaps are destroyed and `fun` is
    /// not called at the end. The function is not one of upstream's, and exists
    /// only where the pinned source of engine v3 is compiled (metadata
    /// `patched`).
    ///
    /// # Safety
    ///
    /// - `listener` is registered once, and is never moved or written to from
    ///   now on.
    /// - `fun` may be called on any thread.
    /// - `fun` does not call mimalloc and does not unwind.
    pub fn mimalloc_sys_on_thread_done(listener: *mut mimalloc_sys_thread_done_t);

    /// Initialises the current thread like `mi_thread_init`, and returns
    /// whether the thread is initialised.
    ///
    /// The result is false if there is no memory. The function is not one of
    /// upstream's, and exists only where the pinned source of engine v3 is
    /// compiled (metadata `patched`).
    pub safe fn mimalloc_sys_thread_init() -> bool;

    /// Not one of upstream's: lets the theaps of a heap keep their full pages, so
    /// that [`mimalloc_sys_heap_reset`] can reset the heap. Only where the pinned
    /// source of engine v3 is compiled (metadata `patched`).
    ///
    /// # Safety
    ///
    /// `heap` is live and not a main heap.
    pub fn mimalloc_sys_heap_make_resettable(heap: *mut mi_heap_t);

    /// Copies the profiler, the NUMA node and the bytes that a debug fill preserves
    /// to a heap that takes the place of another.
    ///
    /// The function is not one of upstream's, and exists only where the pinned
    /// source of engine v3 is compiled (metadata `patched`).
    ///
    /// # Safety
    ///
    /// - Both heaps are live.
    /// - No thread has allocated in `to` yet.
    pub fn mimalloc_sys_heap_copy_settings(to: *mut mi_heap_t, from: *mut mi_heap_t);

    /// Not one of upstream's: frees all blocks of a heap, keeps up to about `keep`
    /// bytes of its pages, and returns true. Returns false and does nothing where
    /// that is not possible or does not pay: in builds that guard, track or check
    /// blocks, for a heap that was not made resettable, that another thread has
    /// used, that has sampled blocks, or that is large. Only where the pinned
    /// source of engine v3 is compiled (metadata `patched`).
    ///
    /// # Safety
    ///
    /// - `heap` is live and not a main heap.
    /// - No block of the heap is used any more.
    /// - No other thread uses the heap during the call.
    pub fn mimalloc_sys_heap_reset(heap: *mut mi_heap_t, keep: usize) -> bool;
}

#[cfg(all(mimalloc_v2, mimalloc_patched))]
unsafe extern "C" {
    /// Marks a heap, so that its structure stays when the thread of the heap
    /// ends.
    ///
    /// The heap is then a dead heap: each allocation in the heap is null, the
    /// heap holds no block, and `mi_free` of the heap frees the structure. A
    /// dead heap must not be deleted or destroyed. The function is not one of
    /// upstream's, and exists only where the pinned source of engine v2 is
    /// compiled (metadata `patched`).
    ///
    /// # Safety
    ///
    /// - `heap` was made by `mi_heap_new` or a similar function, and was not
    ///   deleted, destroyed or freed.
    pub fn mimalloc_sys_heap_keep(heap: *mut mi_heap_t);

    /// Removes the mark of [`mimalloc_sys_heap_keep`].
    ///
    /// Call this function before the heap is deleted or destroyed, or the
    /// structure stays then as well. The function is not one of upstream's.
    ///
    /// # Safety
    ///
    /// - `heap` was made by `mi_heap_new` or a similar function, and was not
    ///   deleted, destroyed or freed.
    pub fn mimalloc_sys_heap_give_up(heap: *mut mi_heap_t);

    /// Returns whether the thread of a marked heap is still running.
    ///
    /// The function is not one of upstream's.
    ///
    /// # Safety
    ///
    /// - `heap` was made by `mi_heap_new` or a similar function, and was not
    ///   deleted, destroyed or freed.
    pub fn mimalloc_sys_heap_is_alive(heap: *const mi_heap_t) -> bool;

    /// Frees all blocks of a heap, keeps up to about `keep` bytes of the heap's
    /// pages, and returns true.
    ///
    /// Returns false and does nothing where a reset in place is not possible or
    /// does not pay: in builds that guard, track, check or count blocks, for a
    /// dead heap, for a heap that may take over pages, and for a large heap. The
    /// function is not one of upstream's.
    ///
    /// # Safety
    ///
    /// - `heap` was made by `mi_heap_new` or a similar function on this thread, and
    ///   was not deleted, destroyed or freed.
    /// - No block of the heap is used any more.
    pub fn mimalloc_sys_heap_reset(heap: *mut mi_heap_t, keep: usize) -> bool;
}

/// States the linked engine: `"v3"` or `"v2"`.
pub const ENGINE: &str = env!("MIMALLOC_SYS_ENGINE");

/// States the `MI_MALLOC_VERSION` of the headers at build time.
///
/// A library that is loaded at run time may have another version: see
/// [`mi_version`].
pub const HEADER_VERSION: u32 = number(env!("MIMALLOC_SYS_VERSION"));

/// Parses a decimal number; the build script passes nothing else.
const fn number(text: &str) -> u32 {
    let (text, mut value, mut i) = (text.as_bytes(), 0, 0);
    while i < text.len() {
        value = value * 10 + (text[i] - b'0') as u32;
        i += 1;
    }
    value
}
