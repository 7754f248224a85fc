//! The guard of a thread's default heap stays on the thread.

use std::thread;

use mimalloc::Heap;

fn main() {
    let heap = Heap::new().unwrap();
    // SAFETY: never made, as this does not compile.
    let guard = unsafe { heap.set_default() };
    thread::scope(|scope| {
        scope.spawn(move || drop(guard));
    });
}
