//! Why there are no statistics.

use core::fmt;

/// Says that the linked library keeps its statistics in another layout than the
/// one this crate was built for.
///
/// This only happens with a system library, if the library that is loaded now
/// has another version than the one at build time. Build again, or use the
/// vendored source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatsError {
    pub(super) library: u32,
}

impl fmt::Display for StatsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mimalloc {} refused statistics of version {}, {} bytes: this program was built for \
             another version of the library",
            crate::Version::from_raw(self.library),
            mimalloc_sys::MI_STAT_VERSION,
            size_of::<mimalloc_sys::mi_stats_t>(),
        )
    }
}

impl core::error::Error for StatsError {}
