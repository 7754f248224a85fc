//! Finds the items of the safe layer that name given C items: by
//! `#[doc(alias)]`, or by using them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::files;

/// A place in the safe layer that names a C item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Touch {
    /// Relative to the searched directory.
    pub(crate) path: String,
    /// Counted from 1.
    pub(crate) line: usize,
    /// The C name.
    pub(crate) name: String,
    /// The Rust item around or behind it, as far as it can be told.
    pub(crate) item: String,
}

/// Searches every Rust file below `dir`, in the order of path and line.
pub(crate) fn search(dir: &Path, names: &BTreeSet<&str>) -> Result<Vec<Touch>> {
    let mut found = BTreeSet::new();
    for path in files::list(dir)?
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
    {
        let text = files::read(&dir.join(&path))?;
        for (line, name, item) in search_text(&text, names) {
            found.insert(Touch {
                path: path.clone(),
                line,
                name,
                item,
            });
        }
    }
    Ok(found.into_iter().collect())
}

/// Searches one file: line, C name, item.
fn search_text(text: &str, names: &BTreeSet<&str>) -> Vec<(usize, String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        for name in names.iter().filter(|name| mentions(line, name)) {
            let before_item = ["#[", "///"]
                .iter()
                .any(|start| line.trim().starts_with(start));
            let item = if before_item {
                lines[index..]
                    .iter()
                    .find_map(|line| behind_attributes(line))
            } else {
                lines[..=index].iter().rev().find_map(|line| function(line))
            };
            found.push((index + 1, (*name).to_owned(), item.unwrap_or_default()));
        }
    }
    found
}

/// Whether a line names a C item. `struct.field` is found as `.field`.
fn mentions(line: &str, name: &str) -> bool {
    let (needle, is_field) = match name.split_once('.') {
        Some((_, field)) => (field, true),
        None => (name, false),
    };
    line.match_indices(needle).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + needle.len()..].chars().next();
        let boundary = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        boundary(after)
            && if is_field {
                before == Some('.')
            } else {
                boundary(before)
            }
    })
}

/// The first line that is neither an attribute nor a comment, cut to its head.
fn behind_attributes(line: &str) -> Option<String> {
    let line = line.trim();
    let skip = line.is_empty() || line.starts_with("#[") || line.starts_with("//");
    (!skip).then(|| head(line))
}

/// The head of a line that begins a function.
fn function(line: &str) -> Option<String> {
    let line = line.trim();
    let is_function = !line.starts_with("//") && line.contains("fn ") && line.contains('(');
    is_function.then(|| head(line))
}

/// A declaration without its visibility, parameters and body.
fn head(line: &str) -> String {
    let line = line
        .trim_start_matches("pub(crate) ")
        .trim_start_matches("pub(super) ");
    line.split(['(', '{', ',', '='])
        .next()
        .unwrap_or(line)
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAFE: &str = "\
//! Heaps.
impl Heap {
    /// Frees.
    #[doc(alias = \"mi_heap_destroy\")]
    #[inline]
    pub fn destroy(&mut self) {
        unsafe { ffi::mi_heap_delete(self.0) }
    }
    pub(crate) fn pages(&self) -> i64 {
        self.stats.pages.current + self.stats.pages_abandoned
    }
}
pub enum Option {
    #[doc(alias = \"mi_option_purge_delay\")]
    PurgeDelay,
}
";

    fn found(names: &[&str]) -> Vec<(usize, String, String)> {
        search_text(SAFE, &names.iter().copied().collect())
    }

    fn touch(line: usize, name: &str, item: &str) -> (usize, String, String) {
        (line, name.to_owned(), item.to_owned())
    }

    #[test]
    fn aliases_lead_to_the_item_behind_them() {
        assert_eq!(
            found(&["mi_heap_destroy", "mi_option_purge_delay"]),
            [
                touch(4, "mi_heap_destroy", "pub fn destroy"),
                touch(14, "mi_option_purge_delay", "PurgeDelay")
            ]
        );
    }

    #[test]
    fn uses_lead_to_the_function_around_them() {
        assert_eq!(
            found(&["mi_heap_delete"]),
            [touch(7, "mi_heap_delete", "pub fn destroy")]
        );
        assert_eq!(found(&["mi_heap"]), []);
    }

    #[test]
    fn fields_are_found_by_access() {
        assert_eq!(
            found(&["mi_stats_s.pages"]),
            [touch(10, "mi_stats_s.pages", "fn pages")]
        );
        assert_eq!(found(&["mi_stats_s.abandoned"]), []);
    }
}
