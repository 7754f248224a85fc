//! Statistics as JSON, with the names and the shape of upstream's.

use core::ffi::CStr;
use core::fmt::{self, Write};

use super::{Bin, StatCount, Stats, StatsError};
use crate::global::MiMalloc;
use crate::raw::buffer::Buffer;
use crate::stats::metric::Value;
use crate::stats::{ProcessInfo, process_info};
use crate::string::HeapCString;
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

impl MiMalloc {
    /// Returns what [`write_json`] writes, as a C string in the default heap.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out, and where [`Stats::get`] fails,
    /// which needs a system library of another version.
    ///
    /// ```
    /// use mimalloc::MiMalloc;
    ///
    /// let json = MiMalloc::stats_json()?;
    /// assert!(json.to_bytes().starts_with(b"{"));
    /// # Ok::<(), &str>(())
    /// ```
    #[doc(alias = "mi_stats_get_json")]
    pub fn stats_json() -> Result<HeapCString, &'static str> {
        const NO_MEMORY: &str = "out of memory for the statistics";

        let stats = Stats::get().map_err(|StatsError { .. }| "unknown layout of statistics")?;
        let process = process_info();
        // Nothing counts meanwhile, so both passes write the same text.
        let mut len = Length(0);
        let written = stats.write_document(Some(&process), &mut len);
        let text = written
            .ok()
            .and_then(|()| Buffer::with_capacity(len.0.checked_add(1)?));
        let mut text = Text(text.ok_or(NO_MEMORY)?);
        let written = stats.write_document(Some(&process), &mut text);
        let is_whole = written.is_ok() && text.0.push_within(0);
        CStr::from_bytes_with_nul(text.0.as_slice())
            .ok()
            .filter(|_| is_whole)
            .and_then(|text| MiMalloc.strdup(text).ok())
            .ok_or(NO_MEMORY)
    }
}

/// Counts the bytes of a text.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.checked_add(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// Keeps a text in memory of fixed size.
struct Text(Buffer<u8>);

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.bytes().all(|byte| self.0.push_within(byte));
        fits.then_some(()).ok_or(fmt::Error)
    }
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
