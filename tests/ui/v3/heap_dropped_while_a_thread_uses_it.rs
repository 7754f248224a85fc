//! A heap is not dropped while another thread has it borrowed.

use std::thread;

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| drop(Vec::<u8, _>::with_capacity_in(10, &heap)));
        drop(heap);
    });
}
