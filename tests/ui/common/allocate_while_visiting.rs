//! The visitor can't reach the heap that is being visited.

use core::ops::ControlFlow;

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let mut heap = Heap::new().unwrap();
    let _ = heap.visit_blocks(|_, _| {
        drop(Vec::<u8, _>::with_capacity_in(10, &heap));
        ControlFlow::<()>::Continue(())
    });
}
