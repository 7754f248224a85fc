//! Reports the results of a run as text and as JSON.

use core::time::Duration;
use std::fmt;
use std::io::{self, Write};
use std::time::Instant;

use mimalloc::Heap;
use serde::Serialize;

use super::drop_vs_reset::DropVsReset;
use super::files::Corpus;
use super::index::{Index, IndexSize};
use super::words::{self, Size};

/// The number of most frequent words in the report.
pub(crate) const FREQUENT: usize = 10;

/// The number of files for each answer in the report.
const BEST: usize = 5;

/// The results of a run, in the order of the JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    mimalloc: String,
    engine: u32,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    pub(crate) words: u64,
    skipped: Skipped,
    seconds: f64,
    megabytes_per_second: f64,
    words_per_second: f64,
    pub(crate) index: IndexSize,
    pub(crate) index_held: Usage,
    pub(crate) index_thrown_away_seconds: f64,
    pub(crate) scratch: Scratch,
    pub(crate) throw_away: DropVsReset,
    pub(crate) queries: Vec<Answer>,
    pub(crate) frequent: Vec<Frequent>,
    pub(crate) problems: Vec<Problem>,
}

/// The numbers of files that were left out, by reason.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Skipped {
    pub(crate) not_text: usize,
    pub(crate) unreadable: usize,
    pub(crate) too_large: usize,
    /// The number of symbolic links, devices and pipes.
    pub(crate) special: usize,
    /// The number of directories that are caches or belong to version control.
    pub(crate) directories: usize,
}

/// A path that can't be read.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) path: String,
    pub(crate) error: String,
    /// Whether the user named the path.
    pub(crate) is_given: bool,
}

/// The usage of a heap, as mimalloc reports it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Usage {
    /// The bytes of the blocks in use, in their true sizes.
    pub(crate) used: usize,
    /// The bytes of the pages with these blocks, as far as they take memory.
    pub(crate) committed: usize,
    pub(crate) blocks: usize,
}

impl Usage {
    /// Asks a heap for its usage. No collection may borrow the heap.
    pub(crate) fn of(heap: &mut Heap) -> Self {
        let usage = heap.usage();
        Self {
            used: usage.used,
            committed: usage.committed,
            blocks: usage.blocks,
        }
    }
}

/// The contents of the scratch heap over the run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Scratch {
    pub(crate) resets: u64,
    /// The largest contents, which one file had.
    pub(crate) peak: Size,
    pub(crate) peak_held: Usage,
    /// The contents for all files together.
    pub(crate) all_bytes: u64,
    pub(crate) all_blocks: u64,
}

/// A frequent word.
#[derive(Debug, Serialize)]
pub(crate) struct Frequent {
    pub(crate) word: String,
    pub(crate) count: usize,
    pub(crate) files: usize,
}

/// The answer to a query.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    query: String,
    files: usize,
    count: usize,
    seconds: f64,
    best: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    path: String,
    line: u32,
    count: usize,
}

impl Answer {
    /// Asks the index for the files that hold all words of `query`.
    pub(crate) fn to(query: &str, index: &Index<'_>, corpus: &Corpus) -> Self {
        let start = Instant::now();
        let hits = index.find(&words::terms(query));
        let seconds = start.elapsed().as_secs_f64();
        let best = hits.iter().take(BEST).filter_map(|hit| {
            Some(Found {
                path: corpus.files.get(hit.file)?.display().to_string(),
                line: hit.line,
                count: hit.count,
            })
        });
        Self {
            query: query.to_owned(),
            files: hits.len(),
            count: hits.iter().map(|hit| hit.count).sum(),
            seconds,
            best: best.collect(),
        }
    }
}

impl Default for Report {
    fn default() -> Self {
        Self {
            mimalloc: mimalloc::version().to_string(),
            engine: mimalloc::version().major(),
            files: 0,
            bytes: 0,
            words: 0,
            skipped: Skipped::default(),
            seconds: 0.0,
            megabytes_per_second: 0.0,
            words_per_second: 0.0,
            index: IndexSize::default(),
            index_held: Usage::default(),
            index_thrown_away_seconds: 0.0,
            scratch: Scratch::default(),
            throw_away: DropVsReset::default(),
            queries: Vec::new(),
            frequent: Vec::new(),
            problems: Vec::new(),
        }
    }
}

impl Report {
    /// Notes the time that reading and indexing took.
    pub(crate) fn time(&mut self, elapsed: Duration) {
        self.seconds = elapsed.as_secs_f64();
        if self.seconds > 0.0 {
            self.megabytes_per_second = self.bytes as f64 / 1e6 / self.seconds;
            self.words_per_second = self.words as f64 / self.seconds;
        }
    }

    /// Takes over what the corpus left out.
    pub(crate) fn take_problems(&mut self, corpus: Corpus) {
        self.skipped = corpus.skipped;
        self.problems = corpus.problems;
    }

    /// Writes the report for people.
    pub(crate) fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write_files(out)?;
        if self.files == 0 {
            return Ok(());
        }
        self.write_heaps(out)?;
        self.write_throw_away(out)?;
        for answer in &self.queries {
            let Answer {
                query,
                files,
                count,
                ..
            } = answer;
            let time = Seconds(answer.seconds);
            writeln!(
                out,
                "\nquery \"{query}\": {count} times in {files} files, {time}"
            )?;
            for found in &answer.best {
                writeln!(out, "  {:>7}  {}:{}", found.count, found.path, found.line)?;
            }
        }
        writeln!(out, "\nmost frequent words")?;
        for found in &self.frequent {
            let Frequent { word, count, files } = found;
            writeln!(out, "  {count:>7}  {word} ({files} files)")?;
        }
        Ok(())
    }

    fn write_files(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "corpus         {} files, {}, {} words (mimalloc {}, engine v{})",
            self.files,
            Bytes(self.bytes as f64),
            self.words,
            self.mimalloc,
            self.engine
        )?;
        writeln!(
            out,
            "skipped        {} not text, {} unreadable, {} too large, {} links and devices, \
             {} directories",
            self.skipped.not_text,
            self.skipped.unreadable,
            self.skipped.too_large,
            self.skipped.special,
            self.skipped.directories
        )
    }

    fn write_heaps(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "indexed in     {}: {:.1} MB/s, {:.2} million words/s",
            Seconds(self.seconds),
            self.megabytes_per_second,
            self.words_per_second / 1e6
        )?;
        let IndexSize {
            words,
            postings,
            size,
        } = self.index;
        writeln!(
            out,
            "index heap     {words} words, {postings} postings: {size}, {}; thrown away in {}",
            self.index_held,
            Seconds(self.index_thrown_away_seconds)
        )?;
        let Scratch {
            resets,
            peak,
            peak_held,
            all_bytes,
            all_blocks,
        } = self.scratch;
        writeln!(
            out,
            "scratch heap   reset {resets} times; at most {peak}, {peak_held}; in all {} in {all_blocks} blocks",
            Bytes(all_bytes as f64)
        )
    }

    fn write_throw_away(&self, out: &mut dyn Write) -> io::Result<()> {
        let DropVsReset {
            rounds,
            files,
            blocks,
            ref file_by_file,
            ref all_at_once,
        } = self.throw_away;
        writeln!(
            out,
            "\nthrowing away {blocks} blocks of words from {files} files (medians of {rounds} rounds)"
        )?;
        for (what, compared) in [("file by file", file_by_file), ("all at once", all_at_once)] {
            writeln!(
                out,
                "  {what:12}   dropped one by one {}, Heap::reset {}: {:.2} times as fast; \
                 with parsing {} and {}",
                Seconds(compared.drop_seconds),
                Seconds(compared.reset_seconds),
                compared.ratio,
                Seconds(compared.parse_and_drop_seconds),
                Seconds(compared.parse_and_reset_seconds)
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} blocks", Bytes(self.bytes as f64), self.blocks)
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} committed", Bytes(self.committed as f64))
    }
}

/// A time that is shown in a fitting unit.
struct Seconds(f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s >= 1.0 => write!(f, "{s:.2} s"),
            s if s >= 1e-3 => write!(f, "{:.2} ms", s * 1e3),
            s => write!(f, "{:.1} µs", s * 1e6),
        }
    }
}

/// A number of bytes that is shown in a fitting unit.
struct Bytes(f64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: f64 = 1024.0;
        match self.0 {
            b if b >= KIB * KIB => write!(f, "{:.1} MiB", b / KIB / KIB),
            b if b >= KIB => write!(f, "{:.1} KiB", b / KIB),
            b => write!(f, "{b} bytes"),
        }
    }
}
