//! Checks which arena memory comes from: exclusive arenas are for their heaps alone,
//! and a heap prefers the arena of its NUMA node.
//!
//! The test has a process of its own and no harness, because it takes the system's
//! memory away: mimalloc has nothing but the arenas of this file.

#![cfg_attr(mimalloc_other_version, allow(dead_code, unused_imports))]

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2_02::alloc::Allocator as _;
use mimalloc::arena::{ArenaOptions, RegionAttributes};
use mimalloc::{Arena, Heap, MiMalloc};

#[global_allocator]
static SYSTEM: std::alloc::System = std::alloc::System;

const MIB: usize = 1 << 20;
const SIZE: usize = 64 * MIB;

// As if the machine had two nodes.
#[cfg(not(mimalloc_other_version))]
mimalloc::startup_options! { use_numa_nodes = 2 }

/// Makes an arena at a node, of memory that the system gave to this test.
fn at_node(options: ArenaOptions, node: u16) -> Arena {
    // Engine v3 aligns arenas to 256 MiB at most.
    let layout = Layout::from_size_align(SIZE, 256 * MIB).unwrap();
    // SAFETY: the layout has a size.
    let start = unsafe { std::alloc::alloc_zeroed(layout) };
    let attributes = RegionAttributes {
        committed: true,
        pinned: false,
        zeroed: true,
    };
    let options = options.numa_node(Some(node));
    let start = NonNull::new(start).unwrap();
    // SAFETY: the memory is fresh, zeroed and never freed, and no other code has it.
    unsafe { options.manage(start, SIZE, attributes) }.unwrap()
}

/// Takes blocks until there is no memory, and returns the number of blocks in each
/// arena.
fn fill<const N: usize>(heap: Option<&Heap>, arenas: [Arena; N]) -> [usize; N] {
    let layout = Layout::from_size_align(MIB, 8).unwrap();
    let mut counts = [0; N];
    let mut blocks = Vec::new();
    while let Ok(block) =
        heap.map_or_else(|| MiMalloc.allocate(layout), |heap| heap.allocate(layout))
    {
        // SAFETY: the block is live, and `u8` may be any byte.
        let first = unsafe { block.cast::<core::mem::MaybeUninit<u8>>().as_ref() };
        let inside: Vec<usize> = (0..N).filter(|&at| arenas[at].contains(first)).collect();
        assert_eq!(inside.len(), 1, "a block is in the arenas {inside:?}");
        counts[inside[0]] += 1;
        blocks.push(block);
        assert!(blocks.len() < N * SIZE / MIB);
    }
    for block in blocks {
        // SAFETY: the block was allocated above with this layout. Each block of
        // mimalloc may be freed through the default heap.
        unsafe { MiMalloc.deallocate(block.cast(), layout) };
    }
    counts
}

#[cfg(not(mimalloc_other_version))]
fn main() {
    // Engine v2 needs a page for small blocks when it makes an arena.
    if cfg!(mimalloc_v2) {
        assert!(MiMalloc.allocate(Layout::new::<u64>()).is_ok());
    }
    mimalloc::Option::DisallowOsAlloc.enable().unwrap();
    // Engine v2 would still make arenas.
    mimalloc::Option::ArenaReserve.set(0).unwrap();
    // What mimalloc has taken from the system so far is used up.
    let layout = Layout::from_size_align(MIB, 8).unwrap();
    let taken = (0..2_000).take_while(|_| MiMalloc.allocate(layout).is_ok());
    assert!(taken.count() < 2_000);

    // Arenas are exclusive unless told otherwise.
    let exclusive = [
        Arena::reserve(SIZE).unwrap(),
        Arena::options().exclusive(true).reserve(SIZE).unwrap(),
        Arena::options()
            .commit(true)
            .exclusive(true)
            .reserve(SIZE)
            .unwrap(),
        at_node(Arena::options(), 0),
    ];
    assert_eq!(fill(None, exclusive), [0; 4]);

    let open = [0, 1].map(|node| at_node(Arena::options().exclusive(false), node));
    #[cfg(mimalloc_v3)]
    for node in 0..2_u16 {
        let other = usize::from(1 - node);
        let mut heap = Heap::new().unwrap();
        heap.set_numa_affinity(Some(node));
        let first = heap.alloc([1_u8; 100_000]).unwrap();
        assert!(open[usize::from(node)].contains(first), "node {node}");
        assert!(!open[other].contains(first), "node {node}");
    }

    // All open arenas fill up, and no other one.
    let [a, b, c, d] = exclusive;
    let counts = fill(None, [open[0], open[1], a, b, c, d]);
    assert!(counts[0] > 40 && counts[1] > 40, "{counts:?}");
    assert_eq!(counts[2..], [0; 4]);
    for arena in exclusive {
        arena
            .scope(|heap| {
                let [own, rest @ ..] = fill(Some(heap), [arena, open[0], open[1]]);
                assert!(own > 20, "{own}");
                assert_eq!(rest, [0; 2]);
            })
            .unwrap();
    }
    println!("ok");
}

#[cfg(mimalloc_other_version)]
fn main() {}
