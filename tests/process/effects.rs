//! Checks that each build feature has its effect, and that builds without the
//! feature lack the effect. What a build is expected to do follows from the
//! features that cargo was given, and not from the build script, which may map a
//! feature wrongly.
//!
//! The test has processes of its own, because an effect may be the end of a process,
//! or a state of the whole process.

#[cfg(not(all(target_os = "linux", not(mimalloc_other_version))))]
fn main() {
    println!("SKIPPED: the effects are looked at on Linux, with the pinned versions");
}

#[cfg(all(target_os = "linux", not(mimalloc_other_version)))]
fn main() {
    effects::main();
}

#[cfg(all(target_os = "linux", not(mimalloc_other_version)))]
mod effects {
    use core::ffi::c_void;
    use core::hint::black_box;
    use core::ptr;
    use std::env;
    use std::fs;
    use std::process::Command;

    use mimalloc_sys as sys;
    use mimalloc_tests::child;
    use object::{Object as _, ObjectSymbol as _, SymbolKind};

    /// The checks: each name is a sentence.
    const CHECKS: &[(&str, fn())] = &[
        (
            "the library states its levels",
            the_library_states_its_levels,
        ),
        ("blocks are padded", blocks_are_padded),
        ("overflows are found", overflows_are_found),
        ("double frees are found", double_frees_are_found),
        ("debug builds fill blocks", debug_builds_fill_blocks),
        ("blocks come in no order", blocks_come_in_no_order),
        (
            "guard pages follow sampled blocks",
            guard_pages_follow_sampled_blocks,
        ),
        ("the profiler is there", the_profiler_is_there),
        ("malloc is replaced", malloc_is_replaced),
        ("huge pages are off", huge_pages_are_off),
        ("nobody asks for huge pages", nobody_asks_for_huge_pages),
        ("freed blocks are poisoned", freed_blocks_are_poisoned),
        ("memcheck sees blocks", memcheck_sees_blocks),
        ("code is for this machine", code_is_for_this_machine),
        ("the TLS model is chosen", the_tls_model_is_chosen),
    ];

    pub(super) fn main() {
        if let Some(task) = child::task() {
            run(&task);
            child::end();
        }
        if !sys::VENDORED {
            println!("SKIPPED: a system library has settings of its own");
            return;
        }
        for (name, check) in CHECKS {
            println!("{name} …");
            check();
        }
        println!("ok");
    }

    fn has(feature: &str) -> bool {
        sys::build::FEATURES.contains(&feature)
    }

    /// The level of hardening that the features ask for.
    fn secure() -> u32 {
        let levels = (1..=5).filter(|level| has(&format!("secure-{level}")));
        levels.max().unwrap_or(if has("secure") { 4 } else { 0 })
    }

    /// The level of checks that the features ask for.
    fn debug() -> u32 {
        if has("no-debug") || !cfg!(debug_assertions) {
            0
        } else if has("debug-full") {
            // The engine's own check of level 3 fails there.
            if cfg!(mimalloc_v2) && secure() > 0 {
                2
            } else {
                3
            }
        } else {
            u32::from(has("debug"))
        }
    }

    fn is_tracked() -> bool {
        has("asan") || has("valgrind")
    }

    fn pads() -> bool {
        let from = if cfg!(mimalloc_v3) { 4 } else { 3 };
        has("padding") || is_tracked() || debug() > 0 || secure() >= from
    }

    /// Does what a check asks of a child.
    fn run(task: &str) {
        match task {
            "print" => mimalloc::option::print(),
            "overflow" => {
                let block = alloc(100);
                // Each byte by itself: a sanitizer of C watches `memset`.
                for at in 100..164 {
                    // SAFETY: the byte belongs to mimalloc, or to a block that is free:
                    // this process is thrown away.
                    unsafe { block.wrapping_add(at).write_volatile(0xA5) };
                }
                free(block);
            }
            "overflow of a guarded block" => {
                let block = alloc(112);
                // SAFETY: as above, the byte is of no live block, if there is one.
                unsafe { block.wrapping_add(112).write_volatile(1) };
                free(block);
            }
            "free twice" => {
                let block = alloc(100);
                free(block);
                free(block);
            }
            "use freed" => {
                let block = alloc(100);
                free(block);
                // SAFETY: the memory is mapped, and is of no live block.
                black_box(unsafe { block.wrapping_add(20).read_volatile() });
            }
            "use too much" => {
                let block = alloc(100);
                // SAFETY: the memory is mapped, and is of no live block.
                black_box(unsafe { block.wrapping_add(100).read_volatile() });
                free(block);
            }
            "end a heap" => {
                let heap = mimalloc::Heap::new().unwrap();
                for size in 1..1_000 {
                    black_box(heap.alloc_slice_with(size, |_| 1_u8).unwrap());
                }
            }
            "use" => {
                let block = alloc(100);
                // SAFETY: the byte is in a live block.
                unsafe { block.wrapping_add(20).write_volatile(1) };
                free(block);
            }
            "thp" => println!("{}", is_thp_disabled()),
            "madvise" => {
                let block = alloc(64 << 20);
                println!("{}", asks_for_huge_pages());
                free(block);
            }
            "profile" => {
                (0..1000).for_each(|_| free(alloc(1000)));
                // Upstream writes the profile at exit.
                std::process::exit(0);
            }
            other => panic!("no task {other}"),
        }
    }

    fn alloc(size: usize) -> *mut u8 {
        // SAFETY: `mi_malloc` has no precondition.
        let block = unsafe { sys::mi_malloc(size) };
        assert!(!block.is_null());
        black_box(block.cast())
    }

    /// Frees a block; a child may have freed the block already.
    fn free(block: *mut u8) {
        // SAFETY: a block of this module's `alloc`. A child frees a block twice to see
        // what happens, and does nothing else after.
        unsafe { sys::mi_free(block.cast()) };
    }

    /// Makes a child that prints errors.
    fn verbose(task: &str) -> Command {
        let mut command = child::command(task);
        command.env("MIMALLOC_SHOW_ERRORS", "1");
        command
    }

    /// The compiled library says what its preprocessor saw.
    fn the_library_states_its_levels() {
        let ended = child::run(&mut child::command("print"));
        assert!(ended.success, "{ended:?}");
        let stated = |name: &str| {
            let lines = ended.stderr.lines();
            let lines = lines.map(|line| line.trim_start_matches("mimalloc: "));
            let value = lines.filter_map(|line| line.strip_prefix(name)?.trim().strip_prefix(':'));
            let values: Vec<_> = value.map(str::trim).collect();
            assert!(values.len() < 2, "{values:?}");
            values.first().map(|value| (*value).to_owned())
        };
        let level = |name| stated(name).unwrap().parse::<u32>().unwrap();
        assert_eq!(level("secure level"), secure());
        assert_eq!(level("debug level"), debug());
        let tool = if has("asan") {
            "asan"
        } else if has("valgrind") {
            "valgrind"
        } else {
            "none"
        };
        assert_eq!(stated("mem tracking").unwrap(), tool);
        if cfg!(mimalloc_v3) {
            assert_eq!(stated("guarded mode").is_some(), has("guarded"));
            assert_eq!(stated("profiling").is_some(), !has("no-profile"));
            assert_eq!(stated("padding").unwrap() != "none", pads());
        } else {
            assert_eq!(stated("guarded build").is_some(), has("guarded"));
        }
    }

    fn blocks_are_padded() {
        let block = alloc(100);
        // SAFETY: the block is live.
        let usable = unsafe { sys::mi_usable_size(block.cast()) };
        free(block);
        assert_eq!(usable == 100, pads(), "{usable}");
    }

    fn overflows_are_found() {
        let ended = child::run(&mut verbose("overflow"));
        let found = ended.stderr.contains("buffer overflow in heap block");
        // valgrind's and asan's builds of engine v2 leave overflows to the tool.
        let finds = pads() && (cfg!(mimalloc_v3) || !is_tracked() || has("padding"));
        assert_eq!(found, finds, "{ended:?}");
        // An overflow ends a hardened process. Otherwise the error hook is told.
        let ends = finds && (secure() > 0 || debug() > 0);
        assert_eq!(ended.signal, ends.then_some(libc::SIGABRT), "{ended:?}");
    }

    fn double_frees_are_found() {
        let ended = child::run(&mut verbose("free twice"));
        let found = ended.stderr.contains("double free detected");
        let finds = if cfg!(mimalloc_v3) {
            pads() || secure() >= 3
        } else {
            secure() >= 4 || debug() > 0
        };
        assert_eq!(found, finds, "{ended:?}");
    }

    fn debug_builds_fill_blocks() {
        let block = alloc(100);
        // SAFETY: the byte is in a live block, which mimalloc may leave uninitialised:
        // the memory came from the system, as zeroes, or from the library's own code.
        let fresh = unsafe { block.wrapping_add(50).read_volatile() };
        free(block);
        let fills = debug() > 0 && !is_tracked();
        assert_eq!(fresh == 0xD0, fills, "{fresh:#x}");
    }

    fn blocks_come_in_no_order() {
        // SAFETY: any thread may make a heap.
        let heap = unsafe { sys::mi_heap_new() };
        let mut addresses = Vec::new();
        for _ in 0..32 {
            // SAFETY: the heap is live, and this thread's.
            addresses.push(unsafe { sys::mi_heap_malloc(heap, 64) }.addr());
        }
        // SAFETY: the heap was made above, and its blocks are used no more.
        unsafe { sys::mi_heap_destroy(heap) };
        let is_sorted = addresses.is_sorted();
        assert_eq!(is_sorted, secure() < 2, "{addresses:x?}");
    }

    fn guard_pages_follow_sampled_blocks() {
        let mut child = verbose("overflow of a guarded block");
        child.env("MIMALLOC_GUARDED_SAMPLE_RATE", "1");
        let ended = child::run(&mut child);
        let is_stopped = ended.signal == Some(libc::SIGSEGV);
        assert_eq!(is_stopped, has("guarded"), "{ended:?}");
    }

    fn the_profiler_is_there() {
        let dir = env::temp_dir();
        let file = dir.join(format!("mimalloc-effects-{}", std::process::id()));
        let mut child = child::command("profile");
        child
            .env("MIMALLOC_PROFILE", &file)
            .env("MIMALLOC_PROFILE_SAMPLE_RATE", "1024");
        assert!(child::run(&mut child).success);
        // Upstream adds a number and an extension to the name.
        let start = file.file_name().unwrap().to_string_lossy().into_owned();
        let entries = fs::read_dir(dir).unwrap().flatten();
        let made = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&start));
        let made: Vec<_> = made.map(|entry| fs::remove_file(entry.path())).collect();
        assert_eq!(!made.is_empty(), cfg!(mimalloc_v3) && !has("no-profile"));
    }

    fn malloc_is_replaced() {
        // SAFETY: `malloc` has no precondition.
        let block = black_box(unsafe { libc::malloc(100) });
        // SAFETY: `realloc` of null is `malloc`.
        let grown = black_box(unsafe { libc::realloc(ptr::null_mut(), 1000) });
        // SAFETY: `calloc` has no precondition.
        let zeroed = black_box(unsafe { libc::calloc(10, 10) });
        // SAFETY: the argument is a C string. The C library allocates the copy itself.
        let copy = black_box(unsafe { libc::strdup(c"a copy".as_ptr()) }).cast::<c_void>();
        let mut aligned = ptr::null_mut();
        // SAFETY: the pointer is valid for writes, and 256 is a power of two.
        let code = unsafe { libc::posix_memalign(&raw mut aligned, 256, 100) };
        assert_eq!(code, 0);
        for block in [block, grown, zeroed, copy, aligned] {
            // SAFETY: any address may be asked for; the memory is not accessed.
            let is_ours = unsafe { is_in_heap(block) };
            assert_eq!(is_ours, has("override"));
            // SAFETY: each block is of the family of `malloc`, and is freed once.
            unsafe { libc::free(block) };
        }
    }

    #[cfg(mimalloc_v3)]
    use sys::mi_any_heap_contains as is_in_heap;
    #[cfg(mimalloc_v2)]
    use sys::mi_is_in_heap_region as is_in_heap;

    fn is_thp_disabled() -> i32 {
        // SAFETY: this request takes no pointer.
        unsafe { libc::prctl(libc::PR_GET_THP_DISABLE, 0, 0, 0, 0) }
    }

    fn huge_pages_are_off() {
        let mut child = child::command("thp");
        let answer: i32 = child::answer(&mut child).parse().unwrap();
        // Children inherit the state.
        assert_eq!(answer, is_thp_disabled());
        assert_eq!(answer == 1, has("no-thp"));
        let mut child = child::command("thp");
        // Whatever the build says, the user decides.
        let answer = child::answer(child.env("MIMALLOC_ALLOW_THP", "0"));
        assert_eq!(answer, "1");
    }

    /// Returns whether any mapping of this process has been advised to use huge pages.
    fn asks_for_huge_pages() -> bool {
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let mut flags = maps
            .lines()
            .filter_map(|line| line.strip_prefix("VmFlags:"));
        flags.any(|flags| flags.split(' ').any(|flag| flag == "hg"))
    }

    /// The other half of `no-thp`: also where the user allows huge pages.
    fn nobody_asks_for_huge_pages() {
        let enabled = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
        if !enabled.is_ok_and(|text| text.contains("[madvise]") || text.contains("[always]")) {
            println!("SKIPPED: this kernel has no transparent huge pages");
            return;
        }
        let mut child = child::command("madvise");
        child
            .env("MIMALLOC_ALLOW_THP", "1")
            .env("MIMALLOC_ALLOW_LARGE_OS_PAGES", "1");
        let answer = child::answer(&mut child);
        // Hardened builds of engine v3 ask for none.
        let is_hardened = cfg!(mimalloc_v3) && secure() > 0;
        assert_eq!(answer == "true", !has("no-thp") && !is_hardened);
    }

    type IsPoisoned = unsafe extern "C" fn(*const c_void) -> i32;

    fn freed_blocks_are_poisoned() {
        let name = c"__asan_address_is_poisoned";
        // SAFETY: the name is a C string.
        let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        assert_eq!(!symbol.is_null(), has("asan"));
        if symbol.is_null() {
            return;
        }
        // SAFETY: the runtime defines the function with this type.
        let is_poisoned = unsafe { core::mem::transmute::<*mut c_void, IsPoisoned>(symbol) };
        let block = alloc(100);
        let at = |offset: usize| block.wrapping_add(offset).cast::<c_void>();
        // SAFETY: the function takes any address.
        assert_eq!(unsafe { is_poisoned(at(99)) }, 0);
        // SAFETY: the function takes any address.
        let behind = unsafe { is_poisoned(at(104)) };
        assert_eq!(behind, i32::from(cfg!(mimalloc_v3)), "behind the block");
        free(block);
        // SAFETY: the function takes any address.
        assert_eq!(unsafe { is_poisoned(at(50)) }, 1, "in a freed block");
    }

    /// Only with the feature, because valgrind takes seconds.
    fn memcheck_sees_blocks() {
        if !has("valgrind") {
            return;
        }
        let under = |task| {
            let mut command = Command::new("valgrind");
            command.args(["--error-exitcode=9", "--quiet"]);
            command.args([
                "--leak-check=full",
                "--errors-for-leak-kinds=definite,possible",
            ]);
            command.arg(env::current_exe().unwrap());
            child::arrange(&mut command, task);
            child::run(&mut command)
        };
        // The blocks of a heap end with the heap.
        for task in ["use", "end a heap"] {
            let clean = under(task);
            assert!(clean.success, "{task}: {clean:?}");
        }
        for task in ["use freed", "use too much"] {
            let dirty = under(task);
            let is_found = !dirty.success && dirty.stderr.contains("Invalid read");
            assert!(is_found, "{task}: {dirty:?}");
        }
    }

    /// Looks for instructions that only newer machines have, in the machine code of
    /// the library.
    fn code_is_for_this_machine() {
        let flags = sys::build::ARGUMENTS;
        assert_eq!(
            flags.contains(&"-march=native"),
            has("opt-arch"),
            "{flags:?}"
        );
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        if cfg!(not(target_arch = "x86_64")) || !cpu.contains(" bmi2 ") {
            println!("SKIPPED: the machine lacks the instructions that the test knows");
            return;
        }
        let program = env::current_exe().unwrap();
        let data = fs::read(&program).unwrap();
        let file = object::File::parse(&*data).unwrap();
        // The functions of C lie together.
        let functions = file.symbols().filter(|symbol| {
            let name = symbol.name().unwrap_or_default();
            symbol.kind() == SymbolKind::Text && name.trim_start_matches('_').starts_with("mi_")
        });
        let ranges = functions.map(|symbol| (symbol.address(), symbol.address() + symbol.size()));
        let ranges: Vec<_> = ranges.filter(|(start, end)| start < end).collect();
        assert!(ranges.len() > 50, "{}", ranges.len());
        let start = ranges.iter().map(|range| range.0).min().unwrap();
        let end = ranges.iter().map(|range| range.1).max().unwrap();
        let mut objdump = Command::new("objdump");
        objdump
            .args(["-d", "--no-show-raw-insn"])
            .arg(format!("--start-address={start}"))
            .arg(format!("--stop-address={end}"))
            .arg(&program);
        let Ok(output) = objdump.output() else {
            println!("SKIPPED: no objdump");
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let newer = ["shlx", "shrx", "sarx", "andn", "bzhi", "mulx"];
        let newer = text.split_whitespace().filter(|word| newer.contains(word));
        let newer = newer.count();
        assert_eq!(newer > 0, has("opt-arch"), "{newer} newer instructions");
    }

    /// The model itself shows in a cdylib, which the test `exports` looks at.
    fn the_tls_model_is_chosen() {
        let flags = sys::build::ARGUMENTS;
        let model = if has("local-dynamic-tls") || cfg!(target_env = "musl") {
            "-ftls-model=local-dynamic"
        } else {
            "-ftls-model=initial-exec"
        };
        assert!(flags.contains(&model), "{flags:?}");
    }
}
