//! What an engine's table of options is made of.

use mimalloc_sys as sys;

use super::{ReadWhen, Unit};

/// Describes one option in the table of an engine.
pub(super) struct Info {
    /// `mi_option_…`, from the bindings.
    pub(super) number: sys::mi_option_t,
    pub(super) c_name: &'static str,
    pub(super) env_name: &'static str,
    /// The default in words, such as `1 GiB; 128 MiB on 32-bit targets`.
    pub(super) default: &'static str,
    pub(super) unit: Unit,
    pub(super) read_when: ReadWhen,
    pub(super) safety: Safety,
    /// Names of the same option in other versions, without prefix.
    pub(super) former: &'static [&'static str],
}

/// Says whether safe code may set an option, at any time.
///
/// Each row says so, and there is no default: an option that upstream adds is
/// not safe before someone has read what its values do.
#[derive(Clone, Copy)]
pub(super) enum Safety {
    /// No value can break memory safety.
    Safe,
    /// Some value can: see [`Option::set_unchecked`](super::Option::set_unchecked).
    Unsafe,
}

/// Defines the enum and its table from one row an option.
macro_rules! options {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident = $number:ident, $c_name:literal, $env:literal, $unit:ident, $when:ident, $safety:ident,
            default $default:literal, former [$($former:literal),*];
    )+) => {
        /// A runtime option of mimalloc: how eagerly it gives memory back, how
        /// much it reserves, what it prints.
        ///
        /// The name is used by path, like `io::Result`: write
        /// `mimalloc::Option::PurgeDelay` and don't import it, or it shadows
        /// `core::option::Option`.
        ///
        /// The variants are the options of the linked engine; v3 and v2 have
        /// different ones. Each says when it is read: **most take effect only
        /// on what is made afterwards**, and those read at startup can't be
        /// set from `main` at all. For them there are the environment variable
        /// and [`startup_options!`](crate::startup_options).
        ///
        /// # Thread safety
        ///
        /// Options are process-wide. Upstream keeps each in a plain machine
        /// word that is read and written without synchronisation: a thread that
        /// reads while another one sets sees the old value or the new one, at
        /// some later time. Set options early, from one thread.
        ///
        /// # Safety of options
        ///
        /// Any value of any option is safe, but for two: `DestroyOnExit`, which
        /// frees blocks that other threads still use, and
        /// `UnsafeGuardedPrecise` (`GuardedPrecise` on v2), which gives up
        /// alignment. On v2 there is a third, `MaxSegmentReclaim`, which would
        /// put blocks of other threads into a [`Heap`](crate::Heap). The setters refuse these with an error;
        /// [`set_unchecked`](Self::set_unchecked) sets them.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> Result<(), mimalloc::option::OptionError> {
        /// // Give freed memory back at once instead of after a while.
        /// mimalloc::Option::PurgeDelay.set(0)?;
        /// assert_eq!(mimalloc::Option::PurgeDelay.get(), 0);
        ///
        /// // Reserve the next arenas in smaller pieces. Sizes are bytes.
        /// mimalloc::Option::ArenaReserve.set_size(64 << 20)?;
        /// assert_eq!(mimalloc::Option::ArenaReserve.get_size(), 64 << 20);
        /// // The number underneath is in KiB, as in C.
        /// assert_eq!(mimalloc::Option::ArenaReserve.get(), (64 << 10) as i64);
        /// # Ok(())
        /// # }
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[doc(alias = "mi_option_t")]
        #[non_exhaustive]
        pub enum Option {
            $(
                $(#[doc = $doc])+
                ///
                #[doc = concat!(
                    "Default: ", $default,
                    ". Unit: [`", stringify!($unit), "`](super::Unit::", stringify!($unit),
                    "). Read: [`", stringify!($when), "`](super::ReadWhen::", stringify!($when),
                    "). Environment: `", $env, "`."
                )]
                #[doc(alias = $c_name)]
                $variant,
            )+
        }

        impl Option {
            /// Every option of the engine, in upstream's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        pub(super) const INFO: &[super::Info] = &[$(super::Info {
            number: mimalloc_sys::$number,
            c_name: $c_name,
            env_name: $env,
            default: $default,
            unit: super::Unit::$unit,
            read_when: super::ReadWhen::$when,
            safety: super::table::Safety::$safety,
            former: &[$($former),*],
        }),+];
    };
}
