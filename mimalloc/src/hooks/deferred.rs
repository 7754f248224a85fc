//! The deferred free: a moment to free what was set aside.

use core::ffi::{c_ulonglong, c_void};
use core::mem;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use mimalloc_sys as ffi;

/// The `fn(bool, u64)` that is set, or null.
static FUNCTION: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Has mimalloc call `hook` now and then, on threads that allocate: a moment to
/// free blocks that were set aside, for example by a reference counter that does
/// not free long chains at once. `None` ends it.
///
/// The hook gets whether as much as possible should be freed now, because of a
/// [`collect(true)`](crate::collect), and a number that grows with each call on
/// the thread.
///
/// It is called
/// - from an allocation that takes the slow path, about one in a thousand of
///   those, and from each collect;
/// - on the thread that allocates or collects, never while a call is under way
///   on the same thread;
/// - on v2 also when a thread ends, after its thread-locals are gone. There,
///   `LocalKey::with` panics, which ends the process: use `try_with`.
///
/// It may allocate, free and collect. The code around the allocation that led to
/// the call is stopped meanwhile: waiting for a lock which that code may hold
/// waits for ever. A hook that panics ends the process.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// static CALLS: AtomicUsize = AtomicUsize::new(0);
///
/// fn tidy_up(_force: bool, _heartbeat: u64) {
///     CALLS.fetch_add(1, Ordering::Relaxed);
/// }
///
/// mimalloc::hooks::set_deferred_free(Some(tidy_up));
/// mimalloc::collect(true);
/// assert!(CALLS.load(Ordering::Relaxed) >= 1);
/// ```
#[doc(alias = "mi_register_deferred_free")]
pub fn set_deferred_free(hook: Option<fn(force: bool, heartbeat: u64)>) {
    let function = hook.map_or(ptr::null_mut(), |hook| hook as *mut ());
    FUNCTION.store(function, Ordering::Release);
    let trampoline: ffi::mi_deferred_free_fun = match hook {
        Some(_) => Some(deferred_free),
        None => None,
    };
    // SAFETY: the function is right for as long as the process lives, takes a
    // null argument, and does nothing when no hook is set.
    unsafe { ffi::mi_register_deferred_free(trampoline, ptr::null_mut()) };
}

/// What mimalloc calls. It aborts on a panic.
///
/// # Safety
///
/// None; the type says `unsafe`.
unsafe extern "C" fn deferred_free(force: bool, heartbeat: c_ulonglong, _argument: *mut c_void) {
    let function = FUNCTION.load(Ordering::Acquire);
    if !function.is_null() {
        // SAFETY: only functions of this type are ever stored, and null, which
        // this is not.
        let hook = unsafe { mem::transmute::<*mut (), fn(bool, u64)>(function) };
        hook(force, heartbeat);
    }
}
