//! A collection in a heap of engine v2 stays on the heap's thread, whether it borrows or owns it.

use std::thread;

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    let borrowing = Vec::<u8, _>::with_capacity_in(10, &heap);
    let owning = Vec::<u8, _>::with_capacity_in(10, Heap::new().unwrap());
    thread::scope(|scope| {
        scope.spawn(move || drop(borrowing));
        scope.spawn(move || drop(owning));
    });
}
