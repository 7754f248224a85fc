//! Nor are they used elsewhere by reference.

use std::thread;

use mimalloc::SharedHeap;

fn main() {
    let heap = SharedHeap::new().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| drop(heap.clone()));
    });
}
