//! Ends threads and processes by the thousand, with heaps that are in use.
//!
//! The test has a process of its own and no harness, because the test counts the
//! threads of the process, and forks.

#[cfg(not(all(mimalloc_owned_heaps, unix)))]
fn main() {
    eprintln!("SKIPPED: this needs owned heaps, and `fork`");
}

#[cfg(all(mimalloc_owned_heaps, unix))]
fn main() {
    unix::main();
}

#[cfg(all(mimalloc_owned_heaps, unix))]
mod unix {
    use std::cell::RefCell;
    use std::sync::mpsc::channel;
    use std::thread;

    use allocator_api2_02::boxed::Box as Box02;
    use allocator_api2_02::vec::Vec as Vec02;
    use mimalloc::{Heap, HeapPool, MiMalloc};
    use mimalloc_tests::counts;

    #[global_allocator]
    static GLOBAL: MiMalloc = MiMalloc;

    const THREADS: usize = 2_000;
    const EXITS: usize = 1_000;

    thread_local! {
        /// Is dropped when the thread ends.
        static LATE: RefCell<Option<Box02<[u8; 300], Heap>>> = const { RefCell::new(None) };
    }

    pub(crate) fn main() {
        short_threads();
        exits();
        println!("ok");
    }

    /// Uses a heap in each way that a thread's end has to deal with.
    fn live_shortly(number: usize) -> Vec<u8> {
        let heap = Heap::new().unwrap();
        let mut list = Vec02::new_in(&heap);
        list.extend(0..number % 700);
        core::mem::forget(list.clone());
        let pool = HeapPool::new();
        let pooled = pool.take().unwrap();
        let value = pooled.alloc([number; 20]).unwrap();
        assert!(value.iter().all(|&at| at == number) && list.len() == number % 700);
        if number % 2 == 0 {
            let late = Box02::new_in([1; 300], Heap::new().unwrap());
            LATE.with(|place| *place.borrow_mut() = Some(late));
        }
        vec![number as u8; 1 + number % 3_000]
    }

    fn short_threads() {
        let some = |from: usize, to: usize| {
            let mut returned = Vec::new();
            for first in (from..to).step_by(8) {
                let threads: Vec<_> = (first..(first + 8).min(to))
                    .map(|number| thread::spawn(move || (number, live_shortly(number))))
                    .collect();
                returned.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
            }
            for (number, block) in returned {
                assert!(block.iter().all(|&byte| byte == number as u8));
            }
        };
        some(0, 200);
        let [heaps, threads, pages] = counts();
        some(200, THREADS);
        let [has_heaps, has_threads, has_pages] = counts();
        assert_eq!([has_heaps, has_threads], [heaps, threads]);
        assert!(has_pages <= pages + 16, "{pages} and {has_pages} pages");
    }

    /// Ends the process while its threads use heaps.
    fn use_and_exit(number: usize) -> ! {
        let (ready, wait) = channel();
        for at in 0..3 {
            let ready = ready.clone();
            thread::spawn(move || {
                let heap = Heap::new().unwrap();
                let mut list = Vec02::new_in(&heap);
                let mut ready = Some(ready);
                for round in 0.. {
                    list.push(Box::new(round));
                    if round % 200 == 0 {
                        list.clear();
                        drop(Box02::new_in([0_u8; 5_000], Heap::new().unwrap()));
                        if let Some(ready) = ready.take() {
                            ready.send(at).unwrap();
                        }
                    }
                }
            });
        }
        // The heaps and blocks of this thread stay.
        let heap = Heap::new().unwrap();
        let kept = Box::leak(Box::new(heap));
        kept.alloc([number; 100]).unwrap();
        drop(ready);
        for _ in 0..number % 4 {
            wait.recv().unwrap();
        }
        // Runs what `main` runs when it returns: destructors of C and of threads.
        std::process::exit(7)
    }

    /// Forks off `EXITS` processes, two at a time.
    fn exits() {
        let mut children = std::collections::VecDeque::new();
        for number in 0..EXITS {
            // SAFETY: the process has one thread, so the child may do anything.
            let child = unsafe { libc::fork() };
            assert!(child >= 0);
            if child == 0 {
                // SAFETY: the call only sets a timer, whose signal ends the child.
                unsafe { libc::alarm(120) };
                use_and_exit(number);
            }
            children.push_back(child);
            if children.len() == 2 || number == EXITS - 1 {
                for child in children.drain(..) {
                    let mut status = 0;
                    // SAFETY: the child is ours, and `status` is valid for writes.
                    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
                    assert_eq!(ended, child);
                    let is_right = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7;
                    assert!(is_right, "child {number}: status {status:#x}");
                }
            }
        }
    }
}
