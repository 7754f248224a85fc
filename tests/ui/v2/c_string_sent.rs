//! A C string in a heap of engine v2 stays on the heap's thread.

use std::thread;

use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    let name = heap.strdup(c"name").unwrap();
    thread::scope(|scope| {
        scope.spawn(move || drop(name));
    });
}
