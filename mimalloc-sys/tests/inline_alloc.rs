//! Compares the allocation in Rust with the functions of C that it stands for.

#![cfg(mimalloc_inline_alloc)]

use core::ffi::c_void;

use mimalloc_sys as sys;

/// The largest small size, in words.
const MAX: usize = sys::MI_SMALL_WSIZE_MAX as usize;

/// Takes a block of each small size with `take`, checks and spoils it, and frees it.
/// Frees every second block late, so that pages have both fresh and used blocks.
fn each_size(take: impl Fn(usize) -> *mut c_void, is_zeroed: bool) {
    let mut late = Vec::new();
    for round in 0..40 {
        for wsize in 0..=MAX {
            let block = take(wsize).cast::<usize>();
            assert!(!block.is_null());
            for at in 0..wsize {
                // SAFETY: the block has `wsize` words.
                let word = unsafe { block.add(at) };
                if is_zeroed {
                    // SAFETY: the words are zeros, if all is well; otherwise any
                    // initialised memory of mimalloc's.
                    assert_eq!(unsafe { word.read() }, 0, "word {at} of {wsize}");
                }
                // SAFETY: the word lies in the block.
                unsafe { word.write(usize::MAX) };
            }
            // SAFETY: the block is live.
            assert!(unsafe { sys::mi_usable_size(block.cast()) } >= wsize * 8);
            if round % 2 == 0 {
                late.push(block);
            } else {
                // SAFETY: the block is live, and is not used again.
                unsafe { sys::mi_free(block.cast()) };
            }
        }
    }
    for block in late {
        // SAFETY: the block is live, and is not used again.
        unsafe { sys::mi_free(block.cast()) };
    }
}

fn default_malloc(wsize: usize) -> *mut c_void {
    assert!(wsize <= MAX);
    // SAFETY: the size is small.
    unsafe { sys::mimalloc_sys_wmalloc_small(wsize) }
}

fn default_zalloc(wsize: usize) -> *mut c_void {
    assert!(wsize <= MAX);
    // SAFETY: the size is small.
    unsafe { sys::mimalloc_sys_wzalloc_small(wsize) }
}

#[test]
fn blocks_of_the_default_theap_are_whole_and_zeroed() {
    each_size(default_malloc, false);
    each_size(default_zalloc, true);
}

#[test]
fn blocks_of_a_theap_are_whole_and_zeroed() {
    // SAFETY: the function has no precondition.
    let heap = unsafe { sys::mi_heap_new() };
    assert!(!heap.is_null());
    // SAFETY: the heap is live.
    let theap = unsafe { sys::mi_heap_theap(heap) };
    each_size(
        // SAFETY: the theap is this thread's, and the size is small.
        |wsize| unsafe { sys::mimalloc_sys_theap_wmalloc_small(theap, wsize) },
        false,
    );
    each_size(
        // SAFETY: the theap is this thread's, and the size is small.
        |wsize| unsafe { sys::mimalloc_sys_theap_wzalloc_small(theap, wsize) },
        true,
    );
    // SAFETY: no block of the heap is used any more.
    unsafe { sys::mi_heap_destroy(heap) };
}

#[cfg(mimalloc_default_theap)]
mod default_theap {
    use std::thread;

    use super::{MAX, default_malloc, default_zalloc, each_size, sys};

    /// The start of a thread allocates, and so initialises the thread.
    const IS_STARTED: bool = cfg!(feature = "override");

    /// Returns the default theap as C sees it, which initialises the thread.
    fn of_c() -> *mut sys::mi_theap_t {
        // SAFETY: the function has no precondition.
        unsafe { sys::mi_theap_get_default() }
    }

    #[test]
    fn each_thread_reads_what_c_reads() {
        let read = || {
            let before = sys::mimalloc_sys_theap_default();
            assert!(!before.is_null());
            let theap = of_c();
            assert_eq!(theap == before, IS_STARTED);
            assert_eq!(sys::mimalloc_sys_theap_default(), theap);
            (before.addr(), theap.addr())
        };
        // Threads that all live, so that no theap is used again.
        let barrier = std::sync::Barrier::new(8);
        let seen: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let seen = read();
                        barrier.wait();
                        seen
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        // A thread without a theap has the constant one.
        assert!(IS_STARTED || seen.iter().all(|(before, _)| *before == seen[0].0));
        let mut own: Vec<_> = seen.iter().map(|(_, theap)| *theap).collect();
        own.sort_unstable();
        own.dedup();
        assert_eq!(own.len(), 8);
    }

    #[test]
    fn the_first_allocation_of_a_thread_initialises_it() {
        for take in [default_malloc, default_zalloc] {
            for wsize in [0, 1, 7, MAX] {
                thread::spawn(move || {
                    let before = sys::mimalloc_sys_theap_default();
                    let block = take(wsize);
                    assert!(!block.is_null());
                    assert_eq!(sys::mimalloc_sys_theap_default() == before, IS_STARTED);
                    assert_eq!(sys::mimalloc_sys_theap_default(), of_c());
                    // SAFETY: the block is live, and is not used again.
                    unsafe { sys::mi_free(block) };
                })
                .join()
                .unwrap();
            }
        }
    }

    #[test]
    fn another_default_is_used_at_once() {
        // SAFETY: the function has no precondition.
        let heap = unsafe { sys::mi_heap_new() };
        // SAFETY: the heap is live.
        let theap = unsafe { sys::mi_heap_theap(heap) };
        let is_inside = |take: fn(usize) -> *mut core::ffi::c_void, wsize| {
            let block = take(wsize);
            // SAFETY: the heap and the block are live.
            let is_inside = unsafe { sys::mi_heap_contains(heap, block) };
            // SAFETY: the block is live, and is not used again.
            unsafe { sys::mi_free(block) };
            is_inside
        };
        for _ in 0..3 {
            // SAFETY: the theap is this thread's, and is live until the old default
            // is back.
            let before = unsafe { sys::mi_theap_set_default(theap) };
            for wsize in 0..=MAX {
                assert!(is_inside(default_malloc, wsize));
                assert!(is_inside(default_zalloc, wsize));
            }
            // SAFETY: this was the thread's default.
            unsafe { sys::mi_theap_set_default(before) };
            for wsize in 0..=MAX {
                assert!(!is_inside(default_malloc, wsize));
                assert!(!is_inside(default_zalloc, wsize));
            }
        }
        // SAFETY: no block of the heap is used any more.
        unsafe { sys::mi_heap_destroy(heap) };
    }

    #[test]
    fn a_thread_that_mimalloc_is_done_with_allocates() {
        thread::spawn(|| {
            for _ in 0..3 {
                each_size(default_malloc, false);
                let live = of_c();
                // SAFETY: this thread uses no theap across the call.
                unsafe { sys::mi_thread_done() };
                let done = sys::mimalloc_sys_theap_default();
                assert!(!done.is_null());
                assert_ne!(done, live);
                each_size(default_malloc, false);
                each_size(default_zalloc, true);
                // SAFETY: the function has no precondition.
                unsafe { sys::mi_thread_init() };
            }
        })
        .join()
        .unwrap();
    }
}
