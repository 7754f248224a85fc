//! Gets hold of upstream's source: a pinned package through cargo, a directory, or git.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail, ensure};
use tempfile::TempDir;
use xshell::{Shell, cmd};

use crate::pin::{Carrier, Engine, Pin, Sums, Version, read};
use crate::{root, vendor_dir};

/// Upstream's repository: the second witness of what a carrier holds.
pub(crate) const UPSTREAM_GIT: &str = "https://github.com/microsoft/mimalloc";

/// A source tree on this machine; a checkout is removed when the value is dropped.
pub(crate) struct Source {
    /// The directory that holds `include/` and `src/`.
    pub(crate) dir: PathBuf,
    _checkout: Option<TempDir>,
}

impl Source {
    /// Takes the source that a pin names: a carrier's, or that of upstream's tag.
    pub(crate) fn of_pin(pin: &Pin) -> Result<Self> {
        match pin.get("carrier") {
            Ok(_) => Self::of_carrier(&pin.carrier(&vendor_dir()).map_err(Error::msg)?),
            Err(_) => checkout(UPSTREAM_GIT, &tag(pin)?),
        }
    }

    fn at(dir: PathBuf) -> Self {
        let _checkout = None;
        Self { dir, _checkout }
    }

    /// Has cargo find a carrier, or download it. Cargo compares the package with the
    /// checksum in the workspace's lock file.
    pub(crate) fn of_carrier(carrier: &Carrier) -> Result<Self> {
        let temp = tempfile::tempdir()?;
        let ask = |offline| {
            fs::copy(root().join("Cargo.lock"), temp.path().join("Cargo.lock"))?;
            let dir = carrier.ask_cargo(temp.path(), &root(), offline);
            dir.map_err(Error::msg)
        };
        // Those who are offline may have the package already.
        ask(true).or_else(|_| ask(false)).map(Self::at)
    }

    /// Takes `<dir>`, `<dir>#<ref>` or `<git-url>#<ref>`.
    pub(crate) fn of_spec(spec: &str) -> Result<Self> {
        if Path::new(spec).is_dir() {
            return Ok(Self::at(spec.into()));
        }
        match spec.rsplit_once('#') {
            Some((place, reference)) if !place.is_empty() && !reference.is_empty() => {
                let local = fs::canonicalize(place).ok();
                let place = local.map_or(place.to_owned(), |dir| dir.to_string_lossy().into());
                checkout(&place, reference)
            }
            _ => bail!("`{spec}` is neither a directory nor `<git-url>#<tag, branch or commit>`"),
        }
    }

    /// Sums up the files that the C compiler reads, and the licence.
    pub(crate) fn sums(&self) -> Result<Sums> {
        let sums = Sums::of(&self.dir, |path, is_file| {
            let is_code = path.starts_with("include/") || path.starts_with("src/");
            let is_read = !is_file || path.ends_with(".c") || path.ends_with(".h");
            path == "LICENSE" || is_code && is_read
        });
        sums.map_err(Error::msg)
            .with_context(|| format!("in {}", self.dir.display()))
    }
}

/// Checks a tag, branch or commit out into a temporary directory.
fn checkout(place: &str, reference: &str) -> Result<Source> {
    let temp = tempfile::tempdir()?;
    let sh = Shell::new()?;
    sh.change_dir(temp.path());
    // Bytes as committed, whatever the user's settings are.
    let settings = [
        "-c",
        "core.autocrlf=false",
        "-c",
        "advice.detachedHead=false",
    ];
    let git = |args: &[&str]| cmd!(sh, "git {settings...} {args...}").quiet().read();
    git(&["init", "--quiet"])?;
    if git(&["fetch", "--quiet", "--depth=1", place, reference]).is_ok() {
        git(&["checkout", "--quiet", "FETCH_HEAD"])?;
    } else {
        // No server hands out a commit by a part of its number, and some hand out commits
        // only as part of a branch or tag.
        let all = ["+refs/heads/*:refs/fetched/*", "+refs/tags/*:refs/tags/*"];
        git(&["fetch", "--quiet", place, all[0], all[1]])?;
        git(&["checkout", "--quiet", reference])
            .with_context(|| format!("{place} has no tag, branch or commit `{reference}`"))?;
    }
    Ok(Source {
        dir: temp.path().to_path_buf(),
        _checkout: Some(temp),
    })
}

/// Returns upstream's tag of the pinned version.
pub(crate) fn tag(pin: &Pin) -> Result<String> {
    let version = pin.get("version").map_err(Error::msg)?;
    Ok(format!("v{version}"))
}

/// Reads the version of the tree at `dir` and checks that `engine` can take it.
pub(crate) fn version(engine: Engine, dir: &Path) -> Result<Version> {
    let at = dir.display();
    let text = read(&dir.join("include/mimalloc.h")).map_err(Error::msg);
    let text = text.with_context(|| format!("{at} is not a mimalloc source tree"))?;
    let version = Version::of_header(&text)
        .with_context(|| format!("{at}: mimalloc.h defines no MI_MALLOC_VERSION"))?;
    ensure!(
        Engine::of(version) == Some(engine),
        "{at} holds mimalloc {version}, which engine {engine} can't be; supported are {}",
        Engine::supported()
    );
    Ok(version)
}
