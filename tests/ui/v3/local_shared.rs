//! A `LocalHeap` is not used on another thread by reference.

use std::thread;

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    heap.with_local(|local| {
        thread::scope(|scope| {
            scope.spawn(|| drop(Vec::<u8, _>::with_capacity_in(10, &local)));
        });
    });
}
