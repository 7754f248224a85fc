//! Hooks.
//!
//! Upstream stores a hook and its argument separately and not atomically. So each
//! kind of hook is one constant function, which is called with null.

use core::ffi::{c_char, c_int, c_ulonglong, c_void};
use core::ptr;

use mimalloc_sys as sys;

/// What C calls with each piece of its messages: a C string, and null.
pub(crate) type Output = unsafe extern "C" fn(text: *const c_char, argument: *mut c_void);

/// What C calls with each error.
pub(crate) type Error = unsafe extern "C" fn(code: c_int, argument: *mut c_void);

/// What C calls for a deferred free.
pub(crate) type DeferredFree =
    unsafe extern "C" fn(force: bool, heartbeat: c_ulonglong, argument: *mut c_void);

/// Has C print by `function`, or to standard error for `None`.
///
/// # Safety
///
/// `function` may be called with any C string or null and with null, on any
/// thread, with locks of mimalloc held, until the process ends.
pub(crate) unsafe fn register_output(function: Option<Output>) {
    // SAFETY: as the caller promises; null stands for standard error.
    unsafe { sys::mi_register_output(function, ptr::null_mut()) };
}

/// Has C report errors to `function`, or to upstream's own handler for `None`.
///
/// # Safety
///
/// `function` may be called with any number and null, on any thread, with locks of
/// mimalloc held, until the process ends.
pub(crate) unsafe fn register_error(function: Option<Error>) {
    // SAFETY: as the caller promises; null stands for upstream's own handler.
    unsafe { sys::mi_register_error(function, ptr::null_mut()) };
}

/// Has C call `function` for deferred frees.
///
/// # Safety
///
/// `function` may be called with anything and null, on any thread that allocates
/// or collects, until the process ends.
#[cfg(any(mimalloc_v2, mimalloc_patched))]
pub(crate) unsafe fn register_deferred_free(function: Option<DeferredFree>) {
    // SAFETY: as the caller promises.
    unsafe { sys::mi_register_deferred_free(function, ptr::null_mut()) };
}
