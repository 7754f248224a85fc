//! Where the repository states versions: what `bump` rewrites, what it leaves to
//! a reader, and what `tidy` holds together.

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item};

use crate::api::Api;
use crate::engine::{Engine, Pin};
use crate::files;
use crate::version::Version;

/// Files in which every mention means "the version that we pin".
const STATED_IN: [&str; 5] = [
    "Cargo.lock",
    "README.md",
    "mimalloc-sys/Cargo.toml",
    "mimalloc-sys/README.md",
    "mimalloc/README.md",
];

/// Files that `bump` writes as a whole, that tell history, or that only give examples.
const NOT_SEARCHED: [&str; 4] = [
    "mimalloc-sys/vendor/",
    "mimalloc-sys/src/bindings/",
    "CHANGELOG.md",
    "xtask/",
];

/// Rewrites every statement of the version; returns the files that changed.
pub(crate) fn restate(engine: Engine, old: Version, new: Version) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    for name in STATED_IN {
        let path = files::root().join(name);
        if !path.is_file() {
            continue;
        }
        let text = files::read(&path)?;
        let fresh = if name.starts_with("Cargo") || name.ends_with("Cargo.toml") {
            // The version of mimalloc-sys says `+` upstream's, of the default engine.
            match engine {
                Engine::V3 => text.replace(&format!("+{old}\""), &format!("+{new}\"")),
                Engine::V2 => text.clone(),
            }
        } else {
            replace_words(&text, old, new)
        };
        if fresh != text {
            files::write(&path, &fresh)?;
            changed.push(name.to_owned());
        }
    }
    Ok(changed)
}

/// Every other line under version control that mentions the version, as `path:line: text`.
pub(crate) fn other_mentions(version: Version) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in files::git(&["ls-files"])? {
        let skipped = NOT_SEARCHED.iter().any(|prefix| name.starts_with(prefix));
        if skipped || STATED_IN.contains(&name.as_str()) {
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
pub(crate) fn mistakes(readme: &str) -> Result<Vec<String>> {
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
            || constants.get("MI_MALLOC_VERSION") != Some(&version.number().to_string())
        {
            let path = engine.bindings();
            mistakes.push(format!("{}: run `cargo xtask bindgen`", path.display()));
        }
    }
    for row in [
        format!("| `mimalloc` {safe} |"),
        format!("| `mimalloc-sys` {raw} |"),
        format!("| Engine v3 (default) | mimalloc {v3} |"),
        format!("| Engine v2 (feature `v2`) | mimalloc {v2} |"),
        format!("| v3 ({v3}) | v2 ({v2}) |"),
        format!("| Rust | {rust} or later"),
    ] {
        if !readme.contains(&row) {
            mistakes.push(format!("README.md: a table must say `{row}`"));
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

/// Replaces both forms of `old` where they stand alone.
fn replace_words(text: &str, old: Version, new: Version) -> String {
    let mut text = text.to_owned();
    for (old, new) in forms(old).iter().zip(forms(new)) {
        let mut done = String::new();
        let mut rest = text.as_str();
        while let Some(start) = word(rest, old) {
            done.push_str(&rest[..start]);
            done.push_str(&new);
            rest = &rest[start + old.len()..];
        }
        done.push_str(rest);
        text = done;
    }
    text
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
    fn only_whole_versions_are_replaced() {
        let (old, new) = ("3.6.1".parse().unwrap(), "3.7.0".parse().unwrap());
        let text = "3.6.1, v3.6.1. 13.6.1 3.6.10 3.6.1.2 1.3.6.1 (30601) 306010";
        let expected = "3.7.0, v3.7.0. 13.6.1 3.6.10 3.6.1.2 1.3.6.1 (30700) 306010";
        assert_eq!(replace_words(text, old, new), expected);
    }
}
