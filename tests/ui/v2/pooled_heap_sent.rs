//! A loan of engine v2 stays on its thread.

use std::thread;

use mimalloc::HeapPool;

fn main() {
    let heap = HeapPool::new().take_owned().unwrap();
    thread::spawn(move || drop(heap)).join().unwrap();
}
