//! Options that are set before mimalloc starts.
//!
//! mimalloc initialises itself before `main`, from a constructor or a TLS
//! callback, and reads some options only then. [`startup_options!`] puts a
//! function into the same list, in front of mimalloc's.

use core::ffi::c_long;

use mimalloc_sys as sys;

use crate::option::{Option, Unit, kibibytes, to_long};
use crate::raw;

mod preset;

pub use preset::Preset;
pub(crate) use preset::{Line, line};

/// 1024 bytes.
#[allow(non_upper_case_globals, reason = "the unit's own spelling")]
pub const KiB: usize = 1 << 10;

/// 1024 [`KiB`].
#[allow(non_upper_case_globals, reason = "the unit's own spelling")]
pub const MiB: usize = 1 << 20;

/// 1024 [`MiB`].
#[allow(non_upper_case_globals, reason = "the unit's own spelling")]
pub const GiB: usize = 1 << 30;

/// Sets option defaults before mimalloc starts, so that options that are read
/// only at startup take effect.
///
/// ```
/// mimalloc::startup_options! {
///     purge_delay = 0,
///     arena_reserve = 64 * MiB,
///     show_errors = true,
/// }
///
/// fn main() {
///     assert_eq!(mimalloc::Option::ArenaReserve.get_size(), 64 << 20);
/// }
/// ```
///
/// - Names are upstream's, without `mi_option_`; see [`Option`](crate::Option).
///   A name that the linked engine lacks doesn't compile.
/// - Values are constants: `true`, `false` or integers, in the natural unit of
///   the option. Sizes are bytes; `KiB`, `MiB` and `GiB` are in scope.
/// - The user has the last word: these are defaults (`mi_option_set_default`),
///   and an environment variable such as `MIMALLOC_PURGE_DELAY` wins.
/// - The options that can break memory safety need the word `unsafe` in front,
///   and the promise of
///   [`Option::set_unchecked`](crate::Option::set_unchecked).
///
/// # Presets
///
/// A preset sets the options that fit a purpose. The preset stands first, and
/// the options behind the preset override those of the preset:
///
/// ```
/// mimalloc::startup_options! { preset: small_memory, purge_delay = 50 }
///
/// fn main() {
///     assert!(!mimalloc::Option::AllowThp.is_enabled());
///     assert_eq!(mimalloc::Option::PurgeDelay.get(), 50);
/// }
/// ```
///
/// | preset | fits | costs |
/// |---|---|---|
/// | `small_memory` | programs with little memory, of which there are many, or which are mostly idle | page faults, where a program uses much memory |
/// | `speed` | programs that use buffers of 32 MiB and more over and over, or blocks over 64 KiB | memory that returns to the system later; on engine v3, statistics that lag |
///
/// The page [memory](crate::docs::memory#presets) lists the options of each
/// preset, and what was measured. A later version of this crate may choose other
/// options for the same purpose. Options that a linked system library lacks are
/// left out of a preset.
///
/// # Where to use the macro
///
/// **Use the macro in the binary** (or cdylib), once, at module level. The
/// macro decides for the whole process, which a library should not do. A linker
/// may also leave out a part of a library that no other code refers to. Two
/// uses run in no particular order.
///
/// A system library that is loaded dynamically starts before any code of the
/// program runs. Options that are only read at startup then have no effect; all
/// others work.
///
/// It works in crates of edition 2021 and 2024, with Rust 1.85 or later, and
/// under `#![forbid(unsafe_code)]`. (That lint does not look into macros of other
/// crates: it does not see the word `unsafe` here either.)
///
/// # Platform-specific behaviour
///
/// The function runs before `main` and before most of the C and Rust runtimes,
/// and does nothing but store the values.
///
/// | target | place | before mimalloc because |
/// |---|---|---|
/// | ELF: Linux, Android, BSDs, … | `.init_array.00099` | priorities are sorted; mimalloc has 101 or none |
/// | Apple | `__DATA,__mod_init_func` | the binary's objects are linked before its libraries |
/// | Windows | `.CRT$XLAA` | a TLS callback, sorted before mimalloc's `.CRT$XLB` |
///
/// Tested on Linux with GNU libc; the others follow the formats' documentation
/// and mimalloc's source. On other targets the macro doesn't compile.
///
/// # Errors
///
/// All of them at compile time:
///
/// ```compile_fail
/// mimalloc::startup_options! { purge_dely = 0 }
/// # fn main() {}
/// ```
///
/// ```compile_fail
/// mimalloc::startup_options! { destroy_on_exit = true }
/// # fn main() {}
/// ```
///
/// ```compile_fail
/// mimalloc::startup_options! { arena_reserve = -1 }
/// # fn main() {}
/// ```
///
/// ```compile_fail
/// mimalloc::startup_options! { preset: fast }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! startup_options {
    (@entry $name:ident, $value:expr) => {
        $crate::__startup::Setting::new(
            ::core::stringify!($name),
            $value as ::core::primitive::i64,
        )
    };
    (@unsafe $unsafe:tt $name:ident, $value:expr) => {
        // SAFETY: the user of the macro wrote `unsafe`, and thereby promises
        // the list of `Option::set_unchecked` (upstream.md: unsafe options).
        $unsafe {
            $crate::__startup::Setting::new_unchecked(
                ::core::stringify!($name),
                $value as ::core::primitive::i64,
            )
        }
    };
    (@list $preset:tt [$($done:expr),*]) => {
        const _: () = {
            #[allow(unused_imports)]
            use $crate::__startup::{GiB, KiB, MiB};

            const PRESET: $crate::__startup::Preset = $crate::startup_options!(@preset $preset);
            const SETTINGS: &[$crate::__startup::Setting] = &[$($done),*];

            $crate::__startup_hook!(PRESET, SETTINGS);
        };
    };
    (@preset ()) => {
        $crate::__startup::Preset::NONE
    };
    (@preset ($name:ident)) => {
        $crate::__startup::Preset::named(::core::stringify!($name))
    };
    (@list $preset:tt [$($done:expr),*] $name:ident = $value:expr $(, $($rest:tt)*)?) => {
        $crate::startup_options! {
            @list $preset
            [$($done,)* $crate::startup_options!(@entry $name, $value)] $($($rest)*)?
        }
    };
    (@list $preset:tt [$($done:expr),*]
        $unsafe:tt $name:ident = $value:expr $(, $($rest:tt)*)?) => {
        $crate::startup_options! {
            @list $preset
            [$($done,)* $crate::startup_options!(@unsafe $unsafe $name, $value)]
            $($($rest)*)?
        }
    };
    (@list $($unknown:tt)*) => {
        ::core::compile_error!(
            "write `name = value, other_name = value`, and perhaps `preset: name` in front"
        );
    };
    (preset: $preset:ident $(, $($settings:tt)*)?) => {
        $crate::startup_options! { @list ($preset) [] $($($settings)*)? }
    };
    ($($settings:tt)*) => {
        $crate::startup_options! { @list () [] $($settings)* }
    };
}

/// Places the function that applies `$preset` and `$settings` where the target's runtime calls
/// it before mimalloc starts.
#[doc(hidden)]
#[macro_export]
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_os = "illumos",
    target_os = "solaris",
    target_os = "haiku",
    target_os = "fuchsia",
    target_os = "hurd",
    target_vendor = "apple",
))]
macro_rules! __startup_hook {
    ($preset:expr, $settings:expr) => {
        extern "C" fn apply() {
            $crate::__startup::apply($preset, $settings);
        }

        #[used]
        // On Apple the order is that of the linked objects.
        #[cfg_attr(
            target_vendor = "apple",
            unsafe(link_section = "__DATA,__mod_init_func,mod_init_funcs")
        )]
        #[cfg_attr(
            not(target_vendor = "apple"),
            unsafe(link_section = ".init_array.00099")
        )]
        static HOOK: extern "C" fn() = apply;
    };
}

/// A TLS callback: called for threads too, which does no harm but is skipped.
#[doc(hidden)]
#[macro_export]
#[cfg(windows)]
macro_rules! __startup_hook {
    ($preset:expr, $settings:expr) => {
        extern "system" fn apply(
            _module: *mut ::core::ffi::c_void,
            reason: ::core::primitive::u32,
            _reserved: *mut ::core::ffi::c_void,
        ) {
            const DLL_PROCESS_ATTACH: ::core::primitive::u32 = 1;
            if reason == DLL_PROCESS_ATTACH {
                $crate::__startup::apply($preset, $settings);
            }
        }

        #[used]
        #[unsafe(link_section = ".CRT$XLAA")]
        static HOOK: extern "system" fn(
            *mut ::core::ffi::c_void,
            ::core::primitive::u32,
            *mut ::core::ffi::c_void,
        ) = apply;
    };
}

/// There is no place to put the function.
#[doc(hidden)]
#[macro_export]
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_os = "illumos",
    target_os = "solaris",
    target_os = "haiku",
    target_os = "fuchsia",
    target_os = "hurd",
    target_vendor = "apple",
    windows,
)))]
macro_rules! __startup_hook {
    ($preset:expr, $settings:expr) => {
        ::core::compile_error!(
            "mimalloc::startup_options! knows no way to run code before mimalloc starts on this \
             target; set MIMALLOC_… environment variables, or mimalloc::Option in `main` for \
             options that are read later"
        );
    };
}

/// One line of [`startup_options!`](crate::startup_options), checked at compile
/// time.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    number: sys::mi_option_t,
    value: c_long,
}

impl Setting {
    /// For the options that are safe to set.
    #[must_use]
    pub const fn new(name: &str, value: i64) -> Self {
        if let Some(option) = Option::from_name(name) {
            assert!(
                !option.is_unsafe_to_set(),
                "this option can break memory safety: write `unsafe` in front of its name"
            );
        }
        Self::checked(name, value)
    }

    /// Makes a setting of any option.
    ///
    /// # Safety
    ///
    /// The caller promises the list of [`Option::set_unchecked`] for the option
    /// and the value.
    #[must_use]
    pub const unsafe fn new_unchecked(name: &str, value: i64) -> Self {
        Self::checked(name, value)
    }

    const fn checked(name: &str, value: i64) -> Self {
        let Some(option) = Option::from_name(name) else {
            panic!("no option of this name in the linked mimalloc engine");
        };
        let Some(number) = option.number() else {
            panic!("the linked system library does not have this option");
        };
        assert!(
            value >= 0 || !option.unit().is_size(),
            "a size can't be negative"
        );
        let value = match option.unit() {
            // Rounded up, as for the environment variable.
            Unit::Kibibytes => kibibytes(value as u64) as i64,
            _ => value,
        };
        let Some(value) = to_long(value) else {
            panic!("the value does not fit C's `long` on this target");
        };
        Self { number, value }
    }
}

/// Stores the preset and then the settings, which override the preset. Called
/// before `main`, on the only thread.
#[doc(hidden)]
pub fn apply(preset: Preset, settings: &'static [Setting]) {
    for setting in preset.settings().chain(settings) {
        // SAFETY: `mi_option_set_default` stores a word in a static of the
        // library and needs no initialisation (v3 and v2 `options.c`); the
        // number is of the linked library, and whoever made the setting
        // answered for an unsafe option.
        unsafe { raw::option::set_default(setting.number, setting.value) };
    }
}
