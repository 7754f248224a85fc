//! A C string in a heap does not outlive the heap.

use mimalloc::Heap;

fn main() {
    let name = {
        let heap = Heap::new().unwrap();
        heap.strdup(c"name").unwrap()
    };
    drop(name);
}
