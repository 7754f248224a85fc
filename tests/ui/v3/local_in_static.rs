//! A `Local` is not put into a static.

use std::sync::Mutex;

use mimalloc::{Heap, Local};

static KEPT: Mutex<Option<Local<'static>>> = Mutex::new(None);

fn main() {
    let heap = Heap::new().unwrap();
    heap.with_local(|local| *KEPT.lock().unwrap() = Some(local));
}
