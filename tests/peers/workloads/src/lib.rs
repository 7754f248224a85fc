//! The workloads of the comparison, and the command line that every row shares.
//!
//! A row is a program with nothing in it but a `#[global_allocator]` and a call
//! of [`main`]. Each workload is plain Rust over the global allocator. It
//! returns a checksum that doesn't depend on addresses, so the same number must
//! come out whatever the allocator.

mod cli;
mod containers;
mod held_out;
mod memory;
mod random;
mod threads;
mod trees;

pub use cli::main;

/// How a workload's figures are summarised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// One thread: instruction counts are exact, and tuning may look at them.
    Single,
    /// One thread, and never looked at while tuning.
    HeldOut,
    /// Several threads: time only.
    Threads,
    /// The whole process from start to exit.
    Process,
}

impl Group {
    /// The word that `--list` prints.
    pub fn name(self) -> &'static str {
        match self {
            Group::Single => "single",
            Group::HeldOut => "held-out",
            Group::Threads => "threads",
            Group::Process => "process",
        }
    }
}

/// One program under test.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// The name on the command line and in the tables.
    pub name: &'static str,
    /// The summary that it belongs to.
    pub group: Group,
    /// Runs with the given amount of work, in per cent; returns the checksum.
    /// More work means more repetitions, never more live memory.
    pub run: fn(u64) -> u64,
}

const fn workload(name: &'static str, group: Group, run: fn(u64) -> u64) -> Workload {
    Workload { name, group, run }
}

/// Every workload, in the order of the tables.
pub const WORKLOADS: &[Workload] = &[
    workload("fixed-boxes", Group::Single, memory::fixed_boxes),
    workload("mixed-vecs", Group::Single, memory::mixed_vecs),
    workload("deep-trees", Group::Single, trees::deep),
    workload("short-trees", Group::Single, trees::short),
    workload("rc-list", Group::Single, trees::rc_list),
    workload("btree-churn", Group::Single, containers::btree_churn),
    workload("word-index", Group::Single, containers::word_index),
    workload("vec-growth", Group::Single, containers::vec_growth),
    workload(
        "string-building",
        Group::Single,
        containers::string_building,
    ),
    workload("json", Group::Single, containers::json),
    workload("large-blocks", Group::Single, memory::large_blocks),
    workload("zeroed-small", Group::Single, memory::zeroed_small),
    workload("zeroed-large", Group::Single, memory::zeroed_large),
    workload("aligned-64", Group::Single, memory::aligned_64),
    workload("aligned-4096", Group::Single, memory::aligned_4096),
    workload("lru-cache", Group::HeldOut, held_out::lru_cache),
    workload("rewriting", Group::HeldOut, held_out::rewriting),
    workload("foreign-frees", Group::Threads, threads::foreign_frees),
    workload("channel", Group::Threads, threads::channel),
    workload("short-threads", Group::Threads, threads::short_threads),
    workload("start-up", Group::Process, |_| 0),
];

/// The number of repetitions for `scale` per cent of `full`.
fn scaled(full: u64, scale: u64) -> u64 {
    (full * scale).div_ceil(100)
}
