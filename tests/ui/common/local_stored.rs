//! A `Local` does not leave its closure through a variable outside.

use mimalloc::{Heap, Local};

fn main() {
    let heap = Heap::new().unwrap();
    let mut escaped: Option<Local<'_>> = None;
    heap.with_local(|local| escaped = Some(local));
    let _ = escaped;
}
