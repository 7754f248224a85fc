//! Attacks the heap, and compares what happens with the tables of the page
//! `mimalloc/docs/security.md`. The tables are what is tested: a row has an attack,
//! and the column of this build says what must happen.
//!
//! The test has processes of its own, because an attack breaks the memory of its
//! process.

#[cfg(not(all(target_os = "linux", not(mimalloc_other_version))))]
fn main() {
    println!("SKIPPED: the attacks are written for Linux and the pinned versions");
}

#[cfg(all(target_os = "linux", not(mimalloc_other_version)))]
fn main() {
    attacks::main();
}

#[cfg(all(target_os = "linux", not(mimalloc_other_version)))]
mod attacks {
    use core::ptr;
    use std::collections::{BTreeMap, BTreeSet};
    use std::io::Write as _;
    use std::thread;

    use mimalloc_sys as sys;
    use mimalloc_tests::child;

    const PAGE: &str = include_str!("../../mimalloc/docs/security.md");

    /// The heading of the table of this engine.
    const HEADING: &str = if cfg!(mimalloc_v3) {
        "\n# Engine v3"
    } else {
        "\n# Engine v2"
    };

    type Attack = fn(&Attacker) -> bool;

    /// The attacks: the name in the table, and what a child does. The result says
    /// whether the attack did harm.
    const ATTACKS: &[(&str, Attack)] = &[
        ("free a block twice", free_twice),
        (
            "free a block twice, on two threads",
            free_twice_on_two_threads,
        ),
        (
            "free a block again that someone else has got",
            free_after_reuse,
        ),
        ("free memory of someone else", free_foreign),
        ("free the middle of a block", free_interior),
        (
            "write one byte behind what was asked for",
            overflow_into_slack,
        ),
        ("write one byte into the next block", overflow_by_one),
        ("write 64 bytes into the next block", overflow_by_many),
        ("write on into the next page", overflow_of_a_page),
        ("write on behind a large block", overflow_of_a_large_block),
        ("overwrite the free list", overwrite_free_list),
        ("write into a freed block", write_after_free),
        ("read a freed block", read_after_free),
        ("guess the next address", guess_the_next),
    ];

    pub(super) fn main() {
        if let Some(task) = child::task() {
            run(&task);
            return;
        }
        let Some(column) = column() else {
            println!("SKIPPED: the tables have no column for these features");
            return;
        };
        let attacks = ATTACKS.iter().map(|&(name, _)| (name, outcome(name)));
        let outcomes: BTreeMap<_, _> = attacks.collect();
        for (name, (word, _)) in &outcomes {
            println!("{name}: {word}");
        }
        let table = table(&column);
        let rows: Vec<_> = table.keys().collect();
        assert_eq!(
            rows,
            outcomes.keys().collect::<Vec<_>>(),
            "rows and attacks"
        );
        let wrong = outcomes
            .iter()
            .filter(|(name, (word, _))| table[*name] != *word);
        let mistakes: Vec<_> = wrong
            .map(|(name, (word, ended))| format!("{name}: {word}, not {}: {ended:?}", table[name]))
            .collect();
        assert!(
            mistakes.is_empty(),
            "column {column} of {HEADING:?} in mimalloc/docs/security.md:\n{}",
            mistakes.join("\n")
        );
        println!("ok");
    }

    /// Returns the heading of the column that is about this build.
    fn column() -> Option<String> {
        let mut levels = vec![0];
        let mut others = Vec::new();
        for feature in sys::build::FEATURES {
            match *feature {
                "secure" => levels.push(4),
                // Without debug assertions the feature has no effect.
                "debug" if !cfg!(debug_assertions) => {}
                "debug" | "padding" | "guarded" => others.push(*feature),
                // Not about blocks.
                "v2" | "no-thp" | "local-dynamic-tls" | "opt-arch" | "no-profile" | "override" => {}
                name => match name.strip_prefix("secure-") {
                    Some(level) => levels.push(level.parse().unwrap()),
                    None => return None,
                },
            }
        }
        let level: u32 = levels.into_iter().max()?;
        match (level, &*others) {
            (0, [other]) => Some((*other).to_owned()),
            (level, []) => Some(level.to_string()),
            _ => None,
        }
    }

    /// Returns what the page says about each attack.
    fn table(column: &str) -> BTreeMap<&'static str, &'static str> {
        let (_, part) = PAGE.split_once(HEADING).expect("the page has the engine");
        let part = part.split("\n# ").next().unwrap();
        let cells = |line: &'static str| -> Vec<&'static str> {
            let line = line.trim_start_matches('|').trim_end_matches('|');
            line.split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect()
        };
        let mut lines = part.lines().filter(|line| line.starts_with('|'));
        let heads = cells(lines.next().expect("there is a table"));
        let at = heads.iter().position(|head| *head == column);
        let at = at.unwrap_or_else(|| panic!("no column {column} in {heads:?}"));
        let rows = lines.skip(1).map(cells);
        rows.map(|row| (row[0], row[at])).collect()
    }

    /// Runs an attack, and returns the table's word for what happened.
    fn outcome(attack: &str) -> (&'static str, child::Ended) {
        let mut child = child::command(attack);
        child
            .env("MIMALLOC_SHOW_ERRORS", "1")
            // Has no effect but in builds with `guarded`.
            .env("MIMALLOC_GUARDED_SAMPLE_RATE", "1");
        let ended = child::run(&mut child);
        let reports = ended.stderr.contains("mimalloc: error: ");
        let last = ended.stdout.lines().last().unwrap_or_default();
        let word = match (ended.signal, last) {
            (Some(libc::SIGABRT), _) if ended.stderr.contains("mimalloc: ") => "abort",
            (Some(libc::SIGSEGV), "writing") => "guard page",
            (Some(libc::SIGSEGV), "calling") => "crash",
            (None, "harm") if ended.success && reports => "late",
            (None, "harm") if ended.success => "harm",
            (None, "no harm") if ended.success && reports => "error",
            (None, "no harm") if ended.success => "nothing",
            _ => "unknown",
        };
        (word, ended)
    }

    /// Is the child's part.
    fn run(task: &str) {
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: `none` is valid for reads, and the system writes nothing through it.
        let code = unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
        assert_eq!(code, 0);
        let (_, attack) = ATTACKS.iter().find(|(name, _)| *name == task).unwrap();
        // SAFETY: the parent made this process for one attack, and reads nothing of it
        // but its output and its end.
        let attacker = unsafe { Attacker::new() };
        let harm = attack(&attacker);
        say(if harm { "harm" } else { "no harm" });
        child::end();
    }

    fn say(word: &str) {
        let mut out = std::io::stdout();
        writeln!(out, "{word}").unwrap();
        out.flush().unwrap();
    }

    /// The bytes that an attack writes.
    const EVIL: u8 = 0xA5;
    /// The bytes of honest owners.
    const GOOD: u8 = 0x3C;

    /// Breaks the rules of a heap. Each function may be called with pointers that are
    /// not what its name says, which is why there is no safe way to make a value.
    struct Attacker {
        heap: *mut sys::mi_heap_t,
    }

    impl Attacker {
        /// Makes the permission to break memory.
        ///
        /// # Safety
        ///
        /// Nothing may rely on the memory of this process from now on, except for
        /// what the process prints.
        unsafe fn new() -> Self {
            // SAFETY: any thread may make a heap; this one is only used on this thread.
            let heap = unsafe { sys::mi_heap_new() };
            assert!(!heap.is_null());
            Self { heap }
        }

        fn alloc(&self, size: usize) -> *mut u8 {
            // SAFETY: the heap is this thread's. If an attack broke the heap, the
            // maker of `self` has promised that nothing relies on the process.
            let block = unsafe { sys::mi_heap_malloc(self.heap, size) };
            assert!(!block.is_null());
            block.cast()
        }

        fn alloc_zeroed(&self, size: usize) -> *mut u8 {
            // SAFETY: as in `alloc`, the heap is this thread's, or broken on purpose.
            let block = unsafe { sys::mi_heap_zalloc(self.heap, size) };
            assert!(!block.is_null());
            block.cast()
        }

        /// Frees a block of another owner with `&self` to show whose promise allows it.
        fn free(&self, pointer: *mut u8) {
            // SAFETY: the pointer may be anything: this call is the attack, which the
            // maker of `self` has allowed.
            unsafe { sys::mi_free(pointer.cast()) };
        }

        fn usable(&self, block: *mut u8) -> usize {
            // SAFETY: all callers pass blocks that are live and unharmed.
            unsafe { sys::mi_usable_size(block.cast()) }
        }

        fn write(&self, block: *mut u8, at: usize, value: u8) {
            let byte = block.wrapping_add(at);
            // SAFETY: the byte may belong to anybody: this access is the attack, which
            // the maker of `self` has allowed. No Rust object lies near the heap.
            unsafe { byte.write_volatile(value) };
        }

        fn read(&self, block: *mut u8, at: usize) -> u8 {
            let byte = block.wrapping_add(at);
            // SAFETY: as in `write`, the maker of `self` has allowed the access.
            unsafe { byte.read_volatile() }
        }

        fn fill(&self, block: *mut u8, size: usize, value: u8) {
            (0..size).for_each(|at| self.write(block, at, value));
        }

        fn holds(&self, block: *mut u8, size: usize, value: u8) -> bool {
            (0..size).all(|at| self.read(block, at) == value)
        }

        /// Allocates blocks that honest owners keep, sorted by address.
        fn blocks(&self, count: usize, size: usize) -> Vec<*mut u8> {
            let mut blocks: Vec<_> = (0..count).map(|_| self.alloc(size)).collect();
            blocks.sort();
            for block in &blocks {
                self.fill(*block, size, GOOD);
            }
            blocks
        }

        /// Returns a size near 100 whose blocks have no byte to spare, and whether
        /// builds of this kind put something behind a block.
        fn exact_size(&self) -> usize {
            let probe = self.alloc(100);
            // With padding, a word of 8 bytes follows. Guarded blocks end at multiples
            // of 16.
            let size = if self.usable(probe) == 100 { 104 } else { 112 };
            self.free(probe);
            size
        }

        /// Allocates blocks of 64 bytes for an attack on one of them.
        fn crowd(&self) -> Crowd {
            let blocks = self.blocks(2_001, 64);
            // The victim's neighbours stay in use.
            let kept = blocks.iter().copied().step_by(2).collect();
            let mut spare: Vec<_> = blocks.iter().copied().skip(1).step_by(2).collect();
            let victim = spare.swap_remove(500);
            Crowd {
                victim,
                kept,
                spare,
            }
        }

        /// Goes on as an honest program does: allocates, frees many blocks, so that
        /// hardened engines use freed memory again, and allocates. Returns whether a
        /// block is handed out that overlaps memory in use.
        fn hands_out_twice(&self, crowd: Crowd) -> bool {
            let in_use = crowd.kept.iter().chain(&crowd.spare);
            let mut seen: BTreeSet<usize> = in_use.map(|block| block.addr()).collect();
            let overlaps = |seen: &mut BTreeSet<usize>| {
                (0..3_000).any(|_| {
                    let block = self.alloc(64).addr();
                    let others = seen.range(block.saturating_sub(63)..block + 64);
                    let overlaps = others.count() > 0;
                    seen.insert(block);
                    overlaps
                })
            };
            if overlaps(&mut seen) {
                return true;
            }
            for block in crowd.spare {
                self.free(block);
                seen.remove(&block.addr());
            }
            overlaps(&mut seen)
        }

        /// Frees many blocks and allocates until the freed victim has a new owner.
        fn reuses(&self, crowd: &mut Crowd, alloc: fn(&Self, usize) -> *mut u8) -> bool {
            let spare = core::mem::take(&mut crowd.spare);
            spare.into_iter().for_each(|block| self.free(block));
            (0..6_000).any(|_| {
                let block = alloc(self, 64);
                crowd.kept.push(block);
                block == crowd.victim
            })
        }
    }

    /// Blocks that honest owners use.
    struct Crowd {
        victim: *mut u8,
        /// Blocks that stay in use.
        kept: Vec<*mut u8>,
        /// Blocks that are freed after the attack.
        spare: Vec<*mut u8>,
    }

    /// Returns two blocks that follow each other.
    fn neighbours(blocks: &[*mut u8]) -> [*mut u8; 2] {
        let distance = |pair: &&[*mut u8]| pair[1].addr() - pair[0].addr();
        let pair = blocks.windows(2).min_by_key(distance).unwrap();
        [pair[0], pair[1]]
    }

    fn free_twice(a: &Attacker) -> bool {
        let crowd = a.crowd();
        a.free(crowd.victim);
        say("calling");
        a.free(crowd.victim);
        a.hands_out_twice(crowd)
    }

    fn free_twice_on_two_threads(a: &Attacker) -> bool {
        let crowd = a.crowd();
        a.free(crowd.victim);
        say("calling");
        let address = crowd.victim.expose_provenance();
        let other = thread::spawn(move || {
            let block = ptr::with_exposed_provenance_mut::<u8>(address);
            // SAFETY: none: this call is the attack, in a process that was made for it.
            unsafe { sys::mi_free(block.cast()) };
        });
        other.join().unwrap();
        a.hands_out_twice(crowd)
    }

    fn free_after_reuse(a: &Attacker) -> bool {
        let mut crowd = a.crowd();
        a.free(crowd.victim);
        assert!(a.reuses(&mut crowd, Attacker::alloc));
        say("calling");
        a.free(crowd.victim);
        crowd.spare = crowd.kept.split_off(1_000);
        crowd.kept.push(crowd.victim);
        crowd.spare.retain(|block| *block != crowd.victim);
        a.hands_out_twice(crowd)
    }

    /// Frees a pointer into memory that mimalloc has never seen. All around is zero, so
    /// that what the engine reads there does not depend on chance.
    fn free_foreign(a: &Attacker) -> bool {
        let crowd = a.crowd();
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let all = libc::PROT_READ | libc::PROT_WRITE;
        let size = 1 << 30;
        // SAFETY: the system chooses the address, so no other mapping is replaced.
        let memory = unsafe { libc::mmap(ptr::null_mut(), size, all, flags, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED);
        say("calling");
        a.free(memory.cast::<u8>().wrapping_add(size / 2 + 64));
        a.hands_out_twice(crowd)
    }

    /// If the engine takes the middle for a block of its own, the next owner of that
    /// block writes to the block behind.
    fn free_interior(a: &Attacker) -> bool {
        let crowd = a.crowd();
        say("calling");
        a.free(crowd.victim.wrapping_add(16));
        a.hands_out_twice(crowd)
    }

    fn overflow(a: &Attacker, size: usize, by: usize) -> bool {
        let blocks = a.blocks(40, size);
        let [block, next] = neighbours(&blocks);
        say("writing");
        for at in size..size + by {
            a.write(block, at, !a.read(block, at));
        }
        say("calling");
        a.free(block);
        !a.holds(next, size, GOOD)
    }

    fn overflow_into_slack(a: &Attacker) -> bool {
        overflow(a, 100, 1)
    }

    fn overflow_by_one(a: &Attacker) -> bool {
        overflow(a, a.exact_size(), 1)
    }

    fn overflow_by_many(a: &Attacker) -> bool {
        overflow(a, a.exact_size(), 64)
    }

    /// Writes from the last block of a page to the first block of the page behind it.
    fn overflow_of_a_page(a: &Attacker) -> bool {
        let size = a.exact_size();
        let blocks = a.blocks(5_000, size);
        let gaps: Vec<_> = blocks
            .windows(2)
            .filter(|pair| {
                let distance = pair[1].addr() - pair[0].addr();
                (256..20_000).contains(&distance)
            })
            .collect();
        let pair = gaps.first().expect("some pages lie side by side");
        let distance = pair[1].addr() - pair[0].addr();
        say("writing");
        (size..distance + size).for_each(|at| a.write(pair[0], at, EVIL));
        !a.holds(pair[1], size, GOOD)
    }

    fn overflow_of_a_large_block(a: &Attacker) -> bool {
        // Too large for a page with other blocks.
        let size = 20 << 20;
        let mut blocks: Vec<_> = (0..4).map(|_| a.alloc(size)).collect();
        blocks.sort();
        blocks.iter().for_each(|block| a.fill(*block, 64, GOOD));
        let [block, next] = neighbours(&blocks);
        let distance = next.addr() - block.addr();
        assert!(
            distance < 2 * size,
            "no other block lies close behind the block"
        );
        say("writing");
        (size..distance + 64).for_each(|at| a.write(block, at, EVIL));
        !a.holds(next, 64, GOOD)
    }

    /// Writes an address into a freed block, where an engine without protection keeps
    /// the address of the next free block. Harm is done if the address is handed out.
    fn overwrite_free_list(a: &Attacker) -> bool {
        let target = a.blocks(1, 1000)[0];
        a.fill(target, 1000, 0);
        let target = target.wrapping_add(128);
        let mut crowd = a.crowd();
        a.free(crowd.victim);
        say("writing");
        for (at, byte) in target.addr().to_ne_bytes().into_iter().enumerate() {
            a.write(crowd.victim, at, byte);
        }
        say("calling");
        let spare = core::mem::take(&mut crowd.spare);
        spare.into_iter().for_each(|block| a.free(block));
        (0..6_000).any(|_| a.alloc(64) == target)
    }

    /// Writes behind the link of the free list. Harm is done if the next owner finds the
    /// bytes in memory that should be zero.
    fn write_after_free(a: &Attacker) -> bool {
        let mut crowd = a.crowd();
        a.free(crowd.victim);
        say("writing");
        a.fill(crowd.victim.wrapping_add(16), 40, EVIL);
        say("calling");
        assert!(a.reuses(&mut crowd, Attacker::alloc_zeroed));
        !a.holds(crowd.victim, 64, 0)
    }

    fn read_after_free(a: &Attacker) -> bool {
        let crowd = a.crowd();
        a.free(crowd.victim);
        say("writing");
        a.holds(crowd.victim.wrapping_add(16), 32, GOOD)
    }

    /// Harm is done if each block lies right behind the one before it.
    fn guess_the_next(a: &Attacker) -> bool {
        let blocks: Vec<_> = (0..32).map(|_| a.alloc(64).addr()).collect();
        let distance = blocks[1].wrapping_sub(blocks[0]);
        blocks
            .windows(2)
            .all(|pair| pair[1].wrapping_sub(pair[0]) == distance)
    }
}
