//! A collection that borrows a handle does not outlive the handle; one that owns it may.

use allocator_api2_02::vec::Vec;
use mimalloc::SharedHeap;

fn main() {
    let list = {
        let heap = SharedHeap::new().unwrap();
        Vec::<u8, &SharedHeap>::with_capacity_in(10, &heap)
    };
    drop(list);
}
