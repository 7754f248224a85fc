//! Finds the C source to compile, and compares it with the pin. The script writes
//! to the build's own directory only.
//!
//! A carrier is a locked dependency of this crate for no target at all. `cargo
//! fetch` and `cargo vendor` bring the carrier, and nothing compiles it. A plain
//! build does not download it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env;
use crate::network;
use crate::pin::{Carrier, Engine, Pin, Sums, is_tree};

/// Extensions of files that no `#include` of a compiler can mean.
const HARMLESS: &[&str] = &["md", "wprp", "man"];

/// A source tree.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) dir: PathBuf,
    /// The tree is the one that the bindings are made from.
    pub(crate) is_pinned: bool,
}

/// Looks for the source in the order that the README documents.
pub(crate) fn find(engine: Engine) -> Result<Source, String> {
    let package = env::cargo_path("CARGO_MANIFEST_DIR");
    let vendor = package.join("vendor");
    let sums = Sums::read(&vendor, engine)?;
    if let Some(dir) = env::path("MIMALLOC_SYS_SOURCE_DIR") {
        return named(dir, &sums);
    }
    // The script must run again when a tree appears there.
    watch(&vendor);
    let own = vendor.join(engine.name());
    if is_tree(&own) {
        let help = "Run `cargo xtask vendor` to restore upstream's files, or name a tree of your \
                    own with MIMALLOC_SYS_SOURCE_DIR.";
        return pinned(own, &sums, help);
    }
    // `cargo package` writes this file. Users of a package lack what the package
    // lacked when it was made, so a carrier doesn't count here.
    let carried = if package.join("Cargo.toml.orig").is_file() {
        Err(
            "This package was made without upstream's source: run `cargo xtask vendor` before \
             `cargo package`."
                .to_owned(),
        )
    } else {
        let carrier = Pin::read(&vendor, engine).and_then(|pin| pin.carrier(&vendor));
        let carrier = carrier.map_err(|e| {
            format!(
                "No package carries it: {e} for {engine}. In its workspace, `cargo xtask vendor` \
                 gets it from git."
            )
        });
        carrier.and_then(|carrier| in_carrier(&carrier, &package))
    };
    let help = "Remove the package's directory: cargo unpacks it afresh. Or name a tree of your \
                own with MIMALLOC_SYS_SOURCE_DIR.";
    match carried {
        Ok(dir) => pinned(dir, &sums, help),
        Err(why) => Err(format!(
            "there is no C source of mimalloc {engine} to compile.\n{why}\n\nAny of these \
             helps:\n  1. run `cargo fetch` (or `cargo vendor`) where the registry can be \
             reached, then build as before;\n  2. set MIMALLOC_SYS_SOURCE_DIR to an unpacked \
             mimalloc source tree;\n  3. install libmimalloc (Debian: apt-get install \
             libmimalloc-dev; macOS: brew install mimalloc) and set MIMALLOC_SYS_NO_VENDOR=1, or \
             enable the feature `system`."
        )),
    }
}

/// Takes the tree that the user names, and finds out whether it is the pinned one.
fn named(dir: PathBuf, sums: &Sums) -> Result<Source, String> {
    watch(&dir);
    let name = dir.display();
    if !is_tree(&dir) {
        return Err(format!(
            "MIMALLOC_SYS_SOURCE_DIR={name} holds no mimalloc source (include/mimalloc.h and \
             src/static.c)"
        ));
    }
    let difference = difference(&dir, sums);
    if let Some(difference) = &difference {
        println!(
            "cargo::warning=MIMALLOC_SYS_SOURCE_DIR={name} is not the pinned source \
             ({difference}), so its files are not verified. They are compiled as they are, \
             without patches and without inlined allocation."
        );
    }
    let is_pinned = difference.is_none();
    Ok(Source { dir, is_pinned })
}

/// Takes a tree that has to be the pinned one.
fn pinned(dir: PathBuf, sums: &Sums, help: &str) -> Result<Source, String> {
    watch(&dir);
    if let Some(difference) = difference(&dir, sums) {
        return Err(format!(
            "{} is not the mimalloc source that this crate pins: {difference}.\n{help}",
            dir.display()
        ));
    }
    let is_pinned = true;
    Ok(Source { dir, is_pinned })
}

/// Names the first way in which a tree differs from the list. A file that the list
/// lacks is one: the compiler would find a further header before the system's. The
/// compiler does not look at files outside of `include` and `src`.
fn difference(tree: &Path, sums: &Sums) -> Option<String> {
    let found = Sums::of(tree, |path, is_file| {
        let is_harmless = |(_, extension): (&str, &str)| HARMLESS.contains(&extension);
        path == "LICENSE"
            || (path.starts_with("include/") || path.starts_with("src/"))
                && !(is_file && path.rsplit_once('.').is_some_and(is_harmless))
    });
    found.map_or_else(Some, |found| sums.compare(&found).into_iter().next())
}

/// Has cargo run the script again when a file of the tree changes.
fn watch(dir: &Path) {
    println!("cargo::rerun-if-changed={}", dir.display());
}

/// Finds the source in a carrier on this machine, or has cargo get one.
fn in_carrier(carrier: &Carrier, package: &Path) -> Result<PathBuf, String> {
    let mut dirs = beside(carrier, package);
    dirs.extend(unpacked(carrier));
    let mut sources = dirs.into_iter().map(|dir| dir.join(&carrier.path));
    match sources.find(|dir| is_tree(dir)) {
        Some(source) => Ok(source),
        None => from_cargo(carrier),
    }
}

/// Returns the directories next to this package where `cargo vendor` puts the
/// carrier. A directory without a version in its name may hold another version.
fn beside(carrier: &Carrier, package: &Path) -> Vec<PathBuf> {
    let Some(dir) = package.parent() else {
        return Vec::new();
    };
    let plain = dir.join(&carrier.package);
    let version = format!("version = \"{}\"", carrier.version);
    let is_same = fs::read_to_string(plain.join("Cargo.toml"))
        .is_ok_and(|manifest| manifest.lines().any(|line| line == version));
    let mut dirs = vec![dir.join(carrier.name())];
    dirs.extend(is_same.then_some(plain));
    dirs
}

/// Returns the directories to which cargo unpacks the packages of registries.
fn unpacked(carrier: &Carrier) -> Vec<PathBuf> {
    let registries = network::cargo_home().map(|home| fs::read_dir(home.join("registry/src")));
    let registries = registries.into_iter().flatten().flatten().flatten();
    let mut dirs: Vec<_> = registries
        .map(|registry| registry.path().join(carrier.name()))
        // Cargo writes this file last.
        .filter(|dir| dir.join(".cargo-ok").is_file())
        .collect();
    dirs.sort();
    dirs
}

/// Has cargo find the carrier, and download the carrier unless something forbids
/// the network.
fn from_cargo(carrier: &Carrier) -> Result<PathBuf, String> {
    let scratch = env::cargo_path("OUT_DIR").join("carrier");
    // The lock file of an earlier build may name packages that are gone since. None
    // is needed: each file of the carrier is compared with the list of sums.
    drop(fs::remove_file(scratch.join("Cargo.lock")));
    let dirs = network::working_dirs();
    // The first look is offline: it is fast, and its result is the same everywhere.
    let mut why = String::new();
    for dir in &dirs {
        match carrier.ask_cargo(&scratch, dir, true) {
            Ok(source) => return Ok(source),
            Err(e) => why = e,
        }
    }
    match network::forbidden()? {
        Some(reason) => Err(format!(
            "The package {} is not on this machine, and {reason} forbids the network.\n{why}",
            carrier.name()
        )),
        None => carrier.ask_cargo(&scratch, &dirs[0], false),
    }
}
