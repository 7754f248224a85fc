//! Makes arenas of all kinds of memory, and checks how they limit the heaps in
//! them.

use core::mem::MaybeUninit;
use core::time::Duration;
use std::sync::OnceLock;
use std::thread;

use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use allocator_api2_04::vec::Vec as Vec04;
use hashbrown::{DefaultHashBuilder, HashMap};
use mimalloc::{Arena, ArenaError, Heap, MiMalloc};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewInArena as _};

const MIB: usize = 1 << 20;

/// Returns an arena that tests share. Arenas are never given back, so a test
/// that leaves its arena empty uses this one.
fn shared() -> Arena {
    static ARENA: OnceLock<Arena> = OnceLock::new();
    *ARENA.get_or_init(|| Arena::reserve(64 * MIB).unwrap())
}

/// Takes blocks of `size` until no memory is left, and returns the number of
/// blocks.
#[cfg(not(all(mimalloc_v2, any(mimalloc_other_version, mimalloc_guarded))))]
fn fill(heap: &Heap, size: usize) -> usize {
    let mut blocks = 0;
    let block = vec![1_u8; size];
    while heap.alloc_slice_copy(&block).is_ok() {
        blocks += 1;
        assert!(blocks <= 64 * MIB / size, "more than the arena holds");
    }
    blocks
}

#[test]
fn an_arena_tells_its_place_and_size() {
    let arena = Arena::reserve(64 * MIB).unwrap();
    assert_eq!(arena.capacity(), 64 * MIB);
    let area = arena.area().unwrap();
    let (start, size) = (area.cast::<u8>(), area.len());
    assert_eq!(size, 64 * MIB);
    assert_ne!(arena, shared());

    let heap = arena.new_heap().unwrap();
    let inside = heap.alloc([7_u8; 100]).unwrap();
    assert!(arena.contains(inside) && heap.contains(inside));
    let address = core::ptr::from_ref(inside).addr();
    assert!((start.as_ptr().addr()..start.as_ptr().addr() + size).contains(&address));
    assert!(!shared().contains(inside));
    assert!(!arena.contains(&0_u8) && !arena.contains("static"));
    let outside = Box02::new_in(1_u8, MiMalloc);
    assert!(!arena.contains(&*outside));
    // SAFETY: `as_raw` returned the id of an arena, and arenas live for ever.
    assert_eq!(unsafe { Arena::from_raw(arena.as_raw()) }, arena);
}

/// Makes an arena in a thread's first call of mimalloc.
#[test]
fn threads_that_never_allocated_make_arenas() {
    let made = thread::spawn(|| {
        let huge = Arena::options()
            .exclusive(false)
            .reserve_huge(1, Some(Duration::from_millis(1)));
        let arena = Arena::reserve(32 * MIB).unwrap();
        (huge.is_ok(), arena.capacity())
    });
    assert_eq!(made.join().unwrap().1, 32 * MIB);
}

#[test]
fn sizes_and_counts_that_cannot_be_are_errors() {
    assert!(matches!(
        Arena::reserve(0),
        Err(ArenaError::TooSmall { .. })
    ));
    assert_eq!(Arena::reserve(usize::MAX), Err(ArenaError::TooLarge));
    assert_eq!(
        Arena::reserve(isize::MAX as usize + 1),
        Err(ArenaError::TooLarge)
    );
    let most = if cfg!(all(mimalloc_v3, target_pointer_width = "64")) {
        ArenaError::TooLarge
    } else {
        ArenaError::OutOfMemory
    };
    assert_eq!(Arena::reserve(isize::MAX as usize), Err(most));
    #[cfg(target_pointer_width = "64")]
    assert_eq!(Arena::reserve(1 << 50), Err(most));
    // The system would give that much address space. Engine v3 lacks as many
    // arenas, and would use all of them up.
    #[cfg(all(mimalloc_v3, target_pointer_width = "64"))]
    {
        assert_eq!(Arena::reserve(1 << 46), Err(ArenaError::TooLarge));
        // More than half of 160 arenas of 16 GiB.
        assert_eq!(Arena::reserve(81 << 34), Err(ArenaError::TooLarge));
        let pages = Arena::options().reserve_huge(1 << 16, Some(Duration::ZERO));
        assert!(matches!(
            pages,
            Err(ArenaError::TooLarge | ArenaError::Pinned)
        ));
        assert_eq!(Arena::reserve(32 * MIB).unwrap().capacity(), 32 * MIB);
    }

    for timeout in [None, Some(Duration::ZERO), Some(Duration::from_millis(5))] {
        for exclusive in [false, true] {
            let none = Arena::options()
                .exclusive(exclusive)
                .reserve_huge(0, timeout);
            assert_eq!(none, Err(ArenaError::NoPages));
        }
        assert_eq!(
            Arena::reserve_huge_interleaved(0, 2, timeout),
            Err(ArenaError::NoPages)
        );
    }
}

/// Whether there are huge pages depends on the machine. The crate must answer
/// with an arena or a reason.
#[test]
fn huge_pages_are_an_arena_or_an_error() {
    let reasons = [
        ArenaError::NoHugePages,
        ArenaError::TimedOut,
        ArenaError::Pinned,
    ];
    for node in [None, Some(0), Some(u16::MAX)] {
        let options = Arena::options().numa_node(node);
        match options.reserve_huge(1, Some(Duration::from_secs(1))) {
            Ok(arena) => assert!(arena.capacity() > 0),
            Err(error) => assert!(reasons.contains(&error), "{error:?}"),
        }
    }
    // No machine has as many pages; some nodes may get theirs.
    match Arena::reserve_huge_interleaved(3, 0, Some(Duration::from_secs(1))) {
        Ok(()) => {}
        Err(error) => assert!(reasons.contains(&error), "{error:?}"),
    }
}

#[test]
fn errors_say_what_to_change() {
    for (error, advice) in [
        (ArenaError::TooSmall { minimum: 77 }, "at least 77 bytes"),
        (ArenaError::TooLarge, "ask for less"),
        (ArenaError::OutOfMemory, "ask for less"),
        (ArenaError::TableFull, "several heaps in one arena"),
        (ArenaError::NoPages, "at least one"),
        (ArenaError::NoHugePages, "nr_hugepages"),
        (ArenaError::TimedOut, "more time"),
        (ArenaError::Pinned, "lower level"),
        (
            ArenaError::Misaligned {
                alignment: 64,
                minimum: 99,
            },
            "at least 99 bytes",
        ),
    ] {
        let text = error.to_string();
        assert!(text.contains(advice), "{text:?} lacks {advice:?}");
    }
}

#[cfg(mimalloc_v3)]
#[test]
fn limits_are_those_of_the_engine() {
    let minimum = Arena::min_size();
    assert_eq!(
        Arena::reserve(minimum - 1),
        Err(ArenaError::TooSmall { minimum })
    );
    assert!(Arena::min_alignment().is_power_of_two());
    #[cfg(not(mimalloc_other_version))]
    assert!(Arena::max_object_size() > MIB);
    // Sizes are rounded down, so that a limit is never larger than requested.
    assert_eq!(Arena::reserve(minimum + MIB).unwrap().capacity(), minimum);
}

#[test]
fn a_full_arena_is_an_error_for_stable_collections() {
    let arena = Arena::reserve(64 * MIB).unwrap();
    let heap = arena.new_heap().unwrap();

    let mut list: Vec02<u8, _> = Vec02::new_in(&heap);
    assert!(list.try_reserve(65 * MIB).is_err());
    list.try_reserve_exact(16 * MIB).unwrap();
    list.extend_from_slice(&[1; 100]);
    assert!(list.try_reserve_exact(100 * MIB).is_err());
    assert_eq!(list, [1; 100]);

    let mut other: Vec04<u64, _> = Vec04::new_in(&heap);
    assert!(other.try_reserve(10 * MIB).is_err());
    other.try_reserve(MIB / 8).unwrap();

    let mut map =
        HashMap::<u64, [u64; 15], _, _>::with_hasher_in(DefaultHashBuilder::default(), &heap);
    let mut inserted = 0;
    while map.try_reserve(1).is_ok() {
        map.insert(inserted, [inserted; 15]);
        inserted += 1;
    }
    assert!(inserted > 1_000, "only {inserted} entries");
    assert!((0..inserted).all(|key| map[&key][14] == key));
    assert!(map.iter().all(|(_, value)| arena.contains(value)));

    // The rest of the program goes on.
    let elsewhere = Heap::new().unwrap();
    let mut plenty: Vec02<u8, _> = Vec02::with_capacity_in(100 * MIB, &elsewhere);
    plenty.push(1);
    drop(Box02::new_in([0_u8; 1000], MiMalloc));

    // Freed memory of the arena can be used again.
    drop((map, other));
    list.clear();
    list.shrink_to_fit();
    list.try_reserve_exact(16 * MIB).unwrap();
}

/// Fills a heap about as far as the first time. On engine v2, a part of an
/// arena is out of use while a thread, perhaps of another test, returns that
/// part to the system. There the fill may take several tries.
#[cfg(not(all(mimalloc_v2, any(mimalloc_other_version, mimalloc_guarded))))]
fn fills_again(first: usize, mut fill: impl FnMut() -> usize) {
    let tries = if cfg!(mimalloc_v2) { 200 } else { 1 };
    let mut again = 0;
    for _ in 0..tries {
        again = fill();
        if again * 100 > first * 90 {
            return;
        }
        std::thread::sleep(core::time::Duration::from_millis(10));
    }
    panic!("{again} blocks after {first}");
}

// Old versions and guarded builds of v2 keep forgotten blocks of a heap.
#[cfg(not(all(mimalloc_v2, any(mimalloc_other_version, mimalloc_guarded))))]
#[test]
fn a_heap_gives_its_part_of_the_arena_back() {
    let arena = Arena::reserve(64 * MIB).unwrap();
    let first = fill(&arena.new_heap().unwrap(), 1000);
    assert!(first > 1_000, "only {first} blocks of 1000 bytes");
    for _ in 0..5 {
        fills_again(first, || fill(&arena.new_heap().unwrap(), 1000));
    }
    let mut heap = arena.new_heap().unwrap();
    for _ in 0..3 {
        fills_again(first, || {
            let again = fill(&heap, 1000);
            heap.reset().unwrap();
            assert_eq!(heap.arena(), Some(arena));
            again
        });
    }
    assert_eq!(Heap::new().unwrap().arena(), None);
    // Two heaps share the arena.
    let taken = heap.alloc_slice_with(16 * MIB, |_| 1_u8).unwrap().len();
    let other = arena.scope(|heap| fill(heap, 1000)).unwrap();
    assert!(
        other * 1000 < 64 * MIB - taken,
        "{other} blocks in what is left"
    );
}

/// Checks that a thread without a theap gets an error in every build. A
/// hardened build of upstream would abort.
#[cfg(mimalloc_v3)]
#[test]
fn a_fresh_thread_at_a_full_arena_gets_an_error() {
    let arena = Arena::reserve(64 * MIB).unwrap();
    let heap = arena.new_heap().unwrap();
    for size in [MIB, 64 * 1024, 4096, 512, 64, 8] {
        fill(&heap, size);
    }
    let attempts = || {
        let mut list: Vec02<u8, _> = Vec02::new_in(&heap);
        assert!(list.try_reserve(1).is_err());
        assert!(list.try_reserve(100_000).is_err());
        assert!(Box02::try_new_in([0_u64; 99], &heap).is_err());
        assert!(Box02::<[u64; 9], _>::try_new_zeroed_in(&heap).is_err());
        assert!(heap.alloc(1_u8).is_err());
        assert!(heap.strdup(c"text").is_err());
        heap.with_local(|local| {
            assert!(Box02::try_new_in(1_u8, local).is_err());
            assert!(Vec02::<u8, _>::new_in(local).try_reserve(9000).is_err());
        });
        heap.collect(true);
        // The thread can still allocate elsewhere.
        assert_eq!(vec![3_u8; 10_000][9_999], 3);
        assert!(Box02::try_new_in(1_u8, MiMalloc).is_ok());
        let other = Heap::new().unwrap();
        assert!(other.alloc(1_u8).is_ok());
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(attempts);
        }
    });
    // The end of the heap frees its memory, also for fresh threads.
    drop(heap);
    let heap = arena.new_heap().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| assert!(heap.alloc([1_u8; 1000]).is_ok()));
    });
}

/// Lets threads fill one arena together. Each gets an error, and no worse.
#[cfg(mimalloc_v3)]
#[test]
fn threads_exhaust_an_arena_together() {
    let heap = shared().new_heap().unwrap();
    for _ in 0..3 {
        thread::scope(|scope| {
            for thread in 0..4_usize {
                let heap = &heap;
                scope.spawn(move || {
                    let mut kept: Vec<Box02<[usize; 50], &Heap>> = Vec::new();
                    while let Ok(next) = Box02::try_new_in([thread; 50], heap) {
                        kept.push(next);
                    }
                    assert!(kept.iter().all(|block| **block == [thread; 50]));
                });
            }
        });
    }
}

/// Makes an arena, or returns `None` at the highest level of hardening, which
/// refuses such memory.
fn from_static(memory: &'static mut [MaybeUninit<u8>]) -> Option<Arena> {
    match Arena::options().from_static(memory) {
        Err(ArenaError::Pinned) => None,
        arena => Some(arena.unwrap()),
    }
}

/// Returns memory of our own, as if from a static. The engine finds an aligned
/// part in memory of the right size.
fn memory(size: usize) -> &'static mut [MaybeUninit<u8>] {
    Box::leak(Box::new_uninit_slice(size))
}

#[test]
fn memory_of_our_own_becomes_an_arena() {
    let memory = memory(600 * MIB);
    let range = memory.as_ptr().addr()..memory.as_ptr().addr() + memory.len();
    let Some(arena) = from_static(memory) else {
        return;
    };
    let area = arena.area().unwrap();
    let (start, size) = (area.cast::<u8>(), area.len());
    // With a smaller alignment, the arena uses more of the memory.
    #[cfg(target_pointer_width = "64")]
    assert!(size >= 256 * MIB && size % (32 * MIB) == 0);
    assert!(size >= 64 * MIB);
    assert!(range.contains(&start.as_ptr().addr()));
    assert!(start.as_ptr().addr() + size <= range.end);

    let heap = arena.new_heap().unwrap();
    let mut list = Vec02::new_in(&heap);
    list.extend(0..1_000_000_u32);
    assert!(range.contains(&list.as_ptr().addr()) && arena.contains(list.as_slice()));
    assert!(list.iter().copied().eq(0..1_000_000));
    let zeroed = Box02::<[u8; 300_000], _>::new_zeroed_in(&heap);
    // SAFETY: all bytes are zero, and zero is a value of `u8`.
    let zeroed = unsafe { zeroed.assume_init() };
    assert!(mimalloc_tests::is_filled(&*zeroed, 0));
}

/// Checks that mimalloc clears memory that is not zero when a caller requests
/// zeroes.
#[test]
fn blocks_in_used_memory_of_our_own_are_zeroed() {
    // Engine v3 uses what is aligned, so that little memory has to be written. No
    // allocator need know such an alignment.
    const ALIGNMENT: usize = 256 * MIB;
    let layout = std::alloc::Layout::from_size_align(64 * MIB + ALIGNMENT, 4096).unwrap();
    // SAFETY: the layout has a size.
    let start = unsafe { std::alloc::alloc(layout) };
    assert!(!start.is_null());
    // SAFETY: at most the alignment is added, and so many bytes are before the last
    // 64 MiB.
    let start = unsafe { start.add(start.align_offset(ALIGNMENT)) };
    // SAFETY: 64 MiB of the block begin there.
    unsafe { start.write_bytes(0xA5, 64 * MIB) };
    // SAFETY: the bytes were just written, the block is never freed, and no other
    // reference to the block exists.
    let memory = unsafe { core::slice::from_raw_parts_mut(start.cast(), 64 * MIB) };
    let Some(arena) = from_static(memory) else {
        return;
    };
    let heap = arena.new_heap().unwrap();
    let mut blocks = 0;
    let small = core::iter::from_fn(|| Box02::<[u64; 11], _>::try_new_zeroed_in(&heap).ok());
    for block in small.take(1_000) {
        // SAFETY: all bytes are zero, and zero is a value of `u64`.
        assert_eq!(*unsafe { block.assume_init() }, [0; 11]);
        blocks += 1;
    }
    assert_eq!(blocks, 1_000);
    let mut kept = Vec::new();
    while let Ok(block) = Box02::<[u8; 300_000], _>::try_new_zeroed_in(&heap) {
        // SAFETY: all bytes are zero, and zero is a value of `u8`.
        let block = unsafe { block.assume_init() };
        assert!(block.iter().all(|&byte| byte == 0), "block {}", kept.len());
        kept.push(block);
    }
    assert!(kept.len() > 20, "only {} blocks", kept.len());
}

/// Checks the same with memory that mimalloc itself handed out before.
#[test]
fn leaked_memory_of_mimalloc_becomes_an_arena() {
    let leaked = Vec02::<MaybeUninit<u8>, _>::with_capacity_in(600 * MIB, MiMalloc).leak();
    // SAFETY: within the capacity; the elements need not be initialised.
    let memory = unsafe { core::slice::from_raw_parts_mut(leaked.as_mut_ptr(), 600 * MIB) };
    let Some(arena) = from_static(memory) else {
        return;
    };
    for round in 0..3 {
        let heap = arena.new_heap().unwrap();
        let mut parts = Vec::new();
        for n in 0..20_000_usize {
            parts.push(Box02::new_in([n + round; 60], &heap));
        }
        assert!(
            parts
                .iter()
                .enumerate()
                .all(|(n, part)| part[59] == n + round)
        );
    }
}

#[test]
fn too_little_memory_of_our_own_is_an_error() {
    let error = Arena::options().from_static(memory(100)).unwrap_err();
    if error == ArenaError::Pinned {
        return;
    }
    assert!(
        matches!(
            error,
            ArenaError::TooSmall { .. } | ArenaError::Misaligned { .. }
        ),
        "{error:?}"
    );
    // The memory is large enough but starts at an odd place. The error tells
    // how much would do.
    let memory = memory(600 * MIB);
    let odd = memory.as_ptr().align_offset(256 * MIB) + 8;
    let (_, rest) = memory.split_at_mut(odd);
    let (short, _) = rest.split_at_mut(32 * MIB);
    match Arena::options().from_static(short) {
        Err(ArenaError::Misaligned { minimum, .. }) => assert!(minimum > 32 * MIB),
        other => panic!("{other:?}"),
    }
}

#[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
#[test]
fn purging_keeps_what_is_in_use() {
    let heap = shared().new_heap().unwrap();
    let mut kept = Vec02::new_in(&heap);
    kept.extend(0..100_000_u32);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..50 {
                    drop(Vec02::<u8, _>::with_capacity_in(MIB, MiMalloc));
                    Arena::purge_all();
                }
            });
        }
    });
    assert!(kept.iter().copied().eq(0..100_000));
}
