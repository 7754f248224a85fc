//! The two engines and what `vendor/mimalloc/upstream.toml` pins for each.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml_edit::{DocumentMut, value};

use crate::files;
use crate::version::{Version, number};

/// Upstream's repository: the second witness of what a carrier has, and where
/// `bump --from` of a plain directory points others to.
pub(crate) const UPSTREAM_GIT: &str = "https://github.com/microsoft/mimalloc";

/// A line of development of mimalloc that we vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// mimalloc 3.x, the default.
    V3,
    /// mimalloc 2.x.
    V2,
}

impl Engine {
    /// Every engine, default first.
    pub(crate) const ALL: [Self; 2] = [Self::V3, Self::V2];

    /// The name used for files, directories and features.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::V2 => "v2",
        }
    }

    /// The major version of every release of this engine.
    pub(crate) fn major(self) -> u32 {
        match self {
            Self::V3 => 3,
            Self::V2 => 2,
        }
    }

    /// The oldest version that the crates take.
    pub(crate) fn oldest(self) -> number::Parts {
        match self {
            Self::V3 => number::OLDEST_V3,
            Self::V2 => number::OLDEST_V2,
        }
    }

    /// `vendor/mimalloc/<engine>`.
    pub(crate) fn tree(self) -> PathBuf {
        self.tree_in(&vendor_dir())
    }

    /// The tree in another directory than `vendor/mimalloc`.
    pub(crate) fn tree_in(self, vendor: &Path) -> PathBuf {
        vendor.join(self.name())
    }

    /// `vendor/mimalloc/<engine>.sha256`.
    pub(crate) fn sums(self) -> PathBuf {
        self.sums_in(&vendor_dir())
    }

    /// The list in another directory than `vendor/mimalloc`.
    pub(crate) fn sums_in(self, vendor: &Path) -> PathBuf {
        vendor.join(format!("{}.sha256", self.name()))
    }

    /// `mimalloc-sys/src/bindings/<engine>.rs`.
    pub(crate) fn bindings(self) -> PathBuf {
        files::root().join(format!("mimalloc-sys/src/bindings/{}.rs", self.name()))
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
        match Self::ALL.into_iter().find(|engine| engine.name() == name) {
            Some(engine) => Ok(engine),
            None => bail!("unknown engine `{name}`: it is `v3` or `v2`"),
        }
    }
}

/// Where the source of an engine comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A registry package that carries the source unmodified.
    Carrier {
        package: String,
        version: String,
        /// The registry's SHA-256 of the package, as in the lock file.
        checksum: String,
        /// Where the source is inside the package.
        path: String,
    },
    /// Upstream's repository, or a copy of it, at a tag or commit.
    Git { url: String, reference: String },
}

/// One table of `upstream.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// Such as `3.6.1`.
    pub(crate) version: Version,
    /// When upstream released it, as far as known.
    pub(crate) released: Option<String>,
    /// Where the files come from.
    pub(crate) origin: Origin,
    /// SHA-256 of the engine's list of sums.
    pub(crate) digest: String,
}

impl Pin {
    /// Reads the pin of `engine` from `upstream.toml`.
    pub(crate) fn load(engine: Engine) -> Result<Self> {
        Self::load_in(engine, &vendor_dir())
    }

    /// Reads the pin of `engine` in another directory than `vendor/mimalloc`.
    pub(crate) fn load_in(engine: Engine, vendor: &Path) -> Result<Self> {
        let path = vendor.join("upstream.toml");
        let text = files::read(&path)?;
        Self::parse(engine, &text).with_context(|| format!("in {}", path.display()))
    }

    /// Reads the pin of `engine` from the text of `upstream.toml`.
    pub(crate) fn parse(engine: Engine, text: &str) -> Result<Self> {
        let document: DocumentMut = text.parse()?;
        let get = |key: &str| -> Option<String> {
            Some(document.get(engine.name())?.get(key)?.as_str()?.to_owned())
        };
        let need = |key: &str| {
            get(key).with_context(|| format!("table [{engine}] has no text value `{key}`"))
        };
        let origin = if let Some(url) = get("git") {
            Origin::Git {
                url,
                reference: need("git-ref")?,
            }
        } else {
            Origin::Carrier {
                package: need("carrier")?,
                version: need("carrier-version")?,
                checksum: need("carrier-checksum")?,
                path: need("path")?,
            }
        };
        let version: Version = need("version")?.parse()?;
        let number = document
            .get(engine.name())
            .and_then(|table| table.get("number")?.as_integer());
        if number != Some(i64::from(version.number())) {
            bail!(
                "table [{engine}]: the number of {version} is {}",
                version.number()
            );
        }
        if need("tag")? != version.tag() {
            bail!(
                "table [{engine}]: the tag of {version} is {}",
                version.tag()
            );
        }
        Ok(Self {
            version,
            released: get("released"),
            origin,
            digest: need("digest")?,
        })
    }

    /// The text of `upstream.toml` with this pin in the table of `engine`; comments stay.
    pub(crate) fn write_into(&self, engine: Engine, text: &str) -> Result<String> {
        let mut document: DocumentMut = text.parse()?;
        let table = document
            .get_mut(engine.name())
            .and_then(|item| item.as_table_mut())
            .with_context(|| format!("no table [{engine}]"))?;
        table.clear();
        table["version"] = value(self.version.to_string());
        table["number"] = value(i64::from(self.version.number()));
        table["tag"] = value(self.version.tag());
        if let Some(released) = &self.released {
            table["released"] = value(released);
        }
        match &self.origin {
            Origin::Carrier {
                package,
                version,
                checksum,
                path,
            } => {
                table["carrier"] = value(package);
                table["carrier-version"] = value(version);
                table["carrier-checksum"] = value(checksum);
                table["path"] = value(path);
            }
            Origin::Git { url, reference } => {
                table["git"] = value(url);
                table["git-ref"] = value(reference);
            }
        }
        table["digest"] = value(&self.digest);
        Ok(document.to_string())
    }
}

/// `mimalloc-sys/vendor`, to which `vendor/mimalloc` is a link.
pub(crate) fn vendor_dir() -> PathBuf {
    files::root().join("mimalloc-sys/vendor")
}

/// `vendor/mimalloc/upstream.toml`.
pub(crate) fn upstream_toml() -> PathBuf {
    vendor_dir().join("upstream.toml")
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
    fn pins_survive_reading_and_writing() {
        for engine in Engine::ALL {
            let pin = Pin::parse(engine, TOML).unwrap();
            assert_eq!(pin.write_into(engine, TOML).unwrap(), TOML);
        }
        let pin = Pin::parse(Engine::V2, TOML).unwrap();
        assert_eq!(pin.version.number(), 20502);
        assert!(matches!(pin.origin, Origin::Git { .. }));
    }

    #[test]
    fn a_pin_moves_alone() {
        let mut pin = Pin::parse(Engine::V3, TOML).unwrap();
        pin.version = "3.7.0".parse().unwrap();
        let text = pin.write_into(Engine::V3, TOML).unwrap();
        assert!(text.starts_with("# Why.\n\n[v3]\nversion = \"3.7.0\"\nnumber = 30700\n"));
        assert_eq!(
            Pin::parse(Engine::V2, &text).unwrap(),
            Pin::parse(Engine::V2, TOML).unwrap()
        );
    }

    #[test]
    fn incomplete_pins_are_refused() {
        let error = Pin::parse(Engine::V3, "[v3]\nversion = \"3.6.1\"").unwrap_err();
        assert!(error.to_string().contains("`carrier`"), "{error}");
    }

    #[test]
    fn number_and_tag_are_those_of_the_version() {
        for (was, is, complaint) in [
            ("number = 30601", "number = 30602", "3.6.1 is 30601"),
            ("number = 30601\n", "", "3.6.1 is 30601"),
            ("tag = \"v3.6.1\"", "tag = \"v3.6.0\"", "3.6.1 is v3.6.1"),
        ] {
            let error = Pin::parse(Engine::V3, &TOML.replace(was, is)).unwrap_err();
            assert!(error.to_string().contains(complaint), "{error}");
        }
    }
}
