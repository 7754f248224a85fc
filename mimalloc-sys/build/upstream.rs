//! Finds the C source to compile, and compares it with the pin. The script writes
//! to the build's own directory only.

use std::fs;
use std::path::{Path, PathBuf};

use crate::carrier::{self, Carrier};
use crate::env;
use crate::headers::Engine;
use crate::sums::Sums;

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
    let home = package.join("vendor");
    let sums = Sums::read(&home.join(format!("{}.sha256", engine.name())))?;
    if let Some(dir) = env::path("MIMALLOC_SYS_SOURCE_DIR") {
        return named(dir, &sums);
    }
    // The script must run again when a tree appears there.
    watch(&home);
    let own = home.join(engine.name());
    if is_tree(&own) {
        let help = "Run `cargo xtask vendor` to restore upstream's files, or name a tree of your \
                    own with MIMALLOC_SYS_SOURCE_DIR.";
        return pinned(own, &sums, help);
    }
    // `cargo package` writes this file. Users of a package lack what the package
    // lacked when it was made, so a carrier doesn't count here.
    if package.join("Cargo.toml.orig").is_file() {
        return Err(ways_out(
            engine,
            "This package was made without upstream's source: run `cargo xtask vendor` before \
             `cargo package`.",
        ));
    }
    let carrier = Carrier::read(&home.join("upstream.toml"), engine);
    match carrier.and_then(|carrier| carrier::find(&carrier, &package)) {
        Ok(dir) => pinned(
            dir,
            &sums,
            "Remove the package's directory: cargo unpacks it afresh. Or name a tree of your own \
             with MIMALLOC_SYS_SOURCE_DIR.",
        ),
        Err(why) => Err(ways_out(engine, &why)),
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
    let difference = sums.check(&dir).err();
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
    if let Err(difference) = sums.check(&dir) {
        return Err(format!(
            "{} is not the mimalloc source that this crate pins: {difference}.\n{help}",
            dir.display()
        ));
    }
    let is_pinned = true;
    Ok(Source { dir, is_pinned })
}

/// Returns whether a directory looks like a source tree.
pub(crate) fn is_tree(dir: &Path) -> bool {
    dir.join("src/static.c").is_file() && dir.join("include/mimalloc.h").is_file()
}

/// Has cargo run the script again when a file of the tree changes.
fn watch(dir: &Path) {
    println!("cargo::rerun-if-changed={}", dir.display());
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("can't read {}: {e}", path.display()))
}

fn ways_out(engine: Engine, why: &str) -> String {
    format!(
        "there is no C source of mimalloc {} to compile.\n{why}\n\nAny of these helps:\n  \
         1. run `cargo fetch` (or `cargo vendor`) where the registry can be reached, then build \
         as before;\n  \
         2. set MIMALLOC_SYS_SOURCE_DIR to an unpacked mimalloc source tree;\n  \
         3. install libmimalloc (Debian: apt-get install libmimalloc-dev; macOS: brew install \
         mimalloc) and set MIMALLOC_SYS_NO_VENDOR=1, or enable the feature `system`.",
        engine.name()
    )
}
