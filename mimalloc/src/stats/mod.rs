//! What mimalloc counts: of the process, of heaps, and what it prints about them.

mod print;
mod process;
#[cfg(mimalloc_has_stats)]
mod snapshot;

pub use print::{print, reset};
#[cfg(mimalloc_has_process_info_print)]
pub use process::print_process_info;
pub use process::{ProcessInfo, process_info};
#[cfg(mimalloc_has_stats)]
pub use snapshot::{Bin, ChunkKind, StatCount, Stats, StatsError, write_json};

/// Arenas that there were ever, if the library tells.
pub(crate) fn arena_count() -> Option<u64> {
    #[cfg(mimalloc_has_stats)]
    {
        Stats::get().ok().map(|stats| stats.arena_count)
    }
    #[cfg(not(mimalloc_has_stats))]
    {
        None
    }
}
