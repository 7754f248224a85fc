//! Compares the bindings with what a C compiler says about the same headers:
//! sizes, alignments, offsets and sizes of fields, enumerators, and macro
//! constants.

#![cfg(not(mimalloc_other_version))]

use core::ffi::{CStr, c_char};
use core::mem::offset_of;

use mimalloc_sys as sys;

/// The values of the bindings. `build.rs` writes the rows.
const ROWS: &[(&str, i64)] = include!(concat!(env!("OUT_DIR"), "/abi_rows.rs"));

#[link(name = "mimalloc_abi", kind = "static")]
unsafe extern "C" {
    safe fn abi_count() -> usize;
    /// # Safety
    ///
    /// `i` must be below the count.
    fn abi_name(i: usize) -> *const c_char;
    /// # Safety
    ///
    /// `i` must be below the count.
    fn abi_value(i: usize) -> i64;
}

/// Returns the size of the field that an accessor points to.
const fn size_of_field<S, F>(_: fn(&S) -> *const F) -> i64 {
    size_of::<F>() as i64
}

#[test]
fn c_compiler_agrees_with_every_row() {
    assert_eq!(abi_count(), ROWS.len());
    for (i, (name, value)) in ROWS.iter().enumerate() {
        // SAFETY: `i` is below the count, which is the same on both sides.
        let c_name = unsafe { abi_name(i) };
        // SAFETY: the C side returns a string literal, which lives for ever.
        let c_name = unsafe { CStr::from_ptr(c_name) };
        assert_eq!(c_name.to_str(), Ok(*name), "row {i}");
        // SAFETY: `i` is below the count, which is the same on both sides.
        let c_value = unsafe { abi_value(i) };
        assert_eq!(c_value, *value, "{name}");
    }
}

/// Guards the generator of the rows. An item that the generator no longer
/// recognises would drop out silently.
#[test]
fn no_row_dropped_out() {
    let count = |what: &str| {
        ROWS.iter()
            .filter(|(name, _)| name.starts_with(what))
            .count()
    };
    let (enums, structs, options) = if cfg!(mimalloc_v3) {
        (2, 7, 62)
    } else {
        (1, 4, 45)
    };
    let what = "after a bump, the numbers above must be those of the new bindings; without one, \
                tests/build.rs no longer reads them";
    assert_eq!(count("sign of "), enums, "enums: {what}");
    assert_eq!(count("align of "), structs, "structs: {what}");
    let found = count("mi_option_") + count("_mi_option_");
    assert_eq!(found, options, "options: {what}");
    assert_eq!(count("MI_MALLOC_VERSION"), 1, "{what}");
}
