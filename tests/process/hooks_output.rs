//! Chooses where messages go.
//!
//! The tests have a process of their own, because a process has one output.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mimalloc::MiMalloc;
use mimalloc::hooks::{self, Output};

// This is the strictest case: a hook that allocated would come back to
// mimalloc.
#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Prints a text that is always nearly the same.
#[cfg(not(mimalloc_other_version))]
fn print() {
    mimalloc::option::print();
}

#[cfg(mimalloc_other_version)]
fn print() {
    mimalloc::stats::print();
}

fn taken() -> (String, usize) {
    let mut text = Vec::new();
    let lost = hooks::take_output(|bytes| text.extend_from_slice(bytes));
    (String::from_utf8(text).unwrap(), lost)
}

#[test]
fn captured_output_is_what_was_printed() {
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    hooks::set_output(Output::Capture);
    taken();
    print();
    mimalloc::stats::print();
    let (text, lost) = taken();
    assert_eq!(lost, 0);
    if cfg!(not(mimalloc_other_version)) {
        for option in mimalloc::Option::ALL {
            let line = format!("'{option}': {}", option.get());
            assert!(text.contains(&line), "{option}");
        }
    }
    assert!(text.contains("committed"), "{text}");
    assert_eq!(taken(), (String::new(), 0));

    // Changes of the output repeat no text.
    hooks::set_output(Output::Stderr);
    hooks::set_output(Output::Capture);
    hooks::set_output(Output::Discard);
    print();
    hooks::set_output(Output::Capture);
    assert_eq!(taken(), (String::new(), 0));
    hooks::set_output(Output::Stderr);
}

#[test]
fn what_does_not_fit_is_counted() {
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    hooks::set_output(Output::Capture);
    taken();
    print();
    let (once, _) = taken();
    for _ in 0..40 {
        print();
    }
    let (text, lost) = taken();
    hooks::set_output(Output::Stderr);
    assert!(text.len() <= 32 << 10);
    let printed = text.len() + lost;
    // Statistics contain times, whose length varies.
    let slack = if cfg!(mimalloc_other_version) { 400 } else { 0 };
    assert!(printed.abs_diff(40 * once.len()) <= slack);
}

#[test]
fn threads_may_print_and_allocate_meanwhile() {
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    hooks::set_output(Output::Capture);
    taken();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..50 {
                    print();
                    drop(vec![1_u8; 100_000]);
                }
            });
        }
        for i in 0..500 {
            hooks::set_output(if i % 2 == 0 {
                Output::Discard
            } else {
                Output::Capture
            });
            taken();
        }
    });
    hooks::set_output(Output::Stderr);
}

#[test]
fn a_hook_sees_each_piece() {
    static BYTES: AtomicUsize = AtomicUsize::new(0);
    fn count(text: &[u8]) {
        BYTES.fetch_add(text.len(), Ordering::Relaxed);
    }
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    hooks::set_output(Output::Capture);
    taken();
    print();
    let (text, _) = taken();
    // SAFETY: `count` only adds to a static, and neither allocates nor panics.
    unsafe { hooks::set_output_hook(count) };
    BYTES.store(0, Ordering::Relaxed);
    print();
    hooks::set_output(Output::Stderr);
    let slack = if cfg!(mimalloc_other_version) { 10 } else { 0 };
    assert!(BYTES.load(Ordering::Relaxed).abs_diff(text.len()) <= slack);
}

/// Checks that the hook for statistics runs outside of the lock that keeps
/// heaps alive. The hook waits for a heap to end; under the lock the wait would
/// never end.
#[test]
fn a_hook_may_wait_for_a_heap_to_end() {
    static CALLED: AtomicUsize = AtomicUsize::new(0);
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    fn wait(_: &[u8]) {
        CALLED.fetch_add(1, Ordering::SeqCst);
        while ENDED.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
    }
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    // Keeps earlier text away from the hook.
    hooks::set_output(Output::Discard);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let heap = mimalloc::Heap::scope(|heap| {
                heap.alloc(1_u64).unwrap();
                while CALLED.load(Ordering::SeqCst) == 0 {
                    std::thread::yield_now();
                }
            });
            heap.unwrap();
            ENDED.store(1, Ordering::SeqCst);
        });
        // SAFETY: the hook only waits for a thread that waits for no other.
        unsafe { hooks::set_output_hook(wait) };
        mimalloc::stats::print();
        hooks::set_output(Output::Stderr);
    });
    assert!(CALLED.load(Ordering::SeqCst) >= 1);
}
