//! Nothing in a scope's heap, nor the heap itself, leaves the scope.

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let heap = Heap::scope(|heap| heap);
    let value = Heap::scope(|heap| heap.alloc(1_u8).unwrap());
    let list = Heap::scope(|heap| Vec::<u8, _>::with_capacity_in(10, heap));
    drop((heap, value, list));
}
