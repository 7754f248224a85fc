//! `cargo xtask api`: accounts for each C function.
//!
//! The source of the safe layer says what it wraps: by a `doc(alias)` or a call.
//! `coverage.toml` says why each other function stays unwrapped. Each function has
//! exactly one of the two.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use lexopt::{Arg, ValueExt as _};
use regex::Regex;
use serde::Deserialize;
use syn::{ForeignItem, Item, Visibility};

use crate::engine::{Engine, Pin};
use crate::{bindgen, files};

/// The table, relative to the root.
const TABLE: &str = "xtask/coverage.toml";

/// The table: entries by kind. A new kind needs a reason in the head of the table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    open: Vec<Entry>,
    raw: Vec<Entry>,
    pointless: Vec<Entry>,
}

/// Functions that stay unwrapped for one reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    why: String,
    /// The engine that the entry is limited to.
    engine: Option<Engine>,
    functions: Vec<String>,
}

impl Table {
    fn load() -> Result<Self> {
        toml_edit::de::from_str(&files::read(TABLE)?).with_context(|| format!("in {TABLE}"))
    }

    /// Lists every function with its kind, its reason and its engine.
    fn rows(&self) -> impl Iterator<Item = (&'static str, &Entry, &String)> {
        let kinds = [
            ("open", &self.open),
            ("raw", &self.raw),
            ("pointless", &self.pointless),
        ];
        kinds.into_iter().flat_map(|(kind, entries)| {
            entries.iter().flat_map(move |entry| {
                let row = move |name| (kind, entry, name);
                entry.functions.iter().map(row)
            })
        })
    }
}

/// Functions and the places that name them, such as `raw/alloc.rs`.
type Wrapped = BTreeMap<String, BTreeSet<String>>;

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    let mut engines = Engine::ALL.to_vec();
    let mut missing = false;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("engine") => engines = vec![args.value()?.parse()?],
            Arg::Long("missing") => missing = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let (table, wrapped) = (Table::load()?, wrapped()?);
    let mut mistakes = Vec::new();
    for engine in engines {
        let functions = functions(engine)?;
        let (lines, wrong) = account(engine, &functions, &wrapped, &table);
        println!("{engine}, mimalloc {}", Pin::load(engine)?.version);
        let mut counts = BTreeMap::<&str, usize>::new();
        for (name, (kind, why)) in &lines {
            *counts.entry(kind).or_default() += 1;
            if !missing || *kind == "open" {
                println!("  {name:38} {kind:10} {why}");
            }
        }
        println!("{} functions: {counts:?}\n", functions.len());
        mistakes.extend(wrong);
    }
    ensure!(mistakes.is_empty(), "{}", mistakes.join("\n       "));
    Ok(())
}

/// Returns the names that bindings declare: functions with the number of their
/// parameters, and options.
pub(crate) fn declared(bindings: &str) -> Result<(BTreeMap<String, usize>, BTreeSet<String>)> {
    let file = syn::parse_file(bindings).context("the bindings are not valid Rust")?;
    let (mut functions, mut options) = (BTreeMap::new(), BTreeSet::new());
    for item in file.items {
        match item {
            Item::ForeignMod(block) => functions.extend(block.items.iter().filter_map(|item| {
                let ForeignItem::Fn(function) = item else {
                    return None;
                };
                Some((function.sig.ident.to_string(), function.sig.inputs.len()))
            })),
            Item::Const(constant) if constant.ident.to_string().starts_with("mi_option_") => {
                options.insert(constant.ident.to_string());
            }
            _ => {}
        }
    }
    Ok((functions, options))
}

/// Returns every public C function of an engine: those that the bindings declare,
/// those that the crate declares or writes by hand, and those that stay undefined.
fn functions(engine: Engine) -> Result<BTreeSet<String>> {
    let (declared, _) = declared(&files::read(engine.bindings())?)?;
    let mut found: BTreeSet<String> = declared.into_keys().collect();
    let by_hand = bindgen::WIDE.iter().chain(bindgen::undefined(engine));
    found.extend(by_hand.map(|&name| name.to_owned()));
    if engine == Engine::V3 {
        let inline = syn::parse_file(&files::read("mimalloc-sys/src/inline.rs")?)?;
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
    let source = files::root().join("mimalloc/src");
    let mut found = Wrapped::new();
    for path in files::list(&source)? {
        if path.ends_with(".rs") {
            for name in named(&files::read(source.join(&path))?)? {
                found.entry(name).or_default().insert(path.clone());
            }
        }
    }
    Ok(found)
}

/// Finds the C functions that a text calls or names with `doc(alias)`. Comments
/// don't count.
fn named(text: &str) -> Result<BTreeSet<String>> {
    let comment = Regex::new(r"(?m)//.*$")?;
    let name = Regex::new(
        r#"(?x) alias \s* (?: = | \( )? [^\])]*? "(mi_\w+)" | \b(?:sys|ffi|mimalloc_sys)::(mi_\w+) | \b(mi_\w+) \s* \("#,
    )?;
    let text = comment.replace_all(text, "");
    let names = name.captures_iter(&text);
    Ok(names
        .filter_map(|found| found.iter().skip(1).flatten().next())
        .map(|found| found.as_str().to_owned())
        .collect())
}

/// Accounts for each function; names mistakes in the table.
fn account<'t>(
    engine: Engine,
    functions: &BTreeSet<String>,
    wrapped: &Wrapped,
    table: &'t Table,
) -> (BTreeMap<String, (&'t str, String)>, Vec<String>) {
    let mut lines = BTreeMap::new();
    let mut mistakes = Vec::new();
    let mut mistake = |text: String| mistakes.push(format!("{engine}: {text}"));
    for (kind, entry, name) in table.rows() {
        if entry.engine.is_some_and(|only| only != engine) {
            continue;
        }
        if !functions.contains(name) {
            if entry.engine.is_some() {
                mistake(format!("{name} is gone: remove it from {TABLE}"));
            }
        } else if lines
            .insert(name.clone(), (kind, entry.why.clone()))
            .is_some()
        {
            mistake(format!("{name} is twice in {TABLE}: remove one"));
        }
    }
    for name in functions {
        let undefined = bindgen::undefined(engine).contains(&name.as_str());
        let sites = wrapped.get(name).filter(|_| !undefined);
        match (lines.contains_key(name), sites) {
            (true, Some(sites)) => mistake(format!(
                "{name} is wrapped in {sites:?}: remove it from {TABLE}"
            )),
            (true, None) if undefined => {
                mistake(format!("{name} is not defined: remove it from {TABLE}"));
            }
            (true, None) => {}
            (false, Some(sites)) => {
                let sites: Vec<&str> = sites.iter().map(String::as_str).collect();
                lines.insert(name.clone(), ("wrapped", sites.join(", ")));
            }
            (false, None) if undefined => {
                let why = "Upstream declares the function and does not define it.";
                lines.insert(name.clone(), ("pointless", why.to_owned()));
            }
            (false, None) => mistake(format!(
                "{name} is unaccounted for: wrap it and name it with `#[doc(alias)]`, or say in \
                 {TABLE} why not"
            )),
        }
    }
    (lines, mistakes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &str) -> BTreeSet<String> {
        names.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn each_mistake_in_the_table_is_named() {
        let wrapped = Wrapped::from([("mi_collect".to_owned(), set("lib.rs"))]);
        let mistakes = |functions: &str, raw: &str| {
            let text = format!(
                "pointless = [{{ why = '', functions = ['mi_cfree'] }}]\nopen = [{{ why = '', \
                 engine = 'v2', functions = ['mi_reduce'] }}]\nraw = [{raw}]"
            );
            let table = toml_edit::de::from_str(&text).unwrap();
            account(Engine::V2, &set(functions), &wrapped, &table).1
        };
        let all = "mi_cfree mi_reduce mi_collect mi_malloc_size";
        assert_eq!(mistakes(all, ""), [""; 0]);
        let raw = |name: &str| format!("{{ why = '', functions = [{name}] }}");
        for (functions, raw, expected) in [
            (
                "mi_cfree mi_reduce mi_new",
                String::new(),
                "mi_new is unacc",
            ),
            ("mi_cfree", String::new(), "mi_reduce is gone"),
            (all, raw("'mi_collect'"), "mi_collect is wrapped in"),
            (all, raw("'mi_cfree'"), "mi_cfree is twice"),
            (
                all,
                raw("'mi_malloc_size'"),
                "mi_malloc_size is not defined",
            ),
        ] {
            let found = mistakes(functions, &raw).join("\n");
            assert!(found.starts_with(&format!("v2: {expected}")), "{found}");
            assert!(!found.contains('\n'), "{found}");
        }
    }

    #[test]
    fn aliases_and_calls_are_found_and_comments_are_not() {
        let text = "#[doc(alias = \"mi_a\")] // mi_no()\n#[doc(alias(\"mi_b\"))]\n\
                    unsafe { sys::mi_c(1) }; f(ffi::mi_d); mi_e (2); \"mi_no\"; mi_no";
        assert_eq!(named(text).unwrap(), set("mi_a mi_b mi_c mi_d mi_e"));
    }

    /// Checks the tree as it is, entries for both engines included.
    #[test]
    fn every_function_of_both_engines_is_accounted_for() {
        let (table, wrapped) = (Table::load().unwrap(), wrapped().unwrap());
        let mut all = BTreeSet::new();
        // As counted in the headers of the pinned versions.
        for (engine, count) in [(Engine::V3, 234), (Engine::V2, 159)] {
            let functions = functions(engine).unwrap();
            let (lines, mistakes) = account(engine, &functions, &wrapped, &table);
            assert_eq!(mistakes, [""; 0]);
            let what = "after a bump, count in the new headers; without one, a function got lost";
            assert_eq!(lines.len(), count, "{engine}: {what}");
            all.extend(functions);
        }
        let gone: Vec<_> = table.rows().filter(|row| !all.contains(row.2)).collect();
        let gone: Vec<_> = gone.into_iter().map(|row| row.2).collect();
        assert!(
            gone.is_empty(),
            "{gone:?} are gone: remove them from {TABLE}"
        );
    }
}
