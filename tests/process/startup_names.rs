//! Checks that `startup_options!` means its own names, whatever the names of the
//! program mean: `use mimalloc::*` replaces std's `Option`, for example.
//!
//! The test has no harness, because the options apply to the whole process.

#![forbid(unsafe_code)]

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

// Another version may lack the options, and the macro refuses what the library lacks.
#[cfg(not(mimalloc_other_version))]
mod globbed {
    use mimalloc::*;

    startup_options! { preset: small_memory, purge_delay = 1_000 }

    pub(crate) fn purge_delay() -> isize {
        Option::PurgeDelay.get() as isize
    }
}

#[cfg(not(mimalloc_other_version))]
#[allow(
    dead_code,
    non_camel_case_types,
    non_upper_case_globals,
    unused_macros,
    reason = "the point"
)]
mod shadowed {
    type i64 = u8;
    type u32 = u8;
    type usize = u8;
    struct Some;
    struct None;
    struct Ok;
    struct Err;
    mod core {}
    mod std {}
    macro_rules! stringify {
        ($($tokens:tt)*) => {
            ""
        };
    }
    const KiB: u8 = 1;

    mimalloc::startup_options! { arena_eager_commit = 0, max_errors = 4 * KiB }
}

#[cfg(mimalloc_other_version)]
fn main() {}

#[cfg(not(mimalloc_other_version))]
fn main() {
    assert_eq!(globbed::purge_delay(), 1_000);
    assert!(!mimalloc::Option::AllowThp.is_enabled());
    assert_eq!(mimalloc::Option::MaxErrors.get(), 4_096);
    assert_eq!(mimalloc::Option::ArenaEagerCommit.get(), 0);
    println!("ok");
}
