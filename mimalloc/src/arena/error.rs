//! Why there is no arena.

use core::fmt;

/// Says why an arena could not be made. The text says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArenaError {
    /// The size is below the smallest that an arena can have.
    TooSmall {
        /// The smallest size, in bytes.
        minimum: usize,
    },
    /// The size exceeds the address space or mimalloc's table of arenas.
    TooLarge,
    /// Too little of the memory is left once its start is aligned.
    Misaligned {
        /// The number of bytes of which the start should be a multiple.
        alignment: usize,
        /// The smallest size in bytes that is enough at the same start.
        minimum: usize,
    },
    /// The system gave no memory.
    OutOfMemory,
    /// mimalloc's table of arenas has no entry left.
    TableFull,
    /// The number of huge pages is 0.
    NoPages,
    /// The system has no huge pages to give.
    NoHugePages,
    /// The timeout expired before any huge page was reserved. Only the feature
    /// `std` tells this from [`NoHugePages`](Self::NoHugePages).
    TimedOut,
    /// The build can't use memory of this kind, because it protects parts of
    /// all memory. These are builds with the feature `secure-5`, on engine v2
    /// with any of the `secure` features. System libraries of 2.1.7 and before
    /// can't use such memory either.
    Pinned,
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooSmall { minimum } => {
                write!(f, "an arena takes at least {minimum} bytes; ask for more")
            }
            Self::TooLarge => f.write_str("no arena can be that large; ask for less"),
            Self::Misaligned { alignment, minimum } => write!(
                f,
                "an arena starts at a multiple of {alignment} bytes; \
                 align the memory, or bring at least {minimum} bytes of it"
            ),
            Self::OutOfMemory => f.write_str(
                "the system gave no memory for the arena; ask for less, \
                 or reserve it without committing",
            ),
            Self::TableFull => f.write_str(
                "mimalloc has as many arenas as it can hold and never unloads any; \
                 make several heaps in one arena instead",
            ),
            Self::NoPages => f.write_str("no huge pages asked for; ask for at least one"),
            Self::NoHugePages => f.write_str(
                "the system has no free huge page of 1 GiB; set some aside \
                 (on Linux in /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages), \
                 or reserve an arena without them",
            ),
            Self::TimedOut => {
                f.write_str("no huge page was had in the time given; allow more time")
            }
            Self::Pinned => f.write_str(
                "this build can't use huge pages or pinned memory, mostly as it protects pages; \
                 build at a lower level of secure, or reserve an arena of plain memory",
            ),
        }
    }
}

impl core::error::Error for ArenaError {}
