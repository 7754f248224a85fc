//! Checks that the linked library answers, has the version of the headers, and
//! allocates.

use mimalloc_sys as sys;

#[test]
fn linked_version_is_the_header_version() {
    // SAFETY: `mi_version` has no precondition, and returns a constant.
    let version = unsafe { sys::mi_version() };
    assert_eq!(u32::try_from(version), Ok(sys::HEADER_VERSION));
    let major = if sys::ENGINE == "v3" { '3' } else { '2' };
    assert!(version.to_string().starts_with(major));
}

#[test]
fn blocks_hold_what_is_written() {
    for size in [1, 16, 1000, 100_000, 10_000_000] {
        // SAFETY: `mi_malloc` has no precondition on its size.
        let block = unsafe { sys::mi_malloc(size) }.cast::<u8>();
        assert!(!block.is_null());
        // SAFETY: the block is new and has at least `size` bytes.
        unsafe { block.write_bytes(0xA5, size) };
        // SAFETY: `write_bytes` initialised all of the bytes, and no other code
        // has the block.
        let bytes = unsafe { core::slice::from_raw_parts(block, size) };
        assert!(bytes.iter().all(|byte| *byte == 0xA5));
        // SAFETY: the block is live until the end of the loop.
        assert!(unsafe { sys::mi_usable_size(block.cast()) } >= size);
        // SAFETY: the block is live, and no code uses it after this.
        unsafe { sys::mi_free(block.cast()) };
    }
}

#[test]
fn another_thread_may_free() {
    // SAFETY: `mi_zalloc` has no precondition on its size.
    let address = unsafe { sys::mi_zalloc(64) }.expose_provenance();
    let freed = std::thread::spawn(move || {
        let block = core::ptr::with_exposed_provenance_mut(address);
        // SAFETY: the block is live, and only this thread uses it.
        unsafe { sys::mi_free(block) };
    });
    assert!(freed.join().is_ok());
}
