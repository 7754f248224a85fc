//! A heap is not reset within its own `with_local`.

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let mut heap = Heap::new().unwrap();
    heap.with_local(|local| {
        let list = Vec::<u8, _>::with_capacity_in(10, local);
        heap.reset().unwrap();
        drop(list);
    });
}
