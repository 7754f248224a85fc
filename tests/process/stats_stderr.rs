//! Statistics that are printed to a pipe which nothing reads yet. Its own process,
//! because it replaces standard error.

#[cfg(not(unix))]
fn main() {
    println!("skipped: the pipe is one of Unix");
}

#[cfg(unix)]
fn main() {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::FromRawFd;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use mimalloc::Heap;

    static IS_DONE: AtomicBool = AtomicBool::new(false);

    mimalloc_tests::fail_instead_of_hanging();
    let mut ends = [0; 2];
    // SAFETY: the array has room for both ends.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: both are open descriptors; std never closes descriptor 2.
    assert_eq!(unsafe { libc::dup2(ends[1], 2) }, 2);
    // SAFETY: this program made the descriptor, and gives it to the file alone.
    let mut reader = unsafe { File::from_raw_fd(ends[0]) };
    let printer = thread::spawn(|| {
        while !IS_DONE.load(Ordering::Relaxed) {
            mimalloc::stats::print();
        }
    });
    // The reader waits for heaps to end, again and again, while the pipe is full.
    let mut piece = [0; 1000];
    let mut text = Vec::new();
    for _ in 0..300 {
        Heap::scope(|heap| drop(heap.alloc(1_u8))).unwrap();
        let len = reader.read(&mut piece).unwrap();
        text.extend_from_slice(&piece[..len]);
    }
    assert!(String::from_utf8_lossy(&text).contains("heap"));
    IS_DONE.store(true, Ordering::Relaxed);
    // The printer may be blocked in the pipe until the process ends.
    drop(printer);
    println!("ok");
}
