//! Holds the inverted index: for each word, the files that contain it.

use core::cmp::Reverse;
use core::mem;

use allocator_api2::vec::Vec as HeapVec;
use hashbrown::{DefaultHashBuilder, HashMap};
use mimalloc::Heap;
use serde::Serialize;

use super::report::Frequent;
use super::words::{self, Counts, Size, Word};

/// An index whose memory is all in one heap.
#[derive(Debug)]
pub(crate) struct Index<'heap> {
    heap: &'heap Heap,
    words: HashMap<Word<&'heap Heap>, Entry<'heap>, DefaultHashBuilder, &'heap Heap>,
}

/// The places where a word occurs. Postings are sorted by file.
#[derive(Debug)]
struct Entry<'heap> {
    postings: HeapVec<Posting, &'heap Heap>,
    /// The lines of all postings, one posting after the other.
    lines: HeapVec<u32, &'heap Heap>,
}

/// A file that contains the word.
#[derive(Clone, Copy, Debug)]
struct Posting {
    file: usize,
    /// The position of the first line of this file in the entry's lines.
    first: usize,
}

/// A file that answers a query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) file: usize,
    /// The number of times that words of the query occur in the file.
    pub(crate) count: usize,
    /// The first line that contains the first word.
    pub(crate) line: u32,
}

/// The numbers that describe an index.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct IndexSize {
    /// The number of different words.
    pub(crate) words: usize,
    /// The number of pairs of a word and a file that contains it.
    pub(crate) postings: usize,
    pub(crate) size: Size,
}

impl<'heap> Index<'heap> {
    pub(crate) fn new(heap: &'heap Heap) -> Self {
        Self {
            heap,
            words: HashMap::with_hasher_in(DefaultHashBuilder::default(), heap),
        }
    }

    /// Adds a file. Files must come in the order of their numbers.
    pub(crate) fn add<A>(&mut self, file: usize, counts: &Counts<A>)
    where
        A: allocator_api2::alloc::Allocator + Copy,
    {
        for (word, lines) in counts.iter() {
            if let Some(entry) = self.words.get_mut(word) {
                entry.add(file, lines);
            } else {
                let mut entry = Entry {
                    postings: HeapVec::new_in(self.heap),
                    lines: HeapVec::new_in(self.heap),
                };
                entry.add(file, lines);
                self.words.insert(words::boxed(word, self.heap), entry);
            }
        }
    }

    /// Returns the files that contain all `terms`. Files with more of the terms
    /// come first.
    pub(crate) fn find(&self, terms: &[String]) -> Vec<Hit> {
        let entries: Option<Vec<_>> = terms
            .iter()
            .map(|term| self.words.get(term.as_bytes()))
            .collect();
        let Some((leader, others)) = entries.as_deref().and_then(<[_]>::split_first) else {
            return Vec::new();
        };
        let mut hits: Vec<Hit> = leader.hits().collect();
        for other in others {
            hits.retain_mut(|hit| {
                let found = other.count_in(hit.file);
                hit.count += found;
                found > 0
            });
        }
        hits.sort_by_key(|hit| (Reverse(hit.count), hit.file));
        hits
    }

    /// Returns the `most` most frequent words for which `is_wanted` holds.
    pub(crate) fn most_frequent(
        &self,
        most: usize,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Vec<Frequent> {
        let mut all: Vec<(usize, &str, &Entry<'_>)> = self
            .words
            .iter()
            .filter_map(|(word, entry)| {
                Some((entry.lines.len(), core::str::from_utf8(word).ok()?, entry))
            })
            .filter(|(_, word, _)| is_wanted(word))
            .collect();
        all.sort_by_key(|&(count, word, _)| (Reverse(count), word));
        all.iter()
            .take(most)
            .map(|&(count, word, entry)| Frequent {
                word: word.to_owned(),
                count,
                files: entry.postings.len(),
            })
            .collect()
    }

    /// Returns queries that have answers: a frequent word, and two others
    /// together.
    pub(crate) fn suggest(&self) -> Vec<String> {
        let is_telling =
            |word: &str| word.chars().count() >= 5 && word.chars().all(char::is_alphabetic);
        let frequent = self.most_frequent(3, is_telling);
        match frequent.as_slice() {
            [first, second, third] => {
                vec![
                    first.word.clone(),
                    format!("{} {}", second.word, third.word),
                ]
            }
            few => few.iter().map(|found| found.word.clone()).collect(),
        }
    }

    /// Returns what the index takes in its heap.
    pub(crate) fn size(&self) -> IndexSize {
        let mut size = words::table_size(&self.words);
        let mut postings = 0;
        for (word, entry) in &self.words {
            postings += entry.postings.len();
            size.bytes += word.len()
                + entry.postings.capacity() * mem::size_of::<Posting>()
                + entry.lines.capacity() * mem::size_of::<u32>();
            size.blocks += 3;
        }
        IndexSize {
            words: self.words.len(),
            postings,
            size,
        }
    }
}

impl Entry<'_> {
    fn add(&mut self, file: usize, lines: &[u32]) {
        self.postings.push(Posting {
            file,
            first: self.lines.len(),
        });
        self.lines.extend_from_slice(lines);
    }

    fn hits(&self) -> impl Iterator<Item = Hit> {
        self.postings.iter().enumerate().map(|(i, posting)| {
            let lines = self.lines_of(i);
            Hit {
                file: posting.file,
                count: lines.len(),
                line: lines.first().copied().unwrap_or(0),
            }
        })
    }

    fn count_in(&self, file: usize) -> usize {
        self.postings
            .binary_search_by_key(&file, |posting| posting.file)
            .map_or(0, |i| self.lines_of(i).len())
    }

    /// Returns the lines of the posting at `i`.
    fn lines_of(&self, i: usize) -> &[u32] {
        let bound = |i: usize| self.postings.get(i).map_or(self.lines.len(), |p| p.first);
        self.lines.get(bound(i)..bound(i + 1)).unwrap_or_default()
    }
}
