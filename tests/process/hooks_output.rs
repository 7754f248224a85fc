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
    if cfg!(mimalloc_other_version) {
        // Statistics contain times, and lines come and go.
        let [fewest, most] = [30, 50].map(|times| times * once.len());
        assert!((fewest..most).contains(&printed), "{printed} of {most}");
    } else {
        assert_eq!(printed, 40 * once.len());
    }
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
    static SEEN: Mutex<String> = Mutex::new(String::new());
    // Has room for the text from the start, so that the hook allocates nothing.
    fn keep(text: &[u8]) {
        if let (Ok(mut seen), Ok(text)) = (SEEN.lock(), core::str::from_utf8(text)) {
            seen.push_str(text);
        }
    }
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let captured = || {
        hooks::set_output(Output::Capture);
        taken();
        print();
        taken().0
    };
    let before = captured();
    SEEN.lock().unwrap().reserve(64 << 10);
    // SAFETY: `keep` adds to a static that has room, and neither allocates nor
    // panics. No other code holds the lock while the hook is set.
    unsafe { hooks::set_output_hook(keep) };
    print();
    let after = captured();
    hooks::set_output(Output::Stderr);
    let seen = core::mem::take(&mut *SEEN.lock().unwrap());
    if cfg!(not(mimalloc_other_version)) {
        assert_eq!(seen, before);
        return;
    }
    // Statistics contain times, and lines come and go. What was there before and
    // afterwards was there in between.
    let labels = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.map(|(label, _)| label.trim().to_owned()).collect()
    };
    let (seen, after) = (labels(&seen), labels(&after));
    let both = labels(&before);
    let both = both.iter().filter(|label| after.contains(label));
    let missing: Vec<_> = both.filter(|label| !seen.contains(label)).collect();
    assert!(missing.is_empty(), "{missing:?} not in {seen:?}");
    assert!(seen.len() > 5, "{seen:?}");
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
