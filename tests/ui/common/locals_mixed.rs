//! Collections of two `LocalHeap`s have different types: one does not end up in the other's place.

use allocator_api2_02::vec::Vec;
use mimalloc::Heap;

fn main() {
    let (one, two) = (Heap::new().unwrap(), Heap::new().unwrap());
    one.with_local(|first| {
        let mut outer = Vec::<u8, _>::new_in(first);
        two.with_local(|second| {
            let inner = Vec::<u8, _>::new_in(second);
            outer = inner;
        });
        drop(outer);
    });
}
