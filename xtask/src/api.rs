//! `cargo xtask api`: accounts for each C function.
//!
//! The source of the safe layer says what it wraps: by a `doc(alias)` or a call.
//! `coverage.toml` says why each other function stays unwrapped. Each function has
//! exactly one of the two.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde::Deserialize;
use syn::{ForeignItem, Item, Visibility};

use crate::pin::Engine;
use crate::{bindgen, bindings, engine, read, tracked};

/// The table, relative to the root.
const TABLE: &str = "xtask/coverage.toml";

/// The table: entries by kind. A new kind needs a reason in the head of the table.
#[derive(Deserialize)]
#[serde(transparent)]
struct Table(BTreeMap<Kind, Vec<Entry>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Open,
    Raw,
    Pointless,
    #[serde(skip)]
    Wrapped,
}

/// Functions that stay unwrapped for one reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    why: String,
    /// The engine that the entry is limited to.
    engine: Option<String>,
    functions: Vec<String>,
}

impl Table {
    fn load() -> Result<Self> {
        toml_edit::de::from_str(&read(TABLE)?).with_context(|| format!("in {TABLE}"))
    }

    /// Lists every function with its kind, its reason and its engine.
    fn rows(&self) -> impl Iterator<Item = (Kind, &Entry, &String)> {
        let entries = self.0.iter().flat_map(|(kind, entries)| {
            let entries = entries.iter();
            entries.map(|entry| (*kind, entry))
        });
        entries.flat_map(|(kind, entry)| {
            let names = entry.functions.iter();
            names.map(move |name| (kind, entry, name))
        })
    }
}

/// Functions and the places that name them, such as `raw/alloc.rs`.
type Wrapped = BTreeMap<String, BTreeSet<String>>;

/// Says what the safe layer has for each C function
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_parser = engine)]
    engine: Option<Engine>,
    /// Says only what the safe layer could still have
    #[arg(long)]
    missing: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (table, wrapped) = (Table::load()?, wrapped()?);
    let mut mistakes = Vec::new();
    for engine in Engine::ALL {
        if args.engine.is_some_and(|only| only != engine) {
            continue;
        }
        let functions = functions(engine)?;
        let (lines, wrong) = account(engine, &functions, &wrapped, &table);
        println!("{engine}");
        let mut counts = BTreeMap::<Kind, usize>::new();
        for (name, (kind, why)) in &lines {
            *counts.entry(*kind).or_default() += 1;
            if !args.missing || *kind == Kind::Open {
                println!("  {name:38} {:10} {why}", format!("{kind:?}"));
            }
        }
        println!("{} functions: {counts:?}\n", functions.len());
        mistakes.extend(wrong);
    }
    ensure!(mistakes.is_empty(), "{}", mistakes.join("\n       "));
    Ok(())
}

/// Returns the functions and the options that bindings declare.
pub(crate) fn declared(bindings: &str) -> Result<[BTreeSet<String>; 2]> {
    let file = syn::parse_file(bindings).context("the bindings are not valid Rust")?;
    let (mut functions, mut options) = (BTreeSet::new(), BTreeSet::new());
    for item in file.items {
        match item {
            Item::ForeignMod(block) => functions.extend(block.items.iter().filter_map(|item| {
                let ForeignItem::Fn(function) = item else {
                    return None;
                };
                Some(function.sig.ident.to_string())
            })),
            Item::Const(constant) if constant.ident.to_string().starts_with("mi_option_") => {
                options.insert(constant.ident.to_string());
            }
            _ => {}
        }
    }
    Ok([functions, options])
}

/// Returns every public C function of an engine: those that the bindings declare,
/// those that the crate declares or writes by hand, and those that stay undefined.
fn functions(engine: Engine) -> Result<BTreeSet<String>> {
    let [mut found, _] = declared(&read(bindings(engine))?)?;
    let by_hand = bindgen::WIDE.iter().chain(bindgen::undefined(engine));
    found.extend(by_hand.map(|&name| name.to_owned()));
    if engine == Engine::V3 {
        let inline = syn::parse_file(&read("mimalloc-sys/src/inline.rs")?)?;
        found.extend(inline.items.into_iter().filter_map(|item| match item {
            Item::Fn(item) if matches!(item.vis, Visibility::Public(_)) => {
                Some(item.sig.ident.to_string())
            }
            _ => None,
        }));
    }
    Ok(found)
}

/// Finds the C functions that the safe layer calls or names with `doc(alias)`.
fn wrapped() -> Result<Wrapped> {
    let mut found = Wrapped::new();
    for path in tracked("mimalloc/src/*.rs")? {
        let place = path.trim_start_matches("mimalloc/src/");
        for name in named(&read(&path)?)? {
            found.entry(name).or_default().insert(place.to_owned());
        }
    }
    Ok(found)
}

/// Finds the C functions that a text calls or names with `doc(alias)`. Comments
/// don't count.
fn named(text: &str) -> Result<BTreeSet<String>> {
    let comment = Regex::new(r"(?m)//.*$")?;
    let name = Regex::new(
        r#"(?x) alias \s* (?: = | \( )? [^\])]*? "(mi_\w+)" | \b(?:sys|ffi|mimalloc_sys)::(mi_\w+) | \b(mi_\w+) \s* \( | \b(mi_\w+) \s+ as \b"#,
    )?;
    let text = comment.replace_all(text, "");
    let names = name.captures_iter(&text);
    Ok(names
        .filter_map(|found| found.iter().skip(1).flatten().next())
        .map(|found| found.as_str().to_owned())
        .collect())
}

/// Accounts for each function; names mistakes in the table.
fn account(
    engine: Engine,
    functions: &BTreeSet<String>,
    wrapped: &Wrapped,
    table: &Table,
) -> (BTreeMap<String, (Kind, String)>, Vec<String>) {
    let mut lines = BTreeMap::new();
    let mut mistakes = Vec::new();
    let mut mistake = |name: &str, what: &str| mistakes.push(format!("{engine}: {name} {what}"));
    for (kind, entry, name) in table.rows() {
        match entry.engine.as_deref() {
            Some(only) if only != engine.name() => {}
            Some(_) if !functions.contains(name) => {
                mistake(name, "is gone: remove it from xtask/coverage.toml");
            }
            _ if !functions.contains(name) => {}
            _ => {
                let line = (kind, entry.why.clone());
                if lines.insert(name.clone(), line).is_some() {
                    mistake(name, "is twice in xtask/coverage.toml: remove one");
                }
            }
        }
    }
    for name in functions {
        let is_undefined = bindgen::undefined(engine).contains(&name.as_str());
        let sites = wrapped.get(name).filter(|_| !is_undefined);
        match (lines.contains_key(name), sites) {
            (true, Some(sites)) => mistake(
                name,
                &format!("is wrapped in {sites:?}: remove it from {TABLE}"),
            ),
            (true, None) => {}
            (false, Some(sites)) => {
                let sites: Vec<&str> = sites.iter().map(String::as_str).collect();
                lines.insert(name.clone(), (Kind::Wrapped, sites.join(", ")));
            }
            (false, None) => mistake(
                name,
                "is unaccounted for: wrap it and name it with `#[doc(alias)]`, or say in \
                 xtask/coverage.toml why not",
            ),
        }
    }
    (lines, mistakes)
}

#[cfg(test)]
#[path = "../tests/api.rs"]
mod tests;
