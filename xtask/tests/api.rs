//! What `cargo xtask api` checks: that each C function is accounted for.
//!
//! The source of the safe layer says what it wraps: by a `doc(alias)` or a call.
//! `coverage.toml` says why each other function stays unwrapped. Each function has
//! exactly one of the two.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use regex::Regex;
use serde::Deserialize;
use syn::{Item, Visibility};

use crate::pin::Engine;
use crate::{bindgen, bindings, bump, read, tracked};

/// The table, relative to the root.
const TABLE: &str = "xtask/coverage.toml";

/// The table: entries by kind. A new kind needs a reason in the head of the table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    open: Vec<Entry>,
    #[serde(default)]
    raw: Vec<Entry>,
    #[serde(default)]
    pointless: Vec<Entry>,
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

    /// Lists every function with its entry.
    fn rows(&self) -> impl Iterator<Item = (&Entry, &String)> {
        let entries = self.open.iter().chain(&self.raw).chain(&self.pointless);
        entries.flat_map(|entry| entry.functions.iter().map(move |name| (entry, name)))
    }
}

/// Functions and the places that name them, such as `raw/alloc.rs`.
type Wrapped = BTreeMap<String, BTreeSet<String>>;

/// Returns every public C function of an engine: those that the bindings declare,
/// those that the crate declares or writes by hand, and those that stay undefined.
fn functions(engine: Engine) -> Result<BTreeSet<String>> {
    let [mut found, _] = bump::declared(&read(bindings(engine))?)?;
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

/// Names the functions that are not accounted for, and the mistakes in the table.
fn mistakes(
    engine: Engine,
    functions: &BTreeSet<String>,
    wrapped: &Wrapped,
    table: &Table,
) -> Vec<String> {
    let mut listed = BTreeSet::new();
    let mut mistakes = Vec::new();
    let mut mistake = |name: &str, what: &str| mistakes.push(format!("{engine}: {name} {what}"));
    for (entry, name) in table.rows() {
        match entry.engine.as_deref() {
            Some(only) if only != engine.name() => {}
            Some(_) if !functions.contains(name) => {
                mistake(name, "is gone: remove it from xtask/coverage.toml");
            }
            _ if functions.contains(name) && !listed.insert(name) => {
                mistake(name, "is twice in xtask/coverage.toml: remove one");
            }
            _ => {}
        }
    }
    for name in functions {
        let is_undefined = bindgen::undefined(engine).contains(&name.as_str());
        let sites = wrapped.get(name).filter(|_| !is_undefined);
        match (listed.contains(name), sites) {
            (true, Some(sites)) => mistake(
                name,
                &format!("is wrapped in {sites:?}: remove it from {TABLE}"),
            ),
            (false, None) => mistake(
                name,
                "is unaccounted for: wrap it and name it with `#[doc(alias)]`, or say in \
                 xtask/coverage.toml why not",
            ),
            _ => {}
        }
    }
    mistakes
}

fn set(names: &str) -> BTreeSet<String> {
    names.split(' ').map(str::to_owned).collect()
}

#[test]
fn each_mistake_in_the_table_is_named() {
    let wrapped = ["mi_collect", "mi_malloc_size"].map(|name| (name.to_owned(), set("lib.rs")));
    let wrapped = Wrapped::from(wrapped);
    let found = |functions: &str, raw: &str| {
        let text = format!(
            "pointless = [{{ why = '', functions = ['mi_cfree'] }}]\nopen = [{{ why = '', \
             engine = 'v2', functions = ['mi_reduce'] }}]\nraw = [{raw}]"
        );
        let table = toml_edit::de::from_str(&text).unwrap();
        mistakes(Engine::V2, &set(functions), &wrapped, &table)
    };
    let all = "mi_cfree mi_reduce mi_collect";
    assert_eq!(found(all, ""), [""; 0]);
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
        // Undefined functions need an entry, whatever names them.
        (
            "mi_cfree mi_reduce mi_malloc_size",
            String::new(),
            "mi_malloc_size is unacc",
        ),
    ] {
        let found = found(functions, &raw).join("\n");
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
        assert_eq!(mistakes(engine, &functions, &wrapped, &table), [""; 0]);
        let what = "after a bump, count in the new headers; without one, a function got lost";
        assert_eq!(functions.len(), count, "{engine}: {what}");
        all.extend(functions);
    }
    for (entry, name) in table.rows() {
        assert!(!entry.why.is_empty(), "{name}: say why it stays unwrapped");
    }
    let names = table.rows().map(|(_, name)| name);
    let gone: Vec<_> = names.filter(|name| !all.contains(*name)).collect();
    assert!(
        gone.is_empty(),
        "{gone:?} are gone: remove them from {TABLE}"
    );
}
