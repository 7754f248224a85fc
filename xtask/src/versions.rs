//! Where the repository states versions: what `bump` rewrites, what it leaves to
//! a reader, and what `tidy` holds together.

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item};

use crate::api::Api;
use crate::engine::{Engine, Pin};
use crate::files;
use crate::version::Version;

/// Statements of the version that we pin, by file, with `{}` for the version.
/// `bump` rewrites these and nothing else: any other mention may be that of a
/// measurement or of a fact that someone has looked up.
fn statements(engine: Engine) -> &'static [(&'static str, &'static str)] {
    match engine {
        // The version of mimalloc-sys says `+` upstream's, of the default engine.
        Engine::V3 => &[
            ("Cargo.lock", "+{}\""),
            ("mimalloc-sys/Cargo.toml", "+{}\""),
            ("tests/peers/rows/ours/Cargo.lock", "+{}\""),
            ("tests/peers/rows/ours-v2/Cargo.lock", "+{}\""),
            ("mimalloc/docs/engines.md", "+{} |"),
            ("mimalloc/docs/engines.md", "| Engine v3 (default) | mimalloc {} |"),
            ("mimalloc/docs/engines.md", "| v3 ({}) |"),
            ("mimalloc-sys/README.md", "**mimalloc {}** (engine v3)"),
        ],
        Engine::V2 => &[
            ("mimalloc/docs/engines.md", "| Engine v2 (feature `v2`) | mimalloc {} |"),
            ("mimalloc/docs/engines.md", "| v2 ({}) |"),
            ("mimalloc-sys/README.md", "takes **{}** (engine v2)"),
        ],
    }
}

/// Files that `bump` writes as a whole, that tell history, or that only give examples.
const NOT_SEARCHED: [&str; 5] = [
    // A link to the one of the workspace.
    "mimalloc/README.md",
    "mimalloc-sys/vendor/",
    "mimalloc-sys/src/bindings/",
    "CHANGELOG.md",
    "xtask/",
];

/// Rewrites every statement of the version; returns the files that changed.
pub(crate) fn restate(engine: Engine, old: Version, new: Version) -> Result<Vec<String>> {
    let mut changed: Vec<String> = Vec::new();
    for (name, statement) in statements(engine) {
        let path = files::root().join(name);
        if !path.is_file() {
            continue;
        }
        let text = files::read(&path)?;
        let fresh = restated(&text, statement, old, new);
        if fresh != text {
            files::write(&path, &fresh)?;
            if !changed.iter().any(|other| other == name) {
                changed.push((*name).to_owned());
            }
        }
    }
    Ok(changed)
}

/// `text` with one kind of statement rewritten.
fn restated(text: &str, statement: &str, old: Version, new: Version) -> String {
    let of = |version: Version| statement.replace("{}", &version.to_string());
    text.replace(&of(old), &of(new))
}

/// Every line under version control that still mentions the version, as `path:line: text`.
pub(crate) fn other_mentions(version: Version) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in files::git(&["ls-files"])? {
        if NOT_SEARCHED.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        // Unreadable here means a link to a directory, or no text.
        let Ok(text) = files::read(&files::root().join(&name)) else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            if forms(version).iter().any(|form| word(line, form).is_some()) {
                found.push(format!("{name}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    Ok(found)
}

/// What does not agree with the manifests and `upstream.toml`.
pub(crate) fn mistakes() -> Result<Vec<String>> {
    let safe = stated("mimalloc/Cargo.toml", &["package", "version"])?;
    let raw = stated("mimalloc-sys/Cargo.toml", &["package", "version"])?;
    let rust = stated("Cargo.toml", &["workspace", "package", "rust-version"])?;
    let [v3, v2] = [Pin::load(Engine::V3)?, Pin::load(Engine::V2)?].map(|pin| pin.version);
    let mut mistakes = Vec::new();
    if !raw.ends_with(&format!("+{v3}")) {
        mistakes.push(format!(
            "mimalloc-sys/Cargo.toml: end the version {raw} with `+{v3}`"
        ));
    }
    for (engine, version) in [(Engine::V3, v3), (Engine::V2, v2)] {
        let text = files::read(&engine.bindings())?;
        let banner = text.lines().next().unwrap_or_default();
        let constants = Api::parse(&text)?.constants;
        if !banner.ends_with(&format!(" mimalloc {version}."))
            || constants
                .get("MI_MALLOC_VERSION")
                .and_then(|text| text.parse().ok())
                != Some(version.number())
        {
            let path = engine.bindings();
            mistakes.push(format!("{}: run `cargo xtask bindgen`", path.display()));
        }
    }
    let engines = files::read(&files::root().join("mimalloc/docs/engines.md"))?;
    for row in [
        format!("| `mimalloc` {safe} |"),
        format!("| `mimalloc-sys` {raw} |"),
        format!("| Engine v3 (default) | mimalloc {v3} |"),
        format!("| Engine v2 (feature `v2`) | mimalloc {v2} |"),
        format!("| v3 ({v3}) | v2 ({v2}) |"),
        format!("| Rust | {rust} or later"),
    ] {
        if !engines.contains(&row) {
            mistakes.push(format!("mimalloc/docs/engines.md: a table must say `{row}`"));
        }
    }
    let raw_readme = files::read(&files::root().join("mimalloc-sys/README.md"))?;
    for (engine, version) in [(Engine::V3, v3), (Engine::V2, v2)] {
        for (name, statement) in statements(engine) {
            let statement = statement.replace("{}", &version.to_string());
            if *name == "mimalloc-sys/README.md" && !raw_readme.contains(&statement) {
                mistakes.push(format!("{name}: must say `{statement}`"));
            }
        }
    }
    let changelog = files::read(&files::root().join("CHANGELOG.md"))?;
    for heading in [format!("## [{safe}]"), format!("### `mimalloc-sys` {raw}")] {
        let count = changelog
            .lines()
            .filter(|line| line.starts_with(&heading))
            .count();
        if count != 1 {
            mistakes.push(format!(
                "CHANGELOG.md: has `{heading}` {count} times, not once"
            ));
        }
    }
    Ok(mistakes)
}

/// A text value in a manifest.
fn stated(manifest: &str, keys: &[&str]) -> Result<String> {
    let document: DocumentMut = files::read(&files::root().join(manifest))?.parse()?;
    let value = keys
        .iter()
        .try_fold(document.as_item(), |item, &key| item.get(key));
    let value = value.and_then(Item::as_str);
    Ok(value
        .with_context(|| format!("{manifest} has no {}", keys.join(".")))?
        .to_owned())
}

/// `3.6.1` and `30601`.
fn forms(version: Version) -> [String; 2] {
    [version.to_string(), version.number().to_string()]
}

/// Where `needle` stands in `text` and is not part of a longer number.
fn word(text: &str, needle: &str) -> Option<usize> {
    text.match_indices(needle)
        .map(|(start, _)| start)
        .find(|&start| {
            let before = text[..start].chars().next_back();
            let mut after = text[start + needle.len()..].chars();
            let (next, second) = (after.next(), after.next());
            let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
            let goes_on = digit(next) || next == Some('.') && digit(second);
            !(digit(before) || before == Some('.') || goes_on)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_versions_are_found() {
        for (text, found) in [
            ("since 3.6.1.", true),
            ("v3.6.1, too", true),
            ("13.6.1 3.6.10 3.6.1.2 1.3.6.1 306010", false),
        ] {
            assert_eq!(word(text, "3.6.1").is_some(), found, "{text}");
        }
        assert_eq!(word("(30601) 306010", "30601"), Some(1));
    }

    #[test]
    fn statements_are_rewritten_and_measurements_are_not() {
        let (old, new) = ("3.6.1".parse().unwrap(), "3.7.0".parse().unwrap());
        let text = "| Engine v3 (default) | mimalloc 3.6.1 |\n\
                    | `mimalloc-sys` 0.1.0+3.6.1 | raw |\n\
                    | with engine 3.6.1 | 1.2 s |\n\
                    where engine 3.6.1 does more than the 3.3.2 of others\n";
        let mut fresh = text.to_owned();
        for (name, statement) in statements(Engine::V3) {
            if *name == "mimalloc/docs/engines.md" {
                fresh = restated(&fresh, statement, old, new);
            }
        }
        let expected = text
            .replace("mimalloc 3.6.1 |", "mimalloc 3.7.0 |")
            .replace("+3.6.1", "+3.7.0");
        assert_eq!(fresh, expected);
    }

    /// A statement that nobody makes any more would not be rewritten.
    #[test]
    fn each_statement_is_made() {
        for engine in Engine::ALL {
            let version = Pin::load(engine).unwrap().version.to_string();
            for (name, statement) in statements(engine) {
                let text = files::read(&files::root().join(name)).unwrap();
                let statement = statement.replace("{}", &version);
                assert!(text.contains(&statement), "{name}: {statement}");
            }
        }
    }
}
