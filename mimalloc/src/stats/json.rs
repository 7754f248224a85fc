//! Statistics as JSON, with the names and the shape of upstream's.

use core::fmt::{self, Write};

use super::{Bin, StatCount, Stats, StatsError, Value};
use crate::process::{ProcessInfo, version};

impl Stats {
    /// Writes the statistics as a JSON object. The names are those of the
    /// fields; counts are objects of `total`, `peak` and `current`.
    ///
    /// Nothing of mimalloc's is held while it writes, so that `out` may allocate.
    ///
    /// # Errors
    ///
    /// Those of `out`.
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
        self.try_for_each(|field| {
            write!(out, "  \"{}\": ", field.name)?;
            match field.value {
                Value::Counter(total) => write!(out, "{total}")?,
                Value::Count(count) => {
                    write!(out, "{{ ")?;
                    write_count(count, out)?;
                    write!(out, " }}")?;
                }
            }
            writeln!(out, ",")
        })?;
        write_bins("malloc_bins", self.malloc_bins(), out)?;
        writeln!(out, ",")?;
        write_bins("page_bins", self.page_bins(), out)?;
        #[cfg(mimalloc_v3)]
        {
            writeln!(out, ",")?;
            writeln!(out, "  \"chunk_bins\": [")?;
            let mut left = self.chunk_bins().len();
            for (kind, count) in self.chunk_bins() {
                write!(out, "    {{ ")?;
                write_count(count, out)?;
                write!(out, ", \"bin\": \"{}\" }}", kind.letter())?;
                left -= 1;
                writeln!(out, "{}", if left > 0 { "," } else { "" })?;
            }
            write!(out, "  ]")?;
        }
        writeln!(out, "\n}}")
    }
}

/// Writes [`Stats::get`] and [`process_info`](crate::process_info) as one JSON
/// object, the shape of upstream's `mi_stats_get_json`.
///
/// # Errors
///
/// Those of `out`, and [`fmt::Error`] with a system library of another version,
/// where [`Stats::get`] fails.
#[doc(alias = "mi_stats_get_json")]
#[doc(alias = "mi_subproc_stats_get_json")]
pub fn write_stats_json(out: &mut (impl Write + ?Sized)) -> fmt::Result {
    let stats = Stats::get().map_err(|StatsError { .. }| fmt::Error)?;
    stats.write_document(Some(&crate::process::process_info()), out)
}

fn write_count(count: StatCount, out: &mut (impl Write + ?Sized)) -> fmt::Result {
    write!(
        out,
        "\"total\": {}, \"peak\": {}, \"current\": {}",
        count.total, count.peak, count.current
    )
}

fn write_bins(
    name: &str,
    bins: impl ExactSizeIterator<Item = Bin>,
    out: &mut (impl Write + ?Sized),
) -> fmt::Result {
    writeln!(out, "  \"{name}\": [")?;
    let mut left = bins.len();
    for bin in bins {
        write!(out, "    {{ ")?;
        write_count(bin.count, out)?;
        write!(out, ", \"block_size\": {} }}", bin.block_size)?;
        left -= 1;
        writeln!(out, "{}", if left > 0 { "," } else { "" })?;
    }
    write!(out, "  ]")
}
