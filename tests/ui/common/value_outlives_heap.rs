//! A value of `alloc` and of the like does not outlive the heap.

use mimalloc::Heap;

fn main() {
    let (value, slice, text);
    {
        let heap = Heap::new().unwrap();
        value = heap.alloc(1_u8).unwrap();
        slice = heap.alloc_slice_copy(&[1_u8, 2, 3]).unwrap();
        text = heap.alloc_str("text").unwrap();
    }
    let _ = (&*value, &*slice, &*text);
}
