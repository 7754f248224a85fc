//! A `LocalHeap` does not leave its closure as the result.

use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    let escaped = heap.with_local(|local| local);
    let _ = escaped;
}
