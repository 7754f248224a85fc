//! A function that can break memory safety is `unsafe` to call.

use core::ptr::NonNull;

use mimalloc::{Arena, Heap, HeapCString, MiMalloc, arena::RegionAttributes, hooks};

fn main() {
    let heap = Heap::new().unwrap();
    let main: *const u8 = core::ptr::null();
    let _ = heap.set_default();
    let _ = heap.contains_ptr(main);
    let _ = heap.blocks_shared();
    heap.delete_keeping_blocks();
    let _ = Heap::from_raw(NonNull::dangling());
    let _ = MiMalloc.usable_size(main);
    let _ = HeapCString::<MiMalloc>::from_raw(NonNull::dangling());
    let _ = Arena::options().manage(NonNull::dangling(), 1 << 30, RegionAttributes::default());
    hooks::set_output_hook(|_| {});
    hooks::set_error_hook(|_| {});
    let _ = mimalloc::Option::DestroyOnExit.set_unchecked(1);
    let _ = mimalloc::Option::DestroyOnExit.set_default_unchecked(1);
}
