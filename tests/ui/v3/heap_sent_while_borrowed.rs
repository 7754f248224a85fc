//! A heap is not sent to another thread from under a collection.

use std::thread;

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    let list = Vec::<u8, _>::with_capacity_in(10, &heap);
    let other = thread::spawn(move || drop(heap));
    drop(list);
    other.join().unwrap();
}
