//! A loan does not move into a collection from under another one.

use allocator_api2_02::vec::Vec;
use mimalloc::HeapPool;

fn main() {
    let pool = HeapPool::new();
    let heap = pool.take().unwrap();
    let first = Vec::<u8, _>::with_capacity_in(10, &*heap);
    let second = Vec::<u8, _>::with_capacity_in(10, heap);
    drop(second);
    drop(first);
}
