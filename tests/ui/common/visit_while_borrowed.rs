//! A heap is not looked at while a collection, which could change it meanwhile, is in it.

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let mut heap = Heap::new().unwrap();
    let mut list = Vec::<u8, _>::with_capacity_in(10, &heap);
    for _ in heap.blocks().unwrap() {
        list.reserve(1 << 20);
    }
    for _ in heap.areas().unwrap() {
        list.reserve(1 << 20);
    }
    let _ = heap.usage();
    drop(list);
}
