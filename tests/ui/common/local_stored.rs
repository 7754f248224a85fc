//! A `LocalHeap` does not leave its closure through a variable outside.

use mimalloc::{Heap, LocalHeap};

fn main() {
    let heap = Heap::new().unwrap();
    let mut escaped: Option<LocalHeap<'_>> = None;
    heap.with_local(|local| escaped = Some(local));
    let _ = escaped;
}
