//! Turns bytes into operations on heaps, arenas, pools, containers and threads,
//! and checks what they promise.
//!
//! The bytes come from a fuzzer (`tests/fuzz/`), or from a generator with a seed
//! (`process/fuzz.rs`). Every string of bytes is a valid program, so a panic is
//! always a finding.

mod bytes;
mod container;
mod slot;
mod worker;

use core::alloc::Layout;

use mimalloc::{Arena, Heap, HeapError, HeapPool, MiMalloc, SharedHeap};

use self::bytes::Bytes;
use self::container::Container;
use self::slot::{Owner, Slot};
use self::worker::{Job, Worker};
use crate::live::{Live, Resize};
use crate::subject::{Api02, Api04, Subject, Whole};

const MIB: usize = 1 << 20;

/// The number of the default heap in a list of blocks.
const DEFAULT: u64 = 0;

/// The number of bytes that may be live at once.
const LIVE: usize = 24 * MIB;

/// Holds what a process makes only once: arenas are never given back.
#[derive(Clone, Debug)]
struct Arenas {
    exclusive: Arena,
    open: Arena,
    /// Two heaps, each in an arena of its own.
    pool: HeapPool,
}

/// Runs programs of bytes, one after the other.
#[derive(Debug)]
pub struct Fuzzer {
    arenas: Arenas,
    count: u64,
}

impl Default for Fuzzer {
    fn default() -> Self {
        Self::new()
    }
}

impl Fuzzer {
    /// Reserves the arenas.
    ///
    /// # Panics
    ///
    /// Panics if there is no memory for the arenas.
    #[must_use]
    pub fn new() -> Self {
        let open = Arena::options().exclusive(false).reserve(64 * MIB);
        Self {
            arenas: Arenas {
                exclusive: Arena::reserve(128 * MIB).unwrap(),
                open: open.unwrap(),
                pool: HeapPool::options()
                    .build_in_arenas(IN_ARENAS, 64 * MIB)
                    .unwrap(),
            },
            count: 0,
        }
    }

    /// Runs a program, and returns the number of its operations.
    ///
    /// # Panics
    ///
    /// Panics if an allocator breaks a promise.
    pub fn run(&mut self, program: &[u8]) -> u64 {
        self.count += 1;
        let mut world = World::new(self.count, Some(&self.arenas));
        world.run(&mut Bytes::new(program));
        world.finish()
    }

    /// Gives the heaps back that the pool of the process keeps.
    pub fn clear(&mut self) {
        self.arenas.pool.clear();
    }
}

/// The number of heaps in the pool of exclusive arenas.
const IN_ARENAS: usize = 2;
/// The index of that pool.
const ARENA_POOL: usize = 3;
/// The number of heaps at once.
const SLOTS: usize = 7;

/// Holds what one program made.
struct World {
    context: u64,
    live: Live,
    slots: [Option<Slot>; SLOTS],
    containers: Vec<Container>,
    pools: Vec<HeapPool>,
    /// The number of heaps that are out of the pool of exclusive arenas.
    out: usize,
    workers: Vec<Worker>,
    arenas: Option<Arenas>,
    /// The number of the heap that was made last.
    last: u64,
    operations: u64,
}

impl World {
    /// Makes a world. Without `arenas`, the world is one within a thread of
    /// another, and has no threads.
    fn new(context: u64, arenas: Option<&Arenas>) -> Self {
        let mut pools = vec![
            HeapPool::new(),
            HeapPool::options().max_idle(1).keep_bytes(64 << 10).build(),
        ];
        if let Some(arenas) = arenas {
            pools.push(HeapPool::options().max_idle(2).build_in(arenas.exclusive));
            pools.push(arenas.pool.clone());
            assert_eq!(pools.len(), ARENA_POOL + 1);
        }
        let workers = if arenas.is_some() { 2 } else { 0 };
        Self {
            context,
            live: Live::new(context),
            slots: [const { None }; SLOTS],
            containers: Vec::new(),
            pools,
            out: 0,
            workers: (0..workers).map(|_| Worker::start()).collect(),
            arenas: arenas.cloned(),
            last: DEFAULT,
            operations: 0,
        }
    }

    fn run(&mut self, bytes: &mut Bytes<'_>) {
        while !bytes.is_empty() {
            self.step(bytes);
            self.operations += 1;
        }
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() {
            0..70 => self.allocate(bytes),
            70..110 => self.resize(bytes),
            110..165 => self.free(bytes),
            165..172 => self.free_elsewhere(bytes),
            172..186 => self.open(bytes),
            186..191 => self.close(bytes),
            191..200 => self.reset(bytes),
            200..206 => self.collect(bytes),
            206..212 => self.look(bytes),
            212..220 => self.values(bytes),
            220..227 => self.short_containers(bytes),
            227..238 => self.containers(bytes),
            238..241 => self.hand_over(bytes),
            241..244 => self.share(bytes),
            244..246 => self.world_elsewhere(bytes),
            246 => self.blocks_elsewhere(bytes),
            247 => self.renew_thread(bytes),
            248..250 => self.swap(bytes),
            250 => self.delete(bytes),
            251 => self.raw(bytes),
            252 => self.absurd(bytes),
            253 => self.clear_pool(bytes),
            254 => self.settle(),
            255 => self.statistics(),
        }
    }

    /// Returns a slot with a heap that is here.
    fn slot(&mut self, bytes: &mut Bytes<'_>) -> Option<&mut Slot> {
        let at = bytes.below(SLOTS);
        let from = (at..SLOTS).chain(0..at);
        let found = from
            .into_iter()
            .find(|&at| self.slots[at].as_ref().is_some_and(Slot::is_here));
        found.and_then(|at| self.slots[at].as_mut())
    }

    fn slot_of(&self, heap: u64) -> Option<&Slot> {
        let slots = self.slots.iter().flatten();
        slots.into_iter().find(|slot| slot.number == heap)
    }

    // --- blocks ---

    fn allocate(&mut self, bytes: &mut Bytes<'_>) {
        if self.live.bytes() > LIVE {
            return;
        }
        let (api, layout) = (bytes.byte(), bytes.layout());
        let at = bytes.below(SLOTS + 1);
        let slot = self.slots.get(at).and_then(Option::as_ref);
        let is_there = match slot.filter(|slot| slot.is_here()) {
            Some(slot) => {
                let mut is_there = false;
                let (live, number) = (&mut self.live, slot.number);
                slot.with_subject(api, |subject| {
                    is_there = live.allocate(subject, layout, api & 1 == 0, number);
                });
                is_there || slot.is_limited
            }
            None => allocate_default(&mut self.live, api, layout),
        };
        assert!(is_there, "no memory for {layout:?}");
    }

    fn resize(&mut self, bytes: &mut Bytes<'_>) {
        if self.live.is_empty() {
            return;
        }
        let (api, at) = (bytes.byte(), bytes.below(self.live.len()));
        let old = self.live.get(at);
        let slot = self.slot_of(old.heap);
        let is_limited = slot.is_some_and(|slot| slot.is_limited);
        let can_realign = old.heap != DEFAULT || api & 2 == 0;
        let (new, resize) = bytes.resize(old.layout, can_realign);
        let mut is_there = true;
        if old.heap == DEFAULT {
            let subject: &dyn Subject = match can_realign {
                true => &Api04(MiMalloc),
                false => &Whole(MiMalloc),
            };
            is_there = self.live.resize(subject, at, new, resize);
        } else if let Some(number) = slot.filter(|slot| slot.is_here()).map(|slot| slot.number) {
            let slots = self.slots.iter().flatten();
            let mut slots = slots.into_iter().filter(|slot| slot.number == number);
            let live = &mut self.live;
            if let Some(slot) = slots.next() {
                slot.with_subject(api, |subject| {
                    is_there = live.resize(subject, at, new, resize);
                });
            }
        } else {
            // The heap is with another thread, and only its blocks are here.
            self.live.free(&Api04(MiMalloc), at);
        }
        assert!(
            is_there || is_limited,
            "no memory to resize {old:?} to {new:?}"
        );
    }

    fn free(&mut self, bytes: &mut Bytes<'_>) {
        if self.live.is_empty() {
            return;
        }
        let (api, at) = (bytes.byte(), bytes.below(self.live.len()));
        let block = self.live.take(at);
        match self.slot_of(block.heap) {
            Some(slot) if slot.is_here() && api & 4 == 0 => {
                slot.with_subject(api, |subject| block.free(subject, self.context));
            }
            _ => match api & 3 {
                0 => block.free(&Whole(MiMalloc), self.context),
                1 => block.free(&Api02(MiMalloc), self.context),
                _ => block.free(&Api04(MiMalloc), self.context),
            },
        }
    }

    fn absurd(&mut self, bytes: &mut Bytes<'_>) {
        let align = 1 << bytes.below(6);
        let size = (isize::MAX as usize - align) >> bytes.below(12);
        let layout = Layout::from_size_align(size, align).unwrap();
        if let Some(slot) = self.slot(bytes) {
            slot.with_subject(2, |subject| {
                assert!(subject.allocate(layout).is_none(), "{layout:?}");
            });
        }
        assert!(Whole(MiMalloc).allocate(layout).is_none(), "{layout:?}");
    }

    // --- heaps ---

    /// Makes a heap, or takes one out of a pool.
    fn open(&mut self, bytes: &mut Bytes<'_>) {
        let (at, kind) = (bytes.below(SLOTS), bytes.byte() % 10);
        let Some(arenas) = &self.arenas else {
            self.open_plain(at, kind);
            return;
        };
        let arena = match kind {
            3 => arenas.exclusive,
            4 => arenas.open,
            _ => {
                self.open_plain(at, kind);
                return;
            }
        };
        if let Ok(heap) = Heap::new_in(arena) {
            self.put(at, Owner::Plain(heap), None, true);
        }
    }

    fn open_plain(&mut self, at: usize, kind: u8) {
        let pool = match kind {
            0 | 1 => {
                let heap = Heap::new().unwrap();
                self.put(at, Owner::Plain(heap), None, false);
                return;
            }
            2..5 => {
                let heap = SharedHeap::new().unwrap();
                self.put(at, Owner::Shared(heap), None, false);
                return;
            }
            5 | 6 => 0,
            7 => 1,
            8 => 2,
            _ => ARENA_POOL,
        };
        let Some(lender) = self.pools.get(pool) else {
            return;
        };
        let taken = lender.take_owned();
        if pool == ARENA_POOL {
            if self.out == IN_ARENAS {
                assert_eq!(taken.unwrap_err(), HeapError::AllInUse);
                return;
            }
            self.out += 1;
        }
        match taken {
            Ok(mut heap) => {
                assert_eq!(heap.usage().blocks, 0, "a heap of a pool has blocks");
                self.put(at, Owner::Pooled(heap), Some(pool), pool >= 2);
            }
            // Only the arena may be full, with heaps that are live.
            Err(error) => assert!(pool == 2, "pool {pool}: {error}"),
        }
    }

    fn put(&mut self, at: usize, owner: Owner, pool: Option<usize>, is_limited: bool) {
        self.close_slot(at);
        let raw = owner.heap().as_raw();
        for slot in self.slots.iter().flatten() {
            assert_ne!(slot.raw(), raw, "one heap has two owners");
        }
        self.last += 1;
        self.slots[at] = Some(Slot::new(owner, self.last, pool, is_limited));
    }

    fn close(&mut self, bytes: &mut Bytes<'_>) {
        let at = bytes.below(SLOTS);
        self.close_slot(at);
    }

    /// Drops a heap with its blocks.
    fn close_slot(&mut self, at: usize) {
        if self.slots[at].is_none() {
            return;
        }
        self.settle();
        if let Some(slot) = self.slots[at].take() {
            drop(self.live.take_all_in(slot.number));
            if slot.pool == Some(ARENA_POOL) {
                self.out -= 1;
            }
        }
    }

    fn reset(&mut self, bytes: &mut Bytes<'_>) {
        self.settle();
        let arena = self.arenas.as_ref().map(|arenas| match bytes.byte() & 1 {
            0 => arenas.exclusive,
            _ => arenas.open,
        });
        let how = bytes.byte();
        let slot = self.slot(bytes).filter(|slot| slot.shared().is_none());
        let Some(number) = slot.map(|slot| slot.number) else {
            return;
        };
        let blocks = self.live.take_all_in(number);
        let slots = self.slots.iter_mut().flatten();
        let mut slots = slots.filter(|slot| slot.number == number);
        let Some(slot) = slots.next() else {
            return;
        };
        let Some(heap) = slot.heap_mut() else {
            return;
        };
        let mut is_in_arena = false;
        let outcome = match (how % 8, arena) {
            (0, _) => heap.reset_keeping(0),
            (1, _) => heap.reset_keeping(64 << 10),
            (2, _) => heap.reset_keeping(usize::MAX),
            (3, Some(arena)) if how >= 128 => {
                is_in_arena = true;
                heap.reset_in(arena)
            }
            _ => heap.reset(),
        };
        match outcome {
            Ok(()) => {
                slot.is_limited |= is_in_arena;
                slot.has_other_theaps = false;
                slot.values = 0;
            }
            Err(error) => {
                assert!(slot.is_limited || is_in_arena, "{error}");
                // The heap and its blocks are unchanged.
                blocks.into_iter().for_each(|block| self.live.adopt(block));
            }
        }
    }

    fn collect(&mut self, bytes: &mut Bytes<'_>) {
        let force = bytes.byte() & 1 == 0;
        match bytes.byte() % 8 {
            0 => mimalloc::collect(force),
            #[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
            1 => Arena::purge_all(),
            _ => {
                if let Some(slot) = self.slot(bytes) {
                    slot.with_heap(|heap| heap.collect(force));
                }
            }
        }
    }

    /// Lists the blocks of a heap.
    fn look(&mut self, bytes: &mut Bytes<'_>) {
        self.settle();
        let how = bytes.byte();
        let Some(slot) = self.slot(bytes) else {
            return;
        };
        let (number, values) = (slot.number, slot.values);
        let Some(heap) = slot.heap_mut() else {
            return;
        };
        let blocks = match how % 4 {
            0 => heap.blocks().unwrap().len(),
            1 => heap.areas().unwrap().map(|area| area.used).sum(),
            _ => heap.usage().blocks,
        };
        assert_eq!(blocks, self.live.count_in(number) + values);
    }

    /// Exchanges two heaps, behind the back of the pools.
    fn swap(&mut self, bytes: &mut Bytes<'_>) {
        let at = 1 + bytes.below(SLOTS - 1);
        let other = bytes.below(at);
        self.settle();
        let (before, from) = self.slots.split_at_mut(at);
        if let (Some(a), Some(b)) = (&mut before[other], &mut from[0]) {
            a.swap(b);
        }
    }

    /// Ends a heap and keeps its blocks.
    fn delete(&mut self, bytes: &mut Bytes<'_>) {
        self.settle();
        let at = bytes.below(SLOTS);
        // Engine v2 can't move the blocks of a heap in an arena.
        let is_movable = |slot: &Slot| cfg!(mimalloc_v3) || !slot.is_limited;
        let is_plain = |slot: &mut Slot| slot.is_plain() && slot.values == 0 && is_movable(slot);
        let Some(slot) = self.slots[at].take_if(is_plain) else {
            return;
        };
        let number = slot.number;
        if let Some(Owner::Plain(heap)) = slot.owner {
            // SAFETY: `settle` waited for the frees of other threads, the thread has
            // allocated, and the heap is no default heap.
            unsafe { heap.delete_keeping_blocks() };
        }
        self.live.rename(number, DEFAULT);
    }

    /// Takes a heap apart and puts it together again.
    fn raw(&mut self, bytes: &mut Bytes<'_>) {
        let at = bytes.below(SLOTS);
        let Some(slot) = self.slots[at].as_mut().filter(|slot| slot.is_plain()) else {
            return;
        };
        if let Some(Owner::Plain(heap)) = slot.owner.take() {
            let raw = core::ptr::NonNull::new(heap.into_raw()).unwrap();
            // SAFETY: the heap was taken apart just now, on this thread, and is no
            // default heap. The list forgets its blocks when the heap ends.
            slot.owner = Some(Owner::Plain(unsafe { Heap::from_raw(raw) }));
        }
    }

    fn clear_pool(&mut self, bytes: &mut Bytes<'_>) {
        let pool = &self.pools[bytes.below(self.pools.len())];
        pool.clear();
        assert_eq!(pool.idle_count(), 0);
    }

    // --- values and containers ---

    fn values(&mut self, bytes: &mut Bytes<'_>) {
        let text = bytes.text();
        let number = u64::from(bytes.byte());
        let Some(slot) = self.slot(bytes) else {
            return;
        };
        let (mut made, is_limited) = (0, slot.is_limited);
        slot.with_heap(|heap| {
            let values = [
                heap.alloc(number).map(|value| *value == number),
                heap.alloc_str(&text).map(|copy| *copy == *text),
                heap.alloc_slice_with(text.len(), |at| at)
                    .map(|slice| slice.iter().copied().eq(0..text.len())),
            ];
            for (at, value) in values.into_iter().enumerate() {
                match value {
                    Ok(is_right) => assert!(is_right, "value {at}"),
                    Err(error) => assert!(is_limited, "{error}"),
                }
                made += usize::from(value.is_ok() && (at == 0 || !text.is_empty()));
            }
        });
        slot.values += made;
    }

    /// Fills containers that borrow a heap, and drops or forgets them.
    fn short_containers(&mut self, bytes: &mut Bytes<'_>) {
        let (len, how) = (bytes.below(400), bytes.byte());
        let Some(slot) = self.slot(bytes) else {
            return;
        };
        let is_limited = slot.is_limited;
        let mut forgotten = 0;
        slot.with_heap(|heap| {
            forgotten = container::fill_and_drop(heap, len, how, is_limited);
        });
        slot.values += forgotten;
    }

    /// Makes, changes or drops a container that owns a handle of a heap.
    fn containers(&mut self, bytes: &mut Bytes<'_>) {
        let (how, at) = (bytes.byte(), bytes.byte());
        if self.containers.len() < 12 && how < 80 {
            let kind = bytes.byte();
            let shared = self.slots.iter().flatten().find_map(Slot::shared);
            if let Some(heap) = shared {
                self.containers.push(Container::new(kind, heap));
            }
        } else if !self.containers.is_empty() {
            let at = usize::from(at) % self.containers.len();
            if how < 100 {
                self.containers.swap_remove(at).check();
            } else {
                self.containers[at].change(bytes);
            }
        }
    }

    // --- threads ---

    /// Waits until the other threads have done their jobs.
    fn settle(&mut self) {
        for worker in &mut self.workers {
            worker.settle(|done| {
                self.operations += done.operations;
                for block in done.blocks {
                    self.live.adopt(block);
                }
                #[cfg(mimalloc_v3)]
                if let Some((number, owner)) = done.heap {
                    let mut slots = self.slots.iter_mut().flatten();
                    let slot = slots.find(|slot| slot.number == number);
                    slot.expect("the slot waits for its heap").owner = Some(owner);
                }
            });
        }
    }

    /// Sends a job to another thread, if there is one.
    fn send(&mut self, bytes: &mut Bytes<'_>, job: Job) {
        if !self.workers.is_empty() {
            let at = bytes.below(self.workers.len());
            self.workers[at].send(job);
        }
    }

    fn free_elsewhere(&mut self, bytes: &mut Bytes<'_>) {
        let count = bytes.below(24);
        if self.workers.is_empty() {
            return;
        }
        let mut blocks = Vec::with_capacity(count);
        while blocks.len() < count && !self.live.is_empty() {
            let at = bytes.below(self.live.len());
            blocks.push(self.live.take(at));
        }
        self.operations += blocks.len() as u64;
        self.send(bytes, Job::Free(blocks));
    }

    /// Makes blocks of the default heap on another thread.
    fn blocks_elsewhere(&mut self, bytes: &mut Bytes<'_>) {
        let program = bytes.program(120);
        self.last += 1;
        self.send(bytes, Job::Blocks(self.last, program));
    }

    /// Runs a program of its own on another thread.
    fn world_elsewhere(&mut self, bytes: &mut Bytes<'_>) {
        let program = bytes.program(250);
        self.last += 1;
        self.send(bytes, Job::World(self.last, program));
    }

    /// Ends a thread, and starts another.
    fn renew_thread(&mut self, bytes: &mut Bytes<'_>) {
        if !self.workers.is_empty() {
            self.settle();
            let at = bytes.below(self.workers.len());
            self.workers[at] = Worker::start();
        }
    }

    /// Gives a heap to another thread, which uses the heap and gives it back.
    #[cfg(mimalloc_v3)]
    fn hand_over(&mut self, bytes: &mut Bytes<'_>) {
        let program = bytes.program(80);
        if self.workers.is_empty() {
            return;
        }
        if let Some(slot) = self.slot(bytes) {
            slot.has_other_theaps = true;
            let (number, is_limited) = (slot.number, slot.is_limited);
            if let Some(owner) = slot.give_away() {
                self.send(bytes, Job::Use(number, owner, is_limited, program));
            }
        }
    }

    #[cfg(not(mimalloc_v3))]
    fn hand_over(&mut self, bytes: &mut Bytes<'_>) {
        self.world_elsewhere(bytes);
    }

    /// Lets another thread use a heap that this thread goes on to use.
    #[cfg(mimalloc_v3)]
    fn share(&mut self, bytes: &mut Bytes<'_>) {
        let program = bytes.program(80);
        if self.workers.is_empty() {
            return;
        }
        let mut slots = self.slots.iter_mut().flatten();
        let shared = slots.find_map(|slot| {
            let heap = slot.shared()?;
            slot.has_other_theaps = true;
            Some((slot.number, heap))
        });
        if let Some((number, heap)) = shared {
            self.send(bytes, Job::Share(number, heap, program));
        }
    }

    #[cfg(not(mimalloc_v3))]
    fn share(&mut self, bytes: &mut Bytes<'_>) {
        self.world_elsewhere(bytes);
    }

    // --- statistics ---

    #[cfg(not(mimalloc_other_version))]
    fn statistics(&mut self) {
        let stats = mimalloc::stats::Stats::get().unwrap();
        assert!(stats.reserved.total >= stats.reserved.current);
    }

    #[cfg(mimalloc_other_version)]
    fn statistics(&mut self) {}

    /// Checks and drops what the program left, and returns the number of
    /// operations.
    fn finish(mut self) -> u64 {
        self.settle();
        self.workers.clear();
        self.live.check_all();
        for container in self.containers.drain(..) {
            container.check();
        }
        for block in self.live.take_all_in(DEFAULT) {
            block.free(&Api04(MiMalloc), self.context);
        }
        for at in 0..SLOTS {
            if at % 2 == 0 {
                self.empty(at);
            }
            self.close_slot(at);
        }
        self.operations
    }

    /// Frees all blocks of a heap, and checks that the heap counts them so.
    fn empty(&mut self, at: usize) {
        let Some(slot) = &mut self.slots[at] else {
            return;
        };
        for block in self.live.take_all_in(slot.number) {
            slot.with_subject(0, |subject| block.free(subject, self.context));
        }
        if slot.values != 0 {
            return;
        }
        #[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
        if !slot.has_other_theaps {
            slot.with_heap(|heap| {
                heap.collect(false);
                let stats = heap.stats().unwrap();
                assert_eq!(stats.allocated.current, 0, "bytes are left");
                let blocks: i64 = stats.malloc_bins().map(|bin| bin.count.current).sum();
                assert_eq!(blocks, 0, "blocks are left");
            });
        }
        if let Some(heap) = slot.heap_mut() {
            assert_eq!(heap.usage().blocks, 0, "the heap lists blocks");
        }
    }
}

/// Allocates a block in the default heap.
fn allocate_default(live: &mut Live, api: u8, layout: Layout) -> bool {
    let subject: &dyn Subject = match api & 6 {
        0 => &Whole(MiMalloc),
        2 => &Api02(MiMalloc),
        _ => &Api04(MiMalloc),
    };
    live.allocate(subject, layout, api & 1 == 0, DEFAULT)
}

/// Makes, resizes and frees blocks of one heap until the program ends. Returns
/// the number of operations.
fn use_heap(
    subject: &dyn Subject,
    number: u64,
    is_limited: bool,
    live: &mut Live,
    bytes: &mut Bytes<'_>,
) -> u64 {
    let mut operations = 0;
    while !bytes.is_empty() {
        operations += 1;
        let how = bytes.byte();
        if live.is_empty() || how < 128 {
            let is_there = live.allocate(subject, bytes.layout(), how & 1 == 0, number);
            assert!(is_there || is_limited, "no memory");
            continue;
        }
        let at = bytes.below(live.len());
        if how < 200 {
            let (new, resize) = bytes.resize(live.get(at).layout, subject.realigns());
            let is_there = live.resize(subject, at, new, resize);
            assert!(is_there || is_limited, "no memory");
        } else {
            live.free(subject, at);
        }
    }
    operations
}

/// Says how to resize a block to a layout.
fn resize_to(old: Layout, new: Layout, zeroed: bool) -> Resize {
    if new.size() < old.size() {
        Resize::Shrink
    } else if zeroed {
        Resize::GrowZeroed
    } else {
        Resize::Grow
    }
}
