//! A collection does not outlive the loan of its heap.

use allocator_api2_02::vec::Vec;
use mimalloc::HeapPool;

fn main() {
    let pool = HeapPool::new();
    let list = {
        let heap = pool.take().unwrap();
        Vec::<u8, _>::with_capacity_in(10, &*heap)
    };
    drop(list);
}
