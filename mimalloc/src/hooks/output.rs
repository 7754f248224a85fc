//! Where mimalloc's messages go.

use core::ffi::{CStr, c_char, c_void};
use core::hint;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::hook::Hook;
use super::ring::Ring;
use crate::raw;

/// Where mimalloc's messages go: warnings, errors, options, statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Output {
    /// Standard error, unbuffered. This is the default.
    #[default]
    Stderr,
    /// Nowhere.
    Discard,
    /// A buffer of 32 KiB, which [`take_output`] empties. Text that does not
    /// fit is counted and lost.
    Capture,
}

const STDERR: u8 = 0;
const DISCARD: u8 = 1;
const CAPTURE: u8 = 2;
const HOOK: u8 = 3;

static MODE: AtomicU8 = AtomicU8::new(STDERR);
/// The function of [`set_output_hook`].
static FUNCTION: Hook<fn(&[u8])> = Hook::new();
function!(fn(&[u8]));
static CAPTURED: Ring<{ 32 * 1024 }> = Ring::new();

/// Whether mimalloc has handed over what it printed before there was a hook.
static FLUSHED: AtomicBool = AtomicBool::new(false);
/// Held while the hook is changed.
static CHANGING: AtomicBool = AtomicBool::new(false);

/// Chooses where mimalloc's messages go.
///
/// mimalloc keeps the first 16 KiB that it prints before any output is chosen,
/// also before `main`. The first choice other than [`Stderr`](Output::Stderr)
/// gets this text.
///
/// ```
/// use mimalloc::hooks::{self, Output};
///
/// hooks::set_output(Output::Capture);
/// mimalloc::option::print();
///
/// let mut text = Vec::new();
/// hooks::take_output(|bytes| text.extend_from_slice(bytes));
/// assert!(String::from_utf8_lossy(&text).contains("purge_delay"));
/// ```
#[doc(alias = "mi_register_output")]
pub fn set_output(output: Output) {
    change(match output {
        Output::Stderr => STDERR,
        Output::Discard => DISCARD,
        Output::Capture => CAPTURE,
    });
}

/// Hands everything that was captured to `sink`, piece by piece, and forgets it.
/// Returns how many bytes were lost since the last call because the buffer was
/// full.
///
/// Pieces end anywhere, also within a message. The text is English ASCII, but
/// paths and such may not be. `sink` may do what it likes: nothing of mimalloc's
/// is held. If two threads call this at once, one of them gets nothing.
pub fn take_output(sink: impl FnMut(&[u8])) -> usize {
    CAPTURED.take(sink)
}

/// Calls `hook` with each piece of text that mimalloc prints. A message may come
/// in several pieces, and pieces of several threads may mix. Use
/// [`set_output`] to end this.
///
/// # Safety
///
/// Whenever mimalloc prints, on whatever thread, until `set_output` is called
/// and calls that began before have returned, `hook`
///
/// - does not allocate, reallocate or free with mimalloc, or call anything else
///   of it: it may be half-way through a change, or hold a lock that it would
///   wait for. With `MiMalloc` as the global allocator nothing may allocate.
/// - does not wait for another thread that may be using mimalloc, as one does
///   that allocates while it holds a lock: the other thread may wait for this
///   one.
/// - does not touch thread-local storage with a destructor: the thread may be
///   about to end.
///
/// A hook that panics ends the process. Writing to a file descriptor or to a
/// buffer that is there already is fine.
#[doc(alias = "mi_register_output")]
pub unsafe fn set_output_hook(hook: fn(&[u8])) {
    FUNCTION.set(Some(hook));
    change(HOOK);
}

fn change(mode: u8) {
    while CHANGING.swap(true, Ordering::Acquire) {
        hint::spin_loop();
    }
    let mut is_first = false;
    if mode == STDERR {
        // SAFETY: null stands for upstream's own output. No argument is set
        // that a thread could mix with the function (upstream.md: callback
        // pairs).
        unsafe { raw::hooks::register_output(None) };
        MODE.store(mode, Ordering::Release);
    } else if FLUSHED.swap(true, Ordering::Relaxed) {
        // Registering again repeats the text from before the first time; drop
        // the repeated text. (What another thread prints right now is lost as
        // well.)
        if MODE.swap(DISCARD, Ordering::AcqRel) == STDERR {
            register();
        }
        MODE.store(mode, Ordering::Release);
    } else {
        is_first = true;
        // Registering hands over the text of before, with a lock of mimalloc's
        // held. A hook gets it afterwards.
        let at_first = if mode == HOOK { CAPTURE } else { mode };
        MODE.store(at_first, Ordering::Release);
        register();
        MODE.store(mode, Ordering::Release);
    }
    CHANGING.store(false, Ordering::Release);
    if is_first && mode == HOOK {
        CAPTURED.take(hand_over);
    }
}

/// Whether mimalloc's messages go to a hook of the program.
pub(crate) fn is_hooked() -> bool {
    MODE.load(Ordering::Acquire) == HOOK
}

/// Returns whether mimalloc's messages go to standard error.
pub(crate) fn is_stderr() -> bool {
    MODE.load(Ordering::Acquire) == STDERR
}

/// Hands text to the hook, if there is one, outside of all of mimalloc's locks.
pub(crate) fn hand_over(text: &[u8]) {
    if is_hooked() {
        call_hook(text);
    }
}

fn register() {
    // SAFETY: the registered function is a constant without an argument, takes
    // null or any C string at any time, and takes no lock (upstream.md:
    // callback pairs).
    unsafe { raw::hooks::register_output(Some(output)) };
}

/// Handles text for mimalloc, on any thread, perhaps while mimalloc holds a
/// lock. The function therefore does not allocate, lock or touch thread-local
/// storage, and aborts on a panic.
///
/// # Safety
///
/// `text` is null or a C string.
unsafe extern "C" fn output(text: *const c_char, _argument: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: the caller promises a C string if `text` is not null, which was
    // checked; the string lives during the call.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    match MODE.load(Ordering::Acquire) {
        CAPTURE => CAPTURED.push(text),
        HOOK => call_hook(text),
        _ => {}
    }
}

/// Calls the hook, and aborts on a panic: it is the program's code, within C's
/// or without.
fn call_hook(text: &[u8]) {
    /// Panics can't leave such a function.
    #[allow(improper_ctypes_definitions, reason = "called from Rust only")]
    extern "C" fn without_unwinding(text: &[u8]) {
        if let Some(hook) = FUNCTION.get() {
            hook(text);
        }
    }
    without_unwinding(text);
}
