//! Why an option could not be set.

use core::fmt;

use super::Option;

/// The error of [`Option`]'s setters. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionError {
    option: Option,
    kind: OptionErrorKind,
}

/// The kinds of [`OptionError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OptionErrorKind {
    /// Setting this option can break memory safety: use
    /// [`Option::set_unchecked`] and keep its contract.
    Unsafe,
    /// The linked library does not have this option.
    Unsupported,
    /// The value does not fit C's `long` on this target.
    OutOfRange,
    /// The option is not an amount of memory.
    NotASize,
}

impl OptionError {
    pub(super) const fn new(option: Option, kind: OptionErrorKind) -> Self {
        Self { option, kind }
    }

    /// Returns the option that was to be set.
    #[must_use]
    pub const fn option(&self) -> Option {
        self.option
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(&self) -> OptionErrorKind {
        self.kind
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            OptionErrorKind::Unsafe => {
                "it can break memory safety and needs `Option::set_unchecked`"
            }
            OptionErrorKind::Unsupported => "the linked mimalloc does not have it",
            OptionErrorKind::OutOfRange => "the value does not fit C's `long`",
            OptionErrorKind::NotASize => "it is not an amount of memory",
        };
        write!(f, "mimalloc option `{}` was not set: {why}", self.option)
    }
}

impl core::error::Error for OptionError {}
