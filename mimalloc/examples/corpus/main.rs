//! Indexes real files with mimalloc's heaps, and answers queries.
//!
//! ```text
//! cargo run --release --example corpus -- [--json] [--query WORDS]… [path]…
//! ```
//!
//! Parses each file in a scratch heap, and resets the heap after it. An
//! inverted index in a second, long-lived heap keeps what stays. All other
//! memory also comes from mimalloc, because mimalloc is the global allocator.

mod args;
mod drop_vs_reset;
mod files;
mod index;
mod report;
mod words;

use core::mem;
use core::time::Duration;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mimalloc::{Heap, MiMalloc};

use args::Args;
use files::{Content, Corpus};
use index::Index;
use report::{Answer, Problem, Report, Scratch, Usage};
use words::Counts;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

/// The time after which a run shows its progress.
const LONG: Duration = Duration::from_secs(1);

/// The number of problems that are printed. Further problems are counted.
const MAX_PRINTED: usize = 10;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1);
    ExitCode::from(run(args, &mut io::stdout().lock(), &mut io::stderr()))
}

/// Runs the program with the given arguments and outputs. Returns the exit
/// code: 0, or 1 when a request could not be carried out, or 2 when a request
/// was not understood.
pub(crate) fn run(
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> u8 {
    let args = match args::parse(args) {
        Ok(args) => args,
        Err(error) => {
            // Without standard error, the message has no other place to go.
            let _ = writeln!(errors, "corpus: {error}\n\n{}", args::USAGE);
            return 2;
        }
    };
    match report(&args, out, errors) {
        Ok(true) => 0,
        Ok(false) => 1,
        // The reader of the output has seen enough, as with `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            let _ = writeln!(errors, "corpus: {error}");
            1
        }
    }
}

/// Writes the report, and returns whether every path that was given could be
/// read.
fn report(args: &Args, out: &mut dyn Write, errors: &mut dyn Write) -> io::Result<bool> {
    if args.is_help {
        write!(out, "{}", args::USAGE)?;
        return Ok(true);
    }
    let defaults;
    let roots = if args.paths.is_empty() {
        defaults = files::default_roots();
        &defaults
    } else {
        &args.paths
    };
    let corpus = files::find(roots);
    let report = index_and_ask(corpus, &args.queries)?;
    print_problems(&report.problems, errors)?;
    if args.is_json {
        serde_json::to_writer_pretty(&mut *out, &report)?;
        writeln!(out)?;
    } else {
        report.write_text(out)?;
    }
    Ok(!report.problems.iter().any(|problem| problem.is_given))
}

fn print_problems(problems: &[Problem], errors: &mut dyn Write) -> io::Result<()> {
    // Problems with paths that the user named come first.
    let (given, met): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| problem.is_given);
    for Problem { path, error, .. } in given.iter().chain(met.iter().take(MAX_PRINTED)) {
        writeln!(errors, "corpus: can't read {path}: {error}")?;
    }
    if let more @ 1.. = met.len().saturating_sub(MAX_PRINTED) {
        writeln!(errors, "corpus: … and {more} more")?;
    }
    Ok(())
}

fn index_and_ask(mut corpus: Corpus, queries: &[String]) -> io::Result<Report> {
    // There are two heaps. The end of the first frees the index. Each reset of
    // the second frees what belongs to one file alone.
    let mut heap = Heap::new().map_err(io::Error::other)?;
    let mut scratch = Heap::new().map_err(io::Error::other)?;

    let mut report = Report::default();
    let mut index = Index::new(&heap);
    let start = Instant::now();
    build(&mut corpus, &mut index, &mut scratch, &mut report)?;
    report.time(start.elapsed());

    report.index = index.size();
    report.frequent = index.most_frequent(report::FREQUENT, |_| true);
    let defaults;
    let queries = if queries.is_empty() {
        defaults = index.suggest();
        &defaults
    } else {
        queries
    };
    report.queries = queries
        .iter()
        .map(|query| Answer::to(query, &index, &corpus))
        .collect();
    report.throw_away = drop_vs_reset::measure(&corpus, &mut scratch)?;

    // Drops no word of the index, because the end of the heap frees all of
    // them.
    mem::forget(index);
    report.index_held = Usage::of(&mut heap);
    let start = Instant::now();
    drop(heap);
    report.index_thrown_away_seconds = start.elapsed().as_secs_f64();
    report.take_problems(corpus);
    Ok(report)
}

/// Reads every file, parses it in `scratch`, and adds what stays to the index.
fn build(
    corpus: &mut Corpus,
    index: &mut Index<'_>,
    scratch: &mut Heap,
    report: &mut Report,
) -> io::Result<()> {
    let progress = Progress::new(corpus.files.len());
    let mut buffer = Vec::new();
    for id in 0..corpus.files.len() {
        progress.step(id);
        let text = match corpus.read(id, &mut buffer) {
            Content::Words(text) => text,
            Content::Skipped => continue,
        };
        report.bytes += text.len() as u64;
        report.files += 1;
        scratch.with_local(|local| {
            let counts = Counts::of(text, local);
            index.add(id, &counts);
            report.words += counts.total();
            report.scratch.add(&counts.size());
            // Drops no word, because the reset frees all of them at once.
            mem::forget(counts);
        });
        report.scratch.look(&mut *scratch);
        scratch.reset().map_err(io::Error::other)?;
    }
    progress.finish();
    Ok(())
}

/// A bar on standard error, which appears when a run takes long.
struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    fn new(files: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::hidden());
        // The template is a constant. Should it not parse, the default bar
        // remains.
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} files, {eta} left")
        {
            bar.set_style(style);
        }
        Self {
            bar,
            start: Instant::now(),
        }
    }

    fn step(&self, done: usize) {
        // Looking at the clock is not free, so only every 64th file does.
        if done % 64 == 0 {
            if self.bar.is_hidden() && io::stderr().is_terminal() && self.start.elapsed() > LONG {
                self.bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            self.bar.set_position(done as u64);
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Scratch {
    fn add(&mut self, size: &words::Size) {
        self.resets += 1;
        self.all_bytes += size.bytes as u64;
        self.all_blocks += size.blocks as u64;
        if size.bytes > self.peak.bytes {
            self.peak = *size;
        }
    }

    fn look(&mut self, heap: &mut Heap) {
        let held = Usage::of(heap);
        if held.used > self.peak_held.used {
            self.peak_held = held;
        }
    }
}
