//! A heap is not visited while a collection, which could change it meanwhile, is in it.

use core::ops::ControlFlow;

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let mut heap = Heap::new().unwrap();
    let mut list = Vec::<u8, _>::with_capacity_in(10, &heap);
    let _ = heap.visit_blocks(|_, _| {
        list.reserve(1 << 20);
        ControlFlow::<()>::Continue(())
    });
    let _ = heap.visit_areas(|_| {
        list.reserve(1 << 20);
        ControlFlow::<()>::Continue(())
    });
    let _ = heap.capacity();
    drop(list);
}
