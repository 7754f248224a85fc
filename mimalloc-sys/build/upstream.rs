//! Finds the C source to compile, and checks that it is what our pin says.
//! Only the build's own directory is written to.

use std::fs;
use std::path::{Path, PathBuf};

use crate::carrier::{self, Carrier};
use crate::env;
use crate::headers::Engine;
use crate::sums::Sums;

/// A source tree, and whether it is the one our bindings are made from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) dir: PathBuf,
    pub(crate) is_pinned: bool,
}

/// Looks in the order that the README documents.
pub(crate) fn find(engine: Engine) -> Result<Source, String> {
    let package = env::cargo_path("CARGO_MANIFEST_DIR");
    let home = package.join("vendor");
    let sums = Sums::read(&home.join(format!("{}.sha256", engine.name())))?;
    if let Some(dir) = env::path("MIMALLOC_SYS_SOURCE_DIR") {
        return named(dir, &sums);
    }
    // A tree that is put there later must be noticed.
    watch(&home);
    let own = home.join(engine.name());
    if is_tree(&own) {
        let help = "Run `cargo xtask vendor` to have upstream's files back, or name a tree of your \
                    own with MIMALLOC_SYS_SOURCE_DIR.";
        return pinned(own, &sums, help);
    }
    // `cargo package` writes this file. What the package lacks when it is made,
    // its users will lack, so a carrier doesn't count here.
    if package.join("Cargo.toml.orig").is_file() {
        return Err(ways_out(
            engine,
            "This package was made without upstream's source: run `cargo xtask vendor` before \
             `cargo package`.",
        ));
    }
    let found = Carrier::read(&home.join("upstream.toml"), engine)
        .and_then(|carrier| carrier::find(&carrier, &package));
    match found {
        Ok(dir) => pinned(
            dir,
            &sums,
            "Remove the package's directory: cargo unpacks it afresh. Or name a tree of your own \
             with MIMALLOC_SYS_SOURCE_DIR.",
        ),
        Err(why) => Err(ways_out(engine, &why)),
    }
}

/// The tree that the user names. The very tree of the pin is as good as ours.
fn named(dir: PathBuf, sums: &Sums) -> Result<Source, String> {
    watch(&dir);
    if !is_tree(&dir) {
        return Err(format!(
            "MIMALLOC_SYS_SOURCE_DIR={} holds no mimalloc source (include/mimalloc.h and \
             src/static.c)",
            dir.display()
        ));
    }
    let difference = sums.check(&dir).err();
    if let Some(difference) = &difference {
        println!(
            "cargo::warning=MIMALLOC_SYS_SOURCE_DIR={} is not the pinned source ({difference}), so \
             nothing vouches for its files: they are compiled as they are, without our \
             corrections and without inlined allocation.",
            dir.display()
        );
    }
    Ok(Source {
        dir,
        is_pinned: difference.is_none(),
    })
}

/// A tree that has to be the pinned one.
fn pinned(dir: PathBuf, sums: &Sums, help: &str) -> Result<Source, String> {
    watch(&dir);
    match sums.check(&dir) {
        Ok(()) => Ok(Source {
            dir,
            is_pinned: true,
        }),
        Err(difference) => Err(format!(
            "{} is not the mimalloc source that this crate pins: {difference}.\n{help}",
            dir.display()
        )),
    }
}

pub(crate) fn is_tree(dir: &Path) -> bool {
    dir.join("src/static.c").is_file() && dir.join("include/mimalloc.h").is_file()
}

/// Runs the script again when a file of the tree changes.
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
