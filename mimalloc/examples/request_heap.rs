//! Handles each request in a heap of its own, and frees the heap in one call.
//!
//! ```text
//! cargo run --example request_heap
//! ```

use allocator_api2::vec::Vec;
use hashbrown::HashMap;
use mimalloc::{AllocError, Heap, HeapError};

const REQUESTS: [&str; 3] = [
    "the cat and the dog and the bird",
    "a rose is a rose is a rose",
    "",
];

pub(crate) fn main() -> Result<(), HeapError> {
    for request in REQUESTS {
        // Makes a heap, lends the heap to the closure, and then destroys the
        // heap with every block in it. A result that borrows from the heap
        // does not compile.
        let answer = Heap::scope(|heap| answer(request, heap))?;
        println!("{}", answer.unwrap_or_else(|error| error.to_string()));
    }
    Ok(())
}

/// Returns the most frequent words of a request. The words, the map and the
/// list are all in `heap`; only the answer is not.
fn answer(request: &str, heap: &Heap) -> Result<String, AllocError> {
    let mut counts = HashMap::new_in(heap);
    for word in request.split_whitespace() {
        // A string in the heap lives as long as the heap.
        let word: &str = heap.alloc_str(word)?;
        *counts.entry(word).or_insert(0) += 1;
    }

    let mut words = Vec::with_capacity_in(counts.len(), heap);
    words.extend(counts);
    words.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    Ok(match words.as_slice() {
        [] => "no words".to_owned(),
        [(word, count), rest @ ..] => format!("{count} times {word:?}, {} others", rest.len()),
    })
}
