//! `cargo xtask vendor`: materialises the pinned source, or checks what is there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt as _};

use crate::carriers;
use crate::engine::{self, Engine, Pin, UPSTREAM_GIT};
use crate::files::{self, TempDir};
use crate::source::{self, Source};
use crate::sums::Sums;
use crate::version::Version;

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    let (mut check, mut accept, mut upstream) = (false, false, false);
    let mut from: Option<String> = None;
    let mut only: Option<Engine> = None;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("check") => check = true,
            Arg::Long("accept") => accept = true,
            Arg::Long("upstream") => upstream = true,
            Arg::Long("from") => from = Some(args.value()?.parse()?),
            Arg::Long("engine") => only = Some(args.value()?.string()?.parse()?),
            other => return Err(other.unexpected().into()),
        }
    }
    if accept && (check || from.is_none()) {
        bail!("--accept goes with --from, and not with --check");
    }
    if upstream && (!check || from.is_some()) {
        bail!("--upstream goes with --check, and not with --from");
    }
    if let Some(spec) = from {
        return if check {
            compare(&spec, only, &engine::vendor_dir())
        } else {
            take(&spec, only, accept)
        };
    }
    for engine in Engine::ALL {
        if only.is_some_and(|only| only != engine) {
            continue;
        }
        if upstream {
            let tag = Pin::load(engine)?.version.tag();
            let spec = format!("{UPSTREAM_GIT}#{tag}");
            compare(&spec, Some(engine), &engine::vendor_dir())?;
        } else if check {
            check_engine(engine)?;
        } else {
            materialise_pin(engine)?;
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
    println!("{}", check_in(engine, &engine::vendor_dir())?);
    Ok(())
}

/// Checks the pin, the list and the tree of `engine` in the directory `vendor`.
fn check_in(engine: Engine, vendor: &Path) -> Result<String> {
    let pin = Pin::load_in(engine, vendor)?;
    let sums = committed_sums(engine, &pin, vendor)?;
    let tree = engine.tree_in(vendor);
    check_tree(&tree, &sums)?;
    let version = Version::of_tree(engine, &tree)?;
    if version != pin.version {
        bail!(
            "{} holds {version}, upstream.toml says {}",
            tree.display(),
            pin.version
        );
    }
    let count = sums.len();
    Ok(format!(
        "{engine}: mimalloc {version}, {count} files as listed"
    ))
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
fn committed_sums(engine: Engine, pin: &Pin, vendor: &Path) -> Result<Sums> {
    let path = engine.sums_in(vendor);
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
    let vendor = engine::vendor_dir();
    let source = Source::of_pin(engine, &Pin::load(engine)?.origin)?;
    println!("{}", materialise_in(engine, &vendor, source.dir())?);
    Ok(())
}

/// Copies `source` to the directory `vendor`, if it is what the pin there names.
fn materialise_in(engine: Engine, vendor: &Path, source: &Path) -> Result<String> {
    let pin = Pin::load_in(engine, vendor)?;
    let sums = committed_sums(engine, &pin, vendor)?;
    materialise(source, &engine.tree_in(vendor), Some(&sums))?;
    Ok(format!(
        "{engine}: mimalloc {}, {} files in place",
        pin.version,
        sums.len()
    ))
}

/// Copies the wanted files of `source` to `tree` in one step and returns their sums.
///
/// With `expected`, nothing is replaced unless the sums are these. A run that
/// is interrupted leaves the old tree, or none, never a half one. A tree that
/// has these files already is left alone: what is built of it stays fresh.
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
    if tree.is_dir() && Sums::of_tree(tree).is_ok_and(|found| found == sums) {
        files::remove_dir(&fresh)?;
        return Ok(sums);
    }
    files::remove_dir(&old)?;
    if tree.exists() {
        fs::rename(tree, &old).with_context(|| format!("cannot move {}", tree.display()))?;
    }
    fs::rename(&fresh, tree).with_context(|| format!("cannot create {}", tree.display()))?;
    files::remove_dir(&old)?;
    Ok(sums)
}

/// Compares what is somewhere else with the pin, and changes nothing: a second
/// witness for what a carrier has.
fn compare(spec: &str, only: Option<Engine>, vendor: &Path) -> Result<()> {
    let source = Source::of_spec(spec)?;
    let engine = match only {
        Some(engine) => engine,
        None => guess(source.dir())?,
    };
    let pin = Pin::load_in(engine, vendor)?;
    let sums = committed_sums(engine, &pin, vendor)?;
    let temp = TempDir::new()?;
    let found = source::copy_wanted(source.dir(), &temp.path().join("tree"))?;
    let differences = sums.compare(&found);
    for difference in &differences {
        println!("{engine}: {difference}");
    }
    if !differences.is_empty() {
        bail!(
            "{spec} is not the pinned mimalloc {}: {} differences",
            pin.version,
            differences.len()
        );
    }
    println!("{engine}: {spec} is the pinned mimalloc {}", pin.version);
    Ok(())
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
    let sums = committed_sums(engine, &pin, &engine::vendor_dir())?;
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
    #[cfg(unix)]
    use std::process::Command;

    use super::*;

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

    /// A vendor directory as it is committed, of the made-up upstream, with its tree.
    fn vendor() -> TempDir {
        let (upstream, vendor) = (upstream(), TempDir::new().unwrap());
        let tree = Engine::V3.tree_in(vendor.path());
        let sums = materialise(upstream.path(), &tree, None).unwrap();
        pin(vendor.path(), &sums);
        vendor
    }

    /// Writes the list and the pin.
    fn pin(vendor: &Path, sums: &Sums) {
        fs::write(Engine::V3.sums_in(vendor), sums.render()).unwrap();
        let digest = sums.digest();
        let text = format!(
            "[v3]\nversion = \"3.6.1\"\nnumber = 30601\ntag = \"v3.6.1\"\ncarrier = \"c\"\n\
             carrier-version = \"1\"\ncarrier-checksum = \"2\"\npath = \"p\"\n\
             digest = \"{digest}\"\n"
        );
        fs::write(vendor.join("upstream.toml"), text).unwrap();
    }

    fn complaint_in(vendor: &Path) -> String {
        check_in(Engine::V3, vendor).unwrap_err().to_string()
    }

    #[test]
    fn the_check_looks_at_the_tree() {
        let vendor = vendor();
        check_in(Engine::V3, vendor.path()).unwrap();
        let file = vendor.path().join("v3/src/static.c");
        fs::write(file, "static, and a function more").unwrap();
        let complaint = complaint_in(vendor.path());
        assert!(complaint.contains("src/static.c differs"), "{complaint}");
    }

    #[test]
    fn the_check_looks_at_the_digest_of_the_list() {
        let vendor = vendor();
        let tree = vendor.path().join("v3");
        fs::write(tree.join("src/static.c"), "another").unwrap();
        // A list that fits the changed tree is not the list that is pinned.
        let sums = Sums::of_tree(&tree).unwrap();
        fs::write(Engine::V3.sums_in(vendor.path()), sums.render()).unwrap();
        let complaint = complaint_in(vendor.path());
        assert!(complaint.contains("is not the list"), "{complaint}");
    }

    #[test]
    fn the_check_looks_at_the_version_of_the_tree() {
        let vendor = vendor();
        let tree = vendor.path().join("v3");
        let header = "#define MI_MALLOC_VERSION 30600\n";
        fs::write(tree.join("include/mimalloc.h"), header).unwrap();
        pin(vendor.path(), &Sums::of_tree(&tree).unwrap());
        let complaint = complaint_in(vendor.path());
        assert!(complaint.contains("holds 3.6.0"), "{complaint}");
    }

    #[test]
    fn what_the_pin_does_not_name_is_not_copied() {
        let (vendor, other) = (vendor(), upstream());
        fs::remove_dir_all(vendor.path().join("v3")).unwrap();
        let changed = other.path().join("src/prim/prim.c");
        fs::write(&changed, "prim, and a function more").unwrap();
        let error = materialise_in(Engine::V3, vendor.path(), other.path()).unwrap_err();
        assert!(error.to_string().contains("prim.c differs"), "{error}");
        assert!(!vendor.path().join("v3").exists());
        fs::write(&changed, "prim").unwrap();
        materialise_in(Engine::V3, vendor.path(), other.path()).unwrap();
        check_in(Engine::V3, vendor.path()).unwrap();
    }

    #[test]
    fn a_tree_that_is_right_is_left_alone() {
        let (vendor, again) = (vendor(), upstream());
        let tree = vendor.path().join("v3");
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        let file = fs::File::options()
            .write(true)
            .open(tree.join("LICENSE"))
            .unwrap();
        file.set_modified(long_ago).unwrap();
        drop(file);
        materialise_in(Engine::V3, vendor.path(), again.path()).unwrap();
        let found = fs::metadata(tree.join("LICENSE")).unwrap();
        assert_eq!(found.modified().unwrap(), long_ago);
        assert_eq!(fs::read_dir(vendor.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_second_witness_is_compared_and_nothing_is_changed() {
        let (vendor, other) = (vendor(), upstream());
        let spec = other.path().to_str().unwrap().to_owned();
        compare(&spec, None, vendor.path()).unwrap();
        fs::write(other.path().join("LICENSE"), "another").unwrap();
        let error = compare(&spec, None, vendor.path()).unwrap_err();
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
                files::output(Command::new("mkfifo").arg(at)).unwrap();
            }),
        ];
        for (name, make) in odd {
            let (vendor, upstream) = (vendor(), upstream());
            make(&vendor.path().join("v3").join(name));
            let complaint = format!("{:#}", check_in(Engine::V3, vendor.path()).unwrap_err());
            assert!(complaint.contains("neither a file nor"), "{complaint}");
            // From a tree like that nothing is taken, either; a good one replaces it.
            make(&upstream.path().join(name));
            let bad = materialise_in(Engine::V3, vendor.path(), upstream.path());
            assert!(format!("{:#}", bad.unwrap_err()).contains("neither a file nor"));
            fs::remove_file(upstream.path().join(name)).unwrap();
            materialise_in(Engine::V3, vendor.path(), upstream.path()).unwrap();
            check_in(Engine::V3, vendor.path()).unwrap();
        }
    }
}
