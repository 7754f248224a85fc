//! `peer <workload|all> [scale]` and `peer --list`.

use core::hint::black_box;
use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use cpu_time::ThreadTime;

use crate::{WORKLOADS, Workload};

/// The whole program of a row.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, scale) = match arguments[..] {
        ["--list"] => {
            for workload in WORKLOADS {
                println!("{} {}", workload.name, workload.group.name());
            }
            return ExitCode::SUCCESS;
        }
        [name] => (name, Some(100)),
        [name, scale] => (name, scale.parse().ok()),
        _ => ("", None),
    };
    let Some(scale) = scale else {
        eprintln!("usage: peer <workload|all> [scale in per cent] | peer --list");
        return ExitCode::FAILURE;
    };
    let mut known = false;
    for workload in WORKLOADS
        .iter()
        .filter(|workload| name == "all" || name == workload.name)
    {
        known = true;
        report(workload, scale);
    }
    if known {
        ExitCode::SUCCESS
    } else {
        eprintln!("no workload is called `{name}`: see --list");
        ExitCode::FAILURE
    }
}

/// Prints name, checksum, nanoseconds by the clock, nanoseconds that this thread
/// had on a processor, and peak resident KiB.
fn report(workload: &Workload, scale: u64) {
    let (start, cpu_start) = (Instant::now(), ThreadTime::now());
    let checksum = measured_workload(workload.run, scale);
    let (cpu, time) = (cpu_start.elapsed().as_nanos(), start.elapsed().as_nanos());
    println!(
        "{} {checksum:016x} {time} {cpu} {}",
        workload.name,
        peak_resident()
    );
}

/// Instruction counting switches itself on and off here, by this name.
#[inline(never)]
fn measured_workload(run: fn(u64) -> u64, scale: u64) -> u64 {
    black_box(black_box(run)(black_box(scale)))
}

/// The peak resident memory of this process in KiB; 0 where `/proc` has none.
fn peak_resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
