//! Limits the memory of a parser: a greedy document fails, and fails alone.
//!
//! ```text
//! cargo run --example memory_limit
//! ```

use std::error::Error;

use allocator_api2::vec::Vec;
use mimalloc::{Arena, Heap};

/// Texts that are compressed: each run is a count and what to repeat.
const DOCUMENTS: [&str; 4] = [
    "3 ab, 2 c",
    "1 small, 2000000000 bomb",
    "5 ok",
    "2 x, many y",
];

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // Only heaps of this arena allocate in the arena, and these heaps allocate
    // nowhere else. The arena's size is a hard limit for them.
    let arena = Arena::options().exclusive(true).reserve(64 << 20)?;
    for document in DOCUMENTS {
        // The end of the scope frees all that the document took.
        arena.scope(|heap| match expand(document, heap) {
            Ok(text) => println!("{}", String::from_utf8_lossy(&text)),
            Err(error) => println!("{document:?} failed: {error}"),
        })?;
    }
    Ok(())
}

/// Expands a document into `heap`. Returns an error when the arena is full.
fn expand<'heap>(
    document: &str,
    heap: &'heap Heap,
) -> Result<Vec<u8, &'heap Heap>, Box<dyn Error>> {
    let mut text = Vec::new_in(heap);
    for run in document.split(", ") {
        let (count, word) = run.split_once(' ').ok_or("a run has no count")?;
        for _ in 0..count.parse::<u32>()? {
            // `push` and `extend` would abort the process when memory runs out.
            text.try_reserve(word.len()).map_err(|_| "out of memory")?;
            text.extend_from_slice(word.as_bytes());
        }
    }
    Ok(text)
}
