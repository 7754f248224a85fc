//! A heap of engine v2 is not used on another thread by reference.

use std::thread;

use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| heap.collect(true));
    });
}
