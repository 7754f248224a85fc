//! `cargo xtask vendor`: materialises the pinned source, or checks the materialised trees.

use std::fs;
use std::path::Path;

use anyhow::{Context, Error, Result, bail, ensure};

use crate::pin::{Engine, Pin, Sums, sha256};
use crate::source::{self, Source, UPSTREAM_GIT};
use crate::{engine, vendor_dir};

/// Copies upstream's pinned source to vendor/mimalloc/{v3,v2}, or checks the copies
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Changes nothing: compares the copies, or the source that is named, with the pin
    #[arg(long)]
    check: bool,
    /// Names another place to have the pinned source from: a directory, or <git-url>#<ref>
    #[arg(long, value_name = "PLACE", requires = "engine")]
    from: Option<String>,
    /// Checks upstream's tags
    #[arg(long, requires = "check", conflicts_with = "from")]
    upstream: bool,
    #[arg(long, value_parser = engine)]
    engine: Option<Engine>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    run_in(args, &vendor_dir())
}

fn run_in(args: &Args, vendor: &Path) -> Result<()> {
    for engine in Engine::ALL {
        if args.engine.is_some_and(|only| only != engine) {
            continue;
        }
        let (pin, sums) = committed(engine, vendor)?;
        let version = source::tag(&pin)?;
        let tag = args.upstream.then(|| format!("{UPSTREAM_GIT}#{version}"));
        let what = match args.from.as_ref().or(tag.as_ref()) {
            None if args.check => {
                check(engine, vendor)?;
                "as listed".to_owned()
            }
            Some(spec) if args.check => {
                compare(&Source::of_spec(spec)?, &sums)?;
                format!("the same as {spec}")
            }
            spec => {
                let source =
                    spec.map_or_else(|| Source::of_pin(&pin), |spec| Source::of_spec(spec));
                materialise(&source?, &vendor.join(engine.name()), &sums)?;
                "in place".to_owned()
            }
        };
        println!(
            "{engine}: mimalloc {version}, {} files {what}",
            sums.0.len()
        );
    }
    Ok(())
}

/// Checks the pin, the list and the tree of `engine` in the directory `vendor`.
fn check(engine: Engine, vendor: &Path) -> Result<()> {
    const HELP: &str = "run `cargo xtask vendor` to materialise upstream's source afresh";
    let (pin, sums) = committed(engine, vendor)?;
    let tree = vendor.join(engine.name());
    let at = tree.display();
    ensure!(tree.is_dir(), "{at} is missing: {HELP}");
    let found = every_sum(&tree)?;
    if let [first, rest @ ..] = &sums.compare(&found)[..] {
        bail!("{at}/{first}, and {} more differ: {HELP}", rest.len());
    }
    let (version, pinned) = (source::version(engine, &tree)?, pin.get("version"));
    ensure!(
        pinned == Ok(&*version.to_string()),
        "{at} holds {version}, upstream.toml says {pinned:?}"
    );
    Ok(())
}

/// Sums up every file of a tree.
fn every_sum(tree: &Path) -> Result<Sums> {
    let sums = Sums::of(tree, |_, _| true).map_err(Error::msg);
    sums.with_context(|| format!("in {}", tree.display()))
}

/// Returns the text of a list of sums.
pub(crate) fn render(sums: &Sums) -> String {
    let lines = sums.0.iter().map(|(path, sum)| format!("{sum}  {path}\n"));
    lines.collect()
}

/// Reads the pin of `engine` and the committed list, whose digest the pin states.
pub(crate) fn committed(engine: Engine, vendor: &Path) -> Result<(Pin, Sums)> {
    let pin = Pin::read(vendor, engine).map_err(Error::msg)?;
    let sums = Sums::read(vendor, engine).map_err(Error::msg)?;
    let digest = sha256(render(&sums).as_bytes());
    ensure!(
        pin.get("digest") == Ok(&digest),
        "{engine}.sha256 is not the list that upstream.toml pins (its digest is {digest}): restore \
         both from git"
    );
    Ok((pin, sums))
}

/// Copies the listed files of `source` to `tree` in one step.
///
/// The function replaces nothing unless the sums are those of the list. A run that is
/// interrupted leaves the old tree, or none, never a half one. A tree that has these
/// files already is left alone: the objects compiled from it stay fresh.
pub(crate) fn materialise(source: &Source, tree: &Path, sums: &Sums) -> Result<()> {
    compare(source, sums)?;
    if every_sum(tree).is_ok_and(|found| found == *sums) {
        return Ok(());
    }
    let replace = || -> Result<()> {
        // Beside the tree, because a tree is renamed within a file system.
        let beside = tree.parent().unwrap_or(tree);
        let temp = tempfile::Builder::new().prefix(".").tempdir_in(beside)?;
        let (fresh, old) = (temp.path().join("new"), temp.path().join("old"));
        for path in sums.0.keys() {
            let to = fresh.join(path);
            fs::create_dir_all(to.parent().unwrap_or(&fresh))?;
            // `fs::copy` would also copy that a file is read-only.
            fs::write(to, fs::read(source.dir.join(path))?)?;
        }
        ensure!(every_sum(&fresh)? == *sums, "the source changes");
        if tree.exists() {
            fs::rename(tree, old)?;
        }
        Ok(fs::rename(&fresh, tree)?)
    };
    replace().with_context(|| format!("cannot replace {}", tree.display()))
}

/// Fails if a source is not the one that is listed.
fn compare(source: &Source, sums: &Sums) -> Result<()> {
    let differences = sums.compare(&source.sums()?);
    let (at, count) = (source.dir.display(), differences.len());
    ensure!(
        count == 0,
        "{at} is not the pinned source, {count} differences:\n{}",
        differences.join("\n")
    );
    Ok(())
}

#[cfg(test)]
#[path = "../tests/vendor.rs"]
mod tests;
