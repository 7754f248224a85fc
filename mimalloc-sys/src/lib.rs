//! Complete raw FFI to [mimalloc]: each public function, type, option and
//! constant of `mimalloc.h`, `mimalloc-stats.h` and `mimalloc-profile.h`, under
//! its C name.
//!
//! Engine v3 (mimalloc 3.x) is compiled from the vendored C source by default;
//! the feature `v2` takes engine v2 (mimalloc 2.x), the feature `system` an
//! installed library. The README lists the features and the variables that
//! the build script reads.
//!
//! Nothing here is checked. The `mimalloc` crate is the safe layer.
//!
//! [mimalloc]: https://github.com/microsoft/mimalloc
#![no_std]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_core)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// Generated code: names are C's, and so are the docs (there are none: upstream
// comments with `//`).
#[allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    missing_debug_implementations,
    clippy::missing_safety_doc
)]
mod bindings {
    // Of another version than the committed ones.
    #[cfg(any(mimalloc_other_version, feature = "bindgen"))]
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
    #[cfg(all(mimalloc_v3, not(any(mimalloc_other_version, feature = "bindgen"))))]
    include!("bindings/v3.rs");
    #[cfg(all(mimalloc_v2, not(any(mimalloc_other_version, feature = "bindgen"))))]
    include!("bindings/v2.rs");
}
#[cfg(mimalloc_inline)]
mod inline;
#[cfg(mimalloc_inline_alloc)]
mod inline_alloc;
mod macros;
pub mod version;
mod wchar;

pub use bindings::*;
#[cfg(mimalloc_inline)]
pub use inline::*;
#[cfg(mimalloc_inline_alloc)]
pub use inline_alloc::mimalloc_sys_theap_wmalloc_small;
pub use macros::*;
pub use wchar::*;

/// The C type of an enumeration: `int` for MSVC's compiler, `unsigned int` for
/// the others, as no value is negative.
#[cfg(target_env = "msvc")]
#[allow(non_camel_case_types, reason = "named like the types in core::ffi")]
pub type c_enum = core::ffi::c_int;

/// The C type of an enumeration: `int` for MSVC's compiler, `unsigned int` for
/// the others, as no value is negative.
#[cfg(not(target_env = "msvc"))]
#[allow(non_camel_case_types, reason = "named like the types in core::ffi")]
pub type c_enum = core::ffi::c_uint;

/// The largest size of the `_small` functions, in bytes. An expression in C,
/// which is why bindgen leaves it out.
pub const MI_SMALL_SIZE_MAX: usize = MI_SMALL_WSIZE_MAX as usize * size_of::<usize>();

/// Whether the C source was compiled with this crate, rather than found
/// installed.
pub const VENDORED: bool = matches!(env!("MIMALLOC_SYS_VENDORED").as_bytes(), b"1");

/// What [`mimalloc_sys_on_thread_done`] keeps. Not one of upstream's types.
#[cfg(all(mimalloc_v3, mimalloc_patched))]
#[repr(C)]
#[allow(non_camel_case_types, reason = "named like the types of C")]
#[derive(Debug)]
pub struct mimalloc_sys_thread_done_t {
    /// What to call.
    pub fun: unsafe extern "C" fn(),
    /// Set by the function.
    pub next: *mut mimalloc_sys_thread_done_t,
}

#[cfg(all(mimalloc_v3, mimalloc_patched))]
unsafe extern "C" {
    /// Not one of upstream's: has `listener->fun` called on each thread before
    /// `mi_thread_done` frees its theaps, and once more when the process ends.
    /// Not with the option `destroy_on_exit`, when all heaps go. Only where the
    /// pinned source of engine v3 is compiled (metadata `patched`).
    ///
    /// # Safety
    ///
    /// `listener` is given once and is never moved or written to from now on.
    /// Its `fun` may be called on any thread; it does not call mimalloc and does
    /// not unwind.
    pub fn mimalloc_sys_on_thread_done(listener: *mut mimalloc_sys_thread_done_t);

    /// Not one of upstream's: as `mi_thread_init`, and returns whether the current
    /// thread is initialised. There may be no memory for that. Only where the
    /// pinned source of engine v3 is compiled (metadata `patched`).
    pub safe fn mimalloc_sys_thread_init() -> bool;

    /// Not one of upstream's: lets the theaps of a heap keep their full pages, so
    /// that [`mimalloc_sys_heap_reset`] can reset the heap. Only where the pinned
    /// source of engine v3 is compiled (metadata `patched`).
    ///
    /// # Safety
    ///
    /// `heap` is live and not a main heap.
    pub fn mimalloc_sys_heap_make_resettable(heap: *mut mi_heap_t);

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
    /// Not one of upstream's: marks a heap, so that its structure stays when
    /// the heap's thread ends. What is left then is a dead heap: every
    /// allocation in it is null, it holds nothing, and `mi_free` of it frees the
    /// structure; it must not be deleted or destroyed. Only where the pinned
    /// source of engine v2 is compiled (metadata `patched`).
    ///
    /// # Safety
    ///
    /// `heap` was made by `mi_heap_new` or one of its kin, and was not deleted,
    /// destroyed or freed.
    pub fn mimalloc_sys_heap_keep(heap: *mut mi_heap_t);

    /// Not one of upstream's: takes the mark of [`mimalloc_sys_heap_keep`] away,
    /// as must be done before the heap is deleted or destroyed, or the structure
    /// stays then too.
    ///
    /// # Safety
    ///
    /// As for [`mimalloc_sys_heap_keep`].
    pub fn mimalloc_sys_heap_give_up(heap: *mut mi_heap_t);

    /// Not one of upstream's: whether the thread of a kept heap goes on.
    ///
    /// # Safety
    ///
    /// As for [`mimalloc_sys_heap_keep`].
    pub fn mimalloc_sys_heap_is_alive(heap: *const mi_heap_t) -> bool;
}

/// The engine that is linked: `"v3"` or `"v2"`.
pub const ENGINE: &str = env!("MIMALLOC_SYS_ENGINE");

/// `MI_MALLOC_VERSION` of the headers that were found when this was built. A
/// library loaded at run time may be another one: see [`mi_version`].
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
