//! A `Local` is not put into a thread-local.

use std::cell::Cell;

use mimalloc::{Heap, Local};

thread_local! {
    static KEPT: Cell<Option<Local<'static>>> = const { Cell::new(None) };
}

fn main() {
    let heap = Heap::new().unwrap();
    heap.with_local(|local| KEPT.set(Some(local)));
}
