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

/// The `GROUPS` of the build script, by `cfg`.
pub(super) fn parse(build: &str) -> Result<BTreeMap<String, Group>> {
    let table = build
        .split_once("const GROUPS: &[(&str, Of, &[&str])] = &[")
        .and_then(|(_, rest)| rest.split_once("];\n"))
        .context("mimalloc/build.rs has no table `const GROUPS`")?;
    let tokens = table.0.parse::<TokenStream>();
    let tokens = tokens.map_err(|error| anyhow::anyhow!("mimalloc/build.rs: {error}"))?;
    let rows = tokens.into_iter().filter_map(|token| match token {
        TokenTree::Group(row) => Some(row.stream()),
        _ => None,
    });
    rows.map(|row| {
        let text = row.to_string();
        group(row).with_context(|| format!("mimalloc/build.rs: `{text}` is no row of GROUPS"))
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
        "Both" => None,
        "V3" => Some(Engine::V3),
        "V2" => Some(Engine::V2),
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

    pub(in super::super) const BUILD: &str = "const GROUPS: &[(&str, Of, &[&str])] = &[
        // The \"small\" ones.
        (\"mimalloc_theap\", V3, &[\"mi_theap\", \"mi_other\"]),
        (\"mimalloc_has_print\", Both, &[\"mi_print\"]),
        (\"mimalloc_has_ex\", V2, &[\"mi_ex\"]),
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
        let wrong = parse(&BUILD.replace("V2", "V1")).unwrap_err();
        assert!(wrong.to_string().contains("mimalloc_has_ex"), "{wrong}");
    }
}
