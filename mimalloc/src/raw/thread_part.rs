//! Finds the current thread's part ("theap") of a heap on engine v3.
//!
//! A thread's part is made on its first use of a heap, in the heap's own arena
//! where it has one. When the arena is full that fails, and upstream reports
//! `EFAULT`, the code of corrupted memory, at which builds with debugging or
//! hardening abort. Running out of memory must not: in those builds the error
//! handler of `hooks` asks this module to tell the two apart, and aborts on all
//! else.
//!
//! What upstream does is always the same: `ENOMEM` for the memory, then
//! `EFAULT` for the missing part, on the same thread and within the one call
//! below. Only that pair is excused. Release builds have none of this.

use mimalloc_sys as sys;

/// The current thread's part of `heap`. Never null: when it can't be made, one
/// whose every allocation is null.
///
/// # Safety
///
/// `heap` is live.
#[inline(always)]
pub(crate) unsafe fn find(heap: *mut sys::mi_heap_t) -> *mut sys::mi_theap_t {
    #[cfg(all(mimalloc_hardened, feature = "std"))]
    let _window = excuse::Window::open();
    // SAFETY: the heap is live.
    unsafe { sys::mi_heap_theap(heap) }
}

/// Whether the current thread has, or could be given, its part of `heap`: what
/// to ask before C functions that look for it themselves.
///
/// # Safety
///
/// `heap` is live.
#[inline]
#[cfg(mimalloc_hardened)]
pub(crate) unsafe fn available(heap: *mut sys::mi_heap_t) -> bool {
    #[cfg(feature = "std")]
    let window = excuse::Window::open();
    // SAFETY: the heap is live.
    unsafe { sys::mi_heap_theap(heap) };
    #[cfg(feature = "std")]
    return !window.excused();
    #[cfg(not(feature = "std"))]
    true
}

#[cfg(all(mimalloc_hardened, feature = "std"))]
pub(crate) use excuse::excuses;

#[cfg(all(mimalloc_hardened, feature = "std"))]
mod excuse {
    use core::cell::Cell;
    use core::ffi::c_int;

    const ENOMEM: c_int = 12;
    const EFAULT: c_int = 14;

    /// What the current thread is doing.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum State {
        Elsewhere,
        Finding,
        /// Finding, and out of memory has been reported.
        Short,
        /// Not found for that reason.
        Excused,
    }

    std::thread_local! {
        // Constant and without a destructor, so that reading it in the handler
        // neither allocates nor registers anything.
        static STATE: Cell<State> = const { Cell::new(State::Elsewhere) };
    }

    /// The call that may be excused, until dropped.
    pub(super) struct Window;

    impl Window {
        #[inline]
        pub(super) fn open() -> Self {
            crate::hooks::install_error_handler();
            STATE.set(State::Finding);
            Self
        }

        #[inline]
        pub(super) fn excused(&self) -> bool {
            STATE.get() == State::Excused
        }
    }

    impl Drop for Window {
        #[inline]
        fn drop(&mut self) {
            STATE.set(State::Elsewhere);
        }
    }

    /// Whether `code`, just reported on this thread, is no error but a full
    /// arena.
    pub(crate) fn excuses(code: c_int) -> bool {
        match (STATE.get(), code) {
            (State::Finding, ENOMEM) => {
                STATE.set(State::Short);
                false
            }
            (State::Short, EFAULT) => {
                // Once: anything after it is a real error.
                STATE.set(State::Excused);
                true
            }
            _ => false,
        }
    }
}
