//! Makes and ends what the crate has, thousands of times, and looks for what is left:
//! heaps, blocks, committed and resident memory.
//!
//! The test has a process of its own and no harness, because the memory of other tests
//! would count.

use std::alloc::Layout;
use std::thread;

use allocator_api2_02::alloc::Allocator as _;
use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use mimalloc::hooks::{self, Output};
use mimalloc::stats::process_info;
use mimalloc::{Arena, Heap, HeapString, MiMalloc, SharedHeap, format_in};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewShared as _};

#[global_allocator]
static SYSTEM: std::alloc::System = std::alloc::System;

/// Is how much a scenario may take for good. A leak of a page or a text in each round
/// takes more.
const SLACK: usize = 6 << 20;
const ROUNDS: usize = 2_000;
/// Is whether the end of a heap frees the blocks in the heap.
const END_FREES: bool = !cfg!(all(
    mimalloc_v2,
    any(mimalloc_other_version, mimalloc_guarded)
));

/// Counts what is in use.
#[derive(Clone, Copy, Debug)]
struct InUse {
    /// Live heaps, on engine v3.
    heaps: i64,
    /// Live blocks, on engine v3.
    blocks: i64,
    committed: usize,
    resident: usize,
}

impl InUse {
    fn now() -> Self {
        mimalloc::collect(true);
        let (heaps, blocks) = counts();
        let info = process_info();
        Self {
            heaps,
            blocks,
            committed: info.current_commit,
            resident: info.current_rss.unwrap_or(0),
        }
    }
}

#[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
fn counts() -> (i64, i64) {
    let stats = mimalloc::stats::Stats::get().unwrap();
    let live = stats.malloc_bins().map(|bin| bin.count.current).sum();
    (stats.heaps.current, live)
}

#[cfg(not(all(mimalloc_v3, not(mimalloc_other_version))))]
fn counts() -> (i64, i64) {
    (0, 0)
}

/// Runs a scenario until the caches are full, and then for many rounds.
fn leaves_nothing(name: &str, rounds: usize, mut round: impl FnMut(usize)) {
    for at in 0..rounds / 10 {
        round(at);
    }
    let before = InUse::now();
    for at in 0..rounds {
        round(at);
    }
    let after = InUse::now();
    assert_eq!(after.heaps, before.heaps, "{name}: heaps");
    // A few blocks are mimalloc's own, for the thread.
    let blocks = after.blocks - before.blocks;
    assert!(blocks < 10, "{name}: {blocks} blocks");
    for (what, before, after) in [
        ("committed", before.committed, after.committed),
        ("resident", before.resident, after.resident),
    ] {
        let more = after.saturating_sub(before);
        assert!(more < SLACK, "{name}: {more} more bytes {what}");
    }
}

/// Leaves blocks in a heap, for the end of the heap or a reset.
fn forget_in(heap: &Heap, at: usize) {
    for size in [16, 500, 9_000] {
        let layout = Layout::from_size_align(size + at % 7, 8).unwrap();
        let block = heap.allocate(layout).unwrap();
        if !END_FREES {
            // SAFETY: the block was allocated just now with this layout.
            unsafe { heap.deallocate(block.cast(), layout) };
        }
    }
}

fn heaps() {
    leaves_nothing("new and drop", ROUNDS, |at| {
        forget_in(&Heap::new().unwrap(), at);
    });
    leaves_nothing("scope", ROUNDS, |at| {
        Heap::scope(|heap| forget_in(heap, at)).unwrap();
    });
    let mut heap = Heap::new().unwrap();
    leaves_nothing("reset", ROUNDS, |at| {
        forget_in(&heap, at);
        heap.reset().unwrap();
    });
    leaves_nothing("reset that keeps nothing", ROUNDS, |at| {
        forget_in(&heap, at);
        heap.reset_keeping(0).unwrap();
    });
    leaves_nothing("collections", ROUNDS, |at| {
        let list: Vec02<u8, _> = Vec02::with_capacity_in(9_000 + at % 7, &heap);
        drop(list.clone());
        heap.with_local(|local| drop(Box02::new_in([at; 1_000], local)));
    });
    leaves_nothing("raw", ROUNDS, |at| {
        let heap = Heap::new().unwrap();
        forget_in(&heap, at);
        let raw = core::ptr::NonNull::new(heap.into_raw()).unwrap();
        // SAFETY: `into_raw` gave the heap up, and no other code has the pointer.
        drop(unsafe { Heap::from_raw(raw) });
    });
    leaves_nothing("delete", ROUNDS, |at| {
        let heap = Heap::new().unwrap();
        let layout = Layout::from_size_align(9_000 + at % 7, 8).unwrap();
        let block = heap.allocate(layout).unwrap();
        // SAFETY: this thread alone has the block and the heap, which is no default.
        unsafe { heap.delete_keeping_blocks() };
        // SAFETY: the block outlives its heap, and is freed once.
        unsafe { MiMalloc.deallocate(block.cast(), layout) };
    });
    leaves_nothing("visits", ROUNDS, |at| {
        forget_in(&heap, at);
        assert!(heap.areas().unwrap().len() > 0 || !END_FREES);
        assert!(heap.blocks().unwrap().len() > 2 || !END_FREES);
        heap.reset().unwrap();
    });
}

/// Resets that take a new heap, and heaps in an arena.
fn heaps_that_are_replaced() {
    if !END_FREES {
        // Pages of ended heaps stay in the arena.
        return;
    }
    let arena = Arena::reserve(256 << 20).unwrap();
    let mut heap = Heap::new().unwrap();
    leaves_nothing("reset into an arena", ROUNDS, |at| {
        forget_in(&heap, at);
        heap.reset_in(arena).unwrap();
    });
    leaves_nothing("scope in an arena", ROUNDS, |at| {
        arena.scope(|heap| forget_in(heap, at)).unwrap();
    });
    #[cfg(mimalloc_v3)]
    leaves_nothing("reset of a heap that threads used", 200, |at| {
        forget_in(&heap, at);
        let shared = &heap;
        thread::scope(|scope| scope.spawn(|| forget_in(shared, at)).join()).unwrap();
        heap.reset().unwrap();
    });
}

fn shared_heaps() {
    leaves_nothing("shared heap", ROUNDS, |at| {
        let heap = SharedHeap::new().unwrap();
        forget_in(&heap, at);
        let mut handles: Vec<_> = (0..3).map(|_| heap.clone()).collect();
        drop(heap);
        let mut list = Vec02::new_in(handles.swap_remove(at % 3));
        list.push(at);
        handles.truncate(1);
        drop(list.clone());
    });
    leaves_nothing("shared heap of a heap", ROUNDS, |at| {
        let heap = Heap::new().unwrap();
        forget_in(&heap, at);
        drop(SharedHeap::from_heap(heap).unwrap());
    });
    #[cfg(mimalloc_v3)]
    leaves_nothing("shared heap on threads", 200, |at| {
        let heap = SharedHeap::new().unwrap();
        let other = heap.clone();
        let thread = thread::spawn(move || forget_in(&other, at));
        forget_in(&heap, at);
        drop(heap);
        thread.join().unwrap();
    });
}

#[cfg(mimalloc_owned_heaps)]
fn pools() {
    use mimalloc::HeapPool;

    let pool = HeapPool::options().max_idle(3).build();
    leaves_nothing("pool", ROUNDS, |at| {
        let heaps: Vec<_> = (0..1 + at % 5).map(|_| pool.take().unwrap()).collect();
        heaps.iter().for_each(|heap| forget_in(heap, at));
        let list = Vec02::<usize, _>::with_capacity_in(10, pool.take_owned().unwrap());
        drop((heaps, list));
        if at % 100 == 0 {
            pool.clear();
        }
    });
    leaves_nothing("pools", ROUNDS / 2, |at| {
        let pool = HeapPool::new();
        forget_in(&pool.take().unwrap(), at);
        forget_in(&pool.clone().take().unwrap(), at);
    });
    #[cfg(mimalloc_v3)]
    leaves_nothing("pool on threads", 200, |at| {
        let heap = pool.take().unwrap();
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                forget_in(&heap, at);
                forget_in(&pool.take().unwrap(), at);
            });
            thread.join()
        })
        .unwrap();
    });
}

#[cfg(not(mimalloc_owned_heaps))]
fn pools() {}

fn texts() {
    let long = "x".repeat(9_000);
    let c_text = std::ffi::CString::new(&*long).unwrap();
    let heap = Heap::new().unwrap();
    leaves_nothing("text", ROUNDS, |at| {
        let mut text = HeapString::from_str_in(&long, &heap);
        text.push_str(&long);
        drop(text.clone().into_boxed_str());
        drop(text.clone().into_bytes());
        drop(format_in!(MiMalloc, "{long}{at}"));
        assert!(HeapString::try_from_str_in(&text, &heap).is_ok());
        text.clear();
        text.shrink_to_fit();
    });
    leaves_nothing("C strings", ROUNDS, |_| {
        let copy = heap.strdup(&c_text).unwrap();
        assert_eq!(heap.strndup(&copy, 8_999).unwrap().count_bytes(), 8_999);
        let raw = MiMalloc.strdup(&copy).unwrap().into_raw();
        // SAFETY: `into_raw` gave the string up.
        drop(unsafe { mimalloc::HeapCString::<MiMalloc>::from_raw(raw) });
    });
    #[cfg(unix)]
    leaves_nothing("paths", ROUNDS, |_| {
        drop(heap.realpath(c"/usr/../usr").unwrap());
        assert!(heap.realpath(c"/no/such/file").is_err());
        drop(MiMalloc.realpath(c"/").unwrap());
    });
}

/// Text about mimalloc, which goes through buffers of the crate.
fn reports() {
    fn ignore(_: &[u8]) {}
    // SAFETY: the hook does nothing.
    unsafe { hooks::set_output_hook(ignore) };
    leaves_nothing("printed statistics", ROUNDS, |_| mimalloc::stats::print());
    hooks::set_output(Output::Stderr);
    #[cfg(not(mimalloc_other_version))]
    leaves_nothing("JSON", ROUNDS, |_| {
        drop(MiMalloc::stats_json().unwrap());
    });
}

/// Threads that come and go leave nothing, in the default heap or in others.
fn threads() {
    let work = |at: usize| {
        let text = HeapString::from_str_in("on a thread", MiMalloc);
        assert!(text.len() > 10);
        Heap::scope(|heap| forget_in(heap, at)).unwrap();
    };
    leaves_nothing("threads", 300, |at| {
        thread::scope(|scope| scope.spawn(|| work(at)).join()).unwrap();
    });
}

/// Requests that fail leave nothing.
fn failures() {
    let arena = Arena::reserve(64 << 20).unwrap();
    arena
        .scope(|heap| {
            leaves_nothing("failed requests", ROUNDS, |_| {
                assert!(heap.alloc_slice_with(65 << 20, |_| 0_u8).is_err());
                let mut list: Vec02<u8, _> = Vec02::new_in(heap);
                list.try_reserve(9_000).unwrap();
                assert!(list.try_reserve(65 << 20).is_err());
            });
        })
        .unwrap();
}

#[cfg(all(mimalloc_profile, not(mimalloc_other_version)))]
fn profiles() {
    use mimalloc::Profiler;

    let base = std::env::temp_dir().join(format!("mimalloc-leaks-{}", std::process::id()));
    let options = Profiler::options().sample_rate(1);
    let profiler = options.create(&base).unwrap();
    let mut kept = Heap::new().unwrap();
    profiler.attach_heap(&kept).unwrap();
    leaves_nothing("profiled heaps", ROUNDS, |at| {
        let heap = Heap::new().unwrap();
        profiler.attach_heap(&heap).unwrap();
        // To attach a profiler stops it.
        profiler.start();
        forget_in(&heap, at);
        drop(heap);
        forget_in(&kept, at);
        kept.reset().unwrap();
    });
    assert!(profiler.stop());
}

#[cfg(not(all(mimalloc_profile, not(mimalloc_other_version))))]
fn profiles() {}

fn main() {
    heaps();
    heaps_that_are_replaced();
    shared_heaps();
    pools();
    texts();
    reports();
    threads();
    failures();
    profiles();
    println!("ok");
}
