//! What mimalloc counts: of the process, of heaps, and what it prints about them.

mod count;
mod metric;
mod print;
mod process;
#[cfg(feature = "serde")]
mod serde;
#[cfg(mimalloc_has_stats)]
mod snapshot;
#[cfg(not(mimalloc_has_stats))]
#[path = "no_snapshot.rs"]
mod snapshot;

pub use count::{Bin, ChunkKind, StatCount};
pub use metric::{Metric, MetricKind, MetricLabel, MetricUnit};
pub use print::{print, reset};
pub use process::*;
#[allow(
    unused_imports,
    unreachable_pub,
    reason = "old versions have no statistics"
)]
pub use snapshot::*;
