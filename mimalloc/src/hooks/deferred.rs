//! The deferred free: a moment to free what was set aside.

use core::ffi::{c_ulonglong, c_void};
use core::mem;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use mimalloc_sys as sys;

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
///   on the same thread (without the feature `std`, in builds with `guarded`, it
///   may be), and never when a thread ends;
/// - with `force` on v2 only from this crate's `collect` functions, and only
///   with the feature `std`. Upstream's v2 also calls it when a thread ends,
///   where an allocation sets mimalloc up anew for the thread and loses that;
///   those calls are left out.
///
/// The hook may allocate, free, collect, make and drop heaps, and start and join
/// threads: mimalloc holds no lock then. Unpatched sources of engine v3 hold
/// some, so that this function is absent with a system library of v3.
///
/// The code around the allocation that led to
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
#[cfg(any(mimalloc_v2, mimalloc_patched))]
#[doc(alias = "mi_register_deferred_free")]
pub fn set_deferred_free(hook: Option<fn(force: bool, heartbeat: u64)>) {
    let function = hook.map_or(ptr::null_mut(), |hook| hook as *mut ());
    FUNCTION.store(function, Ordering::Release);
    let trampoline: sys::mi_deferred_free_fun = match hook {
        Some(_) => Some(deferred_free),
        None => None,
    };
    // SAFETY: the function is right for as long as the process lives, takes a
    // null argument, and does nothing when no hook is set.
    unsafe { sys::mi_register_deferred_free(trampoline, ptr::null_mut()) };
}

/// What mimalloc calls. It aborts on a panic.
///
/// # Safety
///
/// None; the type says `unsafe`.
unsafe extern "C" fn deferred_free(force: bool, heartbeat: c_ulonglong, _argument: *mut c_void) {
    #[cfg(mimalloc_v2)]
    if force && !v2::is_collecting() {
        return;
    }
    let function = FUNCTION.load(Ordering::Acquire);
    if function.is_null() || !enter() {
        return;
    }
    // SAFETY: only functions of this type are ever stored, and null, which
    // this is not.
    let hook = unsafe { mem::transmute::<*mut (), fn(bool, u64)>(function) };
    hook(force, heartbeat);
    leave();
}

// Upstream keeps calls apart, but not while it samples blocks to guard.
#[cfg(feature = "std")]
std::thread_local! {
    // Constant and without a destructor, as below.
    static INSIDE: core::cell::Cell<bool> = const { core::cell::Cell::new(false) };
}

/// Whether no call is under way on this thread; then one is.
#[cfg(feature = "std")]
fn enter() -> bool {
    !INSIDE.replace(true)
}

#[cfg(feature = "std")]
fn leave() {
    INSIDE.set(false);
}

#[cfg(not(feature = "std"))]
fn enter() -> bool {
    true
}

#[cfg(not(feature = "std"))]
fn leave() {}

/// Says that this thread collects on purpose, until dropped. Only v2 with std
/// remembers it.
#[derive(Debug)]
#[must_use]
pub(crate) struct Collecting {
    #[cfg(all(mimalloc_v2, feature = "std"))]
    before: bool,
}

#[inline(always)]
pub(crate) fn collecting(_force: bool) -> Collecting {
    Collecting {
        #[cfg(all(mimalloc_v2, feature = "std"))]
        before: v2::set(_force),
    }
}

#[cfg(all(mimalloc_v2, feature = "std"))]
impl Drop for Collecting {
    fn drop(&mut self) {
        v2::set(self.before);
    }
}

/// v2 forces a deferred free when a thread ends, too: 4 calls a thread, each of
/// which leaves some 100 KiB behind if the hook allocates.
#[cfg(all(mimalloc_v2, feature = "std"))]
mod v2 {
    use core::cell::Cell;

    std::thread_local! {
        // Constant and without a destructor: it is there until the very end of
        // the thread, and reading it allocates nothing.
        static COLLECTING: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn set(collecting: bool) -> bool {
        COLLECTING.replace(collecting)
    }

    pub(super) fn is_collecting() -> bool {
        COLLECTING.get()
    }
}

#[cfg(all(mimalloc_v2, not(feature = "std")))]
mod v2 {
    pub(super) fn is_collecting() -> bool {
        false
    }
}
