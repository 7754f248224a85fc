//! Measures when freed memory goes back to the system: resident memory after
//! each step, for each way to free a quarter of a gigabyte.
//!
//! ```text
//! cargo bench -p mimalloc-benches --bench give_back
//! MIMALLOC_PURGE_DELAY=0 cargo bench -p mimalloc-benches --bench give_back -- drop
//! ```
//!
//! Each way runs in a process of its own. A name behind `--` runs one way. Only
//! Linux has the `/proc` that the figures come from.

use core::error::Error;
use core::hint::black_box;
use core::mem;
use core::time::Duration;
use std::env;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Instant;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box as HeapBox;
use allocator_api2::vec::Vec as HeapVec;
use mimalloc::{Heap, MiMalloc};

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

type Result<T = ()> = core::result::Result<T, Box<dyn Error>>;
type Blocks<A> = HeapVec<HeapBox<[u8; 112], A>, A>;

const BLOCKS: usize = 2 << 20;

/// The name of a way on the command line, and the function that it runs.
type Way = (&'static str, fn() -> Result);

const WAYS: [Way; 5] = [
    ("default", from_the_default_heap),
    ("drop", drop_a_heap),
    ("reset", reset_a_heap),
    ("tenth", keep_every_tenth),
    ("buffers", use_buffers_in_turn),
];

fn main() -> Result {
    // cargo passes `--bench`.
    if let Some(name) = env::args().skip(1).find(|arg| !arg.starts_with('-')) {
        let way = WAYS.iter().find(|way| way.0 == name);
        let (_, run) = way.ok_or_else(|| format!("no way is called {name}"))?;
        return run();
    }
    for (name, _) in WAYS {
        let status = Command::new(env::current_exe()?).arg(name).status()?;
        if !status.success() {
            return Err(format!("{name} failed").into());
        }
    }
    Ok(())
}

/// Drops the blocks of the default heap one by one.
fn from_the_default_heap() -> Result {
    println!("blocks in the default heap");
    show("at the start")?;
    let blocks = fill(MiMalloc);
    show("filled")?;
    drop(blocks);
    show("every block dropped")?;
    later()?;
    mimalloc::collect(false);
    show("collect(false)")?;
    mimalloc::collect(true);
    show("collect(true)")
}

/// Drops a heap with its blocks.
fn drop_a_heap() -> Result {
    println!("blocks in a heap that is dropped");
    show("at the start")?;
    let heap = Heap::new()?;
    mem::forget(fill(&heap));
    show("filled")?;
    drop(heap);
    show("heap dropped")?;
    later()?;
    mimalloc::collect(true);
    show("collect(true)")
}

/// Fills a heap, resets the heap and fills it again.
fn reset_a_heap() -> Result {
    println!("blocks in a heap that is reset, three times");
    show("at the start")?;
    let mut heap = Heap::new()?;
    for _ in 0..3 {
        mem::forget(fill(&heap));
        show("filled")?;
        heap.reset()?;
        show("heap reset")?;
    }
    later()
}

/// Keeps a block in every page, so that no collect can give a page back.
fn keep_every_tenth() -> Result {
    println!("blocks in a heap, every tenth is kept");
    show("at the start")?;
    let heap = Heap::new()?;
    let mut blocks = fill(&heap);
    show("filled")?;
    let mut place = 0;
    blocks.retain(|_| {
        place += 1;
        place % 10 == 0
    });
    heap.collect(true);
    show("nine of ten dropped, collect(true)")?;

    let other = Heap::new()?;
    let mut kept: Blocks<&Heap> = HeapVec::with_capacity_in(blocks.len(), &other);
    kept.extend(blocks.iter().map(|block| HeapBox::new_in(**block, &other)));
    drop(blocks);
    drop(heap);
    show("moved to another heap, the first dropped")?;
    later()
}

/// Makes, writes and drops a large buffer, again and again.
fn use_buffers_in_turn() -> Result {
    const ROUNDS: u32 = 50;
    const MIB: usize = 64;

    println!("a buffer of {MIB} MiB, made, written and dropped {ROUNDS} times");
    show("at the start")?;
    let faults = page_faults()?;
    let mut time = Duration::ZERO;
    for round in 0..ROUNDS {
        let start = Instant::now();
        let mut buffer: Vec<u8> = Vec::with_capacity(MIB << 20);
        // One byte in each page of the system.
        for page in buffer.spare_capacity_mut().chunks_mut(4096) {
            page[0].write(round.to_le_bytes()[0]);
        }
        drop(black_box(buffer));
        time += start.elapsed();
        // The buffer of the next frame comes a little later.
        thread::sleep(Duration::from_millis(1));
    }
    let faults = (page_faults()? - faults) / u64::from(ROUNDS);
    let time = (time / ROUNDS).as_micros();
    println!("  a round takes {time} us and {faults} page faults");
    show("after the last round")
}

fn fill<A: Allocator + Copy>(alloc: A) -> Blocks<A> {
    let mut blocks = HeapVec::with_capacity_in(BLOCKS, alloc);
    blocks.extend((0..BLOCKS).map(|i| HeapBox::new_in([i.to_le_bytes()[0]; 112], alloc)));
    blocks
}

/// Waits for longer than the purge delay, which is 4 s on engine v3 and less on
/// v2. mimalloc has no thread of its own, so nothing happens until the next
/// call purges.
fn later() -> Result {
    thread::sleep(Duration::from_secs(5));
    show("five seconds later")?;
    for size in 1..100_000 {
        drop(black_box(Vec::<u8>::with_capacity(size)));
    }
    show("and some other work")
}

/// Returns how many pages the system has given to the process.
fn page_faults() -> Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in parentheses, may contain anything.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let minor = fields.split_whitespace().nth(7);
    Ok(minor.ok_or("/proc/self/stat is short")?.parse()?)
}

fn show(when: &str) -> Result {
    let status = fs::read_to_string("/proc/self/status")
        .map_err(|error| format!("this needs Linux's /proc: {error}"))?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
        .ok_or("no VmRSS in /proc/self/status")?;
    let mib = resident.parse::<usize>()? / 1024;
    println!("  {when:42} {mib:>5} MiB");
    Ok(())
}
