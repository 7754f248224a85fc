//! Checks that the first hook gets the messages that were printed before, and
//! gets them outside of all locks. The hook waits for a thread that chooses
//! another output.
//!
//! The test has a process of its own, because a process chooses its first
//! output only once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mimalloc::hooks::{self, Output};

static BYTES: AtomicUsize = AtomicUsize::new(0);
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// Holds the beginning of what the hook got.
static FIRST: Mutex<[u8; 32]> = Mutex::new([0; 32]);

fn hook(text: &[u8]) {
    if let Ok(mut first) = FIRST.lock() {
        if first[0] == 0 {
            let len = text.len().min(first.len());
            first[..len].copy_from_slice(&text[..len]);
        }
    }
    BYTES.fetch_add(text.len(), Ordering::SeqCst);
    while CHOSEN.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
}

fn main() {
    // Goes to standard error, and to the buffer that mimalloc keeps for the
    // first hook.
    #[cfg(not(mimalloc_other_version))]
    mimalloc::option::print();
    mimalloc::stats::print();
    thread::scope(|scope| {
        scope.spawn(|| {
            while BYTES.load(Ordering::SeqCst) + CHOSEN.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            hooks::set_output(Output::Discard);
            CHOSEN.store(1, Ordering::SeqCst);
        });
        // SAFETY: the hook only waits for a thread that does nothing but choose
        // another output, and it allocates nothing.
        unsafe { hooks::set_output_hook(hook) };
        // No text came.
        CHOSEN.store(1, Ordering::SeqCst);
    });
    assert!(BYTES.load(Ordering::SeqCst) >= 1);
    // mimalloc prints its version first.
    let first = *FIRST.lock().unwrap();
    let version = format!("v{}", mimalloc::version());
    let is_there = first
        .windows(version.len())
        .any(|part| part == version.as_bytes());
    assert!(
        is_there || cfg!(mimalloc_other_version),
        "{}",
        first.escape_ascii()
    );
    println!("ok");
}
