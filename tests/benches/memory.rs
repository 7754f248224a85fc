//! Measures resident memory: with blocks, after freeing them, after `collect`,
//! and after the end of the heap, with transparent huge pages and without.
//!
//! `cargo bench -p mimalloc-benches --bench memory` measures each row in a
//! process of its own.

use core::fmt::Write as _;
use std::process::{Command, ExitCode};
use std::{env, fs};

use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use mimalloc::{Heap, MiMalloc};

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

/// The argument that makes a process measure one row.
const ROW: &str = "--row";

/// The columns of the table.
const COLUMNS: [&str; 5] = ["start", "filled", "freed", "heap gone", "collected"];

/// The number of blocks. A million blocks of 48 bytes are 46 MiB.
const BLOCKS: u64 = 1_000_000;

/// Fills memory, empties it, and notes what is resident after each step.
type Run = fn(&mut Row);

/// The rows by name.
const ROWS: [(&str, Run); 5] = [
    ("MiMalloc, 48 bytes", |row| global(row, 1, |_| 48)),
    ("MiMalloc, one of 64 kept", |row| global(row, 64, |_| 48)),
    ("MiMalloc, 8 B to 4 KiB", |row| global(row, 1, mixed)),
    ("Heap, 48 bytes", |row| in_heap(row, |_| 48)),
    ("Heap, 8 B to 4 KiB", |row| in_heap(row, mixed)),
];

fn main() -> ExitCode {
    if !cfg!(target_os = "linux") {
        println!("resident memory is read from /proc, which only Linux has");
        return ExitCode::SUCCESS;
    }
    let arguments: std::vec::Vec<String> = env::args().collect();
    let at = arguments.iter().position(|argument| argument == ROW);
    match at.and_then(|at| arguments.get(at + 1)) {
        Some(name) => measure(name),
        None => table(),
    }
}

/// Runs all rows and prints them.
fn table() -> ExitCode {
    let thp = "/sys/kernel/mm/transparent_hugepage/enabled";
    let thp = fs::read_to_string(thp).unwrap_or_else(|_| "unknown".to_owned());
    println!("resident MiB; transparent huge pages here: {}", thp.trim());
    print!("{:<26} {:>5}", "", "THP");
    for column in COLUMNS {
        print!(" {column:>10}");
    }
    println!();
    for (name, _) in ROWS {
        for allowed in ["1", "0"] {
            let Some(figures) = child(name, allowed) else {
                eprintln!("{name}: the process that measures it failed");
                return ExitCode::FAILURE;
            };
            println!(
                "{name:<26} {:>5}{figures}",
                if allowed == "1" { "yes" } else { "no" }
            );
        }
    }
    ExitCode::SUCCESS
}

/// Measures a row in a process with transparent huge pages allowed or not.
fn child(name: &str, allowed: &str) -> Option<String> {
    let output = Command::new(env::current_exe().ok()?)
        .args([ROW, name])
        .env("MIMALLOC_ALLOW_THP", allowed)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}

fn measure(name: &str) -> ExitCode {
    let Some((_, run)) = ROWS.iter().find(|(row, _)| *row == name) else {
        eprintln!("no row is called `{name}`");
        return ExitCode::FAILURE;
    };
    let mut row = Row::default();
    row.now();
    run(&mut row);
    println!("{}", row.0);
    ExitCode::SUCCESS
}

/// Figures as text, one for each column.
#[derive(Default)]
struct Row(String);

impl Row {
    /// Notes how much memory is resident now.
    fn now(&mut self) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        let mib = kib.map_or(f64::NAN, |kib| kib / 1024.0);
        // Writing to a `String` cannot fail.
        let _ = write!(self.0, " {mib:>10.1}");
    }

    /// Fills a column for which the row has no figure.
    fn nothing(&mut self) {
        // Writing to a `String` cannot fail.
        let _ = write!(self.0, " {:>10}", "-");
    }
}

/// Returns 8 bytes to 4 KiB, each power of two equally often.
fn mixed(i: u64) -> usize {
    8 << (i % 10)
}

/// Returns the sizes of blocks that together have the bytes of [`BLOCKS`].
fn sizes(size: fn(u64) -> usize) -> impl Iterator<Item = usize> {
    let mut left = BLOCKS as usize * 48;
    (0..).map(size).map_while(move |size| {
        left = left.checked_sub(size)?;
        Some(size)
    })
}

/// Fills the global heap with blocks, of which every `keep`th outlives the
/// others.
fn global(row: &mut Row, keep: usize, size: fn(u64) -> usize) {
    // The figure includes the table of the blocks.
    let mut blocks: Vec<Vec<u8, MiMalloc>, MiMalloc> = Vec::new_in(MiMalloc);
    blocks.extend(sizes(size).map(|size| {
        let mut block = Vec::with_capacity_in(size, MiMalloc);
        block.resize(size, 1);
        block
    }));
    row.now();
    if keep > 1 {
        for (i, block) in blocks.iter_mut().enumerate() {
            if i % keep != 0 {
                *block = Vec::new_in(MiMalloc);
            }
        }
    } else {
        drop(core::mem::replace(&mut blocks, Vec::new_in(MiMalloc)));
    }
    row.now();
    row.nothing();
    mimalloc::collect(true);
    row.now();
}

/// Fills a heap with blocks, and frees half of them one by one and the rest
/// with the heap.
fn in_heap(row: &mut Row, size: fn(u64) -> usize) {
    let heap = Heap::new().expect("no memory for a heap");
    let mut blocks: Vec<Box<[u8], &Heap>, &Heap> = Vec::new_in(&heap);
    blocks.extend(sizes(size).map(|size| {
        let mut block = Vec::with_capacity_in(size, &heap);
        block.resize(size, 1);
        block.into_boxed_slice()
    }));
    row.now();
    blocks.truncate(blocks.len() / 2);
    row.now();
    core::mem::forget(blocks);
    drop(heap);
    row.now();
    mimalloc::collect(true);
    row.now();
}
