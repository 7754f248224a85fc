//! The first hook gets what was printed before there was one, outside of all
//! locks: it may wait for a thread that chooses another output. Alone, because
//! there is a first choice only once.

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
    // To standard error, and into what mimalloc remembers of the first messages.
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
