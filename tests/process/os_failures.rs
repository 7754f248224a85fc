//! Lets each call fail that asks the operating system for memory, one after the
//! other, in a fixed scenario. Nothing may crash, and nothing may be lost: all that
//! can fail returns an error, and works when there is memory again.
//!
//! The test has a process of its own and no harness, because the program takes the
//! place of `mmap` and `mprotect`, and starts itself again for each failure.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

#[cfg(not(all(
    mimalloc_owned_heaps,
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(target_feature = "crt-static")
)))]
fn main() {
    eprintln!("SKIPPED: this program takes the place of functions of the C library of Linux");
}

#[cfg(all(
    mimalloc_owned_heaps,
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(target_feature = "crt-static")
))]
fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("child") => scenario::child(),
        Some("limited") => scenario::limited(),
        _ => parent::main(),
    }
}

/// Takes the place of the functions that give memory.
#[cfg(all(
    mimalloc_owned_heaps,
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(target_feature = "crt-static")
))]
mod faults {
    use core::ffi::{c_int, c_void};
    use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// Counts the calls since the last [`arm`].
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    /// Is the number of the call that fails. 0 stands for none.
    static FAILING: AtomicUsize = AtomicUsize::new(0);
    /// All later calls fail as well.
    static FAILS_ON: AtomicBool = AtomicBool::new(false);

    /// Makes the `failing`th call from now on fail, and with `on` all after it.
    pub(crate) fn arm(failing: usize, on: bool) {
        FAILING.store(0, Ordering::SeqCst);
        CALLS.store(0, Ordering::SeqCst);
        FAILS_ON.store(on, Ordering::SeqCst);
        FAILING.store(failing, Ordering::SeqCst);
    }

    /// Makes no call fail, and returns the number of calls since [`arm`].
    pub(crate) fn disarm() -> usize {
        FAILING.store(0, Ordering::SeqCst);
        CALLS.load(Ordering::SeqCst)
    }

    fn fails() -> bool {
        let call = CALLS.fetch_add(1, Ordering::SeqCst) + 1;
        let failing = FAILING.load(Ordering::SeqCst);
        failing != 0 && (call == failing || (call > failing && FAILS_ON.load(Ordering::SeqCst)))
    }

    fn no_memory() {
        // SAFETY: the function has no precondition, and only returns an address.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: the address is that of this thread's `errno`, valid for writes.
        unsafe { errno.write(libc::ENOMEM) };
    }

    /// Takes the place of the C library's function for this program. The library
    /// itself and the standard library call others.
    ///
    /// # Safety
    ///
    /// The function has the contract of the system call.
    #[unsafe(no_mangle)]
    pub(crate) unsafe extern "C" fn mmap(
        address: *mut c_void,
        len: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: libc::off_t,
    ) -> *mut c_void {
        if fails() {
            no_memory();
            return libc::MAP_FAILED;
        }
        // SAFETY: the caller keeps the contract of the system call.
        let mapped = unsafe {
            libc::syscall(
                libc::SYS_mmap,
                address,
                len,
                protection,
                flags,
                file,
                offset,
            )
        };
        core::ptr::with_exposed_provenance_mut(mapped as usize)
    }

    /// Takes the place of the C library's function, as above. Only a call that
    /// commits memory fails.
    ///
    /// # Safety
    ///
    /// The function has the contract of the system call.
    #[unsafe(no_mangle)]
    pub(crate) unsafe extern "C" fn mprotect(
        address: *mut c_void,
        len: usize,
        protection: c_int,
    ) -> c_int {
        if protection & libc::PROT_WRITE != 0 && fails() {
            no_memory();
            return -1;
        }
        // SAFETY: the caller keeps the contract of the system call.
        unsafe { libc::syscall(libc::SYS_mprotect, address, len, protection) as c_int }
    }
}

#[cfg(all(
    mimalloc_owned_heaps,
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(target_feature = "crt-static")
))]
mod scenario {
    use std::fmt::Write as _;
    use std::thread;

    use allocator_api2_02::boxed::Box as Box02;
    use allocator_api2_02::vec::Vec as Vec02;
    use hashbrown::HashMap;
    use mimalloc::{Arena, Heap, HeapPool, HeapString, MiMalloc, SharedHeap};
    use mimalloc_tests::address_space::{lift_limit, limit_to_now_and};
    use mimalloc_tests::is_filled;

    use crate::faults::{arm, disarm};

    // The standard library ends the process when it finds no memory.
    #[global_allocator]
    static SYSTEM: std::alloc::System = std::alloc::System;

    const MIB: usize = 1 << 20;

    /// Holds what a process makes once, because there is no way to give it back.
    #[derive(Default)]
    struct Kept {
        arena: Option<Arena>,
        #[cfg(mimalloc_profile)]
        profiler: Option<mimalloc::Profiler>,
    }

    /// Counts what failed.
    #[derive(Default)]
    struct Errors(usize);

    impl Errors {
        /// Returns the value, or counts the error.
        fn note<T, E>(&mut self, outcome: Result<T, E>) -> Option<T> {
            if outcome.is_err() {
                self.0 += 1;
            }
            outcome.ok()
        }
    }

    /// Allocates in a heap in all ways, and checks what there is.
    fn fill(heap: &Heap, errors: &mut Errors) {
        for size in [8, 100, 3_000, 60_000, MIB, 5 * MIB] {
            let mut bytes = Vec02::<u8, _>::new_in(heap);
            if errors.note(bytes.try_reserve_exact(size)).is_some() {
                let len = size.min(70_000);
                // SAFETY: the list has room for `size` bytes.
                unsafe { bytes.as_mut_ptr().write_bytes(7_u8, len) };
                // SAFETY: the bytes are written.
                unsafe { bytes.set_len(len) };
                let _ = errors.note(bytes.try_reserve_exact(size.min(MIB) + 70_000));
                assert!(is_filled(&bytes, 7));
            }
            if let Some(zeroed) = errors.note(Box02::<[u8], _>::try_new_zeroed_slice_in(size, heap))
            {
                // SAFETY: any byte is a number.
                let zeroed = unsafe { zeroed.assume_init() };
                assert!(is_filled(&zeroed[..size.min(70_000)], 0));
            }
        }
        #[repr(align(65536))]
        struct Aligned([u8; 65536]);
        if let Some(value) = errors.note(Box02::<Aligned, _>::try_new_uninit_in(heap)) {
            assert_eq!(value.as_ptr().addr() % 65536, 0);
            let _ = size_of::<Aligned>() - size_of_val(&Aligned([0; 65536]).0);
        }
        let mut map = HashMap::new_in(heap);
        for key in 0..2_000 {
            if errors.note(map.try_reserve(1)).is_none() {
                break;
            }
            map.insert(key, key * 2);
        }
        assert!(map.iter().all(|(key, value)| *value == key * 2));
        let mut text = HeapString::new_in(heap);
        let _ = errors.note(write!(text, "{:>2000}", "end"));
        assert!("end".starts_with(text.trim_start()), "{text:?}");
        let _ = errors.note(mimalloc::try_format_in!(heap, "{} {}", 1, "two"));
        let _ = errors.note(heap.alloc(5_u64).map(|five| assert_eq!(*five, 5)));
        let _ = errors.note(
            heap.alloc_slice_with(9_000, |at| at)
                .map(|slice| slice.len()),
        );
        let _ = errors.note(heap.strdup(c"text").map(|text| assert_eq!(&*text, c"text")));
        heap.with_local(|local| {
            let mut list = Vec02::new_in(local);
            if errors.note(list.try_reserve(500)).is_some() {
                list.extend(0..500);
                assert!(list.iter().copied().eq(0..500));
            }
        });
        heap.collect(false);
    }

    /// Runs through the safe layer, and returns the number of errors.
    fn scenario(kept: &mut Kept) -> usize {
        let mut errors = Errors::default();
        if let Some(mut heap) = errors.note(Heap::new()) {
            fill(&heap, &mut errors);
            let _ = errors.note(heap.blocks().map(|blocks| blocks.count()));
            let _ = errors.note(heap.areas().map(|areas| areas.count()));
            let _ = errors.note(heap.reset());
            fill(&heap, &mut errors);
            let _ = errors.note(heap.reset_keeping(0));
            heap.collect(true);
            assert_eq!(heap.usage().blocks, 0);
            profile(kept, &heap, &mut errors);
        }
        if kept.arena.is_none() {
            kept.arena = errors.note(Arena::reserve(64 * MIB));
        }
        if let Some(arena) = kept.arena {
            if let Some(mut heap) = errors.note(arena.new_heap()) {
                // With the option `disallow_arena_alloc`, no block is in an arena.
                fill(&heap, &mut Errors::default());
                let _ = errors.note(heap.reset());
            }
        }
        let pool = HeapPool::new();
        for _ in 0..3 {
            if let Some(heap) = errors.note(pool.take()) {
                fill(&heap, &mut errors);
            }
        }
        if let Some(heap) = errors.note(pool.take_owned()) {
            let mut list = Vec02::new_in(heap);
            let _ = errors.note(list.try_reserve(100)).map(|()| list.push(1));
        }
        pool.clear();
        threads(&mut errors);
        if errors.note(default_heap()).is_some() {
            mimalloc::collect(true);
        }
        #[cfg(not(mimalloc_other_version))]
        {
            assert!(mimalloc::stats::Stats::get().is_ok());
            let mut json = String::new();
            mimalloc::stats::write_json(&mut json).unwrap();
        }
        #[cfg(all(mimalloc_v3, not(mimalloc_other_version)))]
        Arena::purge_all();
        errors.0
    }

    fn default_heap() -> Result<(), allocator_api2_02::collections::TryReserveError> {
        for size in [100, 5_000, 3 * MIB] {
            let mut bytes = Vec02::new_in(MiMalloc);
            bytes.try_reserve(size)?;
            bytes.resize(size.min(50_000), 3_u8);
        }
        Ok(())
    }

    /// Uses heaps on new threads, and frees there what comes from here.
    fn threads(errors: &mut Errors) {
        let Some(heap) = errors.note(SharedHeap::new()) else {
            return;
        };
        for _ in 0..2 {
            let mut list = Vec02::new_in(heap.clone());
            if errors.note(list.try_reserve(1_000)).is_some() {
                list.extend(0..1_000);
            }
            #[cfg(mimalloc_v3)]
            let heap = heap.clone();
            let work = move || {
                let mut errors = Errors::default();
                #[cfg(mimalloc_v3)]
                {
                    fill(&heap, &mut errors);
                    drop(list);
                }
                fill_own(&mut errors);
                errors.0
            };
            if let Some(thread) = errors.note(thread::Builder::new().spawn(work)) {
                errors.0 += thread.join().unwrap();
            }
        }
    }

    fn fill_own(errors: &mut Errors) {
        if let Some(heap) = errors.note(Heap::new()) {
            fill(&heap, errors);
        }
        let _ = errors.note(default_heap());
    }

    #[cfg(mimalloc_profile)]
    fn profile(kept: &mut Kept, heap: &Heap, errors: &mut Errors) {
        if kept.profiler.is_none() {
            let options = mimalloc::Profiler::options().sample_rate(64 << 10);
            kept.profiler = errors.note(options.create_temporary());
        }
        let Some(profiler) = kept.profiler else {
            return;
        };
        if errors.note(profiler.attach_heap(heap)).is_some() {
            profiler.start();
            fill(heap, errors);
            let _ = errors.note(profiler.snapshot_to_vec());
            profiler.stop();
        }
    }

    #[cfg(not(mimalloc_profile))]
    fn profile(_kept: &mut Kept, _heap: &Heap, _errors: &mut Errors) {}

    fn number(at: usize) -> usize {
        std::env::args().nth(at).unwrap().parse().unwrap()
    }

    /// Runs the scenario with one failure, and then without. Prints the number of
    /// calls and the number of errors.
    pub(crate) fn child() {
        mimalloc_tests::fail_instead_of_hanging();
        mimalloc::hooks::set_output(mimalloc::hooks::Output::Discard);
        let (failing, on) = (number(2), number(3) == 1);
        let mut kept = Kept::default();
        arm(failing, on);
        let errors = scenario(&mut kept);
        let calls = disarm();
        assert_eq!(scenario(&mut kept), 0, "there is memory again");
        nothing_is_lost(&mut kept, failing.max(1), on);
        println!("{calls} {errors}");
    }

    /// Runs the scenario with less and less address space.
    pub(crate) fn limited() {
        mimalloc_tests::fail_instead_of_hanging();
        mimalloc::hooks::set_output(mimalloc::hooks::Output::Discard);
        let mut kept = Kept::default();
        limit_to_now_and(number(2) * MIB);
        let errors = scenario(&mut kept);
        lift_limit();
        assert_eq!(scenario(&mut kept), 0, "there is memory again");
        println!("0 {errors}");
    }

    /// Checks that failures of later rounds leave neither heaps nor memory behind.
    fn nothing_is_lost(kept: &mut Kept, failing: usize, on: bool) {
        let [had_heaps, had_threads, had_pages] = mimalloc_tests::counts();
        for round in 0..2 {
            arm(1 + (failing + round) % 12, on);
            let _ = scenario(kept);
            disarm();
        }
        assert_eq!(scenario(kept), 0, "there is memory again");
        let [heaps, threads, pages] = mimalloc_tests::counts();
        assert_eq!([heaps, threads], [had_heaps, had_threads]);
        assert!(pages <= had_pages + 16, "{had_pages} and {pages} pages");
    }
}

#[cfg(all(
    mimalloc_owned_heaps,
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(target_feature = "crt-static")
))]
mod parent {
    use std::thread;

    /// Runs this program again, and returns its numbers of calls and errors.
    fn run(arguments: &[String], settings: &[(&str, &str)]) -> [usize; 2] {
        let mut child = mimalloc_tests::this_program();
        child.args(arguments).envs(settings.iter().copied());
        let output = child.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        // Some functions of std end the process where the system has no memory at all.
        if arguments[0] == "limited" && errors.starts_with("memory allocation of ") {
            return [0, 1];
        }
        assert!(
            output.status.success(),
            "{arguments:?} {settings:?}: {} {text} {errors}",
            output.status
        );
        let mut numbers = text.split_whitespace().map(|word| word.parse().unwrap());
        [numbers.next().unwrap(), numbers.next().unwrap()]
    }

    /// Lets each call fail, or each of so many. Returns the number of calls that
    /// failed, and the number of those that led to an error.
    fn each_call(on: bool, settings: &[(&str, &str)]) -> [usize; 2] {
        let child = |failing: usize| {
            let on = usize::from(on).to_string();
            run(&["child".to_owned(), failing.to_string(), on], settings)
        };
        let [calls, errors] = child(0);
        assert_eq!(errors, 0, "without a failure");
        assert!(calls > 2, "{calls}");
        // There are more than a thousand calls when each page is one.
        let limit = std::env::var("MIMALLOC_TEST_CALLS").map_or(12, |text| text.parse().unwrap());
        let step = if settings.is_empty() {
            1
        } else {
            calls.div_ceil(limit)
        };
        let failing = (1..=calls).step_by(step);
        let with_errors = failing.filter(|&failing| child(failing)[1] != 0).count();
        [calls.div_ceil(step), with_errors]
    }

    pub(crate) fn main() {
        // Each page comes from the operating system, and goes back.
        let direct: &[_] = &[
            ("MIMALLOC_DISALLOW_ARENA_ALLOC", "1"),
            ("MIMALLOC_PURGE_DELAY", "0"),
        ];
        let outcomes = thread::scope(|scope| {
            let runs = [
                (false, &[][..]),
                (true, &[]),
                (false, direct),
                (true, direct),
            ];
            let runs = runs.map(|(on, settings)| scope.spawn(move || each_call(on, settings)));
            runs.map(|run| run.join().unwrap())
        });
        println!("calls that failed, and those that led to errors: {outcomes:?}");
        // mimalloc gets over most single failures by itself.
        let [_, all_fail, _, all_fail_directly] = outcomes;
        assert!(all_fail[1] != 0 && all_fail_directly[1] != 0);
        let mut failed = 0;
        for limit in [1, 2, 4, 8, 16, 32, 48, 64, 80, 100, 130, 200, 400, 1_100] {
            let [_, errors] = run(&["limited".to_owned(), limit.to_string()], &[]);
            failed += usize::from(errors != 0);
        }
        assert!(failed >= 3, "{failed} limits were felt");
        println!("ok");
    }
}
