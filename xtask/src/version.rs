//! Versions of mimalloc, as tags, headers and source trees state them.

use core::fmt;
use core::str::FromStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::engine::Engine;

/// How the crates themselves read numbers.
#[path = "../../mimalloc-sys/src/version.rs"]
pub(crate) mod number;

/// A released version of mimalloc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) patch: u32,
}

impl Version {
    /// The value of `MI_MALLOC_VERSION`: the reverse of [`number::parts`].
    pub(crate) fn number(self) -> u32 {
        let Self {
            major,
            minor,
            patch,
        } = self;
        let (minor_unit, patch_unit) = match (major, minor) {
            (..=1, _) | (2, ..=2) => (10, 10),
            (3, ..=1) if patch < 10 => (10, 10),
            (3, ..=2) => (10, 100),
            _ => (100, 100),
        };
        major * minor_unit * patch_unit + minor * patch_unit + patch
    }

    /// Upstream's git tag.
    pub(crate) fn tag(self) -> String {
        format!("v{self}")
    }

    /// Reads `MI_MALLOC_VERSION` from the text of `mimalloc.h`.
    pub(crate) fn of_header(text: &str) -> Option<Self> {
        let line = text
            .lines()
            .find(|line| line.starts_with("#define MI_MALLOC_VERSION"))?;
        let number = line.split_whitespace().nth(2)?.parse().ok()?;
        Some(number::parts(number).into())
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
        let oldest = Self::from(engine.oldest());
        if version.major == engine.major() && version < oldest {
            bail!(
                "{} holds mimalloc {version}, but {oldest} is the oldest that engine {engine} \
                 can be",
                dir.display()
            );
        }
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

impl From<number::Parts> for Version {
    fn from((major, minor, patch): number::Parts) -> Self {
        Self {
            major,
            minor,
            patch,
        }
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
    fn numbers_are_read_from_headers_and_written_as_upstream_does() {
        for (number, text) in [
            (209, "2.0.9"),
            (217, "2.1.7"),
            (224, "2.2.4"),
            (20300, "2.3.0"),
            (20502, "2.5.2"),
            (316, "3.1.6"),
            (3012, "3.0.12"),
            (3208, "3.2.8"),
            (30300, "3.3.0"),
            (30602, "3.6.2"),
        ] {
            let header = format!("#define MI_MALLOC_VERSION {number} // x\n");
            let version = Version::of_header(&header).unwrap();
            assert_eq!(version.to_string(), text);
            assert_eq!(version.number(), number, "{text}");
        }
        assert_eq!(Version::of_header("#define MI_MALLOC_VERSION x\n"), None);
        assert_eq!(Version::of_header("int main"), None);
    }

    #[test]
    fn trees_older_than_the_crates_take_are_refused() {
        let tree = crate::files::TempDir::new().unwrap();
        let include = tree.path().join("include");
        fs::create_dir(&include).unwrap();
        let of = |number: &str| {
            let header = format!("#define MI_MALLOC_VERSION {number}\n");
            fs::write(include.join("mimalloc.h"), header).unwrap();
            Version::of_tree(Engine::V3, tree.path())
        };
        assert!(of("30302").is_ok());
        for old in ["316", "3208", "30301"] {
            let error = of(old).unwrap_err().to_string();
            assert!(error.contains("3.3.2 is the oldest"), "{error}");
        }
        assert!(of("224").unwrap_err().to_string().contains("needs 3.x"));
    }
}
