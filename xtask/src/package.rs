//! `cargo xtask package`: builds the packages as for a registry, and proves that
//! they are complete by building a program from their files alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::engine::{Engine, Pin};
use crate::files::{self, TempDir};
use crate::sums::Sums;
use crate::vendor;

/// What we publish, dependencies first.
const PACKAGES: [&str; 2] = ["mimalloc-sys", "mimalloc"];

/// Files whose absence would be noticed only by users.
const SENTINELS: [(&str, &[&str]); 2] = [
    (
        "mimalloc-sys",
        &[
            "Cargo.toml",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "build/main.rs",
            "build/patches/v2/heap.c",
            "build/patches/v3/heap.c",
            "src/bindings/v2.rs",
            "src/bindings/v3.rs",
            "src/lib.rs",
            "vendor/upstream.toml",
            "vendor/v2.sha256",
            "vendor/v2/LICENSE",
            "vendor/v2/include/mimalloc.h",
            "vendor/v2/src/static.c",
            "vendor/v3.sha256",
            "vendor/v3/LICENSE",
            "vendor/v3/include/mimalloc.h",
            "vendor/v3/src/static.c",
        ],
    ),
    (
        "mimalloc",
        &[
            "Cargo.toml",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "build/main.rs",
            "src/lib.rs",
        ],
    ),
];

/// Variables that would send the build of the packaged source elsewhere.
const REDIRECTIONS: [&str; 4] = [
    "MIMALLOC_SYS_INCLUDE_DIR",
    "MIMALLOC_SYS_LIB_DIR",
    "MIMALLOC_SYS_NO_VENDOR",
    "MIMALLOC_SYS_SOURCE_DIR",
];

/// The program that is built from the packages.
const PROGRAM: &str = "\
//! Says which mimalloc is linked.

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let words = vec![String::from(\"linked:\"), unsafe { mimalloc::ffi::mi_version() }.to_string()];
    println!(\"{}\", words.join(\" \"));
}
";

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    if let Some(arg) = args.next()? {
        return Err(arg.unexpected().into());
    }
    for engine in Engine::ALL {
        vendor::check_engine(engine)?;
    }
    let mut cargo = files::cargo();
    // Git ignores the materialised trees, which cargo calls dirty.
    cargo
        .current_dir(files::root())
        .args(["package", "--quiet", "--allow-dirty", "--no-verify"]);
    cargo.args(PACKAGES.map(|package| format!("--package={package}")));
    files::output(&mut cargo)?;

    let temp = TempDir::new()?;
    for package in PACKAGES {
        unpack(package, temp.path())?;
    }
    check_complete(temp.path())?;
    write_consumer(temp.path())?;
    for engine in Engine::ALL {
        build_consumer(temp.path(), engine)?;
    }
    println!("the packages are complete; publish with `cargo publish --allow-dirty`");
    Ok(())
}

/// Unpacks a package to `<dir>/<package>`.
fn unpack(package: &str, dir: &Path) -> Result<()> {
    let metadata = files::metadata(&["--no-deps"])?;
    let version = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|found| found["name"] == package)
        .and_then(|found| found["version"].as_str())
        .with_context(|| format!("the workspace has no package {package}"))?;
    let target = metadata["target_directory"]
        .as_str()
        .context("cargo names no target directory")?;
    let name = format!("{package}-{version}");
    let archive = PathBuf::from(target)
        .join("package")
        .join(format!("{name}.crate"));
    files::output(
        Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(dir),
    )?;
    fs::rename(dir.join(&name), dir.join(package))
        .with_context(|| format!("{} does not hold {name}/", archive.display()))?;
    println!(
        "{package}: {} files in {}",
        files::list(&dir.join(package))?.len(),
        archive.display()
    );
    Ok(())
}

/// Checks the unpacked packages: sentinels, and every vendored file.
fn check_complete(dir: &Path) -> Result<()> {
    for (package, sentinels) in SENTINELS {
        let missing: Vec<&str> = sentinels
            .iter()
            .copied()
            .filter(|path| !dir.join(package).join(path).is_file())
            .collect();
        if !missing.is_empty() {
            bail!(
                "the package {package} lacks {}: see `include` in {package}/Cargo.toml",
                missing.join(", ")
            );
        }
    }
    for engine in Engine::ALL {
        let tree = dir.join("mimalloc-sys/vendor").join(engine.name());
        vendor::check_tree(&tree, &Sums::load(&engine.sums())?)?;
    }
    Ok(())
}

/// Writes a program that depends on the unpacked packages and nothing else of ours.
fn write_consumer(dir: &Path) -> Result<()> {
    let consumer = dir.join("consumer");
    files::create_dir(&consumer.join("src"))?;
    let manifest = "\
[package]
name = \"consumer\"
version = \"0.0.0\"
edition = \"2024\"

[workspace]

[features]
v2 = [\"mimalloc/v2\"]

[dependencies]
mimalloc.path = \"../mimalloc\"

[patch.crates-io]
mimalloc-sys.path = \"../mimalloc-sys\"
";
    files::write(&consumer.join("Cargo.toml"), manifest)?;
    files::write(&consumer.join("src/main.rs"), PROGRAM)?;
    // The versions that this machine has.
    let lock = files::read(&files::root().join("Cargo.lock"))?;
    files::write(&consumer.join("Cargo.lock"), &lock)
}

/// Builds and runs the program with one engine, offline.
fn build_consumer(dir: &Path, engine: Engine) -> Result<()> {
    let mut cargo = files::cargo();
    cargo.current_dir(dir.join("consumer"));
    cargo
        .args(["run", "--quiet", "--offline", "--target-dir"])
        .arg(dir.join("target"));
    if engine == Engine::V2 {
        cargo.args(["--features", "v2"]);
    }
    for name in REDIRECTIONS {
        cargo.env_remove(name);
    }
    cargo.env("MIMALLOC_SYS_NO_FETCH", "1");
    let printed = files::output(&mut cargo).context("the packages do not build by themselves")?;
    let pin = Pin::load(engine)?;
    let expected = format!("linked: {}", pin.version.number());
    if printed.trim() != expected {
        bail!(
            "built from the packages, {engine} prints `{}`, not `{expected}`",
            printed.trim()
        );
    }
    println!(
        "{engine}: mimalloc {} builds offline from the packages alone",
        pin.version
    );
    Ok(())
}
