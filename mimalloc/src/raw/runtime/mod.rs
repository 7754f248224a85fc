//! Gathers what the standard library does for this crate, and what stands in for
//! it without the feature `std`. Both modules have the same names.
//!
//! | names | without `std` |
//! |---|---|
//! | [`replace`], [`get`] | flags of a thread: there are no thread-locals, so a flag is always false |
//! | [`give_way`] | the function of the operating system |
//! | [`Stopwatch`] | there is no clock, so no time passes |
//! | [`IS_STDERR_OURS`], [`write_stderr`] | C writes to standard error |
//! | [`resident`] | `None`: Linux tells the resident memory in a file |
//! | [`abort`] | two panics |

#[cfg(feature = "std")]
#[path = "with_std.rs"]
mod linked;
#[cfg(not(feature = "std"))]
#[path = "without_std.rs"]
mod linked;

pub(crate) use linked::*;

/// Names the flags that each thread has, all false at first.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "not every library needs each flag")]
pub(crate) enum Flag {
    /// The thread collects on purpose.
    Collecting,
    /// The thread is in the program's hook for deferred frees.
    InDeferredFree,
}
