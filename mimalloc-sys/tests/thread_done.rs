//! Checks that all listeners hear of the end of each thread. There is one test, so that
//! no other thread ends.

#![cfg(all(mimalloc_v3, mimalloc_patched))]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use mimalloc_sys as sys;

static HEARD: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

extern "C" fn hear<const WHO: usize>() {
    HEARD[WHO].fetch_add(1, SeqCst);
}

/// Registers a listener.
fn listen(fun: unsafe extern "C" fn()) {
    let listener = sys::mimalloc_sys_thread_done_t {
        fun,
        next: core::ptr::null_mut(),
    };
    let listener = Box::leak(Box::new(listener));
    // SAFETY: the listener is leaked, and registered once. Its function may be called
    // on any thread, and only counts.
    unsafe { sys::mimalloc_sys_on_thread_done(listener) };
}

fn heard() -> [usize; 3] {
    [0, 1, 2].map(|who| HEARD[who].load(SeqCst))
}

/// Lets threads come and go that use mimalloc.
fn threads(count: usize) {
    for _ in 0..count {
        let thread = thread::spawn(|| {
            // SAFETY: one byte is a size.
            let block = unsafe { sys::mi_malloc(1) };
            // SAFETY: the block was made just now.
            unsafe { sys::mi_free(block) };
        });
        thread.join().unwrap();
    }
}

#[test]
fn each_listener_hears_of_each_end() {
    threads(1);
    assert_eq!(heard(), [0; 3]);
    listen(hear::<0>);
    threads(2);
    assert_eq!(heard(), [2, 0, 0]);
    listen(hear::<1>);
    listen(hear::<2>);
    threads(3);
    assert_eq!(heard(), [5, 3, 3]);
}
