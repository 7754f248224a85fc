//! Allocates with the global allocator in each state of a thread: as the first thing
//! on a thread, in its last destructors, in a forked child, and after `main`.
//!
//! The test has no harness, because the children end as processes. The global
//! allocator takes small blocks without a call, from what the thread's default theap
//! is at that time.

#[cfg(not(unix))]
fn main() {
    println!("skipped: there are no pthread keys and no forks");
}

#[cfg(unix)]
fn main() {
    let children = ["first", "keys", "fork", "exit"];
    if let Some(name) = mimalloc_tests::child::task() {
        tests::run(&name);
        return;
    }
    for name in children {
        let output = mimalloc_tests::child::command(name).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && text.ends_with("done\n"),
            "{name}: {}: {text}{errors}",
            output.status
        );
    }
    println!("ok");
}

#[cfg(unix)]
mod tests {
    use std::alloc::{GlobalAlloc, Layout};
    use std::cell::Cell;
    use std::ffi::c_void;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use mimalloc::MiMalloc;

    #[global_allocator]
    static GLOBAL: MiMalloc = MiMalloc;

    pub(super) fn run(name: &str) {
        match name {
            "first" => first(),
            "keys" => keys(),
            "fork" => fork(),
            "exit" => exit(),
            other => panic!("no case {other}"),
        }
        println!("done");
    }

    /// Allocates each small size, plain and zeroed, and checks that no two blocks
    /// overlap. Uses no memory but its stack otherwise, and does not unwind.
    fn allocate() {
        const SIZES: usize = 1_100;
        let mut blocks = [core::ptr::null_mut::<u8>(); 2 * SIZES];
        let layout = |at: usize| Layout::from_size_align(1 + at % SIZES, 1).unwrap();
        for (at, block) in blocks.iter_mut().enumerate() {
            let layout = layout(at);
            if at < SIZES {
                // SAFETY: the size is not zero.
                *block = unsafe { GLOBAL.alloc(layout) };
                check(!block.is_null());
            } else {
                // SAFETY: the size is not zero.
                *block = unsafe { GLOBAL.alloc_zeroed(layout) };
                check(!block.is_null());
                // SAFETY: the block is as long as its layout says, and is zeroed.
                let bytes = unsafe { core::slice::from_raw_parts(*block, layout.size()) };
                check(bytes.iter().all(|byte| *byte == 0));
            }
            // SAFETY: the block is as long as its layout says.
            unsafe { block.write_bytes(at as u8, layout.size()) };
        }
        for (at, block) in blocks.iter().enumerate() {
            let layout = layout(at);
            // SAFETY: the block is as long as its layout says, and was written above.
            let bytes = unsafe { core::slice::from_raw_parts(*block, layout.size()) };
            check(bytes.iter().all(|byte| *byte == at as u8));
            // SAFETY: the block was made with this layout.
            unsafe { GLOBAL.dealloc(*block, layout) };
        }
    }

    /// Ends the process where a panic could not be caught.
    fn check(holds: bool) {
        if !holds {
            std::process::abort();
        }
    }

    extern "C" fn on_new_thread(_: *mut c_void) -> *mut c_void {
        allocate();
        core::ptr::null_mut()
    }

    /// Allocates as the first thing on threads that the standard library did not make.
    fn first() {
        for _ in 0..20 {
            let mut threads = [0 as libc::pthread_t; 4];
            for thread in &mut threads {
                // SAFETY: the function has the type of a thread's start, and takes no
                // argument.
                let code = unsafe {
                    libc::pthread_create(
                        thread,
                        core::ptr::null(),
                        on_new_thread,
                        core::ptr::null_mut(),
                    )
                };
                assert_eq!(code, 0);
            }
            for thread in threads {
                // SAFETY: the thread was made above, and is joined once.
                let code = unsafe { libc::pthread_join(thread, core::ptr::null_mut()) };
                assert_eq!(code, 0);
            }
        }
    }

    static ENDED: AtomicUsize = AtomicUsize::new(0);

    thread_local! {
        static LAST: Cell<Option<Last>> = const { Cell::new(None) };
    }

    struct Last;

    impl Drop for Last {
        fn drop(&mut self) {
            allocate();
            ENDED.fetch_add(1, Ordering::Relaxed);
        }
    }

    extern "C" fn on_key(_: *mut c_void) {
        allocate();
        ENDED.fetch_add(1, Ordering::Relaxed);
    }

    /// Allocates in destructors: of a thread-local, and of pthread keys that are
    /// younger than mimalloc's own.
    fn keys() {
        let mut keys = [0 as libc::pthread_key_t; 3];
        for key in &mut keys {
            // SAFETY: the destructor has the type of the parameter, and lives for ever.
            let code = unsafe { libc::pthread_key_create(key, Some(on_key)) };
            assert_eq!(code, 0);
        }
        for _ in 0..20 {
            let thread = thread::spawn(move || {
                LAST.set(Some(Last));
                for key in keys {
                    // SAFETY: the key was made above, and the value is never read.
                    let code =
                        unsafe { libc::pthread_setspecific(key, core::ptr::without_provenance(1)) };
                    assert_eq!(code, 0);
                }
                allocate();
            });
            thread.join().unwrap();
        }
        // A join returns when a thread has ended, and with it its destructors.
        assert_eq!(ENDED.load(Ordering::Relaxed), 80);
    }

    /// Allocates in a forked child, on the one thread that is left of several.
    fn fork() {
        let waits = thread::spawn(thread::park);
        allocate();
        // SAFETY: the other thread is not inside the allocator.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            allocate();
            let inner = thread::spawn(allocate);
            check(inner.join().is_ok());
            // SAFETY: the function ends the process at once.
            unsafe { libc::_exit(7) };
        }
        let mut status = 0;
        // SAFETY: the status is a live integer.
        let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(ended, child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7);
        allocate();
        waits.thread().unpark();
        waits.join().unwrap();
    }

    extern "C" fn at_exit() {
        allocate();
    }

    /// Allocates after `main`.
    fn exit() {
        // SAFETY: the function has the type of an exit handler.
        assert_eq!(unsafe { libc::atexit(at_exit) }, 0);
        LAST.set(Some(Last));
    }
}
