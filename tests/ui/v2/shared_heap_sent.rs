//! The handles of a shared heap of engine v2 stay on the heap's thread.

use std::thread;

use mimalloc::SharedHeap;

fn main() {
    let heap = SharedHeap::new().unwrap();
    let copy = heap.clone();
    thread::spawn(move || drop(copy)).join().unwrap();
    drop(heap);
}
