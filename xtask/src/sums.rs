//! Lists of SHA-256 sums, one file a line as `sha256sum` writes them, sorted by path.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::files;

/// The sums of the files of a tree, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums(BTreeMap<String, String>);

impl Sums {
    /// Reads a list.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut sums = BTreeMap::<String, String>::new();
        for (index, line) in text.lines().enumerate() {
            let (sum, path) = line.split_once("  ").unwrap_or_default();
            let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_inside = !path.starts_with('/') && path.split('/').all(|part| part != "..");
            let is_next = sums
                .last_key_value()
                .is_none_or(|(last, _)| last.as_str() < path);
            if !(is_sum && is_inside && is_next) || path.is_empty() {
                bail!(
                    "line {}: expected `<sha256>  <path inside the tree>`, sorted by path, found \
                     `{line}`",
                    index + 1
                );
            }
            sums.insert(path.to_owned(), sum.to_ascii_lowercase());
        }
        Ok(Self(sums))
    }

    /// Sums up every file below `dir`.
    pub(crate) fn of_tree(dir: &Path) -> Result<Self> {
        let sum = |path: String| {
            let file = dir.join(&path);
            let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()));
            Ok((path, sha256(&bytes?)))
        };
        let sums: Result<_> = files::list(dir)?.into_iter().map(sum).collect();
        Ok(Self(sums?))
    }

    /// Returns the text of the list.
    pub(crate) fn render(&self) -> String {
        let lines = self.0.iter().map(|(path, sum)| format!("{sum}  {path}\n"));
        lines.collect()
    }

    /// Returns the sum of the list itself, which stands for the whole tree.
    pub(crate) fn digest(&self) -> String {
        sha256(self.render().as_bytes())
    }

    /// Returns the number of files.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Names each difference between this list and the sums of a tree, sorted by path.
    pub(crate) fn compare(&self, found: &Self) -> Vec<String> {
        let mut differences = BTreeMap::new();
        for path in self.0.keys().chain(found.0.keys()) {
            let what = match (self.0.get(path), found.0.get(path)) {
                (Some(_), None) => "is missing",
                (None, Some(_)) => "is not in the list",
                (listed, is) if listed != is => "differs from the list",
                _ => continue,
            };
            differences.insert(path, format!("{path} {what}"));
        }
        differences.into_values().collect()
    }
}

fn sha256(bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_survive_and_malformed_lines_are_named() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let text = format!("{a}  LICENSE\n{b}  src/a b.c\n");
        assert_eq!(Sums::parse(&text).unwrap().render(), text);
        for wrong in [
            format!("{a} LICENSE"),
            "abc  LICENSE".to_owned(),
            format!("{a}  ../x"),
            format!("{a}  /x"),
            format!("{a}  "),
        ] {
            let error = Sums::parse(&wrong).unwrap_err().to_string();
            assert!(error.starts_with("line 1: expected"), "{error}");
        }
        for second in ["a", "b"] {
            let error = Sums::parse(&format!("{a}  b\n{a}  {second}\n")).unwrap_err();
            assert!(error.to_string().starts_with("line 2"), "{error}");
        }
    }

    #[test]
    fn differences_come_sorted_by_path() {
        let sums = |text: &str| Sums::parse(&text.replace('A', &"a".repeat(64))).unwrap();
        let list = sums("A  a\nA  b\nA  d\n");
        let mut tree = sums("A  b\nA  c\nA  d\n");
        tree.0.insert("b".into(), "b".repeat(64));
        let expected = [
            "a is missing",
            "b differs from the list",
            "c is not in the list",
        ];
        assert_eq!(list.compare(&tree), expected);
        assert!(list.compare(&list).is_empty());
    }

    #[test]
    fn the_sum_is_sha256() {
        assert!(sha256(b"").starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
    }
}
