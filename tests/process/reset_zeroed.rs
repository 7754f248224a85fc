//! Allocates zeroed blocks in a heap that was reset, on memory that is fresh from the
//! system. Each case takes a process of its own, because later heaps get used memory,
//! and mimalloc zeroes used memory.

use std::alloc::Layout;

use allocator_api2_02::alloc::Allocator;
use mimalloc::Heap;
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;
use mimalloc_tests::child;

fn main() {
    let cases = [(16, 512), (64, 128), (48, 171), (1024, 8), (3000, 3)];
    if let Some(case) = child::task() {
        let case = cases.iter().find(|(size, _)| size.to_string() == case);
        let &(size, freed) = case.unwrap();
        run(size, freed);
        return;
    }
    for (size, _) in cases {
        let output = child::command(&size.to_string()).output().unwrap();
        assert!(
            output.status.success() && output.stdout.ends_with(b"done\n"),
            "{size}: {output:?}"
        );
    }
    println!("ok");
}

fn run(size: usize, freed: usize) {
    let layout = Layout::from_size_align(size, 8).unwrap();
    let count = 60_000 / size;
    let mut heap = Heap::new().unwrap();
    let allocate = |heap: &Heap| heap.allocate(layout).unwrap().cast::<u8>();
    for _ in 0..count {
        // SAFETY: the block holds `size` bytes.
        unsafe { allocate(&heap).write_bytes(0xAA, size) };
    }
    heap.reset().unwrap();
    let blocks: Vec<_> = (0..freed).map(|_| allocate(&heap)).collect();
    for block in blocks {
        // SAFETY: the block came from this heap with this layout.
        unsafe { heap.deallocate(block, layout) };
    }
    for _ in 0..count {
        let block = heap.allocate_zeroed(layout).unwrap();
        // SAFETY: the block is live, and all of its bytes have a value.
        let bytes = unsafe { block.as_ref() };
        assert!(bytes.iter().all(|&byte| byte == 0), "{bytes:x?}");
    }
    println!("done");
}
