//! A heap of engine v2 is not put into a static.

use std::sync::OnceLock;

use mimalloc::Heap;

static HEAP: OnceLock<Heap> = OnceLock::new();

fn main() {
    let _ = HEAP.set(Heap::new().unwrap());
}
