//! Reads and sets runtime options.
//!
//! Upstream keeps each option in a plain word of a static. Any thread may read
//! and write the word at any time, also before mimalloc has started
//! (upstream.md: option words).

use core::ffi::c_long;

use mimalloc_sys as sys;

/// Returns the value as stored. Calls `mi_option_get`.
///
/// # Safety
///
/// - `number` is the number of an option of the linked library; builds with
///   assertions abort on other numbers.
pub(crate) unsafe fn get(number: sys::mi_option_t) -> c_long {
    // SAFETY: the caller promises an option of the linked library; any thread
    // may read its word at any time (upstream.md: option words).
    unsafe { sys::mi_option_get(number) }
}

/// Returns the value in bytes, as `mi_option_get_size` does, which old libraries
/// lack. `unit` is the number of bytes that the value counts in.
///
/// # Safety
///
/// - `number` is the number of an option of the linked library; builds with
///   assertions abort on other numbers.
pub(crate) unsafe fn get_size(number: sys::mi_option_t, unit: usize) -> usize {
    // SAFETY: the caller promises an option of the linked library.
    let value = unsafe { get(number) };
    let value = usize::try_from(value.max(0)).unwrap_or(usize::MAX);
    value.saturating_mul(unit).min(isize::MAX as usize)
}

/// Sets the value. Calls `mi_option_set`.
///
/// # Safety
///
/// - `number` is the number of an option of the linked library; builds with
///   assertions abort on other numbers.
/// - The value breaks nothing that safe code relies on (upstream.md: unsafe
///   options).
pub(crate) unsafe fn set(number: sys::mi_option_t, value: c_long) {
    // SAFETY: the caller promises an option of the linked library and a
    // harmless value; any thread may write its word at any time (upstream.md:
    // option words).
    unsafe { sys::mi_option_set(number, value) };
}

/// Sets the value unless it was set before. Calls `mi_option_set_default`.
///
/// # Safety
///
/// - `number` is the number of an option of the linked library; builds with
///   assertions abort on other numbers.
/// - The value breaks nothing that safe code relies on (upstream.md: unsafe
///   options).
pub(crate) unsafe fn set_default(number: sys::mi_option_t, value: c_long) {
    // SAFETY: the caller promises an option of the linked library and a
    // harmless value; any thread may write its word at any time (upstream.md:
    // option words).
    unsafe { sys::mi_option_set_default(number, value) };
}

/// Prints all options to the output handler.
#[cfg(mimalloc_has_options_print)]
pub(crate) fn print() {
    // SAFETY: the function takes no argument, reads the options, whose words
    // any thread may read (upstream.md: option words), and writes to the output
    // handler.
    unsafe { sys::mi_options_print() };
}
