//! `cargo xtask ci`: runs the steps of `ci.toml`, which explains them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use serde::Deserialize;

use crate::{read, root, tidy};

const TABLE: &str = "xtask/ci.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    needs: BTreeMap<String, Need>,
    step: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Need {
    probe: String,
    hint: String,
    #[serde(default)]
    optional: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    name: String,
    group: Option<String>,
    run: String,
    needs: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    target: Option<String>,
    #[serde(default)]
    first: bool,
    #[serde(default)]
    quick: bool,
    #[serde(default)]
    scheduled: bool,
    #[serde(default)]
    each: Vec<String>,
}

impl Table {
    fn load() -> Result<Self> {
        let old = env::var("OLD_RUSTC").unwrap_or_else(|_| "/usr/bin/rustc".to_owned());
        let text = read(TABLE)?
            .replace("{root}", &root().to_string_lossy())
            .replace("{xtask}", &env::current_exe()?.to_string_lossy())
            .replace("{msrv}", &tidy::msrv()?)
            .replace("{old-rustc}", &old);
        Self::parse(&text).with_context(|| format!("in {TABLE}"))
    }

    /// Reads the text of a table, and makes a step of each value of `each`.
    fn parse(text: &str) -> Result<Self> {
        let mut table: Self = toml_edit::de::from_str(text)?;
        let mut steps = Vec::new();
        for step in table.step {
            for each in &step.each {
                let mut one = step.clone();
                one.name = step.name.replace("{each}", &each.replace("mimalloc/", ""));
                one.run = step.run.replace("{each}", each);
                let values = one.env.values_mut();
                values.for_each(|value| *value = value.replace("{each}", each));
                steps.push(one);
            }
            if step.each.is_empty() {
                steps.push(step);
            }
        }
        let mut names = BTreeSet::new();
        for Step { name, needs, .. } in &steps {
            ensure!(names.insert(name), "two steps are named `{name}`");
            let is_known = needs
                .as_ref()
                .is_none_or(|need| table.needs.contains_key(need));
            ensure!(is_known, "`{name}` needs an unknown {needs:?}");
        }
        // In a stable order.
        steps.sort_by_key(|step| !step.first);
        table.step = steps;
        Ok(table)
    }
}

impl Step {
    /// Returns the name of the step's job in the hosted workflow.
    fn group(&self) -> &str {
        self.group.as_deref().unwrap_or(&self.name)
    }
}

/// Makes a command of a script.
fn command(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-euc", script]);
    // rustup's proxy, not the cargo that runs this program, understands
    // `+nightly`, unless a toolchain is chosen already.
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC"] {
        command.env_remove(name);
    }
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs the steps of xtask/ci.toml: every check beyond `cargo test --workspace`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Lists the steps
    #[arg(long)]
    list: bool,
    /// Lists the groups, as JSON
    #[arg(long)]
    groups: bool,
    /// Runs the steps whose name contains this
    #[arg(long, value_name = "PART OF A NAME")]
    only: Option<String>,
    /// Runs the steps of a group
    #[arg(long)]
    group: Option<String>,
    /// Runs the steps that find most mistakes in a few minutes
    #[arg(long)]
    quick: bool,
    /// Runs steps beside each other that have target directories of their own
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut table = Table::load()?;
    table.step.retain(|step| {
        args.only
            .as_ref()
            .is_none_or(|part| step.name.contains(part))
            && args
                .group
                .as_ref()
                .is_none_or(|group| step.group() == group)
            && (step.quick || !args.quick)
            && (!step.scheduled
                || args.list
                || args.groups
                || args.only.is_some()
                || args.group.is_some())
    });
    let count = table.step.len();
    ensure!(
        count > 0,
        "no step has that name or group; see `cargo xtask ci --list`"
    );
    if args.groups {
        let names: BTreeSet<&str> = table.step.iter().map(Step::group).collect();
        println!("{}", serde_json::to_string(&names)?);
    } else if args.list {
        for step in &table.step {
            println!(
                "{:35} {:18} {}",
                step.name,
                step.group(),
                step.run.replace('\n', "; ")
            );
        }
    } else {
        let is_ci = env::var("CI").is_ok_and(|value| value == "true");
        let mut results = run_all(&table, args.jobs, is_ci)?;
        results.sort_by_key(|(.., time)| Reverse(*time));
        let slowest: Vec<String> = results
            .iter()
            .take(12)
            .map(|(name, _, time)| format!("{name} {}", time.as_secs()))
            .collect();
        println!("\nSlowest, in seconds: {}", slowest.join(", "));
        for (name, outcome, _) in &results {
            if *outcome != Outcome::Passed {
                println!("{outcome:?} {name}");
            }
        }
        let counts = [Outcome::Passed, Outcome::Failed, Outcome::Skipped];
        let counts = counts.map(|one| results.iter().filter(|(_, other, _)| *other == one).count());
        let [passed, failed, skipped] = counts;
        println!("ci: {passed} passed, {failed} failed, {skipped} skipped");
        ensure!(failed == 0, "{failed} of {count} steps failed");
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// Runs the steps: those that are `first`, and then those of each target directory one
/// after the other, for as many directories at once as there are `jobs`.
fn run_all(table: &Table, jobs: usize, is_ci: bool) -> Result<Vec<(&str, Outcome, Duration)>> {
    let mut lanes = [true, false].map(|_| BTreeMap::<_, Vec<&Step>>::new());
    for step in &table.step {
        let lanes = &mut lanes[usize::from(!step.first)];
        lanes.entry(&step.target).or_default().push(step);
    }
    let pool = ThreadPoolBuilder::new().num_threads(jobs).build()?;
    let mut results = Vec::new();
    for lanes in lanes {
        let lanes: Vec<Vec<&Step>> = lanes.into_values().collect();
        let all = || {
            lanes.par_iter().flat_map_iter(|steps| {
                let steps = steps.iter();
                steps.map(|step| {
                    let (outcome, time) = run_step(step, &table.needs, jobs > 1, is_ci);
                    (&*step.name, outcome, time)
                })
            })
        };
        results.extend(pool.install(|| all().collect::<Vec<_>>()));
    }
    Ok(results)
}

/// Runs one step, if the machine has what the step needs. Returns how long the step took.
fn run_step(
    step: &Step,
    needs: &BTreeMap<String, Need>,
    quiet: bool,
    is_ci: bool,
) -> (Outcome, Duration) {
    let name = &step.name;
    println!("\n=== {name}");
    if let Some(need) = step.needs.as_ref().and_then(|name| needs.get(name)) {
        let is_met = command(&need.probe).output();
        if !is_met.is_ok_and(|output| output.status.success()) {
            let fails = is_ci && !need.optional;
            let what = ["SKIPPED", "FAILED, because this can be installed"][usize::from(fails)];
            println!("!!! {what}: {name}: needs {}", need.hint);
            let outcome = [Outcome::Skipped, Outcome::Failed][usize::from(fails)];
            return (outcome, Duration::ZERO);
        }
    }
    let start = Instant::now();
    let mut command = command(&step.run);
    command.envs(&step.env);
    if let Some(target) = &step.target {
        command.env("CARGO_TARGET_DIR", root().join("target").join(target));
    }
    if !quiet {
        command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    }
    let (passed, mut printed) = match command.output() {
        Ok(output) => (
            output.status.success(),
            [output.stdout, output.stderr].concat(),
        ),
        Err(error) => (false, format!("cannot run sh: {error}\n").into_bytes()),
    };
    let (what, time) = (["!!! FAILED:", "---"][usize::from(passed)], start.elapsed());
    let end = format!("{what} {name} in {:.1} s\n", time.as_secs_f64());
    printed.extend(end.into_bytes());
    // In one piece, so that the lines of steps side by side don't mix.
    let _ = std::io::stdout().lock().write_all(&printed);
    let outcome = [Outcome::Failed, Outcome::Passed][usize::from(passed)];
    (outcome, time)
}

#[cfg(test)]
#[path = "../tests/ci.rs"]
pub(crate) mod tests;
