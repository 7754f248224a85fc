//! What an option's number means, and when mimalloc looks at it.

/// The unit of the number that [`Option::get`](crate::Option::get) returns and
/// [`Option::set`](crate::Option::set) takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// 0 is off, anything else is on.
    Flag,
    /// One of a few levels or modes, listed with the option.
    Level,
    /// A count, a factor, a node number: just a number.
    Count,
    /// Bytes.
    Bytes,
    /// Stored in KiB, so that a 32-bit `long` reaches far enough.
    /// [`get_size`](crate::Option::get_size), [`set_size`](crate::Option::set_size),
    /// [`startup_options!`](crate::startup_options) and the environment
    /// variable all speak bytes.
    Kibibytes,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Percent, 0 to 100.
    Percent,
}

impl Unit {
    /// Returns whether the size methods apply.
    #[must_use]
    pub const fn is_size(self) -> bool {
        matches!(self, Self::Bytes | Self::Kibibytes)
    }

    /// Returns the number of bytes in one of this unit; 1 for a unit that is no
    /// size.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::Kibibytes => 1024,
            _ => 1,
        }
    }

    /// Returns the suffix that upstream prints behind a number of this unit.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Bytes => " B",
            Self::Kibibytes => " KiB",
            Self::Milliseconds => " ms",
            Self::Seconds => " s",
            Self::Percent => " %",
            Self::Flag | Self::Level | Self::Count => "",
        }
    }
}

/// When mimalloc looks at an option: a later change has no effect on what
/// exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadWhen {
    /// Once, before `main`. Only the environment variable and
    /// [`startup_options!`](crate::startup_options) are early enough.
    Startup,
    /// When a heap is made. The main heap is made before `main`.
    HeapCreation,
    /// When a thread first allocates in a heap.
    TheapCreation,
    /// When mimalloc reserves another arena from the system. The first one is
    /// reserved by the first allocation, often before `main`.
    ArenaCreation,
    /// Each time it matters.
    Live,
    /// When the process ends.
    Exit,
    /// Never: the option is left over from older versions.
    Never,
}

/// An amount of memory in whole KiB, rounded up, as for the environment variable.
pub(crate) const fn kibibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1024)
}
