//! A heap is not reset into an arena while a collection is in it.

use allocator_api2_02::vec::Vec;
use mimalloc::{Arena, Heap};

fn main() {
    let arena = Arena::reserve(64 << 20).unwrap();
    let mut heap = Heap::new_in(arena).unwrap();
    let list = Vec::<u8, _>::with_capacity_in(10, &heap);
    heap.reset_in(arena).unwrap();
    drop(list);
}
