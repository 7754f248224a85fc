//! Refuses a second copy of mimalloc in the program, which would share C's names
//! with this one.
//!
//! Cargo itself refuses each newer `libmimalloc-sys` of crates.io, because of
//! `links`. Versions of before that key exist, and cargo silently takes one where a
//! dependency on `mimalloc = "0.1"` allows it.

use std::path::{Path, PathBuf};

/// The packages of crates.io that a patch replaces.
const REPLACED: [&str; 2] = ["libmimalloc-sys", "mimalloc"];

/// Returns the lock files that may be this build's: above the target directory, and
/// where the shell started cargo. Cargo tells build scripts nothing about the file.
pub(crate) fn lock_files() -> Vec<PathBuf> {
    let starts = ["OUT_DIR", "PWD"].into_iter().filter_map(std::env::var_os);
    let starts: Vec<_> = starts.map(PathBuf::from).collect();
    let dirs = starts.iter().flat_map(|start| start.ancestors());
    let mut files: Vec<_> = dirs.map(|dir| dir.join("Cargo.lock")).collect();
    files.retain(|file| file.is_file());
    files.sort();
    files.dedup();
    files
}

/// Returns whether the lock file is of a program with this version of this crate.
pub(crate) fn locks_us(lock: &str, version: &str) -> bool {
    let mut packages = packages(lock);
    packages.any(|package| package.name == "mimalloc" && package.version == version)
}

/// Says what to do where the lock file `at` has a second copy.
pub(crate) fn refusal(at: &Path, lock: &str, manifest_dir: &Path) -> Option<String> {
    let others: Vec<_> = packages(lock)
        .filter(|package| package.is_of_registry && REPLACED.contains(&package.name))
        .map(|package| format!("{}@{}", package.name, package.version))
        .collect();
    if !others.iter().any(|other| other.starts_with("libmimalloc")) {
        return None;
    }
    let at = at.display();
    let safe = manifest_dir;
    let shim = safe.with_file_name("mimalloc-sys").join(REPLACED[0]);
    let specs = others.join(" ");
    Some(format!(
        "{at} has a second copy of mimalloc, from crates.io: {specs}.\n\
         A dependency asks for it, and two copies can't stand in one program.\n\
         Have this crate take its place: put these lines into the Cargo.toml of the workspace, \
         with the path or the git repository of this crate, and run `cargo update {specs}`.\n\
         [patch.crates-io]\n\
         mimalloc = {{ path = {safe:?} }}\n\
         libmimalloc-sys = {{ path = {shim:?} }}\n\
         The second line is needed where a dependency names `libmimalloc-sys` itself."
    ))
}

/// A package of a lock file.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    is_of_registry: bool,
}

/// Reads what cargo wrote, which needs no TOML parser.
fn packages(lock: &str) -> impl Iterator<Item = Package<'_>> {
    lock.split("[[package]]").skip(1).map(|text| {
        let value = |key: &str| {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(key));
            let value = lines.find_map(|line| line.strip_prefix(" = "));
            value.unwrap_or_default().trim_matches('"')
        };
        Package {
            name: value("name"),
            version: value("version"),
            is_of_registry: value("source").starts_with("registry+"),
        }
    })
}
