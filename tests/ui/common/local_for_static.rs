//! No closure gets a `LocalHeap` with a lifetime of its own choice.

use mimalloc::{Heap, LocalHeap};

fn keep(local: LocalHeap<'static>) {
    let _ = local;
}

fn main() {
    let heap = Heap::new().unwrap();
    heap.with_local(keep);
    heap.with_local(|local| keep(local));
}
