//! `cargo xtask tidy`: checks that facts which stand in several places agree. The
//! statements of versions are in `tidy.toml`.

use std::collections::BTreeSet;

use anyhow::{Context, Error, Result, ensure};
use regex::{Captures, Regex};
use serde::Deserialize;
use toml_edit::{DocumentMut, Item};
use xshell::Shell;

use crate::pin::{Engine, Pin};
use crate::{ci, read, tracked, vendor_dir};

const TABLE: &str = "xtask/tidy.toml";

/// The manifest whose features the steps of the CI test.
const RAW: &str = "mimalloc-sys/Cargo.toml";

/// The documentation, as patterns of git.
const PAGES: &str = "README.md mimalloc-sys/README.md mimalloc/docs/* ARCHITECTURE.md";

#[derive(Deserialize)]
struct Table {
    statements: Vec<Statement>,
    commands: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    fact: String,
    pages: String,
    form: String,
}

impl Table {
    fn load() -> Result<Self> {
        let text = read(TABLE)?.replace("{pages}", PAGES);
        toml_edit::de::from_str(&text).with_context(|| format!("in {TABLE}"))
    }
}

/// Runs the command.
pub(crate) fn run() -> Result<()> {
    let table = Table::load()?;
    let mut mistakes = Vec::new();
    for statement in &table.statements {
        mistakes.extend(statement.mistakes()?);
    }
    let readme = read("README.md")?;
    let commands = table.commands.iter();
    for command in commands.filter(|command| !readme.contains(command.as_str())) {
        mistakes.push(format!("README.md: lacks the command `{command}`"));
    }
    let pages: Result<String> = tracked(PAGES)?.into_iter().map(read).collect();
    let (pages, tested) = (pages?, ci::features()?);
    mistakes.extend(features(
        "mimalloc/Cargo.toml",
        &read("mimalloc/Cargo.toml")?,
        &pages,
        None,
    )?);
    mistakes.extend(features(RAW, &read(RAW)?, &pages, Some(&tested))?);
    for mistake in &mistakes {
        println!("{mistake}");
    }
    ensure!(mistakes.is_empty(), "{} mistakes", mistakes.len());
    println!("tidy");
    Ok(())
}

/// Returns the oldest Rust that the crates support: `rust-version` of the workspace.
pub(crate) fn msrv() -> Result<String> {
    stated("Cargo.toml", &["workspace", "package", "rust-version"])
}

/// Rewrites every statement of an engine's version.
pub(crate) fn restate(sh: &Shell, engine: Engine, version: &str) -> Result<()> {
    for statement in Table::load()?.statements {
        if statement.fact == engine.name() {
            for page in tracked(&statement.pages)? {
                let text = read(&page)?;
                let fresh = statement.rewrite(&text, version)?;
                if fresh != text {
                    sh.write_file(&page, fresh)?;
                }
            }
        }
    }
    Ok(())
}

impl Statement {
    /// Names the pages that state something else.
    fn mistakes(&self) -> Result<Vec<String>> {
        let engine = crate::engine(&self.fact);
        let fact = match (&*self.fact, engine) {
            (_, Ok(engine)) => {
                let pin = Pin::read(&vendor_dir(), engine).map_err(Error::msg)?;
                pin.get("version").map_err(Error::msg)?.to_owned()
            }
            ("msrv", _) => msrv()?,
            (package, _) => stated(&format!("{package}/Cargo.toml"), &["package", "version"])?,
        };
        let mut mistakes = Vec::new();
        for page in tracked(&self.pages)? {
            mistakes.extend(self.wrong(&page, &read(&page)?, &fact)?);
        }
        Ok(mistakes)
    }

    fn wrong(&self, page: &str, text: &str, fact: &str) -> Result<Vec<String>> {
        let form = Regex::new(&self.form)?;
        let found = form.captures_iter(text).filter(|found| &found[1] != fact);
        let line = |found: &Captures<'_>| found[0].lines().next_back().map(str::to_owned);
        Ok(found
            .filter_map(|found| Some(format!("{page}: `{}` should say {fact}", line(&found)?)))
            .collect())
    }

    /// Returns the text with another fact.
    fn rewrite(&self, text: &str, fact: &str) -> Result<String> {
        let replace = |found: &Captures<'_>| found[0].replace(&found[1], fact);
        let form = Regex::new(&self.form)?;
        Ok(form.replace_all(text, replace).into_owned())
    }
}

/// Reads a text value in a manifest.
fn stated(manifest: &str, keys: &[&str]) -> Result<String> {
    let document: DocumentMut = read(manifest)?.parse()?;
    let mut keys_left = keys.iter();
    let value = keys_left.try_fold(document.as_item(), |item, &key| item.get(key));
    let value = value.and_then(Item::as_str);
    Ok(value
        .with_context(|| format!("{manifest} has no {}", keys.join(".")))?
        .to_owned())
}

/// Names each feature that lacks a `##` comment, a row in a table of a page, or, where
/// `tested` says what the steps of the CI test, a step.
fn features(
    manifest: &str,
    text: &str,
    pages: &str,
    tested: Option<&BTreeSet<String>>,
) -> Result<Vec<String>> {
    let document: DocumentMut = text.parse()?;
    let table = document["features"].as_table().context("no [features]")?;
    let mut mistakes = Vec::new();
    for (name, _) in table.iter().filter(|(name, _)| *name != "default") {
        let before = table.key(name).and_then(|key| key.leaf_decor().prefix());
        let before = before.and_then(|before| before.as_str()?.lines().next_back());
        if !before.is_some_and(|before| before.starts_with("## ")) {
            mistakes.push(format!(
                "{manifest}: put a `##` comment before feature `{name}`"
            ));
        }
        if !pages.contains(&format!("| `{name}`")) {
            mistakes.push(format!(
                "README.md or mimalloc/docs: no table has feature `{name}`"
            ));
        }
        if tested.is_some_and(|tested| !tested.contains(name)) {
            mistakes.push(format!("xtask/ci.toml: no step tests feature `{name}`"));
        }
    }
    Ok(mistakes)
}

#[cfg(test)]
#[path = "../tests/tidy.rs"]
mod tests;
