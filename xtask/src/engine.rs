//! The engines, their versions, and what `vendor/mimalloc/upstream.toml` pins for each.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use toml_edit::{DocumentMut, Item};

use crate::files;

/// The decoding of version numbers that the crates themselves use.
#[path = "../../mimalloc-sys/src/version.rs"]
pub(crate) mod number;

/// Upstream's repository: the second witness of what a carrier holds.
pub(crate) const UPSTREAM_GIT: &str = "https://github.com/microsoft/mimalloc";

/// A line of development of mimalloc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    /// mimalloc 3.x, the default.
    V3,
    /// mimalloc 2.x.
    V2,
}

impl Engine {
    /// Every engine, default first.
    pub(crate) const ALL: [Self; 2] = [Self::V3, Self::V2];

    /// Returns the name of the engine's files, directories and feature.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::V2 => "v2",
        }
    }

    /// Returns the oldest version that the crates take.
    pub(crate) fn oldest(self) -> Version {
        Version(match self {
            Self::V3 => number::OLDEST_V3,
            Self::V2 => number::OLDEST_V2,
        })
    }

    /// Returns `vendor/mimalloc/<engine>`.
    pub(crate) fn tree(self) -> PathBuf {
        vendor_dir().join(self.name())
    }

    /// Returns the list of sums in the directory `vendor`.
    pub(crate) fn sums_in(self, vendor: &Path) -> PathBuf {
        vendor.join(format!("{self}.sha256"))
    }

    /// Returns `mimalloc-sys/src/bindings/<engine>.rs`.
    pub(crate) fn bindings(self) -> PathBuf {
        files::root().join(format!("mimalloc-sys/src/bindings/{self}.rs"))
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Engine {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|engine| engine.name() == name);
        found.with_context(|| format!("unknown engine `{name}`: name `v3` or `v2`"))
    }
}

/// A version of mimalloc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(number::Parts);

impl Version {
    /// Returns the value of `MI_MALLOC_VERSION`: the reverse of [`number::parts`].
    pub(crate) fn number(self) -> u32 {
        let Self((major, minor, patch)) = self;
        let (minor_unit, patch_unit) = match (major, minor) {
            (..=1, _) | (2, ..=2) => (10, 10),
            (3, ..=1) if patch < 10 => (10, 10),
            (3, ..=2) => (10, 100),
            _ => (100, 100),
        };
        major * minor_unit * patch_unit + minor * patch_unit + patch
    }

    /// Returns upstream's git tag.
    pub(crate) fn tag(self) -> String {
        format!("v{self}")
    }

    /// Reads `MI_MALLOC_VERSION` from the text of `mimalloc.h`.
    pub(crate) fn of_header(text: &str) -> Option<Self> {
        let define = "#define MI_MALLOC_VERSION";
        let line = text.lines().find_map(|line| line.strip_prefix(define))?;
        let number = line.split_whitespace().next()?.parse().ok()?;
        Some(Self(number::parts(number)))
    }

    /// Reads the version of the tree at `dir` and checks that `engine` can take it.
    pub(crate) fn of_tree(engine: Engine, dir: &Path) -> Result<Self> {
        let at = dir.display();
        let text = files::read(dir.join("include/mimalloc.h"))
            .with_context(|| format!("{at} is not a mimalloc source tree"))?;
        let version = Self::of_header(&text)
            .with_context(|| format!("{at}: mimalloc.h defines no MI_MALLOC_VERSION"))?;
        let oldest = engine.oldest();
        ensure!(
            version.0.0 == oldest.0.0,
            "{at} holds mimalloc {version}, but engine {engine} needs {}.x",
            oldest.0.0
        );
        ensure!(
            version >= oldest,
            "{at} holds mimalloc {version}, but {oldest} is the oldest that engine {engine} can be"
        );
        Ok(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        match parts.as_deref() {
            Ok(&[major, minor, patch]) => Ok(Self((major, minor, patch))),
            _ => bail!("`{text}` is not a version of three numbers"),
        }
    }
}

/// Where the source of an engine comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Origin {
    /// Upstream's repository, or a copy of it, at a tag or commit.
    Git {
        #[serde(rename = "git")]
        url: String,
        #[serde(rename = "git-ref")]
        reference: String,
    },
    /// A registry package that carries the source unmodified.
    Carrier(Carrier),
}

/// A registry package with upstream's source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Carrier {
    #[serde(rename = "carrier")]
    pub(crate) package: String,
    #[serde(rename = "carrier-version")]
    pub(crate) version: String,
    /// The registry's SHA-256 of the package, as in the lock file.
    #[serde(rename = "carrier-checksum")]
    pub(crate) checksum: String,
    /// The place of the source inside the package.
    pub(crate) path: String,
}

/// One table of `upstream.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) version: Version,
    /// The day of upstream's release, where known.
    pub(crate) released: Option<String>,
    pub(crate) origin: Origin,
    /// The SHA-256 of the engine's list of sums.
    pub(crate) digest: String,
}

/// The text of one table.
#[derive(Deserialize, Serialize)]
struct Table {
    version: String,
    number: u32,
    tag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    released: Option<String>,
    #[serde(flatten)]
    origin: Origin,
    digest: String,
}

impl Pin {
    /// Reads the pin of `engine` from `upstream.toml`.
    pub(crate) fn load(engine: Engine) -> Result<Self> {
        Self::load_in(engine, &vendor_dir())
    }

    /// Reads the pin of `engine` in another directory than `vendor/mimalloc`.
    pub(crate) fn load_in(engine: Engine, vendor: &Path) -> Result<Self> {
        let path = vendor.join("upstream.toml");
        Self::parse(engine, &files::read(&path)?).with_context(|| format!("in {}", path.display()))
    }

    /// Reads the pin of `engine` from the text of `upstream.toml`.
    pub(crate) fn parse(engine: Engine, text: &str) -> Result<Self> {
        let document: toml_edit::Document<String> = text.parse()?;
        let table = document.get(engine.name()).cloned();
        let table = table.with_context(|| format!("no table [{engine}]"))?;
        let table = Item::into_table(table).map_err(|_| anyhow::anyhow!("no table [{engine}]"))?;
        let table: Table = toml_edit::de::from_document(DocumentMut::from(table))
            .with_context(|| format!("table [{engine}]"))?;
        let version: Version = table.version.parse()?;
        let (number, tag) = (version.number(), version.tag());
        ensure!(
            table.number == number,
            "table [{engine}]: the number of {version} is {number}"
        );
        ensure!(
            table.tag == tag,
            "table [{engine}]: the tag of {version} is {tag}"
        );
        Ok(Self {
            version,
            released: table.released,
            origin: table.origin,
            digest: table.digest,
        })
    }

    /// Returns the text of `upstream.toml` with this pin in the table of `engine`; comments stay.
    pub(crate) fn write_into(&self, engine: Engine, text: &str) -> Result<String> {
        let mut document: DocumentMut = text.parse()?;
        let table = document
            .get_mut(engine.name())
            .and_then(Item::as_table_mut)
            .with_context(|| format!("no table [{engine}]"))?;
        table.clear();
        let fresh = toml_edit::ser::to_document(&Table {
            version: self.version.to_string(),
            number: self.version.number(),
            tag: self.version.tag(),
            released: self.released.clone(),
            origin: self.origin.clone(),
            digest: self.digest.clone(),
        })?;
        table.extend(
            fresh
                .iter()
                .map(|(key, item)| (key.to_owned(), item.clone())),
        );
        Ok(document.to_string())
    }

    /// Returns the package that carries the source, if one does.
    pub(crate) fn carrier(&self) -> Option<&Carrier> {
        match &self.origin {
            Origin::Carrier(carrier) => Some(carrier),
            Origin::Git { .. } => None,
        }
    }
}

/// Returns `mimalloc-sys/vendor`, to which `vendor/mimalloc` is a link.
pub(crate) fn vendor_dir() -> PathBuf {
    files::root().join("mimalloc-sys/vendor")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = "\
# Why.

[v3]
version = \"3.6.1\"
number = 30601
tag = \"v3.6.1\"
carrier = \"carrier\"
carrier-version = \"0.7.3\"
carrier-checksum = \"abc\"
path = \"c_src\"
digest = \"def\"

[v2]
version = \"2.5.2\"
number = 20502
tag = \"v2.5.2\"
released = \"2026-09-12\"
git = \"https://example.org/mimalloc\"
git-ref = \"v2.5.2\"
digest = \"012\"
";

    #[test]
    fn numbers_are_read_and_written_as_upstream_does() {
        let texts = "2.0.9 2.1.7 2.2.4 2.3.0 2.5.2 3.1.6 3.0.12 3.2.8 3.3.0 3.6.2";
        let numbers = [209, 217, 224, 20300, 20502, 316, 3012, 3208, 30300, 30602];
        for (number, text) in numbers.into_iter().zip(texts.split(' ')) {
            let header = format!("#define MI_MALLOC_VERSION {number} // x\n");
            let version = Version::of_header(&header).unwrap();
            assert_eq!((version.number(), &*version.to_string()), (number, text));
        }
        assert_eq!(Version::of_header("#define MI_MALLOC_VERSION x\n"), None);
    }

    #[test]
    fn trees_older_than_the_crates_take_are_refused() {
        let tree = tempfile::tempdir().unwrap();
        for (number, complaint) in [
            ("30302", ""),
            ("316", "3.3.2 is the oldest"),
            ("3208", "3.3.2 is the oldest"),
            ("30301", "3.3.2 is the oldest"),
            ("224", "needs 3.x"),
        ] {
            let header = format!("#define MI_MALLOC_VERSION {number}\n");
            files::write(tree.path().join("include/mimalloc.h"), &header).unwrap();
            let found = Version::of_tree(Engine::V3, tree.path());
            let found = found.map_or_else(|error| error.to_string(), |_| String::new());
            assert_eq!(found.is_empty(), complaint.is_empty(), "{number}");
            assert!(found.contains(complaint), "{found}");
        }
    }

    #[test]
    fn pins_survive_reading_and_writing_and_move_alone() {
        for engine in Engine::ALL {
            let pin = Pin::parse(engine, TOML).unwrap();
            assert_eq!(pin.write_into(engine, TOML).unwrap(), TOML);
        }
        let mut pin = Pin::parse(Engine::V3, TOML).unwrap();
        pin.version = "3.7.0".parse().unwrap();
        let text = pin.write_into(Engine::V3, TOML).unwrap();
        let other = |text| Pin::parse(Engine::V2, text).unwrap();
        assert!(text.starts_with("# Why.\n\n[v3]\nversion = \"3.7.0\"\nnumber = 30700\n"));
        assert!(other(&text) == other(TOML) && other(&text).carrier().is_none());
    }

    #[test]
    fn pins_that_contradict_themselves_are_refused() {
        for (was, is, complaint) in [
            ("number = 30601", "number = 30602", "3.6.1 is 30601"),
            ("number = 30601\n", "", "number"),
            ("tag = \"v3.6.1\"", "tag = \"v3.6.0\"", "3.6.1 is v3.6.1"),
            ("carrier = \"carrier\"\n", "", "[v3]"),
        ] {
            let error = Pin::parse(Engine::V3, &TOML.replace(was, is)).unwrap_err();
            assert!(format!("{error:#}").contains(complaint), "{error:#}");
        }
    }
}
