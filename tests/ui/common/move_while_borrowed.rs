//! A heap is not moved away, to be shared or given to C, while a collection is in it.

use allocator_api2_02::vec::Vec;
use mimalloc::{Heap, SharedHeap};

fn main() {
    let heap = Heap::new().unwrap();
    let list = Vec::<u8, _>::with_capacity_in(10, &heap);
    let shared = SharedHeap::from_heap(heap).unwrap();
    drop(list);

    let heap = Heap::new().unwrap();
    let list = Vec::<u8, _>::with_capacity_in(10, &heap);
    let raw = heap.into_raw();
    drop(list);
    let _ = (shared, raw);
}
