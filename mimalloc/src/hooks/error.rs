//! What happens when mimalloc finds an error.

use core::ffi::{c_int, c_void};
use core::fmt;
use core::sync::atomic::{AtomicI32, AtomicU8, AtomicUsize, Ordering};

use super::hook::Hook;
use crate::raw;

/// An error that mimalloc reported: an `errno` value of the C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(i32);

/// What an [`ErrorCode`] means in mimalloc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `ENOMEM`: the system gave no memory.
    OutOfMemory,
    /// `EOVERFLOW`: the size exceeds what can exist.
    TooLarge,
    /// `EINVAL`: a pointer or an alignment was not valid.
    InvalidArgument,
    /// `EAGAIN`: a block was freed twice. Only in builds that check.
    DoubleFree,
    /// `EFAULT`: mimalloc's own data is damaged. With a system library of engine
    /// v3 also: no memory in an arena for another thread.
    Fault,
    /// Something else.
    Other,
}

impl ErrorCode {
    /// Returns the `errno` value.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// Returns the meaning of the code in mimalloc.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        match self.0 {
            ENOMEM => ErrorKind::OutOfMemory,
            EOVERFLOW => ErrorKind::TooLarge,
            EINVAL => ErrorKind::InvalidArgument,
            EAGAIN => ErrorKind::DoubleFree,
            EFAULT => ErrorKind::Fault,
            _ => ErrorKind::Other,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind() {
            ErrorKind::OutOfMemory => "out of memory",
            ErrorKind::TooLarge => "too large a size",
            ErrorKind::InvalidArgument => "an invalid pointer or alignment",
            ErrorKind::DoubleFree => "a block freed twice",
            ErrorKind::Fault => "damaged data or an internal limit",
            ErrorKind::Other => "an error",
        };
        write!(f, "mimalloc reported {what} (errno {})", self.0)
    }
}

// `ENOMEM`, `EFAULT` and `EINVAL`, which all systems share, but for Haiku, where
// errors are negative.
const SHARED: [i32; 3] = if cfg!(target_os = "haiku") {
    [i32::MIN, i32::MIN + 0x301, i32::MIN + 5]
} else {
    [12, 14, 22]
};
// `EAGAIN` and `EOVERFLOW`.
const OWN: [i32; 2] = if cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "fuchsia"
)) {
    let mips = cfg!(any(target_arch = "mips", target_arch = "mips64"));
    [11, if mips { 79 } else { 75 }]
} else if cfg!(windows) {
    [11, 132]
} else if cfg!(target_os = "openbsd") {
    [35, 87]
} else if cfg!(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "dragonfly"
)) {
    [35, 84]
} else {
    // Elsewhere the two are `Other`: distinct values that no error has.
    [i32::MAX, i32::MAX - 1]
};

const ENOMEM: i32 = SHARED[0];
const EFAULT: i32 = SHARED[1];
const EINVAL: i32 = SHARED[2];
const EAGAIN: i32 = OWN[0];
const EOVERFLOW: i32 = OWN[1];

/// Chooses how mimalloc reacts to an error, after it printed a message if
/// `show_errors` is on. The function that failed then returns: an allocation
/// fails, and an invalid free does nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorPolicy {
    /// Sets `errno`. Builds with the features `debug` or `secure*` end the
    /// process on [`ErrorKind::Fault`].
    #[default]
    Default,
    /// Continues, and counts the error: see [`error_count`] and [`last_error`].
    /// `errno` stays unchanged. **Removes the protection of a build with `debug`,
    /// or of an older secure build**, against damaged data: the process stays
    /// alive. From 3.6.2 on, secure builds of engine v3 end the process on
    /// [`ErrorKind::Fault`] all the same.
    Ignore,
}

const DEFAULT: u8 = 0;
const IGNORE: u8 = 1;
const HOOK: u8 = 2;

static MODE: AtomicU8 = AtomicU8::new(DEFAULT);
/// The function of [`set_error_hook`].
static FUNCTION: Hook<fn(ErrorCode)> = Hook::new();
function!(fn(ErrorCode));
static COUNT: AtomicUsize = AtomicUsize::new(0);
static LAST: AtomicI32 = AtomicI32::new(0);

/// Chooses what mimalloc does about an error.
///
/// ```
/// use mimalloc::hooks::{self, ErrorPolicy};
///
/// hooks::set_error_policy(ErrorPolicy::Ignore);
/// // …
/// if let Some(error) = hooks::last_error() {
///     eprintln!("{} errors, last: {error}", hooks::error_count());
/// }
/// ```
#[doc(alias = "mi_register_error")]
pub fn set_error_policy(policy: ErrorPolicy) {
    match policy {
        ErrorPolicy::Default => {
            MODE.store(DEFAULT, Ordering::Release);
            // SAFETY: null stands for upstream's own handler. No argument is
            // set that a thread could mix with the function (upstream.md:
            // callback pairs).
            unsafe { raw::hooks::register_error(None) };
        }
        ErrorPolicy::Ignore => {
            MODE.store(IGNORE, Ordering::Release);
            register();
        }
    }
}

/// Calls `hook` with each error, instead of upstream's own handler. An
/// [`ErrorKind::Fault`] then ends the process only in secure builds of engine v3
/// from 3.6.2 on, after the hook. Use [`set_error_policy`] to end this.
///
/// # Safety
///
/// Whenever mimalloc finds an error, on whatever thread, until
/// `set_error_policy` is called and calls that began before have returned,
/// `hook`
///
/// - does not allocate, reallocate or free with mimalloc, or call anything else
///   of it: the operation that failed is under way, and an allocation that
///   fails again calls the hook again without end. With `MiMalloc` as the
///   global allocator nothing may allocate.
/// - does not wait for another thread that may be using mimalloc, as one does
///   that allocates while it holds a lock: the other thread may wait for this
///   one.
/// - does not touch thread-local storage with a destructor: the thread may be
///   about to end.
///
/// A panic in the hook ends the process. The hook may also end the process
/// deliberately.
#[doc(alias = "mi_register_error")]
pub unsafe fn set_error_hook(hook: fn(ErrorCode)) {
    FUNCTION.set(Some(hook));
    MODE.store(HOOK, Ordering::Release);
    register();
}

/// Returns the number of errors while [`ErrorPolicy::Ignore`] or a hook was
/// set.
#[must_use]
pub fn error_count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Returns the last error while [`ErrorPolicy::Ignore`] or a hook was set.
#[must_use]
pub fn last_error() -> Option<ErrorCode> {
    match LAST.load(Ordering::Relaxed) {
        0 => None,
        code => Some(ErrorCode(code)),
    }
}

fn register() {
    // SAFETY: the registered function is a constant without an argument, takes
    // any error code at any time, and takes no lock (upstream.md: callback
    // pairs).
    unsafe { raw::hooks::register_error(Some(error)) };
}

/// Handles an error for mimalloc, in the middle of the operation that failed.
/// The function therefore does not allocate or lock, and aborts on a panic.
///
/// # Safety
///
/// No preconditions; `unsafe` only to match the C callback type.
unsafe extern "C" fn error(code: c_int, _argument: *mut c_void) {
    let mode = MODE.load(Ordering::Acquire);
    if mode == DEFAULT {
        return;
    }
    LAST.store(code, Ordering::Relaxed);
    COUNT.fetch_add(1, Ordering::Relaxed);
    if mode != HOOK {
        return;
    }
    if let Some(hook) = FUNCTION.get() {
        hook(ErrorCode(code));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_kind() {
        for (code, kind) in [
            (ENOMEM, ErrorKind::OutOfMemory),
            (EOVERFLOW, ErrorKind::TooLarge),
            (EINVAL, ErrorKind::InvalidArgument),
            (EAGAIN, ErrorKind::DoubleFree),
            (EFAULT, ErrorKind::Fault),
            (i32::MAX, ErrorKind::Other),
        ] {
            assert_eq!(ErrorCode(code).kind(), kind);
        }
    }
}
