//! Checks that the shim of crates.io's `libmimalloc-sys` has each item of version
//! 0.1.49, with a type that fits each use.

use core::ffi::{c_char, c_int, c_long, c_ulonglong, c_void};
use core::hint::black_box;

use libmimalloc_sys as sys;
use libmimalloc_sys::{
    mi_arena_id_t, mi_block_visit_fun, mi_deferred_free_fun, mi_error_fun, mi_heap_area_t,
    mi_heap_t, mi_option_t, mi_output_fun,
};

/// Has the compiler compare each function with its type there, and the linker look
/// for the symbol.
macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {$({
        let function: unsafe extern "C" fn($($argument),*) $(-> $result)? = sys::$name;
        assert!(!black_box(function as *const ()).is_null(), stringify!($name));
    })*};
}

// A script took the names and types of this list from the other package.
#[test]
fn every_function_is_there() {
    functions! {
        mi_zalloc(usize) -> *mut c_void;
        mi_malloc(usize) -> *mut c_void;
        mi_realloc(*mut c_void, usize) -> *mut c_void;
        mi_zalloc_aligned(usize, usize) -> *mut c_void;
        mi_malloc_aligned(usize, usize) -> *mut c_void;
        mi_realloc_aligned(*mut c_void, usize, usize) -> *mut c_void;
        mi_free(*mut c_void);
        mi_calloc(usize, usize) -> *mut c_void;
        mi_mallocn(usize, usize) -> *mut c_void;
        mi_reallocn(*mut c_void, usize, usize) -> *mut c_void;
        mi_expand(*mut c_void, usize) -> *mut c_void;
        mi_reallocf(*mut c_void, usize) -> *mut c_void;
        mi_strdup(*const c_char) -> *mut c_char;
        mi_strndup(*const c_char, usize) -> *mut c_char;
        mi_realpath(*const c_char, *mut c_char) -> *mut c_char;
        mi_calloc_aligned(usize, usize, usize) -> *mut c_void;
        mi_malloc_aligned_at(usize, usize, usize) -> *mut c_void;
        mi_zalloc_aligned_at(usize, usize, usize) -> *mut c_void;
        mi_posix_memalign(*mut *mut c_void, usize, usize) -> c_int;
        mi_aligned_alloc(usize, usize) -> *mut c_void;
        mi_calloc_aligned_at(usize, usize, usize, usize) -> *mut c_void;
        mi_realloc_aligned_at(*mut c_void, usize, usize, usize) -> *mut c_void;
        mi_rezalloc(*mut c_void, usize) -> *mut c_void;
        mi_recalloc(*mut c_void, usize, usize) -> *mut c_void;
        mi_rezalloc_aligned(*mut c_void, usize, usize) -> *mut c_void;
        mi_rezalloc_aligned_at(*mut c_void, usize, usize, usize) -> *mut c_void;
        mi_recalloc_aligned(*mut c_void, usize, usize, usize) -> *mut c_void;
        mi_recalloc_aligned_at(*mut c_void, usize, usize, usize, usize) -> *mut c_void;
        mi_malloc_small(usize) -> *mut c_void;
        mi_zalloc_small(usize) -> *mut c_void;
        mi_free_small(*mut c_void);
        mi_usable_size(*const c_void) -> usize;
        mi_good_size(usize) -> usize;
        mi_collect(bool);
        mi_cfree(*mut c_void);
        mi_is_in_heap_region(*const c_void) -> bool;
        mi_free_size_aligned(*mut c_void, usize, usize);
        mi_free_size(*mut c_void, usize);
        mi_free_aligned(*mut c_void, usize);
        mi_stats_print(*mut c_void);
        mi_stats_print_out(mi_output_fun, *mut c_void);
        mi_stats_reset();
        mi_version() -> c_int;
        mi_thread_init();
        mi_process_init();
        mi_process_info(*mut usize, *mut usize, *mut usize, *mut usize, *mut usize, *mut usize, *mut usize, *mut usize);
        mi_thread_done();
        mi_thread_stats_print_out(mi_output_fun, *mut c_void);
        mi_register_output(mi_output_fun, *mut c_void);
        mi_register_deferred_free(mi_deferred_free_fun, *mut c_void);
        mi_register_error(mi_error_fun, *mut c_void);
        mi_option_is_enabled(mi_option_t) -> bool;
        mi_option_set_enabled(mi_option_t, bool);
        mi_option_set_enabled_default(mi_option_t, bool);
        mi_option_get(mi_option_t) -> c_long;
        mi_option_set(mi_option_t, c_long);
        mi_option_set_default(mi_option_t, c_long);
        mi_heap_new() -> *mut mi_heap_t;
        mi_heap_delete(*mut mi_heap_t);
        mi_heap_destroy(*mut mi_heap_t);
        mi_heap_collect(*mut mi_heap_t, bool);
        mi_heap_malloc(*mut mi_heap_t, usize) -> *mut c_void;
        mi_heap_zalloc(*mut mi_heap_t, usize) -> *mut c_void;
        mi_heap_calloc(*mut mi_heap_t, usize, usize) -> *mut c_void;
        mi_heap_mallocn(*mut mi_heap_t, usize, usize) -> *mut c_void;
        mi_heap_malloc_small(*mut mi_heap_t, usize) -> *mut c_void;
        mi_heap_zalloc_small(*mut mi_heap_t, usize) -> *mut c_void;
        mi_heap_realloc(*mut mi_heap_t, *mut c_void, usize) -> *mut c_void;
        mi_heap_reallocn(*mut mi_heap_t, *mut c_void, usize, usize) -> *mut c_void;
        mi_heap_reallocf(*mut mi_heap_t, *mut c_void, usize) -> *mut c_void;
        mi_heap_strdup(*mut mi_heap_t, *const c_char) -> *mut c_char;
        mi_heap_strndup(*mut mi_heap_t, *const c_char, usize) -> *mut c_char;
        mi_heap_realpath(*mut mi_heap_t, *const c_char, *mut c_char) -> *mut c_char;
        mi_heap_malloc_aligned(*mut mi_heap_t, usize, usize) -> *mut c_void;
        mi_heap_malloc_aligned_at(*mut mi_heap_t, usize, usize, usize) -> *mut c_void;
        mi_heap_zalloc_aligned(*mut mi_heap_t, usize, usize) -> *mut c_void;
        mi_heap_zalloc_aligned_at(*mut mi_heap_t, usize, usize, usize) -> *mut c_void;
        mi_heap_calloc_aligned(*mut mi_heap_t, usize, usize, usize) -> *mut c_void;
        mi_heap_calloc_aligned_at(*mut mi_heap_t, usize, usize, usize, usize) -> *mut c_void;
        mi_heap_realloc_aligned(*mut mi_heap_t, *mut c_void, usize, usize) -> *mut c_void;
        mi_heap_realloc_aligned_at(*mut mi_heap_t, *mut c_void, usize, usize, usize) -> *mut c_void;
        mi_heap_rezalloc(*mut mi_heap_t, *mut c_void, usize) -> *mut c_void;
        mi_heap_recalloc(*mut mi_heap_t, *mut c_void, usize, usize) -> *mut c_void;
        mi_heap_rezalloc_aligned(*mut mi_heap_t, *mut c_void, usize, usize) -> *mut c_void;
        mi_heap_rezalloc_aligned_at(*mut mi_heap_t, *mut c_void, usize, usize, usize) -> *mut c_void;
        mi_heap_recalloc_aligned(*mut mi_heap_t, *mut c_void, usize, usize, usize) -> *mut c_void;
        mi_heap_recalloc_aligned_at(*mut mi_heap_t, *mut c_void, usize, usize, usize, usize) -> *mut c_void;
        mi_check_owned(*const c_void) -> bool;
        mi_heap_new_in_arena(mi_arena_id_t) -> *mut mi_heap_t;
        mi_reserve_os_memory_ex(usize, bool, bool, bool, *mut mi_arena_id_t) -> c_int;
        mi_unsafe_heap_page_is_under_utilized(*mut mi_heap_t, *mut c_void, usize) -> bool;
        mi_manage_os_memory_ex(*const c_void, usize, bool, bool, bool, c_int, bool, *mut mi_arena_id_t) -> bool;
    }
    #[cfg(mimalloc_v3)]
    functions! {
        mi_stats_get_json(usize, *mut c_char) -> *mut c_char;
        mi_heap_visit_blocks(*mut mi_heap_t, bool, mi_block_visit_fun, *mut c_void) -> bool;
        mi_arena_min_size() -> usize;
        mi_theap_zalloc_small(*mut sys::mi_theap_t, usize) -> *mut c_void;
    }
    #[cfg(mimalloc_v2)]
    functions! {
        mi_stats_merge();
        mi_heap_set_default(*mut mi_heap_t) -> *mut mi_heap_t;
        mi_heap_get_default() -> *mut mi_heap_t;
        mi_heap_get_backing() -> *mut mi_heap_t;
        mi_heap_contains_block(*mut mi_heap_t, *const c_void) -> bool;
        mi_heap_check_owned(*mut mi_heap_t, *const c_void) -> bool;
        mi_heap_visit_blocks(*const mi_heap_t, bool, mi_block_visit_fun, *mut c_void) -> bool;
    }
}

#[test]
fn every_constant_is_there() {
    let _: usize = sys::MI_SMALL_SIZE_MAX;
    assert_eq!(sys::MI_SMALL_SIZE_MAX, 128 * size_of::<*mut c_void>());
    let options: [(mi_option_t, c_int); 11] = [
        (sys::mi_option_show_errors, 0),
        (sys::mi_option_show_stats, 1),
        (sys::mi_option_verbose, 2),
        (sys::mi_option_large_os_pages, 6),
        (sys::mi_option_reserve_huge_os_pages, 7),
        (sys::mi_option_reserve_huge_os_pages_at, 8),
        (sys::mi_option_reserve_os_memory, 9),
        (sys::mi_option_use_numa_nodes, 16),
        (sys::mi_option_limit_os_alloc, 17),
        (sys::mi_option_os_tag, 18),
        (sys::mi_option_max_errors, 19),
    ];
    for (ours, theirs) in options {
        assert_eq!(ours, theirs);
    }
    assert_eq!(sys::mi_option_max_warnings, 20);
    let last: mi_option_t = sys::_mi_option_last;
    assert!(last >= if cfg!(mimalloc_v3) { 47 } else { 38 });
    #[cfg(mimalloc_v2)]
    {
        let of_v2: [mi_option_t; 2] = [
            sys::mi_option_eager_commit_delay,
            sys::mi_option_max_segment_reclaim,
        ];
        assert_eq!(of_v2, [14, 21]);
    }
}

/// Uses each type as code for the other package does.
#[test]
fn every_type_is_there() {
    unsafe extern "C" fn output(_: *const c_char, _: *mut c_void) {}
    unsafe extern "C" fn deferred_free(_: bool, _: c_ulonglong, _: *mut c_void) {}
    unsafe extern "C" fn error(_: c_int, _: *mut c_void) {}
    unsafe extern "C" fn visit(
        _: *const mi_heap_t,
        area: *const mi_heap_area_t,
        _: *mut c_void,
        _: usize,
        areas: *mut c_void,
    ) -> bool {
        // SAFETY: mimalloc passes an area that lives during the call.
        let area: mi_heap_area_t = unsafe { *area };
        let _: *mut c_void = area.blocks;
        let _: [usize; 2] = [area.reserved, area.committed];
        let _: [usize; 3] = [area.used, area.block_size, area.full_block_size];
        #[cfg(mimalloc_v3)]
        let _: *mut c_void = area.reserved1;
        #[cfg(mimalloc_v2)]
        let _: i32 = area.heap_tag;
        // SAFETY: the caller below passes a counter to which nothing else refers.
        unsafe { *areas.cast::<usize>() += area.used };
        true
    }
    let _: mi_output_fun = Some(output);
    let _: mi_deferred_free_fun = Some(deferred_free);
    let _: mi_error_fun = Some(error);
    let visitor: mi_block_visit_fun = Some(visit);
    #[cfg(mimalloc_v3)]
    let _: mi_arena_id_t = core::ptr::null_mut::<c_void>();
    #[cfg(mimalloc_v2)]
    let _: mi_arena_id_t = 0 as c_int;

    // SAFETY: any thread may make a heap.
    let heap: *mut mi_heap_t = unsafe { sys::mi_heap_new() };
    assert!(!heap.is_null());
    // SAFETY: the heap is live and belongs to this thread.
    let block = unsafe { sys::mi_heap_malloc(heap, 100) };
    assert!(!block.is_null());
    let mut used = 0_usize;
    // SAFETY: the heap is live, this thread is the only one that uses the heap, and
    // the visitor gets the counter that it expects.
    let is_whole =
        unsafe { sys::mi_heap_visit_blocks(heap, false, visitor, (&raw mut used).cast()) };
    assert!(is_whole && used == 1);
    // SAFETY: the block was made above, and is freed once.
    unsafe { sys::mi_free(block) };
    // SAFETY: the heap was made above, and is not used again.
    unsafe { sys::mi_heap_delete(heap) };
}

#[test]
fn an_option_can_be_read() {
    // SAFETY: any thread may read an option.
    let _: c_long = unsafe { sys::mi_option_get(sys::mi_option_verbose) };
    // SAFETY: any thread may read an option.
    let is_enabled: bool = unsafe { sys::mi_option_is_enabled(sys::mi_option_verbose) };
    assert!(!is_enabled || std::env::var_os("MIMALLOC_VERBOSE").is_some());
}
