//! Where the repository states upstream's version: what `bump` rewrites, and
//! what it leaves to a reader.

use std::process::Command;

use anyhow::Result;

use crate::engine::Engine;
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
    "vendor/mimalloc/",
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
    let listed = files::output(
        Command::new("git")
            .arg("-C")
            .arg(files::root())
            .arg("ls-files"),
    )?;
    let mut found = Vec::new();
    for name in listed.lines() {
        let skipped = NOT_SEARCHED.iter().any(|prefix| name.starts_with(prefix));
        if skipped || STATED_IN.contains(&name) {
            continue;
        }
        // Unreadable here means a link to a directory, or no text.
        let Ok(text) = files::read(&files::root().join(name)) else {
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
