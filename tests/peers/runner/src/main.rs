//! Compares this crate and its peers as the global allocator of the same program
//! (`cargo xtask bench`), and checks the recipe for cross-language LTO (`cargo xtask lto`).

mod files;
mod lto;
mod machine;
mod measure;
mod report;
mod rows;
mod stats;
mod svg;

use core::time::Duration;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use lexopt::{Arg, ValueExt as _};

use measure::{Plan, Results};
use report::Report;
use rows::{Profile, Row, Subject};

const USAGE: &str = "\
Usage: cargo xtask bench|lto [options]

  bench  [--instr] [--rows <a,b>] [--profiles <release,fat>] [--workloads <a,b>] [--rounds <n>]
         [--scale <per cent>] [--base <row>] [--env <NAME=VALUE>] [--svg <file>] [--json <file>]
         compares with the other allocators in tests/peers: time and memory, or instructions
  lto    [--row <row>] [--scale <per cent>] [--workloads <a,b>]
         builds with cross-language LTO, and checks that LTO inlines and what LTO gains
";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let command = args.next().unwrap_or_default();
    let rest = lexopt::Parser::from_args(args);
    let result = match command.to_str() {
        Some("bench") => run(rest),
        Some("lto") => lto::run(rest),
        _ => Err(anyhow::anyhow!("unknown command\n\n{USAGE}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The settings of the command line.
#[derive(Debug)]
struct Flags {
    instructions: bool,
    rows: Option<Vec<String>>,
    profiles: Vec<Profile>,
    workloads: Option<Vec<String>>,
    rounds: u32,
    scale: Option<u32>,
    base: String,
    environment: Vec<(String, String)>,
    svg: Option<PathBuf>,
    json: Option<PathBuf>,
}

impl Flags {
    fn parse(mut args: lexopt::Parser) -> Result<Self> {
        let mut flags = Flags {
            instructions: false,
            rows: None,
            profiles: Profile::ALL.to_vec(),
            workloads: None,
            rounds: 7,
            scale: None,
            base: "mimalloc-0.1.52".to_owned(),
            environment: Vec::new(),
            svg: None,
            json: None,
        };
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("instr") => flags.instructions = true,
                Arg::Long("rows") => flags.rows = Some(names(&args.value()?.string()?)),
                Arg::Long("profiles") => {
                    let list = names(&args.value()?.string()?);
                    flags.profiles = list
                        .iter()
                        .map(|name| name.parse())
                        .collect::<Result<_>>()?;
                }
                Arg::Long("workloads") => flags.workloads = Some(names(&args.value()?.string()?)),
                Arg::Long("rounds") => flags.rounds = args.value()?.parse::<u32>()?.max(1),
                Arg::Long("scale") => flags.scale = Some(args.value()?.parse()?),
                Arg::Long("base") => flags.base = args.value()?.string()?,
                Arg::Long("env") => {
                    let text = args.value()?.string()?;
                    let (name, value) = text.split_once('=').context("--env takes NAME=VALUE")?;
                    flags.environment.push((name.to_owned(), value.to_owned()));
                }
                Arg::Long("svg") => flags.svg = Some(args.value()?.into()),
                Arg::Long("json") => flags.json = Some(args.value()?.into()),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(flags)
    }
}

/// Splits a list at its commas.
fn names(list: &str) -> Vec<String> {
    list.split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Runs `cargo xtask bench`.
fn run(args: lexopt::Parser) -> Result<()> {
    let flags = Flags::parse(args)?;
    let (subjects, absent) = build_rows(&flags)?;
    let plan = Plan {
        instructions: flags.instructions,
        rounds: flags.rounds,
        scale: flags
            .scale
            .unwrap_or(if flags.instructions { 10 } else { 100 }),
        environment: flags.environment,
        workloads: measure::workloads(&subjects, flags.workloads.as_deref(), flags.instructions)?,
    };
    let report = Report::measure(&plan, &subjects, &flags.base)?;
    if let Some(path) = &flags.json {
        files::write(path, &report.json(&absent)?)?;
        println!("wrote {}", path.display());
    }
    if let Some(path) = &flags.svg {
        files::write(path, &svg::chart(&report))?;
        println!("wrote {}", path.display());
    }
    verdict(&report.results, &absent, flags.rows.is_some())
}

/// Builds what the flags ask for; says what can't be built, and why.
fn build_rows(flags: &Flags) -> Result<(Vec<Subject>, Vec<String>)> {
    let rows = match &flags.rows {
        Some(list) => list
            .iter()
            .map(|name| Row::named(name))
            .collect::<Result<Vec<_>>>()?,
        None => rows::all(),
    };
    let (rows, uncountable): (Vec<Row>, Vec<Row>) = rows
        .into_iter()
        .partition(|row| row.is_countable() || !flags.instructions);
    let wanted: Vec<(&Row, Profile)> = flags
        .profiles
        .iter()
        .flat_map(|&profile| rows.iter().map(move |row| (row, profile)))
        .filter(|(row, profile)| row.has(*profile))
        .collect();
    let bar = progress(wanted.len() as u64, "building");
    let mut subjects = Vec::new();
    let mut absent: Vec<String> = uncountable
        .iter()
        .map(|row| {
            format!(
                "{}: it aborts under valgrind, so --instr can't count it",
                row.name
            )
        })
        .collect();
    for (row, profile) in wanted {
        bar.set_message(format!("{} ({profile})", row.name));
        match row.build(profile) {
            Ok(subject) => subjects.push(subject),
            Err(error) => absent.push(format!("{} ({profile}): {error:#}", row.name)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for line in &absent {
        eprintln!("left out: {line}\n");
    }
    if !subjects.iter().any(|subject| subject.row == flags.base) {
        bail!(
            "`{}`, which the ratios refer to, is missing: add it to --rows, or set --base",
            flags.base
        );
    }
    Ok((subjects, absent))
}

/// A run counts only if everything that was asked for ran, and agreed.
fn verdict(results: &Results, absent: &[String], asked_for: bool) -> Result<()> {
    for line in &results.failures {
        eprintln!("failed: {line}");
    }
    if !results.failures.is_empty() {
        bail!("{} of the measurements failed", results.failures.len());
    }
    if asked_for && !absent.is_empty() {
        bail!(
            "{} of the rows that --rows names could not run",
            absent.len()
        );
    }
    Ok(())
}

/// A progress bar on the terminal; nothing where there is no terminal.
fn progress(steps: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {eta} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    let bar = ProgressBar::new(steps).with_style(style).with_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
