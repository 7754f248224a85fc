//! Compares two ways to free the words of texts: dropping the words one by one,
//! and resetting their heap.

use core::hint::black_box;
use core::mem;
use core::time::Duration;
use std::io;
use std::time::Instant;

use allocator_api2::vec::Vec as HeapVec;
use mimalloc::{Heap, LocalHeap};
use serde::Serialize;

use super::files::{self, Corpus};
use super::words::Counts;

/// The number of rounds. An odd number has a median that was measured.
const ROUNDS: usize = 7;

/// The size of the texts, which is enough to see a difference.
const MAX_BYTES: usize = 32 << 20;

/// The comparison for small amounts of words and for a large one.
#[derive(Debug, Default, Serialize)]
pub(crate) struct DropVsReset {
    pub(crate) rounds: usize,
    pub(crate) files: usize,
    /// The number of blocks in a heap with all words of `files` files.
    pub(crate) blocks: usize,
    /// The words of each file on their own, summed up.
    pub(crate) file_by_file: Compared,
    /// The words of all files at once.
    pub(crate) all_at_once: Compared,
}

/// The medians over all rounds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Compared {
    /// The time to drop the maps with their words and lines.
    pub(crate) drop_seconds: f64,
    /// The time to forget the maps and reset the heap.
    pub(crate) reset_seconds: f64,
    /// How many times as long dropping takes.
    pub(crate) ratio: f64,
    /// The same times with the parsing, because a heap that was reset starts
    /// cold.
    pub(crate) parse_and_drop_seconds: f64,
    pub(crate) parse_and_reset_seconds: f64,
}

/// The times to parse words and to free them.
#[derive(Clone, Copy, Default)]
struct Times {
    parse: Duration,
    discard: Duration,
}

impl Times {
    fn add(&mut self, other: Self) {
        self.parse += other.parse;
        self.discard += other.discard;
    }
}

/// Measures both ways on the same files.
pub(crate) fn measure(corpus: &Corpus, scratch: &mut Heap) -> io::Result<DropVsReset> {
    let texts = sample(corpus);
    let size = |text: &String| scratch.with_local(|local| Counts::of(text, local).size());
    let blocks = texts.iter().map(|text| size(text).blocks).sum();
    Ok(DropVsReset {
        rounds: ROUNDS,
        files: texts.len(),
        blocks,
        file_by_file: compare(&texts, 1, scratch)?,
        all_at_once: compare(&texts, texts.len(), scratch)?,
    })
}

/// Returns the texts of the first files, so that no round reads a file.
fn sample(corpus: &Corpus) -> Vec<String> {
    let mut texts = Vec::new();
    let mut bytes = 0;
    let mut buffer = Vec::new();
    for path in &corpus.files {
        // Indexing has reported files that can't be read.
        let read = files::read_file(path, &mut buffer);
        let Some(text) = read.ok().and_then(|()| files::text(&buffer)) else {
            continue;
        };
        bytes += text.len();
        if bytes > MAX_BYTES && !texts.is_empty() {
            break;
        }
        texts.push(text.to_owned());
    }
    texts
}

/// Measures both ways in turn, because the speed of a machine varies.
fn compare(texts: &[String], at_once: usize, scratch: &mut Heap) -> io::Result<Compared> {
    let kept = Heap::new().map_err(io::Error::other)?;
    let (mut dropped, mut thrown) = ([Times::default(); ROUNDS], [Times::default(); ROUNDS]);
    for texts in texts.chunks(at_once.max(1)) {
        for (dropped, thrown) in dropped.iter_mut().zip(&mut thrown) {
            dropped.add(drop_one_by_one(texts, &kept));
            thrown.add(reset_heap(texts, scratch)?);
        }
    }
    let discard = |times: &Times| times.discard;
    let whole = |times: &Times| times.parse + times.discard;
    let mut compared = Compared {
        drop_seconds: median(&dropped, discard),
        reset_seconds: median(&thrown, discard),
        ratio: 0.0,
        parse_and_drop_seconds: median(&dropped, whole),
        parse_and_reset_seconds: median(&thrown, whole),
    };
    if compared.reset_seconds > 0.0 {
        compared.ratio = compared.drop_seconds / compared.reset_seconds;
    }
    Ok(compared)
}

/// Parses all texts, and puts all results into the heap.
fn parse<'heap>(
    texts: &[String],
    local: LocalHeap<'heap>,
) -> HeapVec<Counts<LocalHeap<'heap>>, LocalHeap<'heap>> {
    let mut all = HeapVec::with_capacity_in(texts.len(), local);
    all.extend(texts.iter().map(|text| Counts::of(text, local)));
    black_box(all)
}

fn drop_one_by_one(texts: &[String], heap: &Heap) -> Times {
    heap.with_local(|local| {
        let start = Instant::now();
        let all = parse(texts, local);
        let parse = start.elapsed();
        drop(all);
        let discard = start.elapsed() - parse;
        Times { parse, discard }
    })
}

fn reset_heap(texts: &[String], heap: &mut Heap) -> io::Result<Times> {
    let start = Instant::now();
    heap.with_local(|local| mem::forget(parse(texts, local)));
    let parse = start.elapsed();
    heap.reset().map_err(io::Error::other)?;
    let discard = start.elapsed() - parse;
    Ok(Times { parse, discard })
}

fn median(times: &[Times; ROUNDS], of: impl Fn(&Times) -> Duration) -> f64 {
    let mut times = times.each_ref().map(of);
    times.sort();
    times[ROUNDS / 2].as_secs_f64()
}
