//! A heap is not reset while a collection is in it.

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let mut heap = Heap::new().unwrap();
    let list = Vec::<u8, _>::with_capacity_in(10, &heap);
    heap.reset().unwrap();
    drop(list);
}
