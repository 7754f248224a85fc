//! Heaps owned by pthread keys that were made after mimalloc's: their destructors
//! run when mimalloc is done with the thread already. On engine v2 the heaps are
//! dead by then; what was in them stays valid.
//!
//! `mimalloc` for global allocator makes sure that its key comes first.

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
    if let Some(name) = std::env::args().nth(1) {
        tests::run(&name);
        return;
    }
    // 2.5.2 asserts that a heap knows the pages of one that it takes over, which it
    // does not.
    if cfg!(all(mimalloc_v2, mimalloc_assertions)) {
        println!("skipped: mimalloc's own assertions fail here");
        return;
    }
    for name in children {
        let program = std::env::current_exe().unwrap();
        let mut child = std::process::Command::new(program);
        let output = child.arg(name).output().unwrap();
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

    /// What is to run late on a thread.
    type Late = Box<dyn FnOnce()>;

    /// How many destructors have run.
    static RUN: AtomicUsize = AtomicUsize::new(0);

    /// Runs `late` when mimalloc is done with the thread, as a pool of
    /// thread-locals by pthread keys would drop a value.
    fn at_late_end(late: impl FnOnce() + 'static) {
        static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();

        unsafe extern "C" fn destructor(late: *mut c_void) {
            // SAFETY: the key holds nothing but boxes from below, each once.
            let late = unsafe { Box::from_raw(late.cast::<Late>()) };
            late();
            RUN.fetch_add(1, Ordering::SeqCst);
        }
        let key = *KEY.get_or_init(|| {
            let mut key = 0;
            // SAFETY: the key is written to a variable of its type.
            let made = unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) };
            assert_eq!(made, 0);
            key
        });
        let late: *mut Late = Box::into_raw(Box::new(Box::new(late)));
        // SAFETY: a key that was made.
        let set = unsafe { libc::pthread_setspecific(key, late.cast()) };
        check(set == 0, "the key takes a value");
    }

    /// A panic at the end of a thread would end the process anyway.
    fn check(is_right: bool, what: &str) {
        if !is_right {
            eprintln!("wrong: {what}");
            abort();
        }
    }

    fn on_threads(run: fn()) {
        for _ in 0..20 {
            let threads: Vec<_> = (0..3).map(|_| thread::spawn(run)).collect();
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        }
    }

    fn fill(heap: &Heap) -> Vec<&'static [u64]> {
        let blocks = (0..500_usize).map(|n| {
            let size = [1, 30, 2_000, 30_000][n % 4];
            let block = heap.alloc_slice_with(size, |_| n as u64).unwrap();
            // SAFETY: the tests look at blocks only while the heap lives, or,
            // on engine v2, after it died with its thread, when nothing frees
            // them.
            unsafe { core::slice::from_raw_parts(block.as_ptr(), block.len()) }
        });
        blocks.collect()
    }

    fn are_whole(blocks: &[&[u64]]) -> bool {
        (blocks.iter().zip(0..)).all(|(block, n)| block.iter().all(|&word| word == n))
    }

    /// Uses everything that a heap has, knowing that its thread has ended.
    fn use_late(heap: &mut Heap) {
        let allocated = [
            heap.alloc(1_u64).is_ok(),
            heap.alloc([1_u64; 100_000]).is_ok(),
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
        // The thread's own allocation goes on.
        check(vec![1_u8; 1000].iter().all(|&byte| byte == 1), "plain");
    }

    pub(super) fn run(name: &str) {
        let expected = match name {
            "keeps" => {
                on_threads(keeps);
                60
            }
            "twice" => {
                on_threads(twice);
                120
            }
            "guard" => {
                on_threads(guard);
                60
            }
            "shared" => {
                on_threads(shared);
                60
            }
            "foreign" => {
                (0..30).for_each(|_| foreign());
                30
            }
            "raw" => {
                on_threads(raw_heaps);
                60
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

    /// An owned heap with blocks in it.
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
                // A fresh heap, which is alive.
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

    /// The thread is initialised again, and ends again.
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

    /// A guard that is dropped late has nothing to restore on v2, nor has one
    /// that is made late.
    fn guard() {
        struct Both {
            guard: Option<DefaultGuard<'static>>,
            heap: &'static Heap,
        }
        let heap: &'static Heap = Box::leak(Box::new(Heap::new().unwrap()));
        // On v3 a late drop is against the contract.
        // SAFETY: dropped on this thread, and nothing allocated by then is used
        // after the heap.
        let guard = cfg!(mimalloc_v2).then(|| unsafe { heap.set_default() });
        let mut both = Both { guard, heap };
        at_late_end(move || {
            drop(both.guard.take());
            check(vec![7_u8; 100_000][99_999] == 7, "plain allocation goes on");
            if cfg!(mimalloc_v2) {
                // SAFETY: as above.
                let guard = unsafe { both.heap.set_default() };
                let text = "plain allocation ".repeat(100);
                check(text.len() == 1_700, "plain allocation goes on");
                check(!both.heap.contains(&*text), "and not in a dead heap");
                drop(guard);
            }
            // SAFETY: it came from a box, and nothing refers to it any more.
            drop(unsafe { Box::from_raw(core::ptr::from_ref(both.heap).cast_mut()) });
        });
    }

    /// Collections that own their heap.
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

    /// Blocks that other threads free while the thread ends.
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
                    // Its blocks are still being freed.
                    core::mem::forget(heap);
                }
            });
        });
        let freer = thread::spawn(move || {
            for block in take.iter().flatten() {
                let block = core::ptr::with_exposed_provenance_mut::<usize>(block);
                // SAFETY: a block of mimalloc that nobody else has.
                unsafe { mimalloc::ffi::mi_free(block.cast()) };
            }
        });
        owner.join().unwrap();
        freer.join().unwrap();
        // Frees what ended threads left, too.
        mimalloc::collect(true);
        drop(Vec02::<u8, _>::with_capacity_in(1 << 20, MiMalloc));
    }

    /// Heaps that go through C's hands.
    fn raw_heaps() {
        let heap = Heap::new().unwrap();
        let blocks = fill(&heap);
        let raw = core::ptr::NonNull::new(heap.into_raw()).unwrap();
        // SAFETY: it was just given up.
        let mut heap = unsafe { Heap::from_raw(raw) };
        let deleted = Heap::new().unwrap();
        let kept = fill(&deleted);
        at_late_end(move || {
            // SAFETY: nobody else uses the heap's blocks.
            unsafe { deleted.delete_keeping_blocks() };
            check(are_whole(&kept), "blocks stay");
            for block in kept {
                // SAFETY: a block of mimalloc that is not used again.
                unsafe { mimalloc::ffi::mi_free(block.as_ptr().cast_mut().cast()) };
            }
            use_late(&mut heap);
            check(are_whole(&blocks), "blocks stay");
            drop(heap);
        });
    }

    /// The keys of the main thread have no destructors when the process ends.
    fn ends_with_main() {
        let heap = Heap::new().unwrap();
        fill(&heap);
        at_late_end(move || drop(heap));
    }
}
