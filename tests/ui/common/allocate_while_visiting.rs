//! The heap that is looked at can't be changed meanwhile.

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let mut heap = Heap::new().unwrap();
    for _ in heap.blocks().unwrap() {
        drop(Vec::<u8, _>::with_capacity_in(10, &heap));
    }
}
