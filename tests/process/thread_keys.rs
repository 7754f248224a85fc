//! Drops heaps in the destructors of pthread keys that were created after
//! mimalloc's key. Such a destructor runs when mimalloc is done with the thread
//! already. On engine v2 a heap is dead by then, and its contents stay valid.
//!
//! The test has no harness, because the cases end processes of their own.
//! `mimalloc` is the global allocator, so that mimalloc's key is created first.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

use mimalloc::MiMalloc;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

#[cfg(not(all(unix, mimalloc_owned_heaps)))]
fn main() {
    println!("skipped: there are no pthread keys, or no owned heaps");
}

#[cfg(all(unix, mimalloc_owned_heaps))]
fn main() {
    let children = [
        "keeps", "twice", "guard", "shared", "foreign", "raw", "main",
    ];
    if let Some(name) = mimalloc_tests::child::task() {
        tests::run(&name);
        return;
    }
    // 2.5.2 asserts that a heap knows the pages of a heap that it takes over.
    // The heap does not know them.
    if cfg!(all(mimalloc_v2, mimalloc_assertions)) {
        println!("skipped: mimalloc's own assertions fail here");
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

#[cfg(all(unix, mimalloc_owned_heaps))]
mod tests {
    use std::cell::Cell;
    use std::ffi::c_void;
    use std::process::abort;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use allocator_api2_02::vec::Vec as Vec02;
    use mimalloc::{DefaultGuard, Heap, MiMalloc, SharedHeap};

    /// Code that runs late on a thread.
    type Late = Box<dyn FnOnce()>;

    /// The number of destructors that have run.
    static RUN: AtomicUsize = AtomicUsize::new(0);

    /// Runs `late` when mimalloc is done with the thread. A pool of
    /// thread-locals that uses pthread keys drops a value at the same moment.
    fn at_late_end(late: impl FnOnce() + 'static) {
        static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();

        unsafe extern "C" fn destructor(late: *mut c_void) {
            // SAFETY: `at_late_end` puts only boxes into the key, and the
            // system passes each of them on once.
            let late = unsafe { Box::from_raw(late.cast::<Late>()) };
            late();
            RUN.fetch_add(1, Ordering::SeqCst);
        }
        let key = *KEY.get_or_init(|| {
            let mut key = 0;
            // SAFETY: `key` is a variable of the key's type, and the destructor
            // accepts what the key holds.
            let made = unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) };
            assert_eq!(made, 0);
            key
        });
        let late: *mut Late = Box::into_raw(Box::new(Box::new(late)));
        // SAFETY: the key was created above, and its destructor frees the box.
        let set = unsafe { libc::pthread_setspecific(key, late.cast()) };
        check(set == 0, "the key takes a value");
    }

    /// Reports an error without a panic, which would end the process at the end
    /// of a thread.
    fn check(is_right: bool, what: &str) {
        if !is_right {
            eprintln!("wrong: {what}");
            abort();
        }
    }

    /// Engine v2 keeps what a dead heap holds, and 32 bits address little.
    const THREADS: usize = if cfg!(target_pointer_width = "32") {
        12
    } else {
        60
    };

    fn on_threads(run: fn()) {
        for _ in 0..THREADS / 3 {
            let threads: Vec<_> = (0..3).map(|_| thread::spawn(run)).collect();
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        }
    }

    fn fill(heap: &Heap) -> Vec<&'static [u64]> {
        let blocks = (0..500_usize).map(|n| {
            let size = [1, 30, 2_000, 30_000][n % 4];
            let block = heap.alloc_slice_copy(&vec![n as u64; size]).unwrap();
            // SAFETY: the tests look at blocks while the heap lives, or on
            // engine v2 after the heap died with its thread, when nothing frees
            // its blocks.
            unsafe { core::slice::from_raw_parts(block.as_ptr(), block.len()) }
        });
        blocks.collect()
    }

    fn are_whole(blocks: &[&[u64]]) -> bool {
        let is_whole = |block: &[u64], n| block[0] == n && block[1..] == block[..block.len() - 1];
        blocks.iter().zip(0..).all(|(block, n)| is_whole(block, n))
    }

    /// Uses everything that a heap has, after its thread has ended for
    /// mimalloc.
    fn use_late(heap: &mut Heap) {
        let allocated = [
            heap.alloc(1_u64).is_ok(),
            heap.alloc_slice_with(100_000, |_| 1_u64).is_ok(),
            heap.alloc_slice_with(300, |_| 0_u8).is_ok(),
            heap.strdup(c"text").is_ok(),
            heap.with_local(|local| Vec02::<u32, _>::new_in(local).try_reserve(10).is_ok()),
            Vec02::<u8, _>::new_in(&*heap).try_reserve(1 << 20).is_ok(),
        ];
        heap.collect(true);
        heap.collect(false);
        let usage = heap.usage();
        let areas = heap.areas().unwrap().count();
        let blocks = heap.blocks().unwrap().count();
        check(blocks == usage.blocks, "blocks are counted");
        if cfg!(mimalloc_v2) {
            check(allocated == [false; 6], "a dead heap gives nothing");
            check(usage == Default::default(), "a dead heap is empty");
            check(areas == 0, "a dead heap has no areas");
        }
        // Plain allocation on the thread goes on.
        check(vec![1_u8; 1000].iter().all(|&byte| byte == 1), "plain");
    }

    pub(super) fn run(name: &str) {
        let expected = match name {
            "keeps" => {
                on_threads(keeps);
                THREADS
            }
            "twice" => {
                on_threads(twice);
                2 * THREADS
            }
            "guard" => {
                on_threads(guard);
                THREADS
            }
            "shared" => {
                on_threads(shared);
                THREADS
            }
            "foreign" => {
                (0..30).for_each(|_| foreign());
                30
            }
            "raw" => {
                on_threads(raw_heaps);
                THREADS
            }
            "main" => {
                ends_with_main();
                0
            }
            _ => unreachable!("no child has this name"),
        };
        assert_eq!(RUN.load(Ordering::SeqCst), expected);
        println!("done");
    }

    /// Keeps an owned heap with blocks in it until the end of the thread.
    fn keeps() {
        let mut heap = Heap::new().unwrap();
        let blocks = fill(&heap);
        let kept = Vec02::<u64, _>::with_capacity_in(
            100,
            SharedHeap::from_heap(Heap::new().unwrap()).unwrap(),
        );
        at_late_end(move || {
            check(are_whole(&blocks), "blocks stay");
            use_late(&mut heap);
            let inside = heap.contains(blocks[1]);
            check(inside == cfg!(mimalloc_v3), "where blocks are");
            check(are_whole(&blocks), "blocks stay when the heap is used");
            drop(kept);
            if RUN.load(Ordering::SeqCst) % 2 == 0 {
                // A fresh heap is alive.
                heap.reset().unwrap();
                check(heap.usage().blocks == 0, "a fresh heap is empty");
                if cfg!(mimalloc_v2) {
                    let mut list = Vec02::new_in(&heap);
                    list.extend(0..1_000_u32);
                    check(list[999] == 999, "a fresh heap works");
                }
            }
            drop(heap);
        });
    }

    /// Initialises the thread again, so that the thread ends once more.
    fn twice() {
        let mut heap = Heap::new().unwrap();
        let blocks = fill(&heap);
        at_late_end(move || {
            let second = Heap::new().unwrap();
            use_late(&mut heap);
            if cfg!(mimalloc_v2) {
                check(second.alloc(1_u64).is_ok(), "a fresh heap works");
                check(fill(&second).len() == 500, "as any other");
            }
            let mut second = second;
            at_late_end(move || {
                use_late(&mut second);
                use_late(&mut heap);
                check(are_whole(&blocks), "blocks stay");
                drop(heap);
                drop(second);
            });
        });
    }

    /// Drops a guard late and makes another one late. On v2 neither has a heap
    /// to restore.
    fn guard() {
        struct Both {
            guard: Option<DefaultGuard<'static>>,
            heap: &'static Heap,
        }
        let heap: &'static Heap = Box::leak(Box::new(Heap::new().unwrap()));
        // On v3 a late drop breaks the contract.
        // SAFETY: this thread drops the guard, and uses nothing that was
        // allocated meanwhile after the heap.
        let guard = cfg!(mimalloc_v2).then(|| unsafe { heap.set_default() });
        let mut both = Both { guard, heap };
        at_late_end(move || {
            drop(both.guard.take());
            check(vec![7_u8; 100_000][99_999] == 7, "plain allocation goes on");
            if cfg!(mimalloc_v2) {
                // SAFETY: this closure drops the guard on the same thread, and
                // `text` is dropped before the heap.
                let guard = unsafe { both.heap.set_default() };
                let text = "plain allocation ".repeat(100);
                check(text.len() == 1_700, "plain allocation goes on");
                check(!both.heap.contains(&*text), "and not in a dead heap");
                drop(guard);
            }
            // SAFETY: the heap came from a box, and no reference to it is left.
            drop(unsafe { Box::from_raw(core::ptr::from_ref(both.heap).cast_mut()) });
        });
    }

    /// Keeps collections that own their heap until the end of the thread.
    fn shared() {
        let heap = SharedHeap::new().unwrap();
        let mut list = Vec02::new_in(heap.clone());
        list.extend(0..10_000_u32);
        let mut lists = Vec::new();
        for n in 0..100_u32 {
            let mut list = Vec02::new_in(heap.clone());
            list.extend(0..n);
            lists.push(list);
        }
        at_late_end(move || {
            check(list.iter().copied().eq(0..10_000), "the list is whole");
            let grown = list.try_reserve(1 << 20).is_ok();
            let small = Vec02::<u8, _>::new_in(&heap).try_reserve(10).is_ok();
            let is_right = cfg!(mimalloc_v3) || !(grown || small);
            check(is_right, "a dead heap gives nothing");
            check(list.iter().copied().eq(0..10_000), "the list is whole");
            list.clear();
            list.extend(5..10);
            check(list[4] == 9, "what there is room for fits");
            drop(heap);
            lists.truncate(50);
            check(lists[49].len() == 49, "lists are whole");
            drop(list);
            drop(lists);
        });
    }

    /// Lets another thread free blocks while the thread of the heap ends.
    fn foreign() {
        thread_local! {
            static LATE: Cell<bool> = const { Cell::new(false) };
        }
        let (give, take) = std::sync::mpsc::sync_channel::<Vec<usize>>(16);
        let owner = thread::spawn(move || {
            let mut heap = Heap::new().unwrap();
            for _ in 0..50 {
                let blocks = (0..200_usize).map(|n| {
                    let block = heap.alloc_slice_with([1, 30, 2_000][n % 3], |_| n).unwrap();
                    block.as_mut_ptr().expose_provenance()
                });
                give.send(blocks.collect()).unwrap();
            }
            at_late_end(move || {
                LATE.set(true);
                if cfg!(mimalloc_v2) {
                    use_late(&mut heap);
                    drop(heap);
                } else {
                    // The other thread still frees blocks of the heap.
                    core::mem::forget(heap);
                }
            });
        });
        let freer = thread::spawn(move || {
            for block in take.iter().flatten() {
                let block = core::ptr::with_exposed_provenance_mut::<usize>(block);
                // SAFETY: `owner` gave the block up, and no other thread has
                // it.
                unsafe { mimalloc::ffi::mi_free(block.cast()) };
            }
        });
        owner.join().unwrap();
        freer.join().unwrap();
        // Also frees what ended threads left.
        mimalloc::collect(true);
        drop(Vec02::<u8, _>::with_capacity_in(1 << 20, MiMalloc));
    }

    /// Passes heaps through raw pointers, as C code would.
    fn raw_heaps() {
        let heap = Heap::new().unwrap();
        let blocks = fill(&heap);
        let raw = core::ptr::NonNull::new(heap.into_raw()).unwrap();
        // SAFETY: `into_raw` gave the heap up, and no other code has the
        // pointer.
        let mut heap = unsafe { Heap::from_raw(raw) };
        let deleted = Heap::new().unwrap();
        let kept = fill(&deleted);
        at_late_end(move || {
            // SAFETY: no other thread uses the heap, and the heap is not the
            // thread's default.
            unsafe { deleted.delete_keeping_blocks() };
            check(are_whole(&kept), "blocks stay");
            for block in kept {
                // SAFETY: the deleted heap kept the block, and nothing uses the
                // block again.
                unsafe { mimalloc::ffi::mi_free(block.as_ptr().cast_mut().cast()) };
            }
            use_late(&mut heap);
            check(are_whole(&blocks), "blocks stay");
            drop(heap);
        });
    }

    /// Leaves a heap to a key of the main thread, whose destructors do not run
    /// when the process ends.
    fn ends_with_main() {
        let heap = Heap::new().unwrap();
        fill(&heap);
        at_late_end(move || drop(heap));
    }
}
