//! `cargo xtask vendor`: materialises the pinned source, or checks the materialised trees.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use lexopt::{Arg, ValueExt as _};

use crate::engine::{Engine, Pin, UPSTREAM_GIT, Version, vendor_dir};
use crate::sums::Sums;
use crate::upstream::{Source, copy_wanted};
use crate::{carriers, files};

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    let (mut check, mut accept, mut upstream) = (false, false, false);
    let (mut from, mut only) = (None::<String>, None::<Engine>);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("check") => check = true,
            Arg::Long("accept") => accept = true,
            Arg::Long("upstream") => upstream = true,
            Arg::Long("from") => from = Some(args.value()?.string()?),
            Arg::Long("engine") => only = Some(args.value()?.parse()?),
            other => return Err(other.unexpected().into()),
        }
    }
    if accept && (check || from.is_none()) {
        bail!("--accept goes with --from, and not with --check");
    }
    if upstream && (!check || from.is_some()) {
        bail!("--upstream goes with --check, and not with --from");
    }
    let vendor = vendor_dir();
    match from {
        Some(spec) if check => return compare(&spec, only, &vendor),
        Some(spec) => return take(&spec, only, accept),
        None => {}
    }
    let engines = Engine::ALL.into_iter();
    for engine in engines.filter(|engine| only.is_none_or(|only| only == *engine)) {
        if upstream {
            let tag = Pin::load(engine)?.version.tag();
            compare(&format!("{UPSTREAM_GIT}#{tag}"), Some(engine), &vendor)?;
        } else if check {
            check_engine(engine)?;
        } else {
            let source = Source::of_pin(engine)?;
            println!("{}", materialise_in(engine, &vendor, &source.dir)?);
        }
    }
    Ok(())
}

/// Compares the materialised tree of `engine` with the committed list and the
/// pin, and the pin with the manifest and the lock files.
pub(crate) fn check_engine(engine: Engine) -> Result<()> {
    if let Some(mistake) = carriers::mistakes()?.first() {
        bail!("{mistake}");
    }
    println!("{}", check_in(engine, &vendor_dir())?);
    Ok(())
}

/// Checks the pin, the list and the tree of `engine` in the directory `vendor`.
fn check_in(engine: Engine, vendor: &Path) -> Result<String> {
    let (pin, sums) = committed(engine, vendor)?;
    let tree = vendor.join(engine.name());
    check_tree(&tree, &sums)?;
    let version = Version::of_tree(engine, &tree)?;
    ensure!(
        version == pin.version,
        "{} holds {version}, upstream.toml says {}",
        tree.display(),
        pin.version
    );
    let count = sums.len();
    Ok(format!(
        "{engine}: mimalloc {version}, {count} files as listed"
    ))
}

/// Compares every file of `tree` with `sums`; the error names the first difference.
pub(crate) fn check_tree(tree: &Path, sums: &Sums) -> Result<()> {
    const HELP: &str = "run `cargo xtask vendor` to materialise upstream's source afresh";
    let at = tree.display();
    ensure!(tree.is_dir(), "{at} is missing: {HELP}");
    match &sums.compare(&Sums::of_tree(tree)?)[..] {
        [] => Ok(()),
        [only] => bail!("{at}/{only}: {HELP}"),
        [first, rest @ ..] => bail!("{at}/{first}, and {} more differ: {HELP}", rest.len()),
    }
}

/// Reads the pin of `engine` and the committed list, whose digest the pin states.
pub(crate) fn committed(engine: Engine, vendor: &Path) -> Result<(Pin, Sums)> {
    let pin = Pin::load_in(engine, vendor)?;
    let path = engine.sums_in(vendor);
    let at = path.display();
    let sums = Sums::parse(&files::read(&path)?).with_context(|| format!("in {at}"))?;
    let digest = sums.digest();
    ensure!(
        digest == pin.digest,
        "{at} is not the list that upstream.toml pins (its digest is {digest}): restore both from \
         git"
    );
    Ok((pin, sums))
}

/// Copies `source` to the directory `vendor`, if the pin there names this source.
fn materialise_in(engine: Engine, vendor: &Path, source: &Path) -> Result<String> {
    let (pin, sums) = committed(engine, vendor)?;
    materialise(source, &vendor.join(engine.name()), Some(&sums))?;
    let count = sums.len();
    Ok(format!(
        "{engine}: mimalloc {}, {count} files in place",
        pin.version
    ))
}

/// Copies the wanted files of `source` to `tree` in one step and returns their sums.
///
/// With `expected`, the function replaces nothing unless the sums are these. A run
/// that is interrupted leaves the old tree, or none, never a half one. A tree that
/// has these files already is left alone: the objects compiled from it stay fresh.
pub(crate) fn materialise(source: &Path, tree: &Path, expected: Option<&Sums>) -> Result<Sums> {
    let (fresh, old) = (beside(tree, "new"), beside(tree, "old"));
    files::remove_dir(&fresh)?;
    let result = replace(source, tree, expected, &fresh, &old);
    files::remove_dir(&fresh)?;
    let sums = result?;
    files::remove_dir(&old)?;
    Ok(sums)
}

fn replace(
    source: &Path,
    tree: &Path,
    expected: Option<&Sums>,
    fresh: &Path,
    old: &Path,
) -> Result<Sums> {
    let sums = copy_wanted(source, fresh)?;
    let differences = expected.map_or(Vec::new(), |expected| expected.compare(&sums));
    if let [first, ..] = &differences[..] {
        let (at, count) = (source.display(), differences.len());
        bail!("{at} is not the pinned source: {first} ({count} in all)");
    }
    if tree.is_dir() && Sums::of_tree(tree).is_ok_and(|found| found == sums) {
        return Ok(sums);
    }
    files::remove_dir(old)?;
    if tree.exists() {
        fs::rename(tree, old).with_context(|| format!("cannot move {}", tree.display()))?;
    }
    fs::rename(fresh, tree).with_context(|| format!("cannot create {}", tree.display()))?;
    Ok(sums)
}

/// Returns a name next to `path` that no other run uses.
fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{what}-{}", std::process::id()))
}

/// Compares another source with the pin, and changes nothing: a second witness
/// for the files of a carrier.
fn compare(spec: &str, only: Option<Engine>, vendor: &Path) -> Result<()> {
    let source = Source::of_spec(spec)?;
    let engine = only.map_or_else(|| guess(&source.dir), Ok)?;
    let (pin, sums) = committed(engine, vendor)?;
    let temp = tempfile::tempdir()?;
    let found = copy_wanted(&source.dir, &temp.path().join("tree"))?;
    let differences = sums.compare(&found);
    for difference in &differences {
        println!("{engine}: {difference}");
    }
    let (version, count) = (pin.version, differences.len());
    ensure!(
        count == 0,
        "{spec} is not the pinned mimalloc {version}: {count} differences"
    );
    println!("{engine}: {spec} is the pinned mimalloc {version}");
    Ok(())
}

/// Takes the tree from somewhere else than the pin.
fn take(spec: &str, only: Option<Engine>, accept: bool) -> Result<()> {
    let source = Source::of_spec(spec)?;
    let engine = only.map_or_else(|| guess(&source.dir), Ok)?;
    let version = Version::of_tree(engine, &source.dir)?;
    let (pin, sums) = committed(engine, &vendor_dir())?;
    let expected = (!accept).then_some(&sums);
    let taken = materialise(&source.dir, &engine.tree(), expected).with_context(|| {
        format!(
            "{spec} holds mimalloc {version}, {engine} is pinned to {}; `cargo xtask bump {engine} \
             --from {spec}` moves the pin, `--accept` replaces the tree alone",
            pin.version
        )
    })?;
    let count = taken.len();
    println!("{engine}: mimalloc {version} from {spec}, {count} files in place");
    let differences = sums.compare(&taken);
    if differences.is_empty() {
        println!("{engine}: identical to the pinned source");
    }
    for difference in differences {
        println!("{engine}: {difference}");
    }
    Ok(())
}

/// Returns the engine that the version of a tree belongs to.
fn guess(dir: &Path) -> Result<Engine> {
    let fits = |engine: &Engine| Version::of_tree(*engine, dir).is_ok();
    match Engine::ALL.into_iter().find(fits) {
        Some(engine) => Ok(engine),
        // The error is that of the default engine.
        None => Version::of_tree(Engine::V3, dir).map(|_| Engine::V3),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::{TempDir, tempdir};

    use super::*;

    /// Makes an upstream with two files too many.
    fn upstream() -> TempDir {
        let temp = tempdir().unwrap();
        for (path, text) in [
            ("include/mimalloc.h", "#define MI_MALLOC_VERSION 30601\n"),
            ("include/mimalloc/types.h", "types"),
            ("src/static.c", "static"),
            ("src/prim/prim.c", "prim"),
            ("src/prim/readme.md", "not copied"),
            ("CMakeLists.txt", "not copied"),
            ("LICENSE", "MIT"),
        ] {
            files::write(temp.path().join(path), text).unwrap();
        }
        temp
    }

    /// Makes a vendor directory as it is committed, with the tree of [`upstream`].
    fn vendor() -> TempDir {
        let (upstream, vendor) = (upstream(), tempdir().unwrap());
        let sums = materialise(upstream.path(), &vendor.path().join("v3"), None).unwrap();
        pin(vendor.path(), &sums);
        vendor
    }

    /// Writes the list and the pin.
    fn pin(vendor: &Path, sums: &Sums) {
        files::write(Engine::V3.sums_in(vendor), &sums.render()).unwrap();
        let digest = sums.digest();
        let text = format!(
            "[v3]\nversion = \"3.6.1\"\nnumber = 30601\ntag = \"v3.6.1\"\ncarrier = \"c\"\n\
             carrier-version = \"1\"\ncarrier-checksum = \"2\"\npath = \"p\"\n\
             digest = \"{digest}\"\n"
        );
        files::write(vendor.join("upstream.toml"), &text).unwrap();
    }

    /// Returns what the check says about a vendor directory that it must refuse.
    fn complaint(vendor: &Path) -> String {
        format!("{:#}", check_in(Engine::V3, vendor).unwrap_err())
    }

    #[test]
    fn only_the_wanted_files_are_taken() {
        let vendor = vendor();
        check_in(Engine::V3, vendor.path()).unwrap();
        let tree = vendor.path().join("v3");
        let expected = [
            "LICENSE",
            "include/mimalloc.h",
            "include/mimalloc/types.h",
            "src/prim/prim.c",
            "src/static.c",
        ];
        assert_eq!(files::list(&tree).unwrap(), expected);
        // Nothing else is left beside the tree.
        assert_eq!(fs::read_dir(vendor.path()).unwrap().count(), 3);
        assert!(Version::of_tree(Engine::V2, &tree).is_err());
    }

    #[test]
    fn a_changed_tree_is_refused() {
        type Change = fn(&Path);
        let changes: [(Change, &str); 6] = [
            (
                |tree| files::write(tree.join("src/static.c"), "statiC").unwrap(),
                "src/static.c differs from the list: run `cargo xtask vendor`",
            ),
            (
                |tree| fs::remove_file(tree.join("LICENSE")).unwrap(),
                "LICENSE is missing",
            ),
            (
                |tree| files::write(tree.join("src/extra.c"), "").unwrap(),
                "src/extra.c is not in the list",
            ),
            (
                |tree| {
                    files::write(tree.join("src/a.c"), "").unwrap();
                    fs::remove_file(tree.join("LICENSE")).unwrap();
                },
                "LICENSE is missing, and 1 more",
            ),
            (|tree| files::remove_dir(tree).unwrap(), "v3 is missing"),
            // A list that fits the changed tree is not the list that is pinned.
            (
                |tree| {
                    files::write(tree.join("src/static.c"), "another").unwrap();
                    let sums = Sums::of_tree(tree).unwrap().render();
                    files::write(tree.with_file_name("v3.sha256"), &sums).unwrap();
                },
                "is not the list",
            ),
        ];
        for (change, expected) in changes {
            let vendor = vendor();
            change(&vendor.path().join("v3"));
            let complaint = complaint(vendor.path());
            assert!(complaint.contains(expected), "{complaint}");
        }
    }

    #[test]
    fn the_check_looks_at_the_version_of_the_tree() {
        let vendor = vendor();
        let tree = vendor.path().join("v3");
        let header = "#define MI_MALLOC_VERSION 30600\n";
        files::write(tree.join("include/mimalloc.h"), header).unwrap();
        pin(vendor.path(), &Sums::of_tree(&tree).unwrap());
        let complaint = complaint(vendor.path());
        assert!(complaint.contains("holds 3.6.0"), "{complaint}");
    }

    #[test]
    fn another_source_is_refused_and_the_old_tree_stays() {
        let (vendor, other) = (vendor(), upstream());
        let changed = other.path().join("src/prim/prim.c");
        let take = || materialise_in(Engine::V3, vendor.path(), other.path());
        files::write(&changed, "prim, and a function more").unwrap();
        let error = take().unwrap_err().to_string();
        assert!(error.contains("prim.c differs"), "{error}");
        check_in(Engine::V3, vendor.path()).unwrap();
        assert_eq!(fs::read_dir(vendor.path()).unwrap().count(), 3);
        let tree = vendor.path().join("v3");
        files::remove_dir(&tree).unwrap();
        assert!(take().is_err() && !tree.exists());
        files::write(&changed, "prim").unwrap();
        take().unwrap();
        check_in(Engine::V3, vendor.path()).unwrap();
    }

    #[test]
    fn a_tree_that_is_right_is_left_alone() {
        let (vendor, again) = (vendor(), upstream());
        let licence = vendor.path().join("v3/LICENSE");
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        let file = fs::File::options().write(true).open(&licence).unwrap();
        file.set_modified(long_ago).unwrap();
        drop(file);
        materialise_in(Engine::V3, vendor.path(), again.path()).unwrap();
        let found = fs::metadata(licence).unwrap().modified().unwrap();
        assert_eq!(found, long_ago);
        assert_eq!(fs::read_dir(vendor.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_second_witness_is_compared_and_nothing_is_changed() {
        let (vendor, other) = (vendor(), upstream());
        let spec = other.path().to_str().unwrap();
        compare(spec, None, vendor.path()).unwrap();
        files::write(other.path().join("LICENSE"), "another").unwrap();
        let error = compare(spec, None, vendor.path()).unwrap_err();
        assert!(error.to_string().contains("1 differences"), "{error}");
        check_in(Engine::V3, vendor.path()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_and_pipes_are_refused() {
        use std::os::unix::fs::symlink;
        type Make = fn(&Path);
        let odd: [(&str, Make); 4] = [
            ("src/dir", |at| symlink("prim", at).unwrap()),
            ("src/link.c", |at| symlink("static.c", at).unwrap()),
            ("src/loop", |at| symlink("..", at).unwrap()),
            ("src/pipe.c", |at| {
                files::output(std::process::Command::new("mkfifo").arg(at)).unwrap();
            }),
        ];
        for (name, make) in odd {
            let (vendor, upstream) = (vendor(), upstream());
            make(&vendor.path().join("v3").join(name));
            let complaint = complaint(vendor.path());
            assert!(complaint.contains("neither a file nor"), "{complaint}");
            // A source like that is refused as well; a good one replaces the tree.
            make(&upstream.path().join(name));
            let bad = materialise_in(Engine::V3, vendor.path(), upstream.path());
            assert!(format!("{:#}", bad.unwrap_err()).contains("neither a file nor"));
            fs::remove_file(upstream.path().join(name)).unwrap();
            materialise_in(Engine::V3, vendor.path(), upstream.path()).unwrap();
            check_in(Engine::V3, vendor.path()).unwrap();
        }
    }
}
