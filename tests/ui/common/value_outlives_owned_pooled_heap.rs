//! A value does not outlive a loan that lives as long as it likes.

use mimalloc::HeapPool;

fn main() {
    let heap = HeapPool::new().take_owned().unwrap();
    let value = heap.alloc(1).unwrap();
    drop(heap);
    *value = 2;
}
