//! `cargo xtask tidy`: checks that facts which stand in several places agree.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use regex::{Captures, Regex};
use toml_edit::{DocumentMut, Item};

use crate::engine::{Engine, Pin, Version};
use crate::{carriers, ci, files};

/// The commands that the README promises to newcomers.
const COMMANDS: [&str; 2] = [
    "cargo run --release --example corpus",
    "cargo test --workspace",
];

/// Statements of a fact: the pages that may make the statement, and its form, with
/// the fact as the one group. A mention in another form may be that of a
/// measurement, which stays. Each form stands somewhere, or tells nothing.
struct Statement {
    fact: Fact,
    pages: &'static str,
    form: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    /// The pinned version of an engine.
    Pinned(Engine),
    /// The oldest Rust that the crates support.
    Msrv,
    /// The version of `mimalloc`.
    Safe,
    /// The version of `mimalloc-sys`.
    Raw,
}
use Fact::{Msrv, Pinned, Raw, Safe};

const V3: Fact = Pinned(Engine::V3);
const V2: Fact = Pinned(Engine::V2);
const PAGES: &str = "README.md mimalloc-sys/README.md mimalloc/docs/* ARCHITECTURE.md";

const STATEMENTS: &[Statement] = &[
    says(
        V3,
        "mimalloc-sys/Cargo.toml",
        r#"(?m)^version = ".*\+(.*)""#,
    ),
    says(
        V3,
        "mimalloc-sys/src/bindings/v3.rs",
        r"\A.* mimalloc (.*)\.\n",
    ),
    says(
        V2,
        "mimalloc-sys/src/bindings/v2.rs",
        r"\A.* mimalloc (.*)\.\n",
    ),
    says(V3, PAGES, r"Engine v3.* mimalloc \**([\d.]*\d)"),
    says(V2, PAGES, r"Engine v2.* mimalloc \**([\d.]*\d)"),
    says(V3, PAGES, r"\*\*(?:mimalloc )?([\d.]*\d)\*\* \(engine v3\)"),
    says(V2, PAGES, r"\*\*(?:mimalloc )?([\d.]*\d)\*\* \(engine v2\)"),
    says(V3, PAGES, r"\| v3 \(([\d.]*\d)\)"),
    says(V2, PAGES, r"\| v2 \(([\d.]*\d)\)"),
    says(Safe, PAGES, r"(?m)^\| `mimalloc` ([\d.]*\d)"),
    says(Raw, PAGES, r"(?m)^\| `mimalloc-sys` ([\d.+]*\d)"),
    says(Safe, "CHANGELOG.md", r"(?m)\A(?s:.*?)^## \[(\d[^\]]*)\]"),
    says(
        Raw,
        "CHANGELOG.md",
        r"(?m)\A(?s:.*?)^### `mimalloc-sys` (.*)$",
    ),
    says(Msrv, PAGES, r"\| Rust \| ([\d.]*\d) or later"),
    says(Msrv, ".ci/run", r"rustc-web=(\d+\.\d+)\."),
    says(Msrv, ".github/workflows/ci.yml", r"cargo \+(\d\S*) check"),
    says(Msrv, "tests/peers/*Cargo.toml", r#"rust-version = "(.*)""#),
];

const fn says(fact: Fact, pages: &'static str, form: &'static str) -> Statement {
    Statement { fact, pages, form }
}

/// Runs the command.
pub(crate) fn run(args: lexopt::Parser) -> Result<()> {
    files::no_arguments(args)?;
    let mut mistakes = carriers::mistakes()?;
    for statement in STATEMENTS {
        mistakes.extend(statement.mistakes()?);
    }
    let readme = files::read("README.md")?;
    for command in COMMANDS.iter().filter(|&command| !readme.contains(command)) {
        mistakes.push(format!("README.md: lacks the command `{command}`"));
    }
    let mut pages = String::new();
    for page in tracked(PAGES)? {
        pages += &files::read(page)?;
    }
    for name in ["mimalloc/Cargo.toml", "mimalloc-sys/Cargo.toml"] {
        mistakes.extend(features(name, &files::read(name)?, &pages)?);
    }
    mistakes.extend(untested(
        &files::read("mimalloc-sys/Cargo.toml")?,
        &ci::features()?,
    )?);
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
pub(crate) fn restate(engine: Engine, new: Version) -> Result<()> {
    for statement in STATEMENTS {
        if statement.fact == Pinned(engine) {
            for page in tracked(statement.pages)? {
                let text = files::read(&page)?;
                let fresh = statement.rewrite(&text, &new.to_string())?;
                if fresh != text {
                    files::write(&page, &fresh)?;
                }
            }
        }
    }
    Ok(())
}

impl Statement {
    /// Names the pages that state something else.
    fn mistakes(&self) -> Result<Vec<String>> {
        let fact = match self.fact {
            Pinned(engine) => Pin::load(engine)?.version.to_string(),
            Msrv => msrv()?,
            Safe => stated("mimalloc/Cargo.toml", &["package", "version"])?,
            Raw => stated("mimalloc-sys/Cargo.toml", &["package", "version"])?,
        };
        let mut mistakes = Vec::new();
        for page in tracked(self.pages)? {
            mistakes.extend(self.wrong(&page, &files::read(&page)?, &fact)?);
        }
        Ok(mistakes)
    }

    fn wrong(&self, page: &str, text: &str, fact: &str) -> Result<Vec<String>> {
        let form = Regex::new(self.form)?;
        let found = form.captures_iter(text).filter(|found| &found[1] != fact);
        Ok(found
            .map(|found| {
                format!(
                    "{page}: `{}` should say {fact}",
                    found[0].lines().next_back().unwrap_or("")
                )
            })
            .collect())
    }

    /// Returns the text with another fact.
    fn rewrite(&self, text: &str, fact: &str) -> Result<String> {
        let replace = |found: &Captures<'_>| found[0].replace(&found[1], fact);
        Ok(Regex::new(self.form)?
            .replace_all(text, replace)
            .into_owned())
    }
}

/// Lists the files under version control that match the patterns; links and
/// removed files are left out.
fn tracked(patterns: &str) -> Result<Vec<String>> {
    let mut git = files::git(&[
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
    ]);
    let printed = files::output(git.args(patterns.split(' ')))?;
    let names = printed.lines().map(str::to_owned);
    Ok(names
        .filter(|name| files::root().join(name).is_file())
        .collect())
}

/// Reads a text value in a manifest.
fn stated(manifest: &str, keys: &[&str]) -> Result<String> {
    let document: DocumentMut = files::read(manifest)?.parse()?;
    let mut keys_left = keys.iter();
    let value = keys_left.try_fold(document.as_item(), |item, &key| item.get(key));
    let value = value.and_then(Item::as_str);
    Ok(value
        .with_context(|| format!("{manifest} has no {}", keys.join(".")))?
        .to_owned())
}

/// Names each feature that lacks a `##` comment, or a row in a table of a page.
fn features(manifest: &str, text: &str, pages: &str) -> Result<Vec<String>> {
    let document = toml_edit::Document::parse(text)?;
    let table = document["features"].as_table().context("no [features]")?;
    let mut mistakes = Vec::new();
    for (name, _) in table.iter().filter(|(name, _)| *name != "default") {
        let before = table.key(name).and_then(|key| {
            let span = key.span()?;
            text[..span.start].lines().next_back()
        });
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
    }
    Ok(mistakes)
}

/// Names the features of `mimalloc-sys` that no step of the CI tests.
fn untested(manifest: &str, tested: &BTreeSet<String>) -> Result<Vec<String>> {
    let document: DocumentMut = manifest.parse()?;
    let table = document["features"].as_table().context("no [features]")?;
    let names = table.iter().map(|(name, _)| name);
    Ok(names
        .filter(|name| *name != "default" && !tested.contains(*name))
        .map(|name| format!("xtask/ci.toml: no step tests feature `{name}`"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_checked_and_rewritten_and_measurements_are_not() {
        let text = "| Engine v3 (default) | mimalloc 3.6.1 |\n\
                    | | v3 (3.6.1) | v2 (2.5.2) |\nwith **3.6.1** (engine v3) and 3.6.1\n";
        let mut fresh = text.to_owned();
        let mut wrong = 0;
        for statement in STATEMENTS {
            if statement.fact == V3 && statement.pages == PAGES {
                wrong += statement.wrong("p", &fresh, "3.7.0").unwrap().len();
                fresh = statement.rewrite(&fresh, "3.7.0").unwrap();
            }
        }
        assert_eq!(wrong, 3);
        assert_eq!(fresh.matches("3.7.0").count(), 3, "{fresh}");
        assert!(fresh.ends_with("and 3.6.1\n"));
    }

    /// Makes sure that `bump` and `tidy` would notice a version that moves.
    #[test]
    fn each_fact_is_stated() {
        for fact in [V3, V2, Msrv, Safe, Raw] {
            let mut count = 0;
            for statement in STATEMENTS.iter().filter(|statement| statement.fact == fact) {
                let form = Regex::new(statement.form).unwrap();
                for page in tracked(statement.pages).unwrap() {
                    count += form.captures_iter(&files::read(page).unwrap()).count();
                }
            }
            assert!(count >= 2, "{fact:?} is stated {count} times");
        }
    }

    #[test]
    fn features_are_documented_twice_and_tested() {
        let manifest = "[features]\ndefault = []\n## A.\na = []\nb = []\n[lib]\nc = 1\n";
        let found = features("m", manifest, "| `a` (default) | |").unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("m: put a `##` comment before feature `b`"));
        assert!(found[1].ends_with("no table has feature `b`"));
        let untested = untested(manifest, &BTreeSet::from(["a".to_owned()])).unwrap();
        assert_eq!(untested, ["xtask/ci.toml: no step tests feature `b`"]);
    }
}
