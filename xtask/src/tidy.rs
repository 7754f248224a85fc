//! `cargo xtask tidy`: rules of the repository that no compiler checks.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use crate::engine::Engine;
use crate::{carriers, coverage, files, versions, wrapped};

/// What dependencies may be licensed under.
const LICENCES: [&str; 8] = [
    "0BSD",
    "Apache-2.0",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// The commands that the README promises to newcomers.
const COMMANDS: [&str; 2] = [
    "cargo run --release --example corpus",
    "cargo test --workspace",
];

/// Beginnings of the names that hand out or take back blocks, behind `mi_` and
/// `heap_` or `theap_`.
const BLOCKS: [&str; 15] = [
    "malloc", "wmalloc", "umalloc", "zalloc", "wzalloc", "uzalloc", "calloc", "ucalloc", "realloc",
    "urealloc", "rezalloc", "recalloc", "free", "ufree", "expand",
];

/// What is wrong, with what to do.
type Mistakes = Vec<String>;

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    if let Some(arg) = args.next()? {
        return Err(arg.unexpected().into());
    }
    let mistakes = check()?;
    if mistakes.is_empty() {
        println!("tidy");
        return Ok(());
    }
    for line in &mistakes {
        println!("{line}");
    }
    bail!("{} mistakes", mistakes.len())
}

fn check() -> Result<Mistakes> {
    let root = files::root();
    let read = |path: &str| files::read(&root.join(path));
    let mut mistakes = Vec::new();
    match files::git(&["ls-files", "--cached", "--others", "--exclude-standard"]) {
        Ok(names) => {
            for name in &names {
                // What can't be read is a link to a directory, or no text.
                if let Ok(text) = read(name) {
                    mistakes.extend(text_file(name, &text));
                }
            }
            mistakes.extend(upstream(&files::git(&["ls-files", "--cached"])?));
        }
        Err(error) => println!("without git, files are not looked at one by one: {error:#}"),
    }
    let table = read("mimalloc/docs/features.md")?;
    for manifest in ["mimalloc/Cargo.toml", "mimalloc-sys/Cargo.toml"] {
        mistakes.extend(features(manifest, &read(manifest)?, &table)?);
    }
    let readme = read("README.md")?;
    for command in COMMANDS.iter().filter(|&command| !readme.contains(command)) {
        mistakes.push(format!("README.md: lacks the command `{command}`"));
    }
    mistakes.extend(versions::mistakes()?);
    mistakes.extend(carriers::mistakes()?);
    mistakes.extend(gate(&read(".github/workflows/ci.yml")?));
    for engine in Engine::ALL {
        mistakes.extend(block_calls(engine)?);
    }
    mistakes.extend(licences(&files::metadata(&[])?));
    Ok(mistakes)
}

/// Each Rust file says what it is; no line ends in white space.
fn text_file(name: &str, text: &str) -> Mistakes {
    let mut mistakes = Vec::new();
    let generated = name.contains("src/bindings/") || name.ends_with(".stderr");
    // A crate's page may be a file of its own.
    let says = text.starts_with("//!") || text.starts_with("#![doc = include_str!(");
    if name.ends_with(".rs") && !generated && !says {
        mistakes.push(format!(
            "{name}: begin with a `//!` comment that says what it is for"
        ));
    }
    let ends = |line: &&str| !generated && line.ends_with([' ', '\t', '\r']);
    if let Some(at) = text.split('\n').position(|line| ends(&line)) {
        mistakes.push(format!(
            "{name}:{}: remove the white space at the end",
            at + 1
        ));
    }
    mistakes
}

/// Upstream's source is pinned, not committed.
fn upstream(tracked: &[String]) -> Mistakes {
    let inside = [
        "mimalloc-sys/vendor/v2/",
        "mimalloc-sys/vendor/v3/",
        "vendor/mimalloc/",
    ];
    let found = tracked
        .iter()
        .filter(|name| inside.iter().any(|dir| name.starts_with(dir)));
    found
        .map(|name| format!("{name}: is upstream's; take it out with `git rm --cached`"))
        .collect()
}

/// Each feature has a `##` comment, and a row in the table of features.
fn features(manifest: &str, text: &str, table: &str) -> Result<Mistakes> {
    let (_, section) = text.split_once("[features]\n").context("no [features]")?;
    let mut mistakes = Vec::new();
    let mut before = "";
    for line in section.lines().take_while(|line| !line.starts_with('[')) {
        if let Some((name, _)) = line
            .split_once(" = ")
            .filter(|(name, _)| *name != "default")
        {
            if !before.starts_with("## ") {
                mistakes.push(format!(
                    "{manifest}: put a `##` comment before feature `{name}`"
                ));
            }
            if !table.contains(&format!("| `{name}`")) {
                mistakes.push(format!(
                    "mimalloc/docs/features.md: add `{name}` to the table of features"
                ));
            }
        }
        before = line;
    }
    Ok(mistakes)
}

/// The job `gate` waits for all others, whatever became of them.
fn gate(workflow: &str) -> Mistakes {
    let jobs = workflow.lines().skip_while(|line| *line != "jobs:").skip(1);
    let (mut names, mut needed, mut always) = (BTreeSet::new(), BTreeSet::new(), false);
    for line in jobs {
        if let Some(name) = line
            .strip_prefix("  ")
            .and_then(|line| line.strip_suffix(':'))
        {
            if !name.starts_with([' ', '#']) {
                names.insert(name);
                (needed, always) = (BTreeSet::new(), false);
            }
        } else if let Some(list) = line.strip_prefix("    needs: [") {
            needed = list.trim_end_matches(']').split(", ").collect();
        } else if line == "    if: always()" {
            always = true;
        }
    }
    // What is left is of the last job.
    let file = ".github/workflows/ci.yml";
    let mut mistakes = Vec::new();
    if !names.remove("gate") || !always {
        mistakes.push(format!(
            "{file}: end with a job `gate` that has `if: always()`"
        ));
    }
    let missing = names.difference(&needed);
    mistakes.extend(missing.map(|name| format!("{file}: add `{name}` to the needs of `gate`")));
    mistakes
}

/// Only the core hands out and takes back blocks.
fn block_calls(engine: Engine) -> Result<Mistakes> {
    let mut mistakes = Vec::new();
    for (name, sites) in wrapped::search(engine, &coverage::functions(engine)?)? {
        let family = name.trim_start_matches("mi_");
        let family = family
            .trim_start_matches("theap_")
            .trim_start_matches("heap_");
        if BLOCKS.iter().any(|start| family.starts_with(start)) {
            for site in sites.calls.iter().filter(|site| !site.contains("(raw/")) {
                mistakes.push(format!("{site}: calls {name}; go through mimalloc/src/raw"));
            }
        }
    }
    Ok(mistakes)
}

/// Dependencies are under licences that we know.
fn licences(metadata: &serde_json::Value) -> Mistakes {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    // Ours have no source.
    packages
        .filter(|package| !package["source"].is_null())
        .filter(|package| !is_known(package["license"].as_str().unwrap_or("")))
        .map(|package| {
            let (name, licence) = (&package["name"], &package["license"]);
            format!("{name}: is under {licence}; replace it, or add that to xtask/src/tidy.rs")
        })
        .collect()
}

/// Whether one alternative of each part of an SPDX expression is on the list.
fn is_known(licence: &str) -> bool {
    let known = |name: &str| LICENCES.contains(&name.trim_matches(['(', ')', ' ']));
    let parts = licence.replace('/', " OR ");
    parts
        .split(" AND ")
        .all(|part| part.split(" OR ").any(known))
}

#[cfg(test)]
mod tests;
