//! Defines the errors of heaps.

use core::fmt;

/// Describes why a heap could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeapError {
    /// The system, or the given arena, has no memory for the heap.
    OutOfMemory,
    /// Engine v3 holds at most [`MAX_HEAPS`](crate::MAX_HEAPS) heaps at once.
    TooManyHeaps,
    /// Each heap of a pool in exclusive arenas is in use.
    AllInUse,
}

impl fmt::Display for HeapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => f.write_str("mimalloc returned no heap: out of memory"),
            Self::TooManyHeaps => write!(
                f,
                "mimalloc holds at most {} heaps at once; drop one first",
                crate::MAX_HEAPS
            ),
            Self::AllInUse => f.write_str(
                "each heap of the pool is in use; drop one first, or make a pool of more heaps",
            ),
        }
    }
}

impl core::error::Error for HeapError {}

/// Reports that there is no memory, or not enough in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AllocError;

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mimalloc returned no block: out of memory")
    }
}

impl core::error::Error for AllocError {}
