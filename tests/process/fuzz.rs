//! Runs random programs of operations on heaps, pools, containers and threads.
//!
//! `MIMALLOC_FUZZ_OPS` sets the number of operations and `MIMALLOC_FUZZ_SEED`
//! the first seed; `tests/fuzz/README.md` has the figures of long runs.
//!
//! The test has a process of its own and no harness, because the statistics at
//! the end would count other tests.

#[cfg(not(mimalloc_owned_heaps))]
fn main() {
    eprintln!("SKIPPED: this library has no pools, which the programs use");
}

#[cfg(mimalloc_owned_heaps)]
fn main() {
    random::main();
}

#[cfg(mimalloc_owned_heaps)]
mod random {
    use fastrand::Rng;
    use mimalloc_tests::fuzz::Fuzzer;

    // The statistics count the program's own blocks alone.
    #[global_allocator]
    static SYSTEM: std::alloc::System = std::alloc::System;

    fn variable(name: &str) -> Option<u64> {
        let text = std::env::var(name).ok()?;
        Some(text.replace('_', "").parse().expect("a number"))
    }

    /// Says how to repeat a program that failed.
    struct Seed(u64);

    impl Drop for Seed {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failed: MIMALLOC_FUZZ_SEED={} MIMALLOC_FUZZ_OPS=1", self.0);
            }
        }
    }

    pub(crate) fn main() {
        let wanted = variable("MIMALLOC_FUZZ_OPS").unwrap_or(100_000);
        let first = variable("MIMALLOC_FUZZ_SEED").unwrap_or(1);
        if wanted < 1_000_000 {
            mimalloc_tests::fail_instead_of_hanging();
        }
        let mut fuzzer = Fuzzer::new();
        let before = counts();
        let (mut operations, mut programs) = (0, 0);
        while operations < wanted {
            let seed = Seed(first + programs);
            let mut random = Rng::with_seed(seed.0);
            let mut program = vec![0; random.usize(1..8_000)];
            random.fill(&mut program);
            operations += fuzzer.run(&program);
            programs += 1;
        }
        fuzzer.clear();
        let ([heaps, threads, blocks], [had_heaps, had_threads, had_blocks]) = (counts(), before);
        assert_eq!([heaps, threads], [had_heaps, had_threads]);
        // mimalloc's own tables are a handful of blocks, for however many programs.
        // `mi_heap_destroy` frees no block in builds of engine v2 with guard pages.
        let left = blocks - had_blocks;
        let frees_none = cfg!(all(mimalloc_v2, mimalloc_guarded));
        assert!(left < 64 || frees_none, "{left} blocks are left");
        println!("ok: {operations} operations in {programs} programs, from seed {first}");
    }

    /// Returns how many heaps, threads and blocks there are; pages on engine v2.
    #[cfg(not(mimalloc_other_version))]
    fn counts() -> [i64; 3] {
        mimalloc::collect(true);
        let stats = mimalloc::stats::Stats::get().unwrap();
        // Engine v2 counts pages, and not all blocks.
        #[cfg(mimalloc_v3)]
        let (heaps, blocks) = {
            let blocks = stats.malloc_bins().map(|bin| bin.count.current);
            (stats.heaps.current, blocks.sum())
        };
        #[cfg(not(mimalloc_v3))]
        let (heaps, blocks) = (0, stats.pages.current);
        [heaps, stats.threads.current, blocks]
    }

    #[cfg(mimalloc_other_version)]
    fn counts() -> [i64; 3] {
        [0; 3]
    }
}
