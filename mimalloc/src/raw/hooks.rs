//! Registers the hooks that C calls.
//!
//! Upstream stores a hook and its argument separately and not atomically
//! (upstream.md: callback pairs). Each kind of hook is therefore one constant
//! function, which C calls with a null argument.

use core::ffi::{c_char, c_int, c_ulonglong, c_void};
use core::ptr;

use mimalloc_sys as sys;

/// Describes the function that C calls with each piece of its messages. C
/// passes a C string, and null.
pub(crate) type Output = unsafe extern "C" fn(text: *const c_char, argument: *mut c_void);

/// Describes the function that C calls with each error.
pub(crate) type Error = unsafe extern "C" fn(code: c_int, argument: *mut c_void);

/// Describes the function that C calls for a deferred free.
pub(crate) type DeferredFree =
    unsafe extern "C" fn(force: bool, heartbeat: c_ulonglong, argument: *mut c_void);

/// Makes C print through `function`, or to standard error for `None`. Calls
/// `mi_register_output`.
///
/// # Safety
///
/// `function` may be called until the process ends:
///
/// - with any C string or null, and a null argument,
/// - on any thread,
/// - with locks of mimalloc held.
pub(crate) unsafe fn register_output(function: Option<Output>) {
    // SAFETY: the caller promises a function that may be called at any time
    // (upstream.md: output callbacks); null selects standard error.
    unsafe { sys::mi_register_output(function, ptr::null_mut()) };
}

/// Makes C report errors to `function`, or to upstream's own handler for
/// `None`. Calls `mi_register_error`.
///
/// # Safety
///
/// `function` may be called until the process ends:
///
/// - with any number, and a null argument,
/// - on any thread,
/// - with locks of mimalloc held.
pub(crate) unsafe fn register_error(function: Option<Error>) {
    // SAFETY: the caller promises a function that may be called at any time
    // (upstream.md: error callbacks); null selects upstream's own handler.
    unsafe { sys::mi_register_error(function, ptr::null_mut()) };
}

/// Makes C call `function` for deferred frees. Calls
/// `mi_register_deferred_free`.
///
/// # Safety
///
/// `function` may be called until the process ends:
///
/// - with any values, and a null argument,
/// - on any thread that allocates or collects.
#[allow(dead_code, reason = "unpatched engine v3 holds a lock during the call")]
pub(crate) unsafe fn register_deferred_free(function: Option<DeferredFree>) {
    // SAFETY: the caller promises a function that may be called at any time; C
    // calls it with no lock held (upstream.md: deferred frees).
    unsafe { sys::mi_register_deferred_free(function, ptr::null_mut()) };
}
