//! Statistics of the process and of heaps, copied out of mimalloc.

use mimalloc_sys as sys;

use super::count::{Bin, ChunkKind, StatCount};
use super::metric::{Field, Metric, MetricLabel, MetricUnit, Value};
use crate::raw;

mod error;
mod json;
#[cfg(feature = "serde")]
mod serde;
mod text;

pub use error::StatsError;
pub use json::write_json;

/// The number of size classes, including the one for all larger blocks.
const BINS: usize = sys::MI_BIN_HUGE as usize + 1;

/// Defines [`Stats`] from one row a field, and one row a list of bins.
macro_rules! stats {
    (@type count) => { super::StatCount };
    (@type counter) => { u64 };
    (@copy count, $raw:expr) => { super::count($raw) };
    (@copy counter, $raw:expr) => { super::counter($raw) };
    (@value count, $value:expr) => { super::Value::Count($value) };
    (@value counter, $value:expr) => { super::Value::Counter($value) };
    (@since count, $after:expr, $before:expr) => { $after.since($before) };
    (@since counter, $after:expr, $before:expr) => { $after.saturating_sub($before) };
    ($(
        $(#[doc = $doc:literal])+
        $field:ident: $kind:ident of $unit:ident;
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

            /// Returns each field that is no list of bins, in order.
            pub(super) fn fields(&self) -> [super::Field; Self::FIELDS] {
                [$(super::Field {
                    name: stringify!($field),
                    value: stats!(@value $kind, self.$field),
                    unit: super::MetricUnit::$unit,
                }),+]
            }

            /// The number of fields that are no lists of bins.
            const FIELDS: usize = [$(stringify!($field)),+].len();

            /// The number of fields.
            #[allow(dead_code, reason = "serde asks for the number")]
            pub(super) const ALL_FIELDS: usize = Self::FIELDS + [$(stringify!($bins)),+].len();

            /// Returns what happened between `before`, an earlier snapshot, and
            /// `self`.
            ///
            /// What only grows is subtracted: all numbers without `peak` and
            /// `current`, and each [`total`](super::StatCount::total). Each
            /// `peak` and each `current` is that of `self`. A number that was
            /// set back in between, as [`reset`](crate::stats::reset) does on
            /// engine v2, becomes 0.
            ///
            /// ```
            /// # fn main() -> Result<(), mimalloc::stats::StatsError> {
            /// use mimalloc::stats::Stats;
            ///
            /// let before = Stats::get()?;
            /// // … the work …
            /// let after = Stats::get()?;
            /// let work = after.since(&before);
            /// println!("{} system calls for memory", work.mmap_calls);
            /// assert_eq!(work.committed.current, after.committed.current);
            /// # Ok(())
            /// # }
            /// ```
            #[must_use]
            pub fn since(&self, before: &Self) -> Self {
                Self {
                    $($field: stats!(@since $kind, self.$field, before.$field),)+
                    $($bins: core::array::from_fn(|bin| {
                        self.$bins[bin].since(before.$bins[bin])
                    }),)+
                }
            }
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

impl Stats {
    /// Returns all numbers.
    ///
    /// Fields come first, in the order of the JSON text, then the size classes
    /// of blocks and of pages, and on engine v3 the uses of chunks. Numbers that
    /// are 0 are included. The size class that mimalloc never uses is left out.
    ///
    /// # Examples
    ///
    /// Writes all numbers in the text form of Prometheus:
    ///
    /// ```
    /// use std::fmt::Write;
    /// use mimalloc::stats::{self, MetricKind, Stats};
    ///
    /// let mut page = String::new();
    /// let mut last = String::new();
    /// let (process, stats) = (stats::process_info(), Stats::get()?);
    /// let mut metrics: Vec<_> = process.metrics().chain(stats.metrics()).collect();
    /// // Prometheus needs the lines of one name together.
    /// metrics.sort_by_key(|metric| (metric.name, metric.kind.to_string()));
    /// for metric in metrics {
    ///     let name = format!("mimalloc_{}_{}", metric.name, metric.kind);
    ///     if name != last {
    ///         let is_counter = metric.kind == MetricKind::Total;
    ///         writeln!(page, "# TYPE {name} {}", if is_counter { "counter" } else { "gauge" })?;
    ///     }
    ///     match metric.label {
    ///         None => writeln!(page, "{name} {}", metric.value)?,
    ///         Some(label) => {
    ///             writeln!(page, "{name}{{{}=\"{label}\"}} {}", label.key(), metric.value)?;
    ///         }
    ///     }
    ///     last = name;
    /// }
    /// assert!(page.contains("# TYPE mimalloc_mmap_calls_total counter\n"));
    /// assert!(page.contains("\nmimalloc_committed_current "));
    /// assert!(page.contains("\nmimalloc_page_bins_current{block_size=\"64\"} "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> impl Iterator<Item = Metric> + '_ {
        let fields = self.fields().into_iter();
        let fields = fields.flat_map(|field| field.metrics(None));
        let chunks = self.chunks().into_iter().flatten().map(|(kind, count)| {
            let label = MetricLabel::Chunk(kind);
            (count, label)
        });
        fields
            .chain(class_metrics("malloc_bins", classes(self.malloc_bins())))
            .chain(class_metrics("page_bins", classes(self.page_bins())))
            .chain(class_metrics("chunk_bins", chunks))
    }
}

/// Returns the size classes that mimalloc uses. The first has the size of the
/// second, and no blocks.
fn classes(bins: impl Iterator<Item = Bin>) -> impl Iterator<Item = (StatCount, MetricLabel)> {
    bins.skip(1)
        .map(|bin| (bin.count, MetricLabel::BlockSize(bin.block_size)))
}

fn class_metrics(
    name: &'static str,
    counts: impl Iterator<Item = (StatCount, MetricLabel)>,
) -> impl Iterator<Item = Metric> {
    counts.flat_map(move |(count, label)| {
        let field = Field {
            name,
            value: Value::Count(count),
            unit: MetricUnit::Number,
        };
        field.metrics(Some(label))
    })
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
