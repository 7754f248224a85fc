//! A shared heap is not reset: other handles may have collections in it.

use mimalloc::SharedHeap;

fn main() {
    let mut heap = SharedHeap::new().unwrap();
    heap.reset().unwrap();
}
