//! Gets hold of upstream's source: a pinned package through cargo, a directory, or git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::carriers;
use crate::engine::{Engine, Origin};
use crate::files::{self, TempDir};
use crate::sums::Sums;

/// A source tree somewhere on this machine; a checkout goes when the value goes.
#[derive(Debug)]
pub(crate) struct Source {
    dir: PathBuf,
    /// What was checked out, if it came from git.
    pub(crate) commit: Option<Commit>,
    _checkout: Option<TempDir>,
}

/// What was checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// The place and the tag, branch or commit asked for.
    pub(crate) place: String,
    pub(crate) reference: String,
    /// The commit itself.
    pub(crate) id: String,
    /// Its day.
    pub(crate) date: String,
}

impl Source {
    /// The directory that holds `include/` and `src/`.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Takes what the pin of `engine` names.
    pub(crate) fn of_pin(engine: Engine, origin: &Origin) -> Result<Self> {
        match origin {
            Origin::Carrier {
                package,
                version,
                checksum,
                path,
            } => {
                let (dir, found) = carriers::locate(package, version)?;
                if found != *checksum {
                    bail!(
                        "{package} {version} has the checksum {found}, but upstream.toml pins \
                         {checksum} for {engine}"
                    );
                }
                Ok(Self::plain(dir.join(path)))
            }
            Origin::Git { url, reference } => checkout(url, reference),
        }
    }

    /// Takes `<dir>`, `<dir>#<ref>` or `<git-url>#<ref>`.
    pub(crate) fn of_spec(spec: &str) -> Result<Self> {
        if Path::new(spec).is_dir() {
            return Ok(Self::plain(PathBuf::from(spec)));
        }
        match spec.rsplit_once('#') {
            Some((place, reference)) if !place.is_empty() && !reference.is_empty() => {
                let local = fs::canonicalize(place).ok();
                let place = local
                    .as_ref()
                    .map_or(place.into(), |dir| dir.to_string_lossy());
                checkout(&place, reference)
            }
            _ => bail!("`{spec}` is neither a directory nor `<git-url>#<tag, branch or commit>`"),
        }
    }

    /// Takes a directory as it is.
    pub(crate) fn plain(dir: PathBuf) -> Self {
        Self {
            dir,
            commit: None,
            _checkout: None,
        }
    }
}

/// Checks a tag, branch or commit out into a temporary directory.
fn checkout(place: &str, reference: &str) -> Result<Source> {
    let temp = TempDir::new()?;
    let git = |arguments: &[&str]| {
        // Bytes as committed, whatever the user's settings are.
        files::output(
            Command::new("git")
                .arg("-C")
                .arg(temp.path())
                .args([
                    "-c",
                    "core.autocrlf=false",
                    "-c",
                    "advice.detachedHead=false",
                ])
                .args(arguments),
        )
    };
    git(&["init", "--quiet"])?;
    let shallow = git(&["fetch", "--quiet", "--depth=1", place, reference]);
    if shallow.is_ok() {
        git(&["checkout", "--quiet", "FETCH_HEAD"])?;
    } else {
        // Some servers hand out commits only as part of a branch or tag.
        let all = ["+refs/heads/*:refs/fetched/*", "+refs/tags/*:refs/tags/*"];
        git(&["fetch", "--quiet", place, all[0], all[1]])?;
        git(&["checkout", "--quiet", reference])
            .with_context(|| format!("{place} has no tag, branch or commit `{reference}`"))?;
    }
    let commit = Commit {
        place: place.to_owned(),
        reference: reference.to_owned(),
        id: git(&["log", "-1", "--format=%H"])?.trim().to_owned(),
        date: git(&["log", "-1", "--format=%cs"])?.trim().to_owned(),
    };
    Ok(Source {
        dir: temp.path().to_path_buf(),
        commit: Some(commit),
        _checkout: Some(temp),
    })
}

/// Whether we vendor this file: what the C compiler reads, and the licence.
fn wanted(path: &str) -> bool {
    let code = path.ends_with(".c") || path.ends_with(".h");
    path == "LICENSE" || code && (path.starts_with("src/") || path.starts_with("include/"))
}

/// Copies the wanted files of `source` to `target`, which must not exist, and sums them up.
pub(crate) fn copy_wanted(source: &Path, target: &Path) -> Result<Sums> {
    files::create_dir(target)?;
    let mut wanted_files = Vec::new();
    for part in ["include", "src"] {
        let below = files::list(&source.join(part))?;
        wanted_files.extend(below.into_iter().map(|path| format!("{part}/{path}")));
    }
    wanted_files.push("LICENSE".to_owned());
    for path in wanted_files.iter().filter(|path| wanted(path)) {
        let (from, to) = (source.join(path), target.join(path));
        files::create_dir(to.parent().unwrap_or(target))?;
        let bytes = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        fs::write(&to, bytes).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Sums::of_tree(target)
}
