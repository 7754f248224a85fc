//! What mimalloc tells the program: messages, errors, and when it is a good time
//! to free.
//!
//! mimalloc calls a hook in the middle of its work: on whatever thread it
//! happens, perhaps with a lock of its own held, perhaps because an allocation
//! just failed. Code that allocates there may find mimalloc half-way through a
//! change. So the safe functions here offer what needs no code of yours:
//! messages can be dropped or [captured](take_output), errors can be ignored
//! and counted. Hooks of your own are `unsafe` to install, with the rules to
//! keep spelled out. [`set_deferred_free`] is different: upstream calls it at a
//! point where allocating and freeing is fine, and it is safe.
//!
//! Upstream stores a hook and its argument separately and not atomically. This
//! crate only ever installs one constant function for each kind, without an
//! argument, and keeps yours in an atomic: hooks may be changed on any thread at
//! any time. A call already in progress on another thread may still run the
//! previous hook.
//!
//! A hook that panics ends the process: no panic travels through C.

#[macro_use]
mod hook;

#[cfg(mimalloc_deferred_free)]
mod deferred;
mod error;
mod output;
mod ring;

#[cfg(mimalloc_deferred_free)]
pub use deferred::set_deferred_free;
pub use error::{
    ErrorCode, ErrorKind, ErrorPolicy, error_count, last_error, set_error_hook, set_error_policy,
};
pub use output::{Output, set_output, set_output_hook, take_output};
pub(crate) use output::{hand_over, is_hooked, is_stderr};
