//! Gets hold of upstream's source: a pinned package through cargo, a directory, or git.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::engine::{Engine, Origin, Pin};
use crate::sums::Sums;
use crate::{carriers, files};

/// A source tree on this machine; a checkout is removed when the value is dropped.
#[derive(Debug)]
pub(crate) struct Source {
    /// The directory that holds `include/` and `src/`.
    pub(crate) dir: PathBuf,
    /// The commit, if the tree came from git.
    pub(crate) commit: Option<Commit>,
    _checkout: Option<TempDir>,
}

/// A commit that was checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// The place, and the tag, branch or commit there that the caller named.
    pub(crate) place: String,
    pub(crate) reference: String,
    /// The commit's hash.
    pub(crate) id: String,
    /// The commit's day.
    pub(crate) date: String,
}

impl Source {
    /// Takes the source that the pin of `engine` names.
    pub(crate) fn of_pin(engine: Engine) -> Result<Self> {
        match Pin::load(engine)?.origin {
            Origin::Git { url, reference } => checkout(&url, &reference),
            Origin::Carrier(pinned) => {
                let (package, version) = (&pinned.package, &pinned.version);
                let (dir, found) = carriers::locate(package, version)?;
                ensure!(
                    found == pinned.checksum,
                    "{package} {version} has the checksum {found}, but upstream.toml pins {} for \
                     {engine}",
                    pinned.checksum
                );
                Ok(Self::plain(dir.join(&pinned.path)))
            }
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
                let place = local.map_or(place.to_owned(), |dir| dir.to_string_lossy().into());
                checkout(&place, reference)
            }
            _ => bail!("`{spec}` is neither a directory nor `<git-url>#<tag, branch or commit>`"),
        }
    }

    /// Takes a directory as it is.
    pub(crate) fn plain(dir: PathBuf) -> Self {
        let (commit, _checkout) = (None, None);
        Self {
            dir,
            commit,
            _checkout,
        }
    }
}

/// Checks a tag, branch or commit out into a temporary directory.
fn checkout(place: &str, reference: &str) -> Result<Source> {
    let temp = tempfile::tempdir()?;
    let git = |arguments: &[&str]| {
        // Bytes as committed, whatever the user's settings are.
        let settings = ["core.autocrlf=false", "advice.detachedHead=false"];
        let mut git = files::git(&["-c", settings[0], "-c", settings[1]]);
        files::output(git.current_dir(temp.path()).args(arguments))
    };
    git(&["init", "--quiet"])?;
    if git(&["fetch", "--quiet", "--depth=1", place, reference]).is_ok() {
        git(&["checkout", "--quiet", "FETCH_HEAD"])?;
    } else {
        // Some servers hand out commits only as part of a branch or tag.
        let all = ["+refs/heads/*:refs/fetched/*", "+refs/tags/*:refs/tags/*"];
        git(&["fetch", "--quiet", place, all[0], all[1]])?;
        git(&["checkout", "--quiet", reference])
            .with_context(|| format!("{place} has no tag, branch or commit `{reference}`"))?;
    }
    let log = git(&["log", "-1", "--format=%H %cs"])?;
    let (id, date) = log.trim().split_once(' ').context("git log is empty")?;
    let [place, reference, id, date] = [place, reference, id, date].map(str::to_owned);
    Ok(Source {
        dir: temp.path().to_path_buf(),
        commit: Some(Commit {
            place,
            reference,
            id,
            date,
        }),
        _checkout: Some(temp),
    })
}

/// Copies the files that the C compiler reads, and the licence, from `source` to
/// `target`, which must not exist, and sums the files up.
pub(crate) fn copy_wanted(source: &Path, target: &Path) -> Result<Sums> {
    files::create_dir(target)?;
    let mut paths = vec!["LICENSE".to_owned()];
    for part in ["include", "src"] {
        let below = files::list(&source.join(part))?.into_iter();
        let code = below.filter(|path| path.ends_with(".c") || path.ends_with(".h"));
        paths.extend(code.map(|path| format!("{part}/{path}")));
    }
    for path in paths {
        let (from, to) = (source.join(&path), target.join(&path));
        files::create_dir(to.parent().unwrap_or(target))?;
        // `fs::copy` would also copy that a file is read-only.
        let bytes = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        fs::write(&to, bytes).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Sums::of_tree(target)
}
