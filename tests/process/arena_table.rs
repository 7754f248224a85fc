//! More arenas than mimalloc can hold, in a process of its own as none is ever
//! given back.

use allocator_api2_02::boxed::Box as Box02;
use allocator_api2_02::vec::Vec as Vec02;
use mimalloc::{Arena, ArenaError, Heap, MiMalloc};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewInArena as _};

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

fn main() {
    let mut arenas = Vec::new();
    // All that is asked for or nothing, also when there are entries for some.
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
    // Versions without statistics can't tell why there was none.
    if cfg!(mimalloc_other_version) {
        let reasons = [ArenaError::TableFull, ArenaError::OutOfMemory];
        assert!(reasons.contains(&error), "{error:?}");
    } else {
        assert_eq!(error, ArenaError::TableFull);
    }
    assert!(arenas.len() > 50, "only {} arenas", arenas.len());

    // All of them work, and so does everything else.
    for &arena in &arenas {
        let heap = arena.new_heap().unwrap();
        let block = Box02::new_in([1_u8; 1000], &heap);
        assert!(arena.contains(&*block));
    }
    let heap = Heap::new().unwrap();
    let mut large: Vec02<u8, _> = Vec02::with_capacity_in(300 << 20, &heap);
    large.push(1);
    assert!(vec![1_u8; 100 << 20].iter().all(|&byte| byte == 1));
    assert_eq!(Arena::reserve(32 << 20), Err(error));
}
