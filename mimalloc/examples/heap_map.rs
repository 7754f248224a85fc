//! Draws what a heap holds, as an SVG file.
//!
//! ```text
//! cargo run --release --example heap_map -- 10000 heap.svg
//! ```
//!
//! The first argument is the number of words that the program makes up and keeps in
//! the heap. Every fifth is dropped again. Without a file, the picture goes to
//! standard output. The module `service/heap_map.rs` draws any heap.

#[path = "service/heap_map.rs"]
mod map;

use std::error::Error;
use std::mem;

use allocator_api2::vec::Vec;
use hashbrown::{DefaultHashBuilder, HashMap};
use mimalloc::Heap;

use map::HeapMap;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let words = args.next().map_or(Ok(10_000), |words| words.parse())?;
    let svg = picture(words)?;
    match args.next() {
        Some(file) => std::fs::write(file, svg)?,
        None => print!("{svg}"),
    }
    Ok(())
}

pub(crate) fn picture(words: usize) -> Result<String, Box<dyn Error>> {
    let mut heap = Heap::new()?;
    let mut index = HashMap::with_hasher_in(DefaultHashBuilder::default(), &heap);
    let mut texts = Vec::new_in(&heap);
    for word in 0..words {
        // Most words are short, and a few are not.
        let length = match word % 100 {
            99 => 5_000 + word % 60_000,
            97..99 => 700,
            at => 8 + at * 2,
        };
        let mut text = Vec::with_capacity_in(length, &heap);
        text.resize(length, b'x');
        index.insert(word, texts.len());
        texts.push(Some(text));
    }
    texts.iter_mut().step_by(5).for_each(|text| *text = None);
    // A forgotten collection stays in the heap, and borrows the heap no longer.
    mem::forget((index, texts));
    let title = format!("a heap with {} words", map::thousands(words));
    let map = HeapMap::new(title, &mut heap)?;
    Ok(map::draw([&map].into_iter()))
}
