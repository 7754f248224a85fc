//! `cargo xtask ci`: runs the steps of `ci.toml`, which explains them.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use lexopt::{Arg, ValueExt as _};
use serde::Deserialize;

use crate::{files, tidy};

const TABLE: &str = "xtask/ci.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    needs: BTreeMap<String, Need>,
    step: Vec<Step>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Need {
    probe: String,
    hint: String,
    #[serde(default)]
    optional: bool,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Lines {
    One(String),
    Several(Vec<String>),
}

impl Lines {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(line) => std::slice::from_ref(line),
            Self::Several(lines) => lines,
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    name: String,
    group: Option<String>,
    run: Lines,
    needs: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    target: Option<String>,
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    each: Vec<String>,
}

impl Table {
    fn load() -> Result<Self> {
        let old = env::var("OLD_RUSTC").unwrap_or_else(|_| "/usr/bin/rustc".to_owned());
        let text = files::read(TABLE)?
            .replace("{root}", &files::root().to_string_lossy())
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
                let lines = step.run.as_slice().iter();
                one.run = Lines::Several(lines.map(|line| line.replace("{each}", each)).collect());
                one.env
                    .values_mut()
                    .for_each(|value| *value = value.replace("{each}", each));
                steps.push(one);
            }
            if step.each.is_empty() {
                steps.push(step);
            }
        }
        let mut names = BTreeSet::new();
        for step in &steps {
            ensure!(
                names.insert(&step.name),
                "two steps are named `{}`",
                step.name
            );
            let needs = step.needs.iter();
            let unknown = needs.clone().find(|need| !table.needs.contains_key(*need));
            ensure!(
                unknown.is_none(),
                "`{}` needs an unknown {unknown:?}",
                step.name
            );
        }
        table.step = steps;
        Ok(table)
    }
}

impl Step {
    /// Returns the name of the step's job in the hosted workflow.
    fn group(&self) -> &str {
        self.group.as_deref().unwrap_or(&self.name)
    }

    /// Runs the commands, and returns what they print unless that goes through.
    fn execute(&self, quiet: bool) -> Result<(bool, Vec<u8>)> {
        let mut printed = Vec::new();
        for line in self.run.as_slice() {
            let mut command = command(line)?;
            command.envs(&self.env);
            if let Some(target) = &self.target {
                command.env(
                    "CARGO_TARGET_DIR",
                    files::root().join("target").join(target),
                );
            }
            let succeeded = if quiet {
                let output = command
                    .output()
                    .with_context(|| format!("cannot run `{line}`"))?;
                printed.extend(output.stdout);
                printed.extend(output.stderr);
                output.status.success()
            } else {
                let status = command.status();
                status
                    .with_context(|| format!("cannot run `{line}`"))?
                    .success()
            };
            if !succeeded {
                return Ok((false, printed));
            }
        }
        Ok((true, printed))
    }
}

/// Makes a command of a line.
fn command(line: &str) -> Result<Command> {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().context("an empty command")?);
    match line.strip_prefix("sh: ") {
        Some(script) => {
            command = Command::new("sh");
            command.args(["-c", script]);
        }
        None => drop(command.args(words)),
    }
    // rustup's proxy, not the cargo that runs this program, understands
    // `+nightly`, unless a toolchain is chosen already.
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC"] {
        command.env_remove(name);
    }
    command.current_dir(files::root()).stdin(Stdio::null());
    Ok(command)
}

/// Returns the features of the crates that the tests of the steps turn on.
pub(crate) fn features() -> Result<BTreeSet<String>> {
    let steps = Table::load()?.step;
    let lines = steps.iter().flat_map(|step| step.run.as_slice());
    let tests = lines.filter(|line| line.starts_with("cargo test "));
    let words = tests.flat_map(|line| line.split([' ', ',']));
    Ok(words
        .map(|word| word.trim_start_matches("mimalloc/").to_owned())
        .collect())
}

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    let (mut list, mut groups, mut jobs) = (false, false, 1);
    let (mut only, mut group) = (None::<String>, None::<String>);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("list") => list = true,
            Arg::Long("groups") => groups = true,
            Arg::Long("jobs") => jobs = args.value()?.parse::<usize>()?.max(1),
            Arg::Long("only") => only = Some(args.value()?.string()?),
            Arg::Long("group") => group = Some(args.value()?.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let mut table = Table::load()?;
    table.step.retain(|step| {
        only.as_ref().is_none_or(|part| step.name.contains(part))
            && group.as_ref().is_none_or(|group| step.group() == group)
    });
    ensure!(
        !table.step.is_empty(),
        "no step has that name or group; see `cargo xtask ci --list`"
    );
    if groups {
        let names: BTreeSet<&str> = table.step.iter().map(Step::group).collect();
        println!("{}", serde_json::to_string(&names)?);
    } else if list {
        for step in &table.step {
            println!(
                "{:35} {:18} {}",
                step.name,
                step.group(),
                step.run.as_slice().join("; ")
            );
        }
    } else {
        let is_ci = env::var("CI").is_ok_and(|value| value == "true");
        let counts = run_all(&table, jobs, is_ci);
        let [passed, failed, skipped] = counts.map(|lines| lines.len());
        println!("ci: {passed} passed, {failed} failed, {skipped} skipped");
        if failed != 0 {
            bail!("{failed} of {} steps failed", table.step.len());
        }
    }
    Ok(())
}

/// The steps that wait, and those that run, by number.
struct Queue {
    waiting: Vec<usize>,
    running: Vec<usize>,
}

impl Queue {
    /// Takes the first step that can run beside those that run.
    fn take(&mut self, steps: &[Step]) -> Option<usize> {
        let busy = |step: &Step| {
            let mut running = self.running.iter().map(|&other| &steps[other]);
            running.any(|other| other.alone || other.target == step.target)
        };
        let barrier = self.waiting.iter().position(|&step| steps[step].alone);
        let at = match barrier {
            Some(0) => self.running.is_empty().then_some(0),
            end => {
                let free = &self.waiting[..end.unwrap_or(self.waiting.len())];
                free.iter().position(|&step| !busy(&steps[step]))
            }
        }?;
        let step = self.waiting.remove(at);
        self.running.push(step);
        Some(step)
    }
}

/// Runs the steps; returns those that passed, failed and were skipped.
fn run_all(table: &Table, jobs: usize, is_ci: bool) -> [Vec<String>; 3] {
    let steps = &table.step[..];
    let waiting = (0..steps.len()).collect();
    let queue = Mutex::new(Queue {
        waiting,
        running: Vec::new(),
    });
    let (changed, results) = (Condvar::new(), Mutex::new(<[Vec<String>; 3]>::default()));
    let work = || {
        loop {
            let mut locked = queue.lock().unwrap_or_else(PoisonError::into_inner);
            let at = loop {
                if locked.waiting.is_empty() {
                    return;
                }
                match locked.take(steps) {
                    Some(at) => break at,
                    None => locked = changed.wait(locked).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(locked);
            let step = &steps[at];
            println!("\n=== {} of {}: {}", at + 1, steps.len(), step.name);
            let result = run_step(step, &table.needs, jobs > 1, is_ci);
            let mut locked = queue.lock().unwrap_or_else(PoisonError::into_inner);
            locked.running.retain(|&other| other != at);
            drop(locked);
            changed.notify_all();
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results[result].push(step.name.clone());
        }
    };
    // A panic of a worker comes out of the scope.
    std::thread::scope(|scope| {
        (0..jobs).for_each(|_| drop(scope.spawn(work)));
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (what, names) in ["", "failed ", "skipped"].iter().zip(&results).skip(1) {
        names.iter().for_each(|name| println!("{what} {name}"));
    }
    results
}

const PASSED: usize = 0;
const FAILED: usize = 1;
const SKIPPED: usize = 2;

/// Runs one step, if the machine has what the step needs.
fn run_step(step: &Step, needs: &BTreeMap<String, Need>, quiet: bool, is_ci: bool) -> usize {
    if let Some(need) = step.needs.as_ref().and_then(|name| needs.get(name)) {
        let is_met = command(&need.probe).and_then(|mut probe| Ok(probe.output()?));
        if !is_met.is_ok_and(|output| output.status.success()) {
            let fails = is_ci && !need.optional;
            let what = ["SKIPPED", "FAILED, because this can be installed"][usize::from(fails)];
            println!("!!! {what}: {}: needs {}", step.name, need.hint);
            return if fails { FAILED } else { SKIPPED };
        }
    }
    let start = Instant::now();
    let (passed, mut printed) = step.execute(quiet).unwrap_or_else(|error| {
        let message = format!("{error:#}\n");
        (false, message.into_bytes())
    });
    let (what, seconds) = (["!!! FAILED:", "---"][usize::from(passed)], start.elapsed());
    let end = format!("{what} {} in {:.1} s\n", step.name, seconds.as_secs_f64());
    printed.extend(end.into_bytes());
    // In one piece, so that the lines of steps side by side don't mix.
    let _ = std::io::stdout().lock().write_all(&printed);
    if passed { PASSED } else { FAILED }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: &str = "\
[needs.there]
probe = 'sh: true'
hint = ''
[needs.gone]
probe = 'no-such-program'
hint = 'no-such-program: apt-get install it'
[needs.rare]
probe = 'sh: false'
hint = ''
optional = true
";

    /// Runs the steps of a table; returns the names of those that passed, failed and
    /// were skipped.
    fn ran(steps: &str, jobs: usize, is_ci: bool) -> [String; 3] {
        let table = Table::parse(&format!("{NEEDS}{steps}")).unwrap();
        run_all(&table, jobs, is_ci).map(|mut names| {
            names.sort();
            names.join(" ")
        })
    }

    #[test]
    fn a_step_that_fails_fails() {
        let steps = "[[step]]\nname = 'good'\nrun = 'sh: true'\nneeds = 'there'\n\
                     [[step]]\nname = 'bad'\nrun = ['sh: false', 'sh: true']\n\
                     [[step]]\nname = 'set'\nrun = 'sh: test $A = b'\nenv = { A = 'b' }\n\
                     [[step]]\nname = 'is-{each}'\nrun = 'sh: test {each} = x'\neach = ['x', 'y']\n\
                     [[step]]\nname = 'none'\nrun = 'no-such-program'\n";
        for jobs in [1, 3] {
            assert_eq!(
                ran(steps, jobs, true),
                ["good is-x set", "bad is-y none", ""]
            );
        }
    }

    #[test]
    fn ci_skips_only_what_cannot_be_installed() {
        let steps = "[[step]]\nname = 'a'\nrun = 'sh: true'\nneeds = 'gone'\n\
                     [[step]]\nname = 'b'\nrun = 'sh: true'\nneeds = 'rare'\n";
        assert_eq!(ran(steps, 1, true), ["", "a", "b"]);
        assert_eq!(ran(steps, 1, false), ["", "", "a b"]);
    }

    #[test]
    fn steps_run_beside_each_other_only_where_they_may() {
        let steps = "[[step]]\nname = '0'\nrun = ''\n[[step]]\nname = '1'\nrun = ''\n\
                     [[step]]\nname = '2'\nrun = ''\ntarget = 'x'\n\
                     [[step]]\nname = '3'\nrun = ''\nalone = true\n\
                     [[step]]\nname = '4'\nrun = ''\ntarget = 'y'\n";
        let steps = Table::parse(steps).unwrap().step;
        let mut queue = Queue {
            waiting: (0..5).collect(),
            running: Vec::new(),
        };
        let mut take = |ended: &[usize]| {
            queue.running.retain(|step| !ended.contains(step));
            queue.take(&steps)
        };
        assert_eq!([take(&[]), take(&[]), take(&[])], [Some(0), Some(2), None]);
        assert_eq!(
            [take(&[0]), take(&[1]), take(&[2])],
            [Some(1), None, Some(3)]
        );
        assert_eq!([take(&[]), take(&[3])], [None, Some(4)]);
    }

    #[test]
    fn tables_with_unknown_or_equal_names_are_refused() {
        let step = "[[step]]\nname = 'a'\nrun = ''\n";
        let rest = ["needs = 'other'\n", "other = 1\n", step];
        for text in rest.map(|rest| format!("{step}{rest}")) {
            assert!(Table::parse(&text).is_err(), "{text}");
        }
        let table = Table::load().unwrap();
        assert!(table.step.len() > 70 && !table.needs.is_empty());
    }
}
