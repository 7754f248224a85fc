//! The linked library answers, is the one the headers promise, and allocates.

use mimalloc_sys as sys;

#[test]
fn linked_version_is_the_header_version() {
    // SAFETY: no precondition.
    let version = unsafe { sys::mi_version() };
    assert_eq!(u32::try_from(version), Ok(sys::HEADER_VERSION));
    let major = if sys::ENGINE == "v3" { '3' } else { '2' };
    assert!(version.to_string().starts_with(major));
}

#[test]
fn blocks_hold_what_is_written() {
    for size in [1, 16, 1000, 100_000, 10_000_000] {
        // SAFETY: allocating has no precondition.
        let block = unsafe { sys::mi_malloc(size) }.cast::<u8>();
        assert!(!block.is_null());
        // SAFETY: the block has at least `size` bytes.
        unsafe { block.write_bytes(0xA5, size) };
        // SAFETY: all of it was just written.
        let bytes = unsafe { core::slice::from_raw_parts(block, size) };
        assert!(bytes.iter().all(|byte| *byte == 0xA5));
        // SAFETY: the block is live.
        assert!(unsafe { sys::mi_usable_size(block.cast()) } >= size);
        // SAFETY: the block is live, and not used after this.
        unsafe { sys::mi_free(block.cast()) };
    }
}

#[test]
fn another_thread_may_free() {
    // SAFETY: allocating has no precondition.
    let address = unsafe { sys::mi_zalloc(64) }.expose_provenance();
    let freed = std::thread::spawn(move || {
        let block = core::ptr::with_exposed_provenance_mut(address);
        // SAFETY: the block is live; only this thread uses it.
        unsafe { sys::mi_free(block) };
    });
    assert!(freed.join().is_ok());
}
