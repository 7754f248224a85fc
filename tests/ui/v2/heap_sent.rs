//! A heap of engine v2 stays on its thread.

use std::thread;

use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    thread::spawn(move || drop(heap)).join().unwrap();
}
