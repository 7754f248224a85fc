//! A borrowed loan does not outlive its pool.

use mimalloc::HeapPool;

fn main() {
    let heap = {
        let pool = HeapPool::new();
        pool.take().unwrap()
    };
    drop(heap);
}
