//! Runtime options.
//!
//! Upstream keeps each option in a plain word of a static, which any thread may
//! read and write at any time, also before mimalloc has started.

use core::ffi::c_long;

use mimalloc_sys as sys;

/// The value as stored.
///
/// # Safety
///
/// `number` is that of an option of the linked library: builds with assertions
/// abort on one that is out of range.
pub(crate) unsafe fn get(number: sys::mi_option_t) -> c_long {
    // SAFETY: as the caller promises; any thread, any time.
    unsafe { sys::mi_option_get(number) }
}

/// The value in bytes, for options that are amounts of memory; the value itself
/// for others.
///
/// # Safety
///
/// As for [`get`].
#[cfg(mimalloc_has_option_get_size)]
pub(crate) unsafe fn get_size(number: sys::mi_option_t, _unit: usize) -> usize {
    // SAFETY: like `mi_option_get`, which it calls.
    unsafe { sys::mi_option_get_size(number) }
}

/// As above, in libraries without `mi_option_get_size`: `unit` is what the value
/// counts, in bytes.
///
/// # Safety
///
/// As for [`get`].
#[cfg(not(mimalloc_has_option_get_size))]
pub(crate) unsafe fn get_size(number: sys::mi_option_t, unit: usize) -> usize {
    // SAFETY: as the caller promises.
    let value = unsafe { get(number) };
    let value = usize::try_from(value.max(0)).unwrap_or(usize::MAX);
    value.saturating_mul(unit).min(isize::MAX as usize)
}

/// Sets the value.
///
/// # Safety
///
/// As for [`get`], and the caller answers for what the value may break.
pub(crate) unsafe fn set(number: sys::mi_option_t, value: c_long) {
    // SAFETY: as the caller promises.
    unsafe { sys::mi_option_set(number, value) };
}

/// Sets the value unless it was set before.
///
/// # Safety
///
/// As for [`set`].
pub(crate) unsafe fn set_default(number: sys::mi_option_t, value: c_long) {
    // SAFETY: as the caller promises.
    unsafe { sys::mi_option_set_default(number, value) };
}

/// Prints all options to the output handler.
#[cfg(mimalloc_has_options_print)]
pub(crate) fn print() {
    // SAFETY: reads the options and writes to the output handler; any thread, any
    // time.
    unsafe { sys::mi_options_print() };
}
