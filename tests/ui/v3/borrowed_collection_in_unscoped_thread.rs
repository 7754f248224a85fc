//! A collection that borrows a heap does not go to a thread that may outlive the heap.

use std::thread;

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    let list = Vec::<u8, _>::with_capacity_in(10, &heap);
    thread::spawn(move || drop(list)).join().unwrap();
}
