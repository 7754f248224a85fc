//! Statistics as upstream words them.

use core::ffi::{CStr, c_char, c_void};

use crate::hooks;
use crate::raw::{self, buffer::Buffer, runtime};

/// Starts counting afresh.
///
/// v3 only hands the calling thread's numbers of the main heap over to the
/// process; nothing is set to 0. v2 zeroes the numbers of the process and of the
/// calling thread, including what is in use, so that `current` goes below 0
/// later.
#[doc(alias = "mi_stats_reset")]
pub fn reset() {
    raw::stats::reset();
}

/// Prints the statistics of the process as upstream words them, to standard
/// error or where [`hooks::set_output`](crate::hooks::set_output) says.
///
/// A hook of the program's own gets all of it at once, after no lock is held any
/// more; and nothing when there is no memory to keep the text until then.
///
/// For text of your own there is the `Display` of `Stats`.
#[doc(alias = "mi_stats_print")]
#[doc(alias = "mi_stats_print_out")]
#[doc(alias = "mi_subproc_stats_print_out")]
pub fn print() {
    if hooks::is_hooked() {
        if let Some(text) = stats_text() {
            hooks::hand_over(text.as_slice());
        }
        return;
    }
    // A reader of standard error may be slow, and may wait for a heap to end: no
    // lock is held while it reads.
    if runtime::IS_STDERR_OURS && hooks::is_stderr() {
        if let Some(text) = stats_text() {
            runtime::write_stderr(text.as_slice());
            return;
        }
    }
    // SAFETY: without a function and an argument, upstream's default output
    // prints the text, which runs no code of the program.
    unsafe { raw::stats::print(None, core::ptr::null_mut()) };
}

/// Returns the text that upstream prints as statistics, as far as a few tries
/// find it; `None` when there is no memory for the text.
fn stats_text() -> Option<Buffer<u8>> {
    /// Numbers grow between two tries.
    const SLACK: usize = 1024;
    const TRIES: usize = 4;

    let mut text = TextBuffer::default();
    // The first time only counts.
    for _ in 0..=TRIES {
        let argument: *mut TextBuffer = &raw mut text;
        // SAFETY: `append` takes a pointer to the text buffer, which outlives
        // the call, and to which nothing else refers meanwhile.
        unsafe { raw::stats::print(Some(append), argument.cast()) };
        if text.len == text.kept.len() {
            break;
        }
        text = TextBuffer {
            kept: Buffer::with_capacity(text.len.checked_add(SLACK)?)?,
            len: 0,
        };
    }
    Some(text.kept)
}

/// TextBuffer of which as much is kept as there is room for.
#[derive(Default)]
struct TextBuffer {
    kept: Buffer<u8>,
    len: usize,
}

/// Appends a piece of the statistics for mimalloc.
///
/// # Safety
///
/// `text` is null or a C string, `to` points to a `TextBuffer` that nothing else
/// refers to.
unsafe extern "C" fn append(text: *const c_char, to: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: the caller promises a C string if `text` is not null; the string
    // lives during the call.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    // SAFETY: the caller promises that `to` points to a `TextBuffer` that
    // nothing else refers to.
    let to = unsafe { &mut *to.cast::<TextBuffer>() };
    to.len += text.len();
    text.iter().all(|&byte| to.kept.push_within(byte));
}
