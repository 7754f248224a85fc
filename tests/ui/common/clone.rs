//! A heap has one owner: it can't be cloned.

use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    let copy = Heap::clone(&heap);
    drop((heap, copy));
}
