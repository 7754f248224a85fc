//! `cargo xtask api`: what the safe layer has for each C function.
//!
//! What is wrapped is read from the source of the safe layer; why the rest is
//! not, from `coverage.toml`. Each function has exactly one of the two.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt as _};
use toml_edit::{DocumentMut, Item, Table};

use crate::api::Api;
use crate::bindings;
use crate::engine::{Engine, Pin};
use crate::files;
use crate::wrapped::{self, Sites, Wrapped};

/// The table, relative to the root.
const TABLE: &str = "xtask/src/coverage.toml";

/// Why a function is not wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It could be, as a safe or an unsafe function; raw FFI reaches it.
    Open,
    /// No Rust caller could keep its contract; raw FFI reaches it.
    Raw,
    /// Nothing that Rust needs.
    Pointless,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Open, Self::Raw, Self::Pointless];

    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Raw => "raw",
            Self::Pointless => "pointless",
        }
    }
}

/// An array of functions in the table, with one reason.
#[derive(Clone, Debug)]
struct Entry {
    kind: Kind,
    why: String,
    /// For one engine only.
    engine: Option<Engine>,
    functions: Vec<String>,
}

/// What there is for one function.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Account {
    Wrapped(Sites),
    Not(Kind, String),
}

/// All functions of an engine.
type Accounts = BTreeMap<String, Account>;

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
    let table = parse(&files::read(&files::root().join(TABLE))?)?;
    let mut mistakes = Vec::new();
    for engine in engines {
        let (accounts, wrong) = account_for(engine, &table)?;
        println!("{engine}, mimalloc {}", Pin::load(engine)?.version);
        print!("{}", render(&accounts, missing));
        mistakes.extend(wrong.into_iter().map(|line| format!("{engine}: {line}")));
    }
    mistakes.extend(unused(&table)?);
    if mistakes.is_empty() {
        return Ok(());
    }
    bail!("{}", mistakes.join("\n       "))
}

/// Accounts for all functions of an engine, in the tree as it is.
fn account_for(engine: Engine, table: &[Entry]) -> Result<(Accounts, Vec<String>)> {
    let functions = functions(engine)?;
    let wrapped = wrapped::search(engine, &functions)?;
    let undefined = bindings::undefined(engine);
    Ok(account(engine, &functions, &wrapped, undefined, table))
}

/// Every public C function of an engine: what the bindings declare, what is
/// declared or written by hand beside them, and what is left out as undefined.
pub(crate) fn functions(engine: Engine) -> Result<BTreeSet<String>> {
    let api = Api::parse(&files::read(&engine.bindings())?)?;
    let mut found: BTreeSet<String> = api.functions.into_keys().collect();
    let by_hand = bindings::WIDE.iter().chain(bindings::undefined(engine));
    found.extend(by_hand.map(|&name| name.to_owned()));
    if engine == Engine::V3 {
        let inline = files::read(&files::root().join("mimalloc-sys/src/inline.rs"))?;
        let names = inline.lines().filter_map(|line| {
            let (_, rest) = line.strip_prefix("pub ")?.split_once("fn ")?;
            Some(rest.split(['(', '<']).next()?.to_owned())
        });
        found.extend(names);
    }
    Ok(found)
}

/// Reads the table.
fn parse(text: &str) -> Result<Vec<Entry>> {
    let document: DocumentMut = text.parse().context("in coverage.toml")?;
    let mut entries = Vec::new();
    for (key, item) in document.iter() {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == key);
        let kind = kind.with_context(|| format!("unknown kind `{key}` in {TABLE}"))?;
        for table in item.as_array_of_tables().into_iter().flatten() {
            entries.push(entry(kind, table).with_context(|| format!("{table}in {TABLE}"))?);
        }
    }
    Ok(entries)
}

fn entry(kind: Kind, table: &Table) -> Result<Entry> {
    let get = |key: &str| table.get(key).and_then(Item::as_str);
    let functions = table.get("functions").and_then(Item::as_array);
    let functions = functions.context("an entry needs a list `functions`")?;
    Ok(Entry {
        kind,
        why: get("why")
            .context("an entry needs a reason `why`")?
            .to_owned(),
        engine: get("engine").map(str::parse).transpose()?,
        functions: functions
            .iter()
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect(),
    })
}

/// Finds what there is for each function, and what is wrong with the table.
fn account(
    engine: Engine,
    functions: &BTreeSet<String>,
    wrapped: &Wrapped,
    undefined: &[&str],
    table: &[Entry],
) -> (Accounts, Vec<String>) {
    let mut listed: BTreeMap<&str, &Entry> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for entry in table
        .iter()
        .filter(|entry| entry.engine.is_none_or(|only| only == engine))
    {
        for name in &entry.functions {
            if functions.contains(name) && listed.insert(name, entry).is_some() {
                mistakes.push(format!("{name} is twice in {TABLE}: remove one"));
            } else if entry.engine.is_some() && !functions.contains(name) {
                mistakes.push(format!("{name} is gone: remove it from {TABLE}"));
            }
        }
    }
    let mut accounts = Accounts::new();
    for name in functions {
        let listed = listed.get(name.as_str());
        let account = if undefined.contains(&name.as_str()) {
            if listed.is_some() {
                mistakes.push(format!("{name} is not defined: remove it from {TABLE}"));
            }
            Account::Not(
                Kind::Pointless,
                "Declared by upstream, but not defined.".to_owned(),
            )
        } else if let Some(sites) = wrapped.get(name) {
            if listed.is_some() {
                let by = sites.aliases.iter().chain(&sites.calls).next().cloned();
                let by = by.unwrap_or_default();
                mistakes.push(format!("{name} is wrapped by {by}: remove it from {TABLE}"));
            }
            Account::Wrapped(sites.clone())
        } else if let Some(entry) = listed {
            Account::Not(entry.kind, entry.why.clone())
        } else {
            mistakes.push(format!(
                "{name} is unaccounted for: wrap it and name it with `#[doc(alias)]`, or say in \
                 {TABLE} why not"
            ));
            continue;
        };
        accounts.insert(name.clone(), account);
    }
    (accounts, mistakes)
}

/// Entries for both engines that neither has.
fn unused(table: &[Entry]) -> Result<Vec<String>> {
    let mut all = BTreeSet::new();
    for engine in Engine::ALL {
        all.extend(functions(engine)?);
    }
    let names = table.iter().filter(|entry| entry.engine.is_none());
    Ok(names
        .flat_map(|entry| &entry.functions)
        .filter(|&name| !all.contains(name))
        .map(|name| format!("{name} is gone: remove it from {TABLE}"))
        .collect())
}

/// A line a function, only those that could be wrapped and are not with
/// `missing`; then the totals.
fn render(accounts: &Accounts, missing: bool) -> String {
    let mut text = String::new();
    let (mut called, mut named) = (0_usize, 0_usize);
    let mut not = [0_usize; 3];
    for (name, account) in accounts {
        let line = match account {
            Account::Wrapped(sites) => {
                *(if sites.calls.is_empty() {
                    &mut named
                } else {
                    &mut called
                }) += 1;
                format!("wrapped    {}", sites_text(sites))
            }
            Account::Not(kind, why) => {
                not[*kind as usize] += 1;
                format!("{:10} {why}", kind.name())
            }
        };
        if !missing || matches!(account, Account::Not(Kind::Open, _)) {
            text.push_str(&format!("  {name:38} {line}\n"));
        }
    }
    let wrapped = called + named;
    let [open, raw, pointless] = not;
    text.push_str(&format!(
        "{} functions: {wrapped} wrapped ({called} called, {named} under a name of theirs by other \
         means), {} through raw FFI only ({open} open, {raw} that nobody could call rightly), \
         {pointless} pointless in Rust\n\
         {} of those that can have a Rust form have one; {} when each is counted that is not \
         pointless\n\n",
        accounts.len(),
        open + raw,
        share(wrapped, wrapped + open),
        share(wrapped, wrapped + open + raw),
    ));
    text
}

fn sites_text(sites: &Sites) -> String {
    let list = |sites: &BTreeSet<String>| {
        let sites: Vec<&str> = sites.iter().map(String::as_str).collect();
        sites.join(", ")
    };
    match (sites.aliases.is_empty(), sites.calls.is_empty()) {
        (false, true) => format!("{}; not called", list(&sites.aliases)),
        (false, false) if sites.aliases != sites.calls => {
            format!("{}; called in {}", list(&sites.aliases), list(&sites.calls))
        }
        _ => list(&sites.calls),
    }
}

fn share(part: usize, whole: usize) -> String {
    let tenths = (part * 1000).checked_div(whole).unwrap_or(1000);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = "
[[pointless]]
why = \"Another name.\"
functions = [\"mi_cfree\", \"mi_valloc\"]

[[open]]
why = \"Not yet.\"
engine = \"v2\"
functions = [\"mi_reduce\"]
";

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn wrapped(name: &str) -> Wrapped {
        let sites = Sites {
            aliases: set(&["collect (lib.rs)"]),
            calls: BTreeSet::new(),
        };
        Wrapped::from([(name.to_owned(), sites)])
    }

    fn mistakes(engine: Engine, functions: &[&str], table: &str) -> Vec<String> {
        let table = parse(table).unwrap();
        account(
            engine,
            &set(functions),
            &wrapped("mi_collect"),
            &["mi_no"],
            &table,
        )
        .1
    }

    #[test]
    fn complete_tables_pass() {
        let names = ["mi_cfree", "mi_valloc", "mi_collect", "mi_no"];
        assert_eq!(mistakes(Engine::V3, &names, TOML), [""; 0]);
        let names = ["mi_cfree", "mi_reduce", "mi_collect"];
        assert_eq!(mistakes(Engine::V2, &names, TOML), [""; 0]);
    }

    #[test]
    fn each_mistake_is_named() {
        for (functions, table, expected) in [
            (
                &["mi_cfree", "mi_reduce", "mi_new"][..],
                TOML,
                "mi_new is unaccounted for",
            ),
            (&["mi_cfree"], TOML, "mi_reduce is gone"),
            (
                &["mi_collect"],
                "[[raw]]\nwhy = \"\"\nfunctions = [\"mi_collect\"]",
                "mi_collect is wrapped by collect (lib.rs): remove it",
            ),
            (
                &["mi_a"],
                "[[raw]]\nwhy = \"\"\nfunctions = [\"mi_a\", \"mi_a\"]",
                "mi_a is twice",
            ),
            (
                &["mi_no"],
                "[[raw]]\nwhy = \"\"\nfunctions = [\"mi_no\"]",
                "mi_no is not defined",
            ),
        ] {
            let found = mistakes(Engine::V2, functions, table);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(expected), "{found:?}");
        }
    }

    #[test]
    fn unreadable_tables_are_refused() {
        for wrong in [
            "[[other]]\nwhy = \"\"\nfunctions = []",
            "[[raw]]\nfunctions = []",
            "[[raw]]\nwhy = \"\"",
            "[[raw]]\nwhy = \"\"\nengine = \"v9\"\nfunctions = []",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn totals_count_each_function_once() {
        let mut accounts = Accounts::new();
        accounts.insert(
            "mi_collect".into(),
            Account::Wrapped(wrapped("")[""].clone()),
        );
        for kind in Kind::ALL {
            accounts.insert(
                format!("mi_{}", kind.name()),
                Account::Not(kind, "Why.".into()),
            );
        }
        let text = render(&accounts, false);
        assert!(
            text.contains("4 functions: 1 wrapped (0 called, 1 under"),
            "{text}"
        );
        assert!(
            text.contains("2 through raw FFI only (1 open, 1 that"),
            "{text}"
        );
        assert!(
            text.contains("50.0 % of those") && text.contains("33.3 % when"),
            "{text}"
        );
        let text = render(&accounts, true);
        assert!(
            text.contains("mi_open") && !text.contains("mi_raw"),
            "{text}"
        );
    }

    /// The command itself, on the tree as it is.
    #[test]
    fn every_function_of_both_engines_is_accounted_for() {
        let table = parse(&files::read(&files::root().join(TABLE)).unwrap()).unwrap();
        // As counted in the headers of the pinned versions.
        for (engine, count) in [(Engine::V3, 234), (Engine::V2, 159)] {
            let (accounts, mistakes) = account_for(engine, &table).unwrap();
            assert_eq!(mistakes, [""; 0]);
            let what = "after a bump, count in the new headers; without one, a function got lost";
            assert_eq!(accounts.len(), count, "{engine}: {what}");
        }
        assert_eq!(unused(&table).unwrap(), [""; 0]);
    }
}
