//! Checks that each declared function has a symbol. The address of a function
//! is enough to make the linker look for the symbol.

use core::hint::black_box;

use mimalloc_sys as sys;

#[test]
fn every_declared_function_is_there() {
    // `build.rs` writes the list from the bindings.
    let generated: &[(&str, *const ())] = include!(concat!(env!("OUT_DIR"), "/functions.rs"));
    let by_hand = [
        ("mi_wcsdup", sys::mi_wcsdup as *const ()),
        ("mi_wdupenv_s", sys::mi_wdupenv_s as *const ()),
    ];
    for (name, address) in generated.iter().chain(&by_hand) {
        assert!(!black_box(*address).is_null(), "{name}");
    }
    // 3.6.2 declares 223 functions and 2.5.2 declares 159. Each leaves two of
    // them undefined on purpose.
    if cfg!(not(mimalloc_other_version)) {
        let declared = if cfg!(mimalloc_v3) { 223 } else { 159 };
        assert_eq!(
            generated.len() + by_hand.len(),
            declared - 2,
            "after a bump, `declared` must be what the headers now declare; a function that \
             dropped out without one means that tests/build.rs no longer reads the bindings"
        );
    }
}

/// Calls the `static inline` functions. C has no symbol for them, so ours must
/// work.
#[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
#[test]
fn inline_functions_work() {
    for size in [0, 1, 8, 1024, 1025, 1 << 20] {
        // SAFETY: `mi_malloc_csize` has no precondition on its size.
        let plain = unsafe { sys::mi_malloc_csize(size) };
        // SAFETY: `mi_zalloc_csize` has no precondition on its size.
        let zeroed = unsafe { sys::mi_zalloc_csize(size) }.cast::<u8>();
        assert!(!plain.is_null() && !zeroed.is_null());
        for i in 0..size {
            // SAFETY: `i` is below the size of the block.
            let byte = unsafe { zeroed.add(i) };
            // SAFETY: the block is live, and was allocated with zeroes.
            assert_eq!(unsafe { byte.read() }, 0);
        }
        // SAFETY: the block is live and was allocated with this size.
        unsafe { sys::mi_free_csize(plain, size) };
        // SAFETY: the block is live and was allocated with this size.
        unsafe { sys::mi_free_csize_nonnull(zeroed.cast(), size) };
    }
    for size in [16, 1024, 4096] {
        for free in [
            sys::mi_free_csize_aligned,
            sys::mi_free_csize_aligned_nonnull,
        ] {
            // SAFETY: any size is allowed, and 16 is a power of two.
            let block = unsafe { sys::mi_malloc_aligned(size, 16) };
            assert!(!block.is_null());
            // SAFETY: the block is live, and was allocated with this size and
            // alignment.
            unsafe { free(block, size, 16) };
        }
    }
    // SAFETY: every function that frees ignores a null pointer.
    unsafe { sys::mi_free_csize(core::ptr::null_mut(), 8) };
    // SAFETY: every function that frees ignores a null pointer.
    unsafe { sys::mi_free_csize_aligned(core::ptr::null_mut(), 8, 8) };
    let word = size_of::<usize>();
    assert_eq!(
        [0, 1, word, word + 1].map(sys::mi_wsize_from_size),
        [0, 1, 1, 2]
    );
}

/// Calls the theap variants, and the two functions that fill in the header of
/// the statistics.
#[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
#[test]
fn inline_functions_of_theaps_and_statistics_work() {
    // SAFETY: no precondition; the result belongs to this thread.
    let theap = unsafe { sys::mi_theap_get_default() };
    for allocate in [sys::mi_theap_malloc_csize, sys::mi_theap_zalloc_csize] {
        for size in [8, 1 << 16] {
            // SAFETY: the theap is live and belongs to this thread.
            let block = unsafe { allocate(theap, size) };
            assert!(!block.is_null());
            // SAFETY: the block was made above, and is freed once.
            unsafe { sys::mi_free(block) };
        }
    }
    let mut stats = core::mem::MaybeUninit::<sys::mi_stats_t>::uninit();
    // SAFETY: `stats` is a local variable, and valid for writes.
    unsafe { sys::mi_stats_init(stats.as_mut_ptr()) };
    // SAFETY: `mi_stats_init` filled in the header, as this function requires.
    assert!(unsafe { sys::mi_stats_get(stats.as_mut_ptr()) });
    // SAFETY: `mi_stats_init` zeroed the fields, and zero is a value of each.
    let stats = unsafe { stats.assume_init() };
    assert_eq!(stats.size, size_of::<sys::mi_stats_t>());
    assert_eq!(stats.version, sys::MI_STAT_VERSION as usize);
}

/// Calls the typed macros, on both engines.
#[test]
fn typed_macros_work() {
    // SAFETY: `malloc` aligns a block enough for a `u64`.
    let one = unsafe { sys::mi_zalloc_tp::<u64>() };
    assert!(!one.is_null());
    // SAFETY: the block is live and holds one zeroed `u64`.
    assert_eq!(unsafe { one.read() }, 0);
    // SAFETY: the block was made above, and is freed once.
    unsafe { sys::mi_free(one.cast()) };
    // SAFETY: `malloc` aligns a block enough for a `u64`.
    let many = unsafe { sys::mi_calloc_tp::<u64>(10) };
    // SAFETY: the block is live, and only the result is used from here on.
    let many = unsafe { sys::mi_recalloc_tp::<u64>(many.cast(), 1000) };
    assert!(!many.is_null());
    // SAFETY: the block is live and holds 1000 zeroed `u64`.
    let all = unsafe { core::slice::from_raw_parts(many, 1000) };
    assert!(all.iter().all(|n| *n == 0));
    // SAFETY: the block was made above, and is freed once.
    unsafe { sys::mi_free(many.cast()) };
    // SAFETY: the call reports a product that overflows, and allocates nothing.
    assert!(unsafe { sys::mi_mallocn_tp::<u64>(usize::MAX / 4) }.is_null());
}
