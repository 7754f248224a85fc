//! The deferred free: a moment to free what was set aside.

use core::ffi::{c_ulonglong, c_void};

use super::hook::Hook;
use crate::raw::runtime::{self, Flag};
use crate::raw::{self, engine};

/// The function that is set.
static FUNCTION: Hook<fn(bool, u64)> = Hook::new();
function!(fn(bool, u64));

/// Makes mimalloc call `hook` now and then on threads that allocate. The hook
/// may free blocks that were set aside, for example by a reference counter that
/// does not free long chains at once. `None` removes the hook.
///
/// The first argument says whether to free as much as possible now, because of
/// a [`collect(true)`](crate::collect). The second argument is a number that
/// grows with each call on the thread.
///
/// mimalloc calls the hook
/// - from an allocation that takes the slow path, about one in a thousand of
///   these, and from each collect;
/// - on the thread that allocates or collects, never while a call is under way
///   on the same thread (without the feature `std`, in builds with `guarded`,
///   calls may nest), and never when a thread ends;
/// - with `force` on v2 only from this crate's `collect` functions, and only
///   with the feature `std`. Upstream's v2 also calls its hook when a thread
///   ends, where an allocation sets mimalloc up anew for the thread and leaks.
///   This crate leaves out these calls.
///
/// The hook may allocate, free, collect, make and drop heaps, and start and
/// join threads, because mimalloc holds no lock during the call. Unpatched
/// sources of engine v3 hold locks, so this function is absent with a system
/// library of v3.
///
/// The hook interrupts the code that allocates: the hook must not wait for a
/// lock that the interrupted code may hold, or it deadlocks. A panic in the
/// hook ends the process.
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
    FUNCTION.set(hook);
    let trampoline: Option<raw::hooks::DeferredFree> = match hook {
        Some(_) => Some(deferred_free),
        None => None,
    };
    // SAFETY: the registered function is a constant, so it is valid as long as
    // the process lives. The function does nothing when no hook is set.
    unsafe { raw::hooks::register_deferred_free(trampoline) };
}

/// Calls the hook for mimalloc, and aborts on a panic.
///
/// # Safety
///
/// No preconditions; `unsafe` only to match the C callback type.
unsafe extern "C" fn deferred_free(force: bool, heartbeat: c_ulonglong, _argument: *mut c_void) {
    if force && !engine::is_collect_on_purpose() {
        return;
    }
    let Some(hook) = FUNCTION.get() else {
        return;
    };
    // Upstream keeps calls apart, except while it samples blocks to guard. Without
    // thread-locals nothing else keeps them apart.
    if !runtime::replace(Flag::InDeferredFree, true) {
        hook(force, heartbeat);
        runtime::replace(Flag::InDeferredFree, false);
    }
}
