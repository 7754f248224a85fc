//! Measures `MiMalloc` as the global allocator: the time of the workloads that
//! the comparison with other allocators runs (`cargo xtask bench`), and the
//! time of an empty process.
//!
//! `cargo bench -p mimalloc-benches --bench global -- json`

use core::fmt;
use std::env;
use std::process::Command;

use divan::Bencher;
use mimalloc::MiMalloc;
use peers_workloads::{Group, WORKLOADS, Workload};

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

/// The argument that makes this program end at once.
const EXIT: &str = "--exit";

fn main() {
    if env::args().nth(1).is_some_and(|argument| argument == EXIT) {
        return;
    }
    divan::main();
}

/// A workload that is shown by its name.
struct Named(&'static Workload);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

fn of(group: Group) -> impl Iterator<Item = Named> {
    let of_group = WORKLOADS
        .iter()
        .filter(move |workload| workload.group == group);
    of_group.map(Named)
}

/// Does one per cent of the comparison's work.
#[divan::bench(args = of(Group::Single), max_time = 2)]
fn one_thread(workload: &Named) -> u64 {
    (workload.0.run)(divan::black_box(1))
}

#[divan::bench(args = of(Group::Threads), max_time = 2)]
fn threads(workload: &Named) -> u64 {
    (workload.0.run)(divan::black_box(1))
}

/// Starts a process that does nothing, and waits for its end.
#[divan::bench(max_time = 2)]
fn start_up(bencher: Bencher) {
    let program = env::current_exe().expect("this program has no path");
    bencher.bench_local(|| {
        let status = Command::new(&program).arg(EXIT).status();
        assert!(status.is_ok_and(|status| status.success()));
    });
}
