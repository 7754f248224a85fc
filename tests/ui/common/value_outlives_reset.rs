//! A value of `alloc` does not outlive a reset of the heap.

use mimalloc::Heap;

fn main() {
    let mut heap = Heap::new().unwrap();
    let value = heap.alloc(1_u8).unwrap();
    heap.reset().unwrap();
    *value = 2;
}
