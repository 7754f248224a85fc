//! The handles of a shared heap of engine v2 are not used on another thread by reference.

use std::thread;

use mimalloc::SharedHeap;

fn main() {
    let heap = SharedHeap::new().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| drop(heap.clone()));
    });
}
