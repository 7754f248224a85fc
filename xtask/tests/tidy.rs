//! What `cargo xtask tidy` checks: that facts which stand in several places agree.

use std::collections::BTreeSet;

use super::*;
use crate::pin::Pin;
use crate::{ci, engine, vendor_dir};

/// Returns the statements on a page that state something else than the fact.
fn wrong(statement: &Statement, page: &str, text: &str, fact: &str) -> Vec<String> {
    let form = Regex::new(&statement.form).unwrap();
    let found = form.captures_iter(text).filter(|found| &found[1] != fact);
    let line = |found: Captures<'_>| found[0].lines().next_back().unwrap_or("").to_owned();
    let lines = found.map(line);
    lines
        .map(|line| format!("{page}: `{line}` should say {fact}"))
        .collect()
}

#[test]
fn every_statement_of_a_version_is_right() {
    let mut mistakes = Vec::new();
    for statement in Table::load().unwrap().statements {
        let fact = match (&*statement.fact, engine(&statement.fact)) {
            (_, Ok(engine)) => {
                let pin = Pin::read(&vendor_dir(), engine).unwrap();
                pin.get("version").unwrap().to_owned()
            }
            ("msrv", _) => msrv().unwrap(),
            (package, _) => {
                let manifest = format!("{package}/Cargo.toml");
                stated(&manifest, &["package", "version"]).unwrap()
            }
        };
        for page in tracked(&statement.pages).unwrap() {
            mistakes.extend(wrong(&statement, &page, &read(&page).unwrap(), &fact));
        }
    }
    assert_eq!(mistakes, [""; 0]);
}

#[test]
fn the_readme_promises_its_two_commands() {
    let readme = read("README.md").unwrap();
    for command in [
        "cargo run --release --example corpus",
        "cargo test --workspace",
    ] {
        assert!(
            readme.contains(command),
            "README.md lacks the command `{command}`"
        );
    }
}

#[test]
fn every_feature_is_documented_twice_and_tested() {
    let pages = tracked(PAGES).unwrap().into_iter();
    let pages: String = pages.map(|page| read(page).unwrap()).collect();
    let tested = ci::tests::features();
    let mut mistakes = Vec::new();
    // The features of `mimalloc` forward to those of `mimalloc-sys`, or have steps of
    // their own.
    for (name, tested) in [
        ("mimalloc/Cargo.toml", None),
        ("mimalloc-sys/Cargo.toml", Some(&tested)),
    ] {
        mistakes.extend(features(name, &read(name).unwrap(), &pages, tested).unwrap());
    }
    assert_eq!(mistakes, [""; 0]);
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

#[test]
fn statements_are_checked_and_rewritten_and_measurements_are_not() {
    let text = "| Engine v3 (default) | mimalloc 3.6.1 |\n\
                | | v3 (3.6.1) | v2 (2.5.2) |\nwith **3.6.1** (engine v3) and 3.6.1\n";
    let mut fresh = text.to_owned();
    let mut mistakes = 0;
    for statement in Table::load().unwrap().statements {
        if statement.fact == "v3" && statement.pages == PAGES {
            mistakes += wrong(&statement, "p", &fresh, "3.7.0").len();
            fresh = statement.rewrite(&fresh, "3.7.0").unwrap();
        }
    }
    assert_eq!(mistakes, 3);
    assert_eq!(fresh.matches("3.7.0").count(), 3, "{fresh}");
    assert!(fresh.ends_with("and 3.6.1\n"));
}

/// Makes sure that `bump` and `tidy` would notice a version that moves.
#[test]
fn each_fact_is_stated() {
    let table = Table::load().unwrap();
    for fact in ["v3", "v2", "msrv", "mimalloc", "mimalloc-sys"] {
        let mut count = 0;
        for statement in table
            .statements
            .iter()
            .filter(|statement| statement.fact == fact)
        {
            let form = Regex::new(&statement.form).unwrap();
            for page in tracked(&statement.pages).unwrap() {
                count += form.captures_iter(&read(page).unwrap()).count();
            }
        }
        assert!(count >= 2, "{fact:?} is stated {count} times");
    }
}

#[test]
fn features_without_documentation_or_test_are_named() {
    let manifest = "[features]\ndefault = []\n## A.\na = []\nb = []\n[lib]\nc = 1\n";
    let tested = BTreeSet::from(["a".to_owned()]);
    let found = features("m", manifest, "| `a` (default) | |", Some(&tested)).unwrap();
    assert_eq!(
        found,
        [
            "m: put a `##` comment before feature `b`",
            "README.md or mimalloc/docs: no table has feature `b`",
            "xtask/ci.toml: no step tests feature `b`"
        ]
    );
    assert_eq!(
        features("m", manifest, "| `a` | `b` |", None)
            .unwrap()
            .len(),
        1
    );
}
