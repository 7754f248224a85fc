//! Listens to what mimalloc asks the system for, and answers in its place: huge pages,
//! their NUMA nodes and the time that they take.
//!
//! The test has a process of its own, because the functions `mmap` and `syscall` of the
//! whole process are this file's.

#![cfg(all(
    target_os = "linux",
    target_arch = "x86_64",
    target_env = "gnu",
    not(mimalloc_other_version)
))]

use core::ffi::{c_int, c_long, c_void};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::Mutex;
use std::thread;

use allocator_api2_02::vec::Vec as Vec02;
use mimalloc::arena::ArenaError;
use mimalloc::{Arena, Heap};

const GIB: usize = 1 << 30;
const MIB: usize = 1 << 20;
/// Is how long the system takes for a huge page, in milliseconds.
const SLOWNESS: u64 = 30;

// As if the machine had four nodes.
mimalloc::startup_options! { use_numa_nodes = 4 }

/// Is whether the system has huge pages, and whether it is slow.
static HAS_HUGE: AtomicBool = AtomicBool::new(false);
static IS_SLOW: AtomicBool = AtomicBool::new(false);
static HUGE_CALLS: AtomicUsize = AtomicUsize::new(0);
/// Holds the sets of nodes that memory was bound to, as bits.
static BOUND: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];
static BINDS: AtomicUsize = AtomicUsize::new(0);

/// # Safety
///
/// Passes on the contract of the system's function.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    addr: *mut c_void,
    len: usize,
    prot: c_int,
    mut flags: c_int,
    fd: c_int,
    offset: libc::off_t,
) -> *mut c_void {
    if flags & libc::MAP_HUGETLB != 0 {
        HUGE_CALLS.fetch_add(1, SeqCst);
        if IS_SLOW.load(SeqCst) {
            thread::sleep(Duration::from_millis(SLOWNESS));
        }
        if !HAS_HUGE.load(SeqCst) {
            fail_with(libc::ENOMEM);
            return libc::MAP_FAILED;
        }
        // Plain memory, of which only what is touched is taken.
        flags &= !(libc::MAP_HUGETLB | (0x3f << libc::MAP_HUGE_SHIFT));
        flags |= libc::MAP_NORESERVE;
    }
    let [prot, flags, fd] = [prot, flags, fd].map(c_long::from);
    let [addr, len] = [addr.addr(), len].map(|word| word as c_long);
    // SAFETY: the caller answers for the arguments.
    let found = unsafe { syscall(libc::SYS_mmap, addr, len, prot, flags, fd, offset) };
    core::ptr::with_exposed_provenance_mut(found as usize)
}

/// # Safety
///
/// Passes on the contract of the system's function. Arguments that the caller leaves out are not read.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    if number == libc::SYS_mbind {
        let nodes: *const u64 = core::ptr::with_exposed_provenance(d as usize);
        // SAFETY: mimalloc passes a set of nodes of one word.
        BOUND[BINDS.fetch_add(1, SeqCst)].store(unsafe { nodes.read() }, SeqCst);
        return 0;
    }
    let mut result = number;
    // SAFETY: the caller answers for the call, which changes the registers below.
    unsafe {
        core::arch::asm!(
            "syscall",
            inout("rax") result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    if (-4095..0).contains(&result) {
        fail_with(-result as c_int);
        return -1;
    }
    result
}

fn fail_with(code: c_int) {
    // SAFETY: each thread has the variable.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: the place is valid for writes of this thread.
    unsafe { place.write(code) };
}

/// Tells what memory was bound to since the last call.
fn bound() -> Vec<u64> {
    let count = BINDS.swap(0, SeqCst);
    BOUND[..count].iter().map(|set| set.load(SeqCst)).collect()
}

/// Returns whether the build protects parts of pages, and so takes no huge pages.
fn refuses_huge_pages() -> bool {
    Arena::options().reserve_huge(1, None) == Err(ArenaError::Pinned)
}

/// Lets one test change the system at a time.
fn system(has_huge: bool, is_slow: bool) -> std::sync::MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    HAS_HUGE.store(has_huge, SeqCst);
    IS_SLOW.store(is_slow, SeqCst);
    one
}

#[test]
fn huge_pages_are_bound_to_the_node_asked_for() {
    let _one = system(true, false);
    if refuses_huge_pages() {
        return;
    }
    bound();
    for node in 0..4 {
        let arena = Arena::options().numa_node(Some(node)).reserve_huge(1, None);
        assert_eq!(arena.unwrap().capacity(), GIB);
        assert_eq!(bound(), [1 << node]);
    }
    // Nodes beyond the last one begin again, and none is none.
    let options = Arena::options();
    assert!(options.numa_node(Some(6)).reserve_huge(2, None).is_ok());
    assert_eq!(bound(), [1 << 2; 2]);
    assert!(options.numa_node(None).reserve_huge(1, None).is_ok());
    assert!(options.reserve_huge(1, None).is_ok());
    assert_eq!(bound(), []);
}

#[test]
fn interleaved_pages_are_spread_over_the_nodes() {
    let _one = system(true, false);
    if refuses_huge_pages() {
        return;
    }
    bound();
    Arena::reserve_huge_interleaved(5, 3, None).unwrap();
    assert_eq!(bound(), [1, 1, 2, 2, 4]);
    // 0 stands for all nodes.
    Arena::reserve_huge_interleaved(4, 0, Some(Duration::from_secs(60))).unwrap();
    assert_eq!(bound(), [1, 2, 4, 8]);
}

/// Checks that the time is passed on in milliseconds. The system takes longer than a
/// few of them, and 20 seconds are much longer than the test.
#[test]
fn a_timeout_ends_the_search_for_pages() {
    let _one = system(true, true);
    if refuses_huge_pages() {
        return;
    }
    bound();
    let reserve = |timeout| Arena::options().reserve_huge(3, timeout).unwrap();
    for short in [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(2),
    ] {
        assert_eq!(reserve(Some(short)).capacity(), GIB, "{short:?}");
    }
    for long in [None, Some(Duration::from_secs(20)), Some(Duration::MAX)] {
        assert_eq!(reserve(long).capacity(), 3 * GIB, "{long:?}");
    }
}

#[test]
fn errors_tell_slow_systems_from_those_without_huge_pages() {
    let _one = system(false, true);
    if refuses_huge_pages() {
        return;
    }
    bound();
    let reserve = |timeout| Arena::options().reserve_huge(1, timeout).unwrap_err();
    assert_eq!(reserve(None), ArenaError::NoHugePages);
    assert_eq!(
        reserve(Some(Duration::from_secs(300))),
        ArenaError::NoHugePages
    );
    let short = Some(Duration::from_millis(2));
    assert_eq!(reserve(short), ArenaError::TimedOut);
    let interleaved = Arena::reserve_huge_interleaved(2, 2, short);
    assert_eq!(interleaved, Err(ArenaError::TimedOut));
}

/// Takes more blocks than all other arenas hold, so that others take blocks of an arena
/// that is not exclusive. Nobody touches the blocks.
#[test]
fn huge_pages_are_exclusive_unless_told_otherwise() {
    let _one = system(true, false);
    if refuses_huge_pages() {
        return;
    }
    let options = Arena::options();
    let node = options.numa_node(None);
    for (made, is_exclusive) in [
        (options.reserve_huge(1, None), true),
        (options.exclusive(true).reserve_huge(1, None), true),
        (options.exclusive(false).reserve_huge(1, None), false),
        (node.exclusive(false).reserve_huge(1, None), false),
        (node.exclusive(true).reserve_huge(1, None), true),
    ] {
        let arena = made.unwrap();
        let is_inside = |block: &Vec02<u8, &Heap>| {
            let first: *const core::mem::MaybeUninit<u8> = block.as_ptr().cast();
            // SAFETY: the block has bytes, and `MaybeUninit` needs none of them.
            arena.contains(unsafe { &*first })
        };
        let any_inside = |heap: &Heap, count| {
            let block = |_| Vec02::with_capacity_in(200 * MIB, heap);
            let blocks: Vec<_> = (0..count).map(block).collect();
            blocks.iter().any(is_inside)
        };
        let others = Heap::scope(|heap| any_inside(heap, 80));
        assert_eq!(others, Ok(!is_exclusive));
        assert_eq!(arena.scope(|heap| any_inside(heap, 1)), Ok(true));
    }
}

/// Large pages are asked for where both the arena and the option allow them.
#[test]
fn large_pages_are_asked_for_where_they_are_allowed() {
    let _one = system(false, false);
    let option = mimalloc::Option::AllowLargeOsPages;
    let asks = |allow: bool| {
        let options = Arena::options();
        let both = [
            options.allow_large_pages(allow).commit(true),
            options.commit(true).allow_large_pages(allow),
        ];
        both.map(|options| {
            HUGE_CALLS.store(0, SeqCst);
            // mimalloc leaves large pages alone for a while after a failure.
            for _ in 0..if allow && option.is_enabled() { 10 } else { 1 } {
                options.reserve(64 * MIB).unwrap();
            }
            HUGE_CALLS.load(SeqCst) > 0
        })
    };
    assert_eq!([asks(false), asks(true)], [[false; 2]; 2]);
    option.enable().unwrap();
    // No other test needs memory meanwhile.
    assert_eq!([asks(false), asks(true)], [[false; 2], [true; 2]]);
    option.disable().unwrap();
}

/// Looks at the end of an arena, because mimalloc's records are at the start.
#[test]
fn an_arena_is_committed_if_asked_for() {
    let _one = system(false, false);
    let access = |arena: Arena| {
        let area = arena.area().unwrap();
        let last = area.cast::<u8>().addr().get() + area.len() - 1;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| {
            let (range, _) = line.split_once(' ').unwrap();
            let (start, end) = range.split_once('-').unwrap();
            let [start, end] = [start, end].map(|text| usize::from_str_radix(text, 16).unwrap());
            (start..end).contains(&last)
        });
        line.unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    let plain = Arena::options().commit(false).reserve(64 * MIB).unwrap();
    assert_eq!(access(plain), "---p");
    assert_eq!(access(Arena::reserve(64 * MIB).unwrap()), "---p");
    let whole = Arena::options().commit(true).reserve(64 * MIB).unwrap();
    assert_eq!(access(whole), "rw-p");
}
