//! Makes requests that hardly any address space holds. Each returns null, or
//! memory that exists.
//!
//! On 32-bit targets, unpatched upstream 3.6.2 takes areas of 2 GiB and more
//! for negative, and returns memory that cannot be written to. A patch refuses
//! such requests. Without the patch the test crashes in a 32-bit process with 4
//! GiB of address space, which a 64-bit kernel gives to a process.

use core::ffi::c_void;

use mimalloc_sys::{
    mi_free, mi_heap_delete, mi_heap_malloc, mi_heap_new, mi_heap_zalloc_aligned, mi_malloc,
    mi_malloc_aligned, mi_realloc, mi_realloc_aligned, mi_zalloc,
};

const MIB: usize = 1 << 20;

/// Writes to both ends of a block of `size` bytes, and frees the block.
fn try_out(block: *mut c_void, size: usize) {
    if block.is_null() {
        return;
    }
    for at in [0, size - 1] {
        // SAFETY: `at` is below the size of the block.
        let byte = unsafe { block.cast::<u8>().add(at) };
        // SAFETY: the block is live, and only this function has it.
        unsafe { byte.write(1) };
    }
    // SAFETY: the block is live, and no code uses it after this.
    unsafe { mi_free(block) };
}

/// Resizes a small block to `size`. A failure must leave the block alone.
fn try_resize(size: usize, align: Option<usize>) {
    // SAFETY: `mi_malloc` has no precondition on its size.
    let small = unsafe { mi_malloc(64) }.cast::<u8>();
    assert!(!small.is_null());
    // SAFETY: the block is new and 64 bytes long.
    unsafe { small.write_bytes(7, 64) };
    let large = match align {
        // SAFETY: the block is live, and any size may be requested.
        None => unsafe { mi_realloc(small.cast(), size) },
        // SAFETY: the block is live, and every caller passes a power of two.
        Some(align) => unsafe { mi_realloc_aligned(small.cast(), size, align) },
    };
    if large.is_null() {
        // SAFETY: the resize failed, so the block still has 64 bytes.
        let last = unsafe { small.add(63) };
        // SAFETY: `write_bytes` wrote the byte, and the resize failed.
        assert_eq!(unsafe { last.read() }, 7);
        // SAFETY: the block is live, and no code uses it after this.
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
    // SAFETY: `mi_heap_new` has no precondition, and returns null on failure.
    let heap = unsafe { mi_heap_new() };
    assert!(!heap.is_null());
    for size in sizes {
        // SAFETY: `mi_malloc` has no precondition on its size.
        try_out(unsafe { mi_malloc(size) }, size);
        // SAFETY: `mi_zalloc` has no precondition on its size.
        try_out(unsafe { mi_zalloc(size) }, size);
        // SAFETY: the heap lives until the end, and any size may be requested.
        try_out(unsafe { mi_heap_malloc(heap, size) }, size);
        try_resize(size, None);
        for align in [16, 64, 4096, 65_536, MIB, 32 * MIB] {
            // SAFETY: any size may be requested, and the alignment is a power
            // of two.
            try_out(unsafe { mi_malloc_aligned(size, align) }, size);
            // SAFETY: the heap lives until the end, and the alignment is a
            // power of two.
            try_out(unsafe { mi_heap_zalloc_aligned(heap, size, align) }, size);
            try_resize(size, Some(align));
        }
    }
    // SAFETY: the heap is live, and no code uses it after this.
    unsafe { mi_heap_delete(heap) };
}
