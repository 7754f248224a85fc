//! A function can't return a box in a heap that ends with it.

use allocator_api2_02::boxed::Box;
use mimalloc::Heap;

fn build() -> Box<u8, &'static Heap> {
    let heap = Heap::new().unwrap();
    Box::new_in(1, &heap)
}

fn main() {
    drop(build());
}
