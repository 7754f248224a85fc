//! Versions of mimalloc, as tags, headers and source trees state them.

use core::fmt;
use core::str::FromStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::engine::Engine;

/// A released version of mimalloc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) patch: u32,
}

impl Version {
    /// The value of `MI_MALLOC_VERSION`.
    pub(crate) fn number(self) -> u32 {
        self.major * 10_000 + self.minor * 100 + self.patch
    }

    /// Upstream's git tag.
    pub(crate) fn tag(self) -> String {
        format!("v{self}")
    }

    /// Reads `MI_MALLOC_VERSION` from the text of `mimalloc.h`.
    ///
    /// Up to 2.1.9 upstream wrote three digits (`218`), later two a part (`20502`).
    pub(crate) fn of_header(text: &str) -> Option<Self> {
        let line = text
            .lines()
            .find(|line| line.starts_with("#define MI_MALLOC_VERSION"))?;
        let number: u32 = line.split_whitespace().nth(2)?.parse().ok()?;
        let base = if number < 1000 { 10 } else { 100 };
        Some(Self {
            major: number / (base * base),
            minor: number / base % base,
            patch: number % base,
        })
    }

    /// Reads the version of the tree at `dir` and checks that `engine` can take it.
    pub(crate) fn of_tree(engine: Engine, dir: &Path) -> Result<Self> {
        let header = dir.join("include/mimalloc.h");
        let text = fs::read_to_string(&header).with_context(|| {
            format!(
                "{} is not a mimalloc source tree: no include/mimalloc.h",
                dir.display()
            )
        })?;
        let version = Self::of_header(&text)
            .with_context(|| format!("{} defines no MI_MALLOC_VERSION", header.display()))?;
        if version.major != engine.major() {
            bail!(
                "{} holds mimalloc {version}, but engine {engine} needs {}.x",
                dir.display(),
                engine.major()
            );
        }
        Ok(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<u32> = text
            .split('.')
            .map(|part| {
                part.parse()
                    .with_context(|| format!("`{text}` is not a version"))
            })
            .collect::<Result<_>>()?;
        let [major, minor, patch] = parts[..] else {
            bail!("`{text}` is not a version of three numbers");
        };
        Ok(Self {
            major,
            minor,
            patch,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_number_a_version_are_read() {
        let of = |number: &str| {
            let version = Version::of_header(&format!("#define MI_MALLOC_VERSION {number} // x\n"));
            version.map(|version| version.to_string())
        };
        assert_eq!(of("30601").as_deref(), Some("3.6.1"));
        assert_eq!(of("217").as_deref(), Some("2.1.7"));
        assert_eq!(of("x"), None);
        assert_eq!(Version::of_header("int main"), None);
    }
}
