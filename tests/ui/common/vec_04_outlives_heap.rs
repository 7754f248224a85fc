//! A collection of allocator-api2 0.4 does not outlive the heap it borrows.

use allocator_api2_04::vec::Vec;
use mimalloc::Heap;

fn main() {
    let list = {
        let heap = Heap::new().unwrap();
        Vec::<u8, _>::with_capacity_in(10, &heap)
    };
    drop(list);
}
