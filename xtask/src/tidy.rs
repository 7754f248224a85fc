//! Facts that stand in several places: `tidy.toml` lists the statements. `cargo xtask
//! tidy` runs the tests of this module, which compare them, and `bump` rewrites them.

use anyhow::{Context, Result};
use regex::{Captures, Regex};
use serde::Deserialize;
use toml_edit::{DocumentMut, Item};
use xshell::Shell;

use crate::pin::Engine;
use crate::{read, tracked};

const TABLE: &str = "xtask/tidy.toml";

/// The documentation, as patterns of git.
const PAGES: &str = "README.md mimalloc-sys/README.md mimalloc/docs/* ARCHITECTURE.md";

#[derive(Deserialize)]
struct Table {
    statements: Vec<Statement>,
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

#[cfg(test)]
#[path = "../tests/tidy.rs"]
mod tests;
