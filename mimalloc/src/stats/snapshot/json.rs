//! Statistics as JSON, with the names and the shape of upstream's.

use core::fmt::{self, Write};

use super::{Bin, StatCount, Stats, StatsError};
use crate::stats::metric::Value;
use crate::stats::{ProcessInfo, process_info};
use crate::version;

impl Stats {
    /// Writes the statistics as a JSON object. The names are those of the
    /// fields; counts are objects of `total`, `peak` and `current`.
    ///
    /// The function holds no lock of mimalloc's while it writes, so `out` may
    /// allocate.
    ///
    /// # Errors
    ///
    /// Returns the errors of `out`.
    #[doc(alias = "mi_stats_as_json")]
    #[doc(alias = "mi_heap_stats_get_json")]
    pub fn write_json(&self, out: &mut (impl Write + ?Sized)) -> fmt::Result {
        self.write_document(None, out)
    }

    fn write_document(
        &self,
        process: Option<&ProcessInfo>,
        out: &mut (impl Write + ?Sized),
    ) -> fmt::Result {
        writeln!(out, "{{")?;
        writeln!(
            out,
            "  \"stat_version\": {},",
            mimalloc_sys::MI_STAT_VERSION
        )?;
        writeln!(out, "  \"mimalloc_version\": {},", version().raw())?;
        if let Some(process) = process {
            write!(out, "  \"process\": ")?;
            process.write_json(out)?;
            writeln!(out, ",")?;
        }
        for field in self.fields() {
            write!(out, "  \"{}\": ", field.name)?;
            match field.value {
                Value::Counter(total) => write!(out, "{total}")?,
                Value::Count(count) => {
                    write!(out, "{{ ")?;
                    write_count(count, out)?;
                    write!(out, " }}")?;
                }
            }
            writeln!(out, ",")?;
        }
        write_list("malloc_bins", self.malloc_bins(), write_bin, out)?;
        writeln!(out, ",")?;
        write_list("page_bins", self.page_bins(), write_bin, out)?;
        if let Some(chunks) = self.chunks() {
            writeln!(out, ",")?;
            write_list("chunk_bins", chunks, write_chunks, out)?;
        }
        writeln!(out, "\n}}")
    }
}

/// Writes [`Stats::get`] and [`process_info`] as one JSON
/// object, the shape of upstream's `mi_stats_get_json`.
///
/// # Errors
///
/// Returns the errors of `out`, and [`fmt::Error`] where [`Stats::get`] fails,
/// which needs a system library of another version.
#[doc(alias = "mi_stats_get_json")]
#[doc(alias = "mi_subproc_stats_get_json")]
pub fn write_json(out: &mut (impl Write + ?Sized)) -> fmt::Result {
    let stats = Stats::get().map_err(|StatsError { .. }| fmt::Error)?;
    stats.write_document(Some(&process_info()), out)
}

fn write_count(count: StatCount, out: &mut (impl Write + ?Sized)) -> fmt::Result {
    write!(
        out,
        "\"total\": {}, \"peak\": {}, \"current\": {}",
        count.total, count.peak, count.current
    )
}

fn write_bin<W: Write + ?Sized>(bin: Bin, out: &mut W) -> fmt::Result {
    write_count(bin.count, out)?;
    write!(out, ", \"block_size\": {}", bin.block_size)
}

fn write_chunks<W: Write + ?Sized>(
    (kind, count): (super::ChunkKind, StatCount),
    out: &mut W,
) -> fmt::Result {
    write_count(count, out)?;
    write!(out, ", \"bin\": \"{}\"", kind.letter())
}

/// Writes a list of objects, each on a line of its own.
fn write_list<I: ExactSizeIterator, W: Write + ?Sized>(
    name: &str,
    items: I,
    write_item: fn(I::Item, &mut W) -> fmt::Result,
    out: &mut W,
) -> fmt::Result {
    writeln!(out, "  \"{name}\": [")?;
    let mut left = items.len();
    for item in items {
        write!(out, "    {{ ")?;
        write_item(item, out)?;
        left -= 1;
        writeln!(out, " }}{}", if left > 0 { "," } else { "" })?;
    }
    write!(out, "  ]")
}
