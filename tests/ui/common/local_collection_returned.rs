//! A collection in a `LocalHeap` does not leave the closure as the result.

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    let escaped = heap.with_local(|local| Vec::<u8, _>::with_capacity_in(10, local));
    drop(escaped);
}
