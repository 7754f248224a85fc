//! Collects the words of a text, and the lines of each word.

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec as HeapVec;
use hashbrown::{DefaultHashBuilder, HashMap};
use serde::Serialize;

/// The sizes that containers requested in a heap.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Size {
    pub(crate) bytes: usize,
    pub(crate) blocks: usize,
}

/// A word in a heap.
pub(crate) type Word<A> = Box<[u8], A>;

/// The words of one file and their lines, all in one allocator.
#[derive(Debug)]
pub(crate) struct Counts<A: Allocator> {
    words: HashMap<Word<A>, HeapVec<u32, A>, DefaultHashBuilder, A>,
    total: u64,
}

impl<A: Allocator + Copy> Counts<A> {
    /// Splits a text into words, and collects them.
    pub(crate) fn of(text: &str, alloc: A) -> Self {
        let mut words = HashMap::with_hasher_in(DefaultHashBuilder::default(), alloc);
        let mut total = 0;
        each_word(text, |word, line| {
            total += 1;
            if let Some(lines) = words.get_mut(word.as_bytes()) {
                HeapVec::push(lines, line);
            } else {
                let mut lines = HeapVec::new_in(alloc);
                lines.push(line);
                words.insert(boxed(word.as_bytes(), alloc), lines);
            }
        });
        Self { words, total }
    }

    /// Returns the number of words, counting each occurrence.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Returns each different word and its lines, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u32])> {
        self.words.iter().map(|(word, lines)| (&**word, &**lines))
    }

    /// Returns what the words take in their heap.
    pub(crate) fn size(&self) -> Size {
        let mut size = table_size(&self.words);
        for (word, lines) in &self.words {
            size.bytes += word.len() + lines.capacity() * size_of::<u32>();
            size.blocks += 2;
        }
        size
    }
}

/// Copies a word into an allocator.
pub(crate) fn boxed<A: Allocator>(word: &[u8], alloc: A) -> Word<A> {
    let mut copy = HeapVec::with_capacity_in(word.len(), alloc);
    copy.extend_from_slice(word);
    copy.into_boxed_slice()
}

/// Returns what a map itself takes, without what its entries own.
pub(crate) fn table_size<V, A: Allocator>(
    map: &HashMap<Word<A>, V, DefaultHashBuilder, A>,
) -> Size {
    Size {
        bytes: map.allocation_size(),
        blocks: usize::from(map.capacity() > 0),
    }
}

/// Calls `visit` with each word and its line. A word is a run of letters,
/// digits and underscores. Words are compared in lower case.
pub(crate) fn each_word(text: &str, mut visit: impl FnMut(&str, u32)) {
    let mut word = String::new();
    let mut line = 1_u32;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c.to_ascii_lowercase());
        } else if !c.is_ascii() && c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        } else {
            if !word.is_empty() {
                visit(&word, line);
                word.clear();
            }
            if c == '\n' {
                line = line.saturating_add(1);
            }
        }
    }
    if !word.is_empty() {
        visit(&word, line);
    }
}

/// Returns the words of a query.
pub(crate) fn terms(query: &str) -> Vec<String> {
    let mut terms = Vec::new();
    each_word(query, |word, _| terms.push(word.to_owned()));
    terms
}
