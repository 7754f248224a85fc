//! Checks that the first hook gets the messages that were printed before, and
//! gets them outside of all locks. The hook waits for a thread that chooses
//! another output.
//!
//! The test has a process of its own, because a process chooses its first
//! output only once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mimalloc::hooks::{self, Output};

static BYTES: AtomicUsize = AtomicUsize::new(0);
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

fn hook(text: &[u8]) {
    BYTES.fetch_add(text.len(), Ordering::SeqCst);
    while CHOSEN.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
}

fn main() {
    // Goes to standard error, and to the buffer that mimalloc keeps for the
    // first hook.
    mimalloc::stats::print();
    thread::scope(|scope| {
        scope.spawn(|| {
            while BYTES.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            hooks::set_output(Output::Discard);
            CHOSEN.store(1, Ordering::SeqCst);
        });
        // SAFETY: the hook only waits for a thread that does nothing but choose
        // another output, and it allocates nothing.
        unsafe { hooks::set_output_hook(hook) };
    });
    assert!(BYTES.load(Ordering::SeqCst) >= 1);
    println!("ok");
}
