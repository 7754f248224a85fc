//! Lists of SHA-256 sums, one file a line as `sha256sum` writes them, sorted by path.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::files;

/// The sums of the files of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums(BTreeMap<String, String>);

/// One way in which a tree is not what the list says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// In the list, not in the tree.
    Missing(String),
    /// In the tree, not in the list.
    Extra(String),
    /// In both, with another content.
    Changed(String),
}

impl core::fmt::Display for Difference {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "{path} is missing"),
            Self::Extra(path) => write!(f, "{path} is not in the list"),
            Self::Changed(path) => write!(f, "{path} differs from the list"),
        }
    }
}

impl Sums {
    /// Reads a list.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut sums = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let at = index + 1;
            let Some((sum, path)) = line.split_once("  ") else {
                bail!("line {at}: expected `<sha256>  <path>`");
            };
            if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                bail!("line {at}: `{sum}` is not a SHA-256 sum");
            }
            if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..")
            {
                bail!("line {at}: `{path}` is not a path inside the tree");
            }
            if sums
                .last_key_value()
                .is_some_and(|(last, _): (&String, _)| path <= last.as_str())
            {
                bail!("line {at}: `{path}` is out of order");
            }
            sums.insert(path.to_owned(), sum.to_ascii_lowercase());
        }
        Ok(Self(sums))
    }

    /// Reads the list at `path`.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        Self::parse(&files::read(path)?).with_context(|| format!("in {}", path.display()))
    }

    /// Sums up every file below `dir`.
    pub(crate) fn of_tree(dir: &Path) -> Result<Self> {
        let mut sums = BTreeMap::new();
        for path in files::list(dir)? {
            let file = dir.join(&path);
            let bytes =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            sums.insert(path, sha256(&bytes));
        }
        Ok(Self(sums))
    }

    /// The text of the list.
    pub(crate) fn render(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (path, sum)| {
            let _ = writeln!(text, "{sum}  {path}");
            text
        })
    }

    /// The sum of the list itself, which stands for the whole tree.
    pub(crate) fn digest(&self) -> String {
        sha256(self.render().as_bytes())
    }

    /// How many files there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What `found` does differently from this list, sorted by path.
    pub(crate) fn compare(&self, found: &Self) -> Vec<Difference> {
        let mut differences = BTreeMap::new();
        for (path, sum) in &self.0 {
            match found.0.get(path) {
                None => drop(differences.insert(path, Difference::Missing(path.clone()))),
                Some(other) if other != sum => {
                    differences.insert(path, Difference::Changed(path.clone()));
                }
                Some(_) => {}
            }
        }
        for path in found.0.keys().filter(|path| !self.0.contains_key(*path)) {
            differences.insert(path, Difference::Extra(path.clone()));
        }
        differences.into_values().collect()
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn complaint(text: &str) -> String {
        Sums::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_list_survives_reading_and_writing() {
        let text = format!("{A}  LICENSE\n{B}  src/a b.c\n");
        let sums = Sums::parse(&text).unwrap();
        assert_eq!((sums.render(), sums.len()), (text, 2));
    }

    #[test]
    fn malformed_lines_are_named() {
        assert!(complaint(&format!("{A} LICENSE")).starts_with("line 1: expected"));
        assert!(complaint("abc  LICENSE").contains("`abc` is not a SHA-256 sum"));
        assert!(complaint(&format!("{A}  ../x")).contains("not a path inside"));
        assert!(complaint(&format!("{A}  /x")).contains("not a path inside"));
        assert!(complaint(&format!("{A}  b\n{A}  a\n")).contains("line 2: `a` is out of order"));
        assert!(complaint(&format!("{A}  a\n{A}  a\n")).contains("out of order"));
    }

    #[test]
    fn differences_come_sorted_by_path() {
        let list = Sums::parse(&format!("{A}  a\n{A}  b\n{A}  d\n")).unwrap();
        let tree = Sums::parse(&format!("{B}  b\n{A}  c\n{A}  d\n")).unwrap();
        let expected = [
            Difference::Missing("a".into()),
            Difference::Changed("b".into()),
            Difference::Extra("c".into()),
        ];
        assert_eq!(list.compare(&tree), expected);
        assert_eq!(list.compare(&list), []);
    }

    #[test]
    fn the_sum_is_sha256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
    }
}
