//! A `LocalHeap` is not put into a static.

use std::sync::Mutex;

use mimalloc::{Heap, LocalHeap};

static KEPT: Mutex<Option<LocalHeap<'static>>> = Mutex::new(None);

fn main() {
    let heap = Heap::new().unwrap();
    heap.with_local(|local| *KEPT.lock().unwrap() = Some(local));
}
