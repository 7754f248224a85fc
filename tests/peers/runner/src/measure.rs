//! Runs the rows' programs: in turn for time, under callgrind for instructions.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::files;
use crate::progress;
use crate::rows::{Subject, find_program, target_dir};
use crate::stats;

/// How often the start-up of a process is timed in each round.
const STARTS: usize = 10;

/// What to run.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Count instructions instead of measuring time.
    pub(crate) instructions: bool,
    /// How many times each program runs for its time.
    pub(crate) rounds: u32,
    /// The amount of work in per cent.
    pub(crate) scale: u32,
    /// All the environment that the programs see.
    pub(crate) environment: Vec<(String, String)>,
    /// The workloads.
    pub(crate) workloads: Vec<Workload>,
}

/// A workload as the programs list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    /// Its name.
    pub(crate) name: String,
    /// `single`, `held-out`, `threads` or `process`.
    pub(crate) group: String,
}

/// What one workload took in one row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    /// Equal in every row, or the run fails.
    pub(crate) checksum: String,
    /// Nanoseconds, one per round; or one exact number of instructions.
    pub(crate) samples: Vec<f64>,
    /// Peak resident memory in KiB, one per round; none under callgrind.
    pub(crate) peaks: Vec<f64>,
}

impl Cell {
    /// The figure that ratios are made of.
    pub(crate) fn value(&self) -> Option<f64> {
        (!self.samples.is_empty()).then(|| stats::median(&self.samples))
    }

    fn add(&mut self, new: Cell) -> Result<()> {
        ensure!(
            self.checksum.is_empty() || self.checksum == new.checksum,
            "the checksum was {}, now it is {}",
            self.checksum,
            new.checksum,
        );
        self.checksum = new.checksum;
        self.samples.extend(new.samples);
        self.peaks.extend(new.peaks);
        Ok(())
    }
}

/// Everything measured.
#[derive(Debug)]
pub(crate) struct Results {
    /// By workload, then by subject. A run that failed leaves no samples.
    pub(crate) cells: Vec<Vec<Cell>>,
    /// What went wrong, by workload and subject.
    pub(crate) failures: Vec<String>,
}

/// The workloads to run: all, or those named; one thread only when counting.
pub(crate) fn workloads(
    subjects: &[Subject],
    only: Option<&[String]>,
    instructions: bool,
) -> Result<Vec<Workload>> {
    let first = subjects.first().context("no row could be built")?;
    let text = files::output(Command::new(&first.program).arg("--list"))?;
    let mut list: Vec<Workload> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, group)| Workload {
            name: name.to_owned(),
            group: group.to_owned(),
        })
        .collect();
    if let Some(only) = only {
        if let Some(unknown) = only
            .iter()
            .find(|name| !list.iter().any(|have| have.name == **name))
        {
            bail!("no workload is called `{unknown}`; there are:\n{text}");
        }
        list.retain(|workload| only.contains(&workload.name));
    }
    if instructions {
        // Counts of several threads depend on who runs when.
        list.retain(|workload| workload.group != "threads");
    }
    ensure!(!list.is_empty(), "no workload is left to run");
    Ok(list)
}

/// Runs the plan, and compares the checksums.
pub(crate) fn run(plan: &Plan, subjects: &[Subject]) -> Result<Results> {
    let cells = vec![vec![Cell::default(); subjects.len()]; plan.workloads.len()];
    let mut results = Results {
        cells,
        failures: Vec::new(),
    };
    let rounds = if plan.instructions {
        1
    } else {
        plan.rounds as usize
    };
    let steps = rounds * plan.workloads.len() * subjects.len();
    let bar = progress(
        steps as u64,
        if plan.instructions {
            "counting"
        } else {
            "timing"
        },
    );
    let valgrind = match plan.instructions {
        true => Some(find_program("valgrind").context("no valgrind: apt-get install valgrind")?),
        false => None,
    };
    for round in 0..rounds {
        for (w, workload) in plan.workloads.iter().enumerate() {
            for turn in 0..subjects.len() {
                // Each round starts with another row: no row always runs first.
                let s = (turn + round) % subjects.len();
                let subject = &subjects[s];
                bar.set_message(format!(
                    "{} {} ({})",
                    workload.name, subject.row, subject.profile
                ));
                let outcome = match &valgrind {
                    Some(valgrind) => count(plan, workload, subject, valgrind),
                    None => time(plan, workload, subject),
                };
                if let Err(error) = outcome.and_then(|cell| results.cells[w][s].add(cell)) {
                    results.failures.push(format!(
                        "{} in {} ({}): {error:#}",
                        workload.name, subject.row, subject.profile
                    ));
                }
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    results.compare(plan, subjects)?;
    Ok(results)
}

impl Results {
    /// A row that computes something else has a broken allocator.
    fn compare(&self, plan: &Plan, subjects: &[Subject]) -> Result<()> {
        for (workload, cells) in plan.workloads.iter().zip(&self.cells) {
            let mut found = cells
                .iter()
                .zip(subjects)
                .filter(|(cell, _)| !cell.checksum.is_empty());
            let Some((first, one)) = found.next() else {
                continue;
            };
            if let Some((cell, other)) = found.find(|(cell, _)| cell.checksum != first.checksum) {
                bail!(
                    "{}: the checksum is {} in {} ({}), but {} in {} ({})",
                    workload.name,
                    first.checksum,
                    one.row,
                    one.profile,
                    cell.checksum,
                    other.row,
                    other.profile,
                );
            }
        }
        Ok(())
    }
}

/// One timed run; for `start-up` several, timed from outside.
fn time(plan: &Plan, workload: &Workload, subject: &Subject) -> Result<Cell> {
    let mut cell = Cell::default();
    let runs = match &*workload.group {
        "process" => STARTS,
        _ => 1,
    };
    for _ in 0..runs {
        let start = Instant::now();
        let output = command(plan, workload, &subject.program, &[&subject.program]).output()?;
        let outside = start.elapsed().as_nanos() as f64;
        let line = Line::of(&output, &subject.program)?;
        cell.checksum = line.checksum;
        cell.samples.push(match &*workload.group {
            "process" => outside,
            "threads" => line.clock,
            // One thread never waits: what the clock adds is other programs.
            _ => line.cpu,
        });
        cell.peaks.push(line.peak);
    }
    Ok(cell)
}

/// One run under callgrind; for `start-up` all of the process counts.
fn count(plan: &Plan, workload: &Workload, subject: &Subject, valgrind: &Path) -> Result<Cell> {
    let file = target_dir().join(format!("callgrind-{}", std::process::id()));
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(&file);
    let tool = "--tool=callgrind";
    let toggle = "--toggle-collect=*measured_workload*";
    let mut parts: Vec<&std::ffi::OsStr> = vec![valgrind.as_os_str(), tool.as_ref(), &out];
    if workload.group != "process" {
        parts.push(toggle.as_ref());
    }
    parts.push(subject.program.as_os_str());
    let output = command(plan, workload, valgrind, &parts).output()?;
    let line = Line::of(&output, &subject.program)?;
    let text = files::read(&file)?;
    // Nothing is lost if the file stays; the next build may clear it.
    let _ = fs::remove_file(&file);
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total: f64 = total.context("callgrind wrote no total")?.trim().parse()?;
    ensure!(
        total > 0.0,
        "callgrind never saw `measured_workload`: is the program stripped?"
    );
    Ok(Cell {
        checksum: line.checksum,
        samples: vec![total],
        peaks: Vec::new(),
    })
}

/// A program with an environment that is the same on every machine: allocators
/// read theirs, and even its size shows in instruction counts.
fn command<S: AsRef<std::ffi::OsStr>>(
    plan: &Plan,
    workload: &Workload,
    program: &Path,
    parts: &[S],
) -> Command {
    let mut command = Command::new(program);
    command
        .args(&parts[1..])
        .arg(&workload.name)
        .arg(plan.scale.to_string());
    command
        .env_clear()
        .envs(plan.environment.iter().map(|(name, value)| (name, value)));
    command
}

/// The line that a program prints about a workload.
struct Line {
    checksum: String,
    clock: f64,
    cpu: f64,
    peak: f64,
}

impl Line {
    fn of(output: &Output, program: &Path) -> Result<Self> {
        let text = String::from_utf8_lossy(&output.stdout);
        let words: Vec<&str> = text.split_whitespace().collect();
        let [_, checksum, clock, cpu, peak] = words[..] else {
            let error = String::from_utf8_lossy(&output.stderr);
            let last = error.lines().last().unwrap_or_default();
            bail!("{} ended with {}: {last}", program.display(), output.status);
        };
        ensure!(
            output.status.success(),
            "{} ended with {}",
            program.display(),
            output.status
        );
        Ok(Self {
            checksum: checksum.to_owned(),
            clock: clock.parse()?,
            cpu: cpu.parse()?,
            peak: peak.parse()?,
        })
    }
}
