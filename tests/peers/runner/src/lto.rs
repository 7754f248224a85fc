//! `cargo xtask lto`: builds a row with C and Rust optimised as one program,
//! and checks that it worked.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use lexopt::{Arg, ValueExt as _};

use crate::files;
use crate::measure::{self, Plan};
use crate::names;
use crate::report::Report;
use crate::rows::{Profile, Row, Subject, find_program};

/// What cross-language LTO must at least bring over fat LTO, in instructions. Small
/// blocks are allocated without a call in both.
const GOAL: f64 = 0.98;

/// A function that allocates and frees one constant layout and does little else.
const HOT: &str = "peers_workloads::memory::fixed_boxes";

/// Entry points that must not be called from [`HOT`]: their slow paths may be.
const ENTRIES: &[&str] = &[
    "mi_malloc",
    "mi_wmalloc",
    "mi_umalloc",
    "mi_zalloc",
    // What Rust calls where it finds no free block by itself.
    "mi_theap_wmalloc",
];

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    let mut row = "ours".to_owned();
    let (mut scale, mut only) = (10, None);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("row") => row = args.value()?.string()?,
            Arg::Long("scale") => scale = args.value()?.parse()?,
            Arg::Long("workloads") => only = Some(names(&args.value()?.string()?)),
            other => return Err(other.unexpected().into()),
        }
    }
    // Clang alone is shown too: its part of the gain is not LTO's.
    let subjects = [row.clone(), format!("{row}-clang"), format!("{row}-xlto")]
        .iter()
        .map(|name| {
            eprintln!("building {name} (fat)");
            Row::named(name)?.build(Profile::Fat)
        })
        .collect::<Result<Vec<_>>>()?;
    let [plain, _, whole] = &subjects[..] else {
        bail!("three rows make three subjects")
    };
    check_inlined(whole)?;
    if find_program("valgrind").is_none() {
        bail!("inlining is as it should be, but the gain wasn't counted: apt-get install valgrind");
    }
    let workloads = measure::workloads(&subjects, only.as_deref(), true)?;
    let plan = Plan {
        instructions: true,
        rounds: 1,
        scale,
        environment: Vec::new(),
        workloads,
    };
    let report = Report::measure(&plan, &subjects, &plain.row)?;
    let failures = &report.results.failures;
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    let means = report.means(subjects.len() - 1);
    let gain = means
        .iter()
        .find_map(|(_, mean)| *mean)
        .context("no workload was counted")?;
    println!("\ncross-language LTO: {gain:.3} of the instructions of fat LTO");
    ensure!(
        gain <= GOAL,
        "that is more than {GOAL}: the recipe no longer pays, or is broken"
    );
    Ok(())
}

/// Looks for calls of mimalloc's entry points in the machine code of [`HOT`].
fn check_inlined(subject: &Subject) -> Result<()> {
    let program = ["objdump", "llvm-objdump"]
        .into_iter()
        .find_map(find_program);
    let program = program.context("no objdump: apt-get install binutils")?;
    let mut objdump = Command::new(program);
    objdump
        .args(["--disassemble", "--demangle", "--no-show-raw-insn"])
        .arg(&subject.program);
    let text = files::output(&mut objdump)?;
    let header = format!("<{HOT}>:");
    let mut lines = text.lines().skip_while(|line| !line.ends_with(&header));
    ensure!(
        lines.next().is_some(),
        "{} has no function {HOT}",
        subject.program.display()
    );
    let body: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let is_call = |line: &&&str| {
        ENTRIES
            .iter()
            .any(|entry| line.contains(&format!("<{entry}")))
    };
    let calls: Vec<&&str> = body.iter().filter(is_call).collect();
    ensure!(
        calls.is_empty(),
        "allocation is not inlined into {HOT}:\n{}",
        calls
            .iter()
            .map(|line| line.trim())
            .collect::<Vec<_>>()
            .join("\n"),
    );
    println!(
        "{HOT}: {} instructions, no call of {}",
        body.len(),
        ENTRIES.join("*, ") + "*"
    );
    Ok(())
}
