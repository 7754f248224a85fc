//! `cargo xtask vendor`: materialises the pinned source, or checks what is there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt as _};

use crate::engine::{Engine, Pin};
use crate::files;
use crate::source::{self, Source};
use crate::sums::Sums;
use crate::version::Version;

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    let (mut check, mut accept) = (false, false);
    let mut from: Option<String> = None;
    let mut only: Option<Engine> = None;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("check") => check = true,
            Arg::Long("accept") => accept = true,
            Arg::Long("from") => from = Some(args.value()?.parse()?),
            Arg::Long("engine") => only = Some(args.value()?.string()?.parse()?),
            other => return Err(other.unexpected().into()),
        }
    }
    if check && (from.is_some() || accept) || accept && from.is_none() {
        bail!("--accept goes with --from, and neither goes with --check");
    }
    if let Some(spec) = from {
        return take(&spec, only, accept);
    }
    for engine in Engine::ALL {
        if only.is_some_and(|only| only != engine) {
            continue;
        }
        if check {
            check_engine(engine)?;
        } else {
            materialise_pin(engine)?;
        }
    }
    Ok(())
}

/// Compares the materialised tree of `engine` with the committed list and the pin.
pub(crate) fn check_engine(engine: Engine) -> Result<()> {
    let pin = Pin::load(engine)?;
    let sums = committed_sums(engine, &pin)?;
    let tree = engine.tree();
    check_tree(&tree, &sums)?;
    let version = Version::of_tree(engine, &tree)?;
    if version != pin.version {
        bail!(
            "{} holds {version}, upstream.toml says {}",
            tree.display(),
            pin.version
        );
    }
    println!(
        "{engine}: mimalloc {version}, {} files as listed",
        sums.len()
    );
    Ok(())
}

/// Compares every file of `tree` with `sums`; the error names the first difference.
pub(crate) fn check_tree(tree: &Path, sums: &Sums) -> Result<()> {
    const HELP: &str = "run `cargo xtask vendor` to materialise upstream's source afresh";
    if !tree.is_dir() {
        bail!("{} is missing: {HELP}", tree.display());
    }
    let differences = sums.compare(&Sums::of_tree(tree)?);
    match &differences[..] {
        [] => Ok(()),
        [only] => bail!("{}/{only}: {HELP}", tree.display()),
        [first, rest @ ..] => {
            bail!(
                "{}/{first}, and {} more differ: {HELP}",
                tree.display(),
                rest.len()
            )
        }
    }
}

/// The committed list of `engine`, itself checked against the digest in the pin.
fn committed_sums(engine: Engine, pin: &Pin) -> Result<Sums> {
    let path = engine.sums();
    let sums = Sums::load(&path)?;
    if sums.digest() != pin.digest {
        bail!(
            "{} is not the list that upstream.toml pins (its digest is {}): restore both from git",
            path.display(),
            sums.digest()
        );
    }
    Ok(sums)
}

/// Copies the pinned source of `engine` into its tree.
fn materialise_pin(engine: Engine) -> Result<()> {
    let pin = Pin::load(engine)?;
    let sums = committed_sums(engine, &pin)?;
    let source = Source::of_pin(engine, &pin.origin)?;
    materialise(source.dir(), &engine.tree(), Some(&sums))?;
    println!(
        "{engine}: mimalloc {}, {} files in place",
        pin.version,
        sums.len()
    );
    Ok(())
}

/// Copies the wanted files of `source` to `tree` in one step and returns their sums.
///
/// With `expected`, nothing is replaced unless the sums are these. A run that
/// is interrupted leaves the old tree, or none, never a half one.
pub(crate) fn materialise(source: &Path, tree: &Path, expected: Option<&Sums>) -> Result<Sums> {
    let (fresh, old) = (files::beside(tree, "new"), files::beside(tree, "old"));
    files::remove_dir(&fresh)?;
    let sums = source::copy_wanted(source, &fresh);
    let sums = sums.and_then(|sums| {
        let differences = expected
            .map(|expected| expected.compare(&sums))
            .unwrap_or_default();
        match differences.first() {
            None => Ok(sums),
            Some(first) => bail!(
                "{} is not the pinned source: {first} ({} in all)",
                source.display(),
                differences.len()
            ),
        }
    });
    let sums = match sums {
        Ok(sums) => sums,
        Err(error) => {
            files::remove_dir(&fresh)?;
            return Err(error);
        }
    };
    files::remove_dir(&old)?;
    if tree.exists() {
        fs::rename(tree, &old).with_context(|| format!("cannot move {}", tree.display()))?;
    }
    fs::rename(&fresh, tree).with_context(|| format!("cannot create {}", tree.display()))?;
    files::remove_dir(&old)?;
    Ok(sums)
}

/// Takes the tree from somewhere else than the pin.
fn take(spec: &str, only: Option<Engine>, accept: bool) -> Result<()> {
    let source = Source::of_spec(spec)?;
    let engine = match only {
        Some(engine) => engine,
        None => guess(source.dir())?,
    };
    let version = Version::of_tree(engine, source.dir())?;
    let pin = Pin::load(engine)?;
    let sums = committed_sums(engine, &pin)?;
    let expected = (!accept).then_some(&sums);
    let taken = materialise(source.dir(), &engine.tree(), expected).with_context(|| {
        format!(
            "{spec} holds mimalloc {version}, {engine} is pinned to {}; `cargo xtask bump {engine} \
             --from {spec}` moves the pin, `--accept` replaces the tree alone",
            pin.version
        )
    })?;
    let differences = sums.compare(&taken);
    println!(
        "{engine}: mimalloc {version} from {spec}, {} files in place",
        taken.len()
    );
    if differences.is_empty() {
        println!("{engine}: identical to the pinned source");
    }
    for difference in differences {
        println!("{engine}: {difference}");
    }
    Ok(())
}

/// The engine that the version of a tree belongs to.
fn guess(dir: &Path) -> Result<Engine> {
    let fits = |engine: &Engine| Version::of_tree(*engine, dir).is_ok();
    match Engine::ALL.into_iter().find(fits) {
        Some(engine) => Ok(engine),
        // Says what is wrong with the default engine in mind.
        None => Version::of_tree(Engine::V3, dir).map(|_| Engine::V3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::TempDir;

    /// A made-up upstream with two files too many.
    fn upstream() -> TempDir {
        let temp = TempDir::new().unwrap();
        for dir in ["include/mimalloc", "src/prim"] {
            fs::create_dir_all(temp.path().join(dir)).unwrap();
        }
        let header = "#define MI_MALLOC_VERSION 30601   // 3.6.1\n";
        for (path, text) in [
            ("include/mimalloc.h", header),
            ("include/mimalloc/types.h", "types"),
            ("src/static.c", "static"),
            ("src/prim/prim.c", "prim"),
            ("src/prim/readme.md", "not wanted"),
            ("CMakeLists.txt", "not wanted"),
            ("LICENSE", "MIT"),
        ] {
            fs::write(temp.path().join(path), text).unwrap();
        }
        temp
    }

    /// A materialised tree and its sums.
    fn tree() -> (TempDir, std::path::PathBuf, Sums) {
        let (upstream, temp) = (upstream(), TempDir::new().unwrap());
        let tree = temp.path().join("v3");
        let sums = materialise(upstream.path(), &tree, None).unwrap();
        (temp, tree, sums)
    }

    fn complaint(tree: &Path, sums: &Sums) -> String {
        check_tree(tree, sums).unwrap_err().to_string()
    }

    #[test]
    fn only_the_wanted_files_are_taken() {
        let (temp, tree, sums) = tree();
        check_tree(&tree, &sums).unwrap();
        let expected = [
            "LICENSE",
            "include/mimalloc.h",
            "include/mimalloc/types.h",
            "src/prim/prim.c",
            "src/static.c",
        ];
        assert_eq!(files::list(&tree).unwrap(), expected);
        // Nothing is left beside the tree.
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
        assert_eq!(Version::of_tree(Engine::V3, &tree).unwrap().number(), 30601);
        assert!(Version::of_tree(Engine::V2, &tree).is_err());
    }

    #[test]
    fn a_flipped_byte_is_found() {
        let (_temp, tree, sums) = tree();
        fs::write(tree.join("src/static.c"), "statiC").unwrap();
        let complaint = complaint(&tree, &sums);
        assert!(complaint.contains("src/static.c differs"), "{complaint}");
        assert!(complaint.contains("cargo xtask vendor"), "{complaint}");
    }

    #[test]
    fn a_missing_file_is_found() {
        let (_temp, tree, sums) = tree();
        fs::remove_file(tree.join("LICENSE")).unwrap();
        assert!(complaint(&tree, &sums).contains("LICENSE is missing"));
    }

    #[test]
    fn an_extra_file_is_found() {
        let (_temp, tree, sums) = tree();
        fs::write(tree.join("src/extra.c"), "").unwrap();
        assert!(complaint(&tree, &sums).contains("src/extra.c is not in the list"));
    }

    #[test]
    fn the_first_of_several_differences_is_named_and_the_rest_counted() {
        let (_temp, tree, sums) = tree();
        fs::write(tree.join("src/a.c"), "").unwrap();
        fs::remove_file(tree.join("LICENSE")).unwrap();
        let complaint = complaint(&tree, &sums);
        assert!(
            complaint.contains("LICENSE is missing, and 1 more"),
            "{complaint}"
        );
    }

    #[test]
    fn a_missing_tree_is_found() {
        let (temp, _tree, sums) = tree();
        assert!(complaint(&temp.path().join("v2"), &sums).contains("v2 is missing"));
    }

    #[test]
    fn another_source_is_refused_and_the_old_tree_stays() {
        let (temp, tree, sums) = tree();
        let other = upstream();
        fs::write(other.path().join("src/static.c"), "other").unwrap();
        let error = materialise(other.path(), &tree, Some(&sums))
            .unwrap_err()
            .to_string();
        assert!(error.contains("src/static.c differs"), "{error}");
        check_tree(&tree, &sums).unwrap();
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }
}
