//! Reads the table of cfgs in the build script of the safe layer.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};

use crate::engine::Engine;

/// What a `cfg` of the build script stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The engine that it is for, if not for both.
    pub(super) of: Option<Engine>,
    pub(super) functions: Vec<String>,
}

/// The rows of functions in the build script's table, by `cfg`.
pub(super) fn parse(build: &str) -> Result<BTreeMap<String, Group>> {
    let table = build
        .split_once("const CFGS: &[Cfg] = &[")
        .and_then(|(_, rest)| rest.split_once("];\n"))
        .context("mimalloc/build/cfgs.rs has no table `const CFGS`")?;
    let tokens = table.0.parse::<TokenStream>();
    let tokens = tokens.map_err(|error| anyhow::anyhow!("mimalloc/build/cfgs.rs: {error}"))?;
    let mut is_call = false;
    let rows = tokens.into_iter().filter_map(|token| match token {
        TokenTree::Group(row) => is_call.then(|| row.stream()),
        other => {
            is_call = other.to_string() == "has";
            None
        }
    });
    rows.map(|row| {
        let text = row.to_string();
        group(row)
            .with_context(|| format!("mimalloc/build/cfgs.rs: `{text}` is no row of functions"))
    })
    .collect()
}

/// One row: `cfg`, the engine, and the functions.
fn group(row: TokenStream) -> Option<(String, Group)> {
    let mut words = Vec::new();
    words_of(row, &mut words);
    let mut words = words.into_iter();
    let cfg = words.next().filter(|word| word.starts_with("mimalloc_"))?;
    let of = match words.next()?.as_str() {
        "BOTH" => None,
        "ONLY_V3" => Some(Engine::V3),
        "ONLY_V2" => Some(Engine::V2),
        _ => return None,
    };
    let functions = words.collect();
    Some((cfg, Group { of, functions }))
}

/// The names and string literals in `tokens`, in order.
fn words_of(tokens: TokenStream, found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => words_of(group.stream(), found),
            TokenTree::Punct(_) => {}
            other => found.push(other.to_string().trim_matches('"').to_owned()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const BUILD: &str = "const CFGS: &[Cfg] = &[
        // The \"small\" ones.
        has(\"mimalloc_theap\", ONLY_V3, &[\"mi_theap\", \"mi_other\"]),
        has(\"mimalloc_has_print\", BOTH, &[\"mi_print\"]),
        fact(\"mimalloc_other\", \"x\", |f| f.x),
        has(\"mimalloc_has_ex\", ONLY_V2, &[\"mi_ex\"]),
    ];
    fn main() { println!(\"mimalloc_no\"); }
";

    #[test]
    fn groups_are_read_from_the_build_script() {
        let groups = parse(BUILD).unwrap();
        let engines: Vec<_> = groups
            .iter()
            .map(|(cfg, group)| (&cfg[9..], group.of))
            .collect();
        let (v2, v3) = (Some(Engine::V2), Some(Engine::V3));
        assert_eq!(
            engines,
            [("has_ex", v2), ("has_print", None), ("theap", v3)]
        );
        let theap = &groups["mimalloc_theap"].functions;
        assert_eq!(*theap, ["mi_theap", "mi_other"]);
        assert!(parse("fn main() {}").is_err());
        let wrong = parse(&BUILD.replace("_V2", "_V1")).unwrap_err();
        assert!(wrong.to_string().contains("mimalloc_has_ex"), "{wrong}");
    }
}
