//! Indexes real files with mimalloc's heaps, and answers queries.
//!
//! ```text
//! cargo run --release --example corpus -- [--json] [--query WORDS]… [path]…
//! ```
//!
//! Each file is parsed in a scratch heap that is thrown away after it; what
//! stays goes to an inverted index in a second, long-lived heap. Everything
//! else comes from mimalloc too, as it is the global allocator.

mod args;
mod discard;
mod index;
mod report;
mod walk;
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
use index::Index;
use report::{Answer, Held, Problem, Report, Scratch};
use walk::{Corpus, Text};
use words::Counts;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

/// A run that takes longer than this shows how far it is.
const LONG: Duration = Duration::from_secs(1);

/// More problems than this are counted, but not printed one by one.
const MAX_PRINTED: usize = 10;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1);
    ExitCode::from(run(args, &mut io::stdout().lock(), &mut io::stderr()))
}

/// The whole program but for where its words come from and go to. Returns the
/// exit code: 0, or 1 when something that was asked for could not be done, or 2
/// when it was not understood.
pub(crate) fn run(
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> u8 {
    let args = match args::parse(args) {
        Ok(args) => args,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(errors, "corpus: {error}\n\n{}", args::USAGE);
            return 2;
        }
    };
    match report(&args, out, errors) {
        Ok(true) => 0,
        Ok(false) => 1,
        // Whoever read the output has seen enough, as with `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            let _ = writeln!(errors, "corpus: {error}");
            1
        }
    }
}

/// Whether every path that was given could be read.
fn report(args: &Args, out: &mut dyn Write, errors: &mut dyn Write) -> io::Result<bool> {
    if args.is_help {
        write!(out, "{}", args::USAGE)?;
        return Ok(true);
    }
    let defaults;
    let roots = if args.paths.is_empty() {
        defaults = walk::default_roots();
        &defaults
    } else {
        &args.paths
    };
    let corpus = walk::find(roots);
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
    // What the user asked for by name comes first.
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
    // The two heaps. All that is in the index dies with the first, at the end;
    // all that is known of one file alone dies when the second is reset.
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
    report.throw_away = discard::measure(&corpus, &mut scratch)?;

    // No word of the index is dropped: its heap ends, and that is that.
    mem::forget(index);
    report.index_held = Held::by(&mut heap);
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
            Text::Words(text) => text,
            Text::Skipped => continue,
        };
        report.bytes += text.len() as u64;
        report.files += 1;
        scratch.with_local(|local| {
            let counts = Counts::of(text, local);
            index.add(id, &counts);
            report.words += counts.total();
            report.scratch.add(&counts.size());
            // Not dropped word by word: the reset frees it all at once.
            mem::forget(counts);
        });
        report.scratch.look(&mut *scratch);
        scratch.reset().map_err(io::Error::other)?;
    }
    progress.finish();
    Ok(())
}

/// A bar on standard error that appears when a run turns out to be long.
struct Progress {
    bar: ProgressBar,
    start: Instant,
}

impl Progress {
    fn new(files: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::hidden());
        // The template is a constant; should it not parse, the plain bar does.
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
        // Every 64th file, as looking at the clock is not free.
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
        let held = Held::by(heap);
        if held.used > self.peak_held.used {
            self.peak_held = held;
        }
    }
}
