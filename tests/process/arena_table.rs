//! Makes more arenas than mimalloc can hold.
//!
//! The test has a process of its own, because mimalloc never gives an arena
//! back.

use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use mimalloc::{Arena, ArenaError, Heap, MiMalloc};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewInArena as _};

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

fn main() {
    let mut arenas = Vec::new();
    // A reservation gets all of its entries or none, even when some are left.
    #[cfg(all(mimalloc_v3, target_pointer_width = "64", not(mimalloc_other_version)))]
    {
        let large = Arena::reserve(40 << 30).unwrap();
        assert_eq!(large.capacity(), 40 << 30);
        while mimalloc::stats::Stats::get().unwrap().arena_count < 158 {
            arenas.push(Arena::reserve(32 << 20).unwrap());
        }
        assert_eq!(Arena::reserve(40 << 30), Err(ArenaError::TableFull));
    }
    let error = loop {
        match Arena::reserve(32 << 20) {
            Ok(arena) => arenas.push(arena),
            Err(error) => break error,
        }
        assert!(arenas.len() < 1_000);
    };
    // A version without statistics can't tell why there was no arena. A 32-bit
    // address space may end before the table does.
    if cfg!(any(mimalloc_other_version, target_pointer_width = "32")) {
        let reasons = [ArenaError::TableFull, ArenaError::OutOfMemory];
        assert!(reasons.contains(&error), "{error:?}");
    } else {
        assert_eq!(error, ArenaError::TableFull);
    }
    assert!(arenas.len() > 50, "only {} arenas", arenas.len());

    // All arenas work, and so does everything else.
    for &arena in &arenas {
        let heap = arena.new_heap().unwrap();
        let block = Box02::new_in([1_u8; 1000], &heap);
        assert!(arena.contains(&*block));
    }
    let heap = Heap::new().unwrap();
    let large = if cfg!(target_pointer_width = "32") {
        1 << 20
    } else {
        300 << 20
    };
    let mut list: Vec02<u8, _> = Vec02::with_capacity_in(large, &heap);
    list.push(1);
    assert!(vec![1_u8; large / 3].iter().all(|&byte| byte == 1));
    assert_eq!(Arena::reserve(32 << 20), Err(error));
}
