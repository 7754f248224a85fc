//! Requests that hardly any address space holds: null, or memory that is there.
//!
//! On 32-bit targets upstream 3.6.2 takes areas of 2 GiB and more for negative
//! and hands out memory that can't be written to; a patch refuses them. With 4
//! GiB of address space, as a 64-bit kernel gives a 32-bit process, this crashes
//! without the patch.

use core::ffi::c_void;

use mimalloc_sys::{
    mi_free, mi_heap_delete, mi_heap_malloc, mi_heap_new, mi_heap_zalloc_aligned, mi_malloc,
    mi_malloc_aligned, mi_realloc, mi_realloc_aligned, mi_zalloc,
};

const MIB: usize = 1 << 20;

/// Writes to both ends of a block of that size, and frees it.
fn try_out(block: *mut c_void, size: usize) {
    if block.is_null() {
        return;
    }
    for at in [0, size - 1] {
        // SAFETY: within the block.
        let byte = unsafe { block.cast::<u8>().add(at) };
        // SAFETY: the block is this function's.
        unsafe { byte.write(1) };
    }
    // SAFETY: live, and not used again.
    unsafe { mi_free(block) };
}

/// Resizes a small block to a size; a failure leaves it alone.
fn try_resize(size: usize, align: Option<usize>) {
    // SAFETY: any size may be asked for.
    let small = unsafe { mi_malloc(64) }.cast::<u8>();
    assert!(!small.is_null());
    // SAFETY: the block holds 64 bytes.
    unsafe { small.write_bytes(7, 64) };
    let large = match align {
        // SAFETY: the block is live.
        None => unsafe { mi_realloc(small.cast(), size) },
        // SAFETY: the block is live.
        Some(align) => unsafe { mi_realloc_aligned(small.cast(), size, align) },
    };
    if large.is_null() {
        // SAFETY: still live, and 64 bytes long.
        let last = unsafe { small.add(63) };
        // SAFETY: written above.
        assert_eq!(unsafe { last.read() }, 7);
        // SAFETY: live, and not used again.
        unsafe { mi_free(small.cast()) };
    } else {
        try_out(large, size);
    }
}

#[test]
fn requests_close_to_the_largest_size_fail_or_work() {
    let top = isize::MAX as usize;
    let sizes = (0..40).map(|step| top - step * MIB / 2).chain([
        top - 1,
        top - 4095,
        top - 4096,
        top - 65_535,
        top - 65_536,
    ]);
    // SAFETY: may be called at any time.
    let heap = unsafe { mi_heap_new() };
    assert!(!heap.is_null());
    for size in sizes {
        // SAFETY: any size may be asked for.
        try_out(unsafe { mi_malloc(size) }, size);
        // SAFETY: any size may be asked for.
        try_out(unsafe { mi_zalloc(size) }, size);
        // SAFETY: the heap is live.
        try_out(unsafe { mi_heap_malloc(heap, size) }, size);
        try_resize(size, None);
        for align in [16, 64, 4096, 65_536, MIB, 32 * MIB] {
            // SAFETY: any size, and a power of two.
            try_out(unsafe { mi_malloc_aligned(size, align) }, size);
            // SAFETY: the heap is live.
            try_out(unsafe { mi_heap_zalloc_aligned(heap, size, align) }, size);
            try_resize(size, Some(align));
        }
    }
    // SAFETY: live, and not used again.
    unsafe { mi_heap_delete(heap) };
}
