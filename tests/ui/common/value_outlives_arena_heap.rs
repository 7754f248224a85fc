//! An arena lives for ever, but the contents of a heap in it do not.

use mimalloc::{Arena, Heap};

fn main() {
    let arena = Arena::reserve(64 << 20).unwrap();
    let slice: &'static mut [u8] = {
        let heap = Heap::new_in(arena).unwrap();
        heap.alloc_slice_with(100, |_| 0_u8).unwrap()
    };
    slice[0] = 1;
}
