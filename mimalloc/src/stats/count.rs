//! The values that statistics are made of.

/// Counts something that goes up and down.
///
/// Threads count on their own and add up now and then. `current` can therefore
/// be below zero for a while, and `peak` is an estimate when several threads
/// take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "mi_stat_count_t")]
pub struct StatCount {
    /// The sum of all increases.
    pub total: i64,
    /// The highest value so far.
    pub peak: i64,
    /// The current value.
    pub current: i64,
}

#[allow(dead_code, reason = "old versions have no statistics")]
impl StatCount {
    /// Returns the increases since `before`, with the highest and the current
    /// value of `self`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            total: self.total.saturating_sub(before.total).max(0),
            ..self
        }
    }
}

/// One size class of blocks or of mimalloc pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bin {
    /// The block size in bytes; 0 for the last class, that of all larger blocks.
    pub block_size: usize,
    /// The numbers of blocks or pages in the class.
    pub count: StatCount,
}

/// Says how an arena's chunks (about 32 MiB each) are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "mi_chunkbin_t")]
#[non_exhaustive]
pub enum ChunkKind {
    /// Small mimalloc pages.
    Small,
    /// Anything of one chunk or less that is not in another class.
    Other,
    /// Medium mimalloc pages.
    Medium,
    /// Large mimalloc pages.
    Large,
    /// Blocks of more than one chunk.
    Huge,
    /// No use yet.
    Unused,
}

#[allow(dead_code, reason = "engine v2 has no chunks")]
impl ChunkKind {
    /// In upstream's order.
    pub(super) const ALL: [Self; 6] = [
        Self::Small,
        Self::Other,
        Self::Medium,
        Self::Large,
        Self::Huge,
        Self::Unused,
    ];

    /// The letter that upstream's JSON has for the class.
    pub(super) const fn letter(self) -> char {
        match self {
            Self::Small => 'S',
            Self::Other => 'X',
            Self::Medium => 'M',
            Self::Large => 'L',
            Self::Huge => 'H',
            Self::Unused => ' ',
        }
    }
}
