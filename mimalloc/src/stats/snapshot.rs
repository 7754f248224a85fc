//! Statistics of the process and of heaps, copied out of mimalloc.

use mimalloc_sys as sys;

use crate::raw;

mod count;
mod error;
mod json;
#[cfg(feature = "serde")]
mod serde;
mod text;

pub use count::{Bin, ChunkKind, StatCount};
pub use error::StatsError;
pub use json::write_json;

/// The number of size classes, including the one for all larger blocks.
const BINS: usize = sys::MI_BIN_HUGE as usize + 1;

/// Says what a field counts.
#[derive(Clone, Copy)]
enum Quantity {
    Bytes,
    Number,
}

/// The value of a field.
#[derive(Clone, Copy)]
enum Value {
    Count(StatCount),
    Counter(u64),
}

/// Describes a field, for code that visits all fields.
struct Field {
    name: &'static str,
    value: Value,
    quantity: Quantity,
}

/// Defines [`Stats`] from one row a field, and one row a list of bins.
macro_rules! stats {
    (@type count) => { super::StatCount };
    (@type counter) => { u64 };
    (@copy count, $raw:expr) => { super::count($raw) };
    (@copy counter, $raw:expr) => { super::counter($raw) };
    (@value count, $value:expr) => { super::Value::Count($value) };
    (@value counter, $value:expr) => { super::Value::Counter($value) };
    ($(
        $(#[doc = $doc:literal])+
        $field:ident: $kind:ident of $quantity:ident;
    )+ $(
        bins $bins:ident: $len:expr;
    )+) => {
        /// Statistics of the whole process ([`Stats::get`]) or of one heap, at
        /// one moment.
        ///
        /// The fields are those of the linked engine: v3 and v2 count different
        /// things.
        ///
        /// # What is counted when
        ///
        /// **Numbers about blocks are stale until a collect.** A thread counts
        /// for itself, and hands over when it collects, when it ends, and on
        /// v3 after about 4 MiB of traffic (`Option::StatsMergeThreshold`).
        /// [`collect`](crate::collect) does it for the main heap,
        /// [`Heap::collect`](crate::Heap::collect) for another. After a collect
        /// of each heap on the one thread that allocates, v3's numbers are
        /// exact, but for `malloc_requested`, which a release build estimates
        /// from block sizes. What other live threads did since they last
        /// handed over is missing.
        ///
        /// **A release build of v2 does not count blocks at all**: `malloc_*`
        /// and the bins of blocks stay 0. Builds with the feature `debug` count
        /// some of them. Numbers about pages, memory and system calls are
        /// there in every build.
        ///
        /// # Examples
        ///
        /// ```
        /// # fn main() -> Result<(), mimalloc::stats::StatsError> {
        /// mimalloc::collect(false);
        /// let stats = mimalloc::stats::Stats::get()?;
        /// assert!(stats.reserved.total >= stats.reserved.current);
        ///
        /// let mut json = String::new();
        /// stats.write_json(&mut json).expect("a string takes everything");
        /// assert!(json.contains("\"committed\""));
        /// println!("{stats}");
        /// # Ok(())
        /// # }
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[doc(alias = "mi_stats_t")]
        #[non_exhaustive]
        pub struct Stats {
            $(
                $(#[doc = $doc])+
                pub $field: stats!(@type $kind),
            )+
            $(pub(super) $bins: [super::StatCount; $len],)+
        }

        impl Stats {
            pub(super) fn copy(raw: &mimalloc_sys::mi_stats_t) -> Self {
                Self {
                    $($field: stats!(@copy $kind, raw.$field),)+
                    $($bins: raw.$bins.map(super::count),)+
                }
            }

            /// Calls `visit` with each field, in order.
            pub(super) fn try_for_each<E>(
                &self,
                mut visit: impl FnMut(super::Field) -> Result<(), E>,
            ) -> Result<(), E> {
                $(
                    visit(super::Field {
                        name: stringify!($field),
                        value: stats!(@value $kind, self.$field),
                        quantity: super::Quantity::$quantity,
                    })?;
                )+
                Ok(())
            }

            /// The number of fields and lists of bins.
            #[allow(dead_code, reason = "serde asks for the number")]
            pub(super) const FIELDS: usize =
                [$(stringify!($field),)+ $(stringify!($bins)),+].len();
        }
    };
}

#[cfg(mimalloc_v2)]
#[path = "snapshot/v2.rs"]
mod linked;
#[cfg(mimalloc_v3)]
#[path = "snapshot/v3.rs"]
mod linked;

pub use linked::Stats;

/// Returns the number of arenas that there were ever, if the library tells.
pub(crate) fn arena_count() -> Option<u64> {
    Stats::get().ok().map(|stats| stats.arena_count)
}

fn count(raw: sys::mi_stat_count_t) -> StatCount {
    StatCount {
        total: raw.total,
        peak: raw.peak,
        current: raw.current,
    }
}

/// Counters only grow; one that has overflowed shows 0.
fn counter(raw: sys::mi_stat_counter_t) -> u64 {
    u64::try_from(raw.total).unwrap_or(0)
}

impl Stats {
    /// Returns the statistics of the process: of all heaps and threads
    /// together.
    ///
    /// The calling thread's own numbers are included up to its last slow
    /// allocation; see [above](Self#what-is-counted-when) for the others'. On v3
    /// it waits while another thread destroys a heap. It takes about a
    /// microsecond, and a little more for each heap.
    ///
    /// # Errors
    ///
    /// [`StatsError`], only with a system library of another version.
    #[doc(alias = "mi_stats_get")]
    #[doc(alias = "mi_stats_merge")]
    #[doc(alias = "mi_subproc_stats_get")]
    pub fn get() -> Result<Self, StatsError> {
        copied(raw::stats::get())
    }

    /// Returns the size classes of blocks, from 8 bytes up, with the numbers of
    /// blocks of each class.
    pub fn malloc_bins(&self) -> impl ExactSizeIterator<Item = Bin> + '_ {
        bins(&self.malloc_bins)
    }

    /// Returns the size classes of mimalloc pages by the blocks in them, with
    /// the numbers of pages of each class.
    pub fn page_bins(&self) -> impl ExactSizeIterator<Item = Bin> + '_ {
        bins(&self.page_bins)
    }
}

fn copied(raw: Option<sys::mi_stats_t>) -> Result<Stats, StatsError> {
    match raw {
        Some(raw) => Ok(Stats::copy(&raw)),
        None => Err(StatsError {
            library: crate::version().raw(),
        }),
    }
}

fn bins(counts: &[StatCount; BINS]) -> impl ExactSizeIterator<Item = Bin> + '_ {
    counts.iter().enumerate().map(|(bin, &count)| Bin {
        block_size: block_size(bin),
        count,
    })
}

/// The block size of a bin, 0 for the last one.
fn block_size(bin: usize) -> usize {
    if bin + 1 == BINS {
        0
    } else {
        raw::engine::bin_size(bin)
    }
}
