//! A heap is not dropped while it is the thread's default.

use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    // SAFETY: dropped on this thread, if this compiled.
    let guard = unsafe { heap.set_default() };
    drop(heap);
    drop(guard);
}
