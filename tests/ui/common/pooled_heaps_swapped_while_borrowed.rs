//! Heaps of two loans are not exchanged from under a collection.

use allocator_api2_02::vec::Vec;
use mimalloc::HeapPool;

fn main() {
    let pool = HeapPool::new();
    let (mut one, mut two) = (pool.take().unwrap(), pool.take().unwrap());
    let list = Vec::<u8, _>::with_capacity_in(10, &*one);
    std::mem::swap(&mut *one, &mut *two);
    drop(list);
}
