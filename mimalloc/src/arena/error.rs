//! Why there is no arena.

use core::fmt;

/// Why an arena could not be made. Its text says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArenaError {
    /// The size is below the smallest that an arena can have.
    TooSmall {
        /// The smallest size, in bytes.
        minimum: usize,
    },
    /// No address space is that large, or mimalloc's table of arenas is not.
    TooLarge,
    /// Too little of the memory is left once its start is aligned.
    Misaligned {
        /// What the start should be a multiple of, in bytes.
        alignment: usize,
        /// The smallest size that would do at the same start, in bytes.
        minimum: usize,
    },
    /// The system gave no memory.
    OutOfMemory,
    /// mimalloc's table of arenas has no entry left.
    TableFull,
    /// No huge pages were asked for.
    NoPages,
    /// The system has no huge pages to give.
    NoHugePages,
    /// Not one huge page was had in the time given. Told apart from
    /// [`NoHugePages`](Self::NoHugePages) with the feature `std` only.
    TimedOut,
    /// Builds with the feature `secure-5`, on engine v2 with any of the `secure`
    /// features, protect parts of all memory, which is not possible in memory of
    /// this kind. System libraries of 2.1.7 and before can't use it either.
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
