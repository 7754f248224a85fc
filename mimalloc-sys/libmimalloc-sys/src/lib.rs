//! Has the items and features of crates.io's `libmimalloc-sys` 0.1, on top of
//! `mimalloc-sys`. A patch of cargo puts this crate in the place of the other:
//! see the README.
//!
//! All items are there whatever features are on. The features `extended` and
//! `arena` have no effect.
#![no_std]

pub use mimalloc_sys::*;

use core::ffi::{c_int, c_long, c_void};

/// Names an option. `mimalloc-sys` has the C type of the enumeration instead, and
/// both have the same values and the same size.
#[allow(non_camel_case_types, reason = "named like the types of C")]
pub type mi_option_t = c_int;

// These take the place of what the glob above exports under the same names.
unsafe extern "C" {
    /// Returns whether an option is enabled.
    ///
    /// # Safety
    ///
    /// - There are no requirements: C checks the number of the option.
    pub fn mi_option_is_enabled(option: mi_option_t) -> bool;

    /// Enables or disables an option.
    ///
    /// # Safety
    ///
    /// - No other thread sets an option meanwhile.
    pub fn mi_option_set_enabled(option: mi_option_t, enable: bool);

    /// Enables or disables an option that nobody has set yet.
    ///
    /// # Safety
    ///
    /// - No other thread sets an option meanwhile.
    pub fn mi_option_set_enabled_default(option: mi_option_t, enable: bool);

    /// Returns the value of an option.
    ///
    /// # Safety
    ///
    /// - There are no requirements: C checks the number of the option.
    pub fn mi_option_get(option: mi_option_t) -> c_long;

    /// Sets an option.
    ///
    /// # Safety
    ///
    /// - No other thread sets an option meanwhile.
    pub fn mi_option_set(option: mi_option_t, value: c_long);

    /// Sets an option that nobody has set yet.
    ///
    /// # Safety
    ///
    /// - No other thread sets an option meanwhile.
    pub fn mi_option_set_default(option: mi_option_t, value: c_long);

    /// Makes an arena of memory of the program.
    ///
    /// # Safety
    ///
    /// - The memory is the program's to write, and stays so for ever.
    /// - `arena_id` is valid for writes.
    pub fn mi_manage_os_memory_ex(
        start: *const c_void,
        size: usize,
        is_committed: bool,
        is_large: bool,
        is_zero: bool,
        numa_node: c_int,
        exclusive: bool,
        arena_id: *mut mi_arena_id_t,
    ) -> bool;
}

/// Frees a block if it is one of mimalloc's.
///
/// # Safety
///
/// - `p` is null, a live block of mimalloc, or no address of mimalloc's memory.
pub unsafe extern "C" fn mi_cfree(p: *mut c_void) {
    // SAFETY: the requirements are those of C's function, whose result says
    // whether the block was mimalloc's.
    unsafe { mimalloc_sys::mi_cfree(p) };
}

/// Declares the constants of options with the type of this crate.
macro_rules! options {
    ($($name:ident = $upstream:ident;)*) => {$(
        /// States the number that the linked engine gives to the option.
        #[allow(non_upper_case_globals, reason = "named like the constants of C")]
        #[allow(clippy::unnecessary_cast, reason = "the type depends on the C compiler")]
        pub const $name: mi_option_t = mimalloc_sys::$upstream as mi_option_t;
    )*};
}

options! {
    mi_option_show_errors = mi_option_show_errors;
    mi_option_show_stats = mi_option_show_stats;
    mi_option_verbose = mi_option_verbose;
    mi_option_large_os_pages = mi_option_allow_large_os_pages;
    mi_option_reserve_huge_os_pages = mi_option_reserve_huge_os_pages;
    mi_option_reserve_huge_os_pages_at = mi_option_reserve_huge_os_pages_at;
    mi_option_reserve_os_memory = mi_option_reserve_os_memory;
    mi_option_use_numa_nodes = mi_option_use_numa_nodes;
    mi_option_limit_os_alloc = mi_option_limit_os_alloc;
    mi_option_os_tag = mi_option_os_tag;
    mi_option_max_errors = mi_option_max_errors;
    mi_option_max_warnings = mi_option_max_warnings;
    _mi_option_last = _mi_option_last;
}

#[cfg(mimalloc_v2)]
options! {
    mi_option_eager_commit_delay = mi_option_eager_commit_delay;
    mi_option_max_segment_reclaim = mi_option_max_segment_reclaim;
}
