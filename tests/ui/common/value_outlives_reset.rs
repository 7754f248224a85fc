//! Nor does it outlive a reset.

use mimalloc::Heap;

fn main() {
    let mut heap = Heap::new().unwrap();
    let value = heap.alloc(1_u8).unwrap();
    heap.reset().unwrap();
    *value = 2;
}
