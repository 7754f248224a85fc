//! The main heap is only ever lent: it is not reset, moved or visited.

use mimalloc::Heap;

fn main() {
    Heap::main().reset().unwrap();
    drop(*Heap::main());
    let _ = Heap::main().usage();
}
