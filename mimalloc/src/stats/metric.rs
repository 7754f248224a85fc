//! One number of the statistics, for loops over all of them.

use core::fmt;

use super::count::{ChunkKind, StatCount};

/// One number of the statistics, with a name, a kind and a unit.
///
/// [`ProcessInfo::metrics`](super::ProcessInfo::metrics) and `Stats::metrics`
/// iterate over all numbers, so that an exporter is a loop. A name and a kind
/// belong to one number, or to one number for each [label](Self::label).
///
/// ```
/// for metric in mimalloc::stats::process_info().metrics() {
///     // Prints `page_faults_total 12 number`, for example.
///     println!("{}_{} {} {}", metric.name, metric.kind, metric.value, metric.unit);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Metric {
    /// The name of the field in the JSON text. The names `rss_current`,
    /// `rss_peak`, `commit_current` and `commit_peak` have the kind at their
    /// end in JSON, and are `rss` and `commit` here.
    pub name: &'static str,
    /// Says what the number means.
    pub kind: MetricKind,
    /// Says what is counted.
    pub unit: MetricUnit,
    /// The class that is counted, for fields with a number for each class.
    pub label: Option<MetricLabel>,
    /// The number. A current value can be below zero for a while, as
    /// [`StatCount`] explains.
    pub value: i64,
}

/// Says what the number of a [`Metric`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// The sum so far. The sum only grows.
    Total,
    /// The highest value so far.
    Peak,
    /// The current value.
    Current,
}

/// Says what a [`Metric`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricUnit {
    /// Bytes.
    Bytes,
    /// Things or events, such as blocks or calls.
    Number,
    /// Milliseconds.
    Milliseconds,
}

/// Names the class that a [`Metric`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricLabel {
    /// Blocks of this size in bytes, or 0 for all larger blocks.
    BlockSize(usize),
    /// Chunks of arenas with this use.
    Chunk(ChunkKind),
}

/// The value of a field of the statistics.
#[allow(dead_code, reason = "old versions have no statistics")]
#[derive(Clone, Copy)]
pub(super) enum Value {
    Count(StatCount),
    /// A sum that only grows.
    Counter(u64),
}

/// Describes a field of the statistics, for code that visits all fields.
#[allow(dead_code, reason = "old versions have no statistics")]
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) value: Value,
    pub(super) unit: MetricUnit,
}

#[allow(dead_code, reason = "old versions have no statistics")]
impl Field {
    /// Returns the numbers of the field.
    pub(super) fn metrics(self, label: Option<MetricLabel>) -> impl Iterator<Item = Metric> {
        let (total, others) = match self.value {
            Value::Count(count) => (count.total, Some((count.peak, count.current))),
            Value::Counter(total) => (i64::try_from(total).unwrap_or(i64::MAX), None),
        };
        let others = others
            .into_iter()
            .flat_map(|(peak, current)| [(MetricKind::Peak, peak), (MetricKind::Current, current)]);
        let numbers = core::iter::once((MetricKind::Total, total)).chain(others);
        numbers.map(move |(kind, value)| Metric {
            name: self.name,
            kind,
            unit: self.unit,
            label,
            value,
        })
    }
}

impl MetricLabel {
    /// Returns a name for the label: `block_size` or `chunk`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::BlockSize(_) => "block_size",
            Self::Chunk(_) => "chunk",
        }
    }
}

impl fmt::Display for MetricLabel {
    /// Writes the value of the label, such as `64` or `Small`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlockSize(size) => size.fmt(f),
            Self::Chunk(kind) => fmt::Debug::fmt(kind, f),
        }
    }
}

impl fmt::Display for MetricKind {
    /// Writes `total`, `peak` or `current`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Total => "total",
            Self::Peak => "peak",
            Self::Current => "current",
        })
    }
}

impl fmt::Display for MetricUnit {
    /// Writes `bytes`, `number` or `milliseconds`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bytes => "bytes",
            Self::Number => "number",
            Self::Milliseconds => "milliseconds",
        })
    }
}
