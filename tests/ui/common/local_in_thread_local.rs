//! A `LocalHeap` is not put into a thread-local.

use std::cell::Cell;

use mimalloc::{Heap, LocalHeap};

thread_local! {
    static KEPT: Cell<Option<LocalHeap<'static>>> = const { Cell::new(None) };
}

fn main() {
    let heap = Heap::new().unwrap();
    heap.with_local(|local| KEPT.set(Some(local)));
}
