//! No closure gets a `Local` with a lifetime of its own choice.

use mimalloc::{Heap, Local};

fn keep(local: Local<'static>) {
    let _ = local;
}

fn main() {
    let heap = Heap::new().unwrap();
    heap.with_local(keep);
    heap.with_local(|local| keep(local));
}
