//! A collection in a `LocalHeap`, which would grow there, is not moved to another thread.

use std::thread;

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    heap.with_local(|local| {
        let mut list = Vec::<u8, _>::with_capacity_in(10, local);
        thread::scope(|scope| {
            scope.spawn(move || list.push(1));
        });
    });
}
