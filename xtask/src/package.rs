//! `cargo xtask package`: builds the packages as for a registry, and proves that
//! the packages are complete by building a program from their files alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::engine::{Engine, vendor_dir};
use crate::{files, vendor};

/// What we publish, dependencies first.
const PACKAGES: [&str; 2] = ["mimalloc-sys", "mimalloc"];

/// Files whose absence only users would notice. Every file of upstream's is
/// checked by its sum.
const SENTINELS: [(&str, &str); 2] = [
    (
        "mimalloc-sys",
        "Cargo.toml LICENSE-APACHE LICENSE-MIT README.md build/main.rs \
         build/patches/v2/heap.c build/patches/v3/heap.c src/bindings/v2.rs \
         src/bindings/v3.rs src/lib.rs vendor/upstream.toml vendor/v2.sha256 vendor/v3.sha256",
    ),
    (
        "mimalloc",
        "Cargo.toml LICENSE-APACHE LICENSE-MIT README.md build/main.rs build/cfgs.rs src/lib.rs",
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

/// The manifest of the program, which depends on the unpacked packages alone.
const MANIFEST: &str = "\
[package]
name = \"consumer\"
version = \"0.0.0\"
edition = \"2024\"

[workspace]

[features]
v2 = [\"mimalloc/v2\"]
v3 = []

[dependencies]
mimalloc.path = \"../mimalloc\"

[patch.crates-io]
mimalloc-sys.path = \"../mimalloc-sys\"
";

/// Runs the command.
pub(crate) fn run(args: lexopt::Parser) -> Result<()> {
    files::no_arguments(args)?;
    for engine in Engine::ALL {
        vendor::check_engine(engine)?;
    }
    // Git ignores the materialised trees, which cargo calls dirty.
    let mut cargo = files::cargo(&["package", "--quiet", "--allow-dirty", "--no-verify"]);
    files::output(cargo.args(PACKAGES.map(|package| format!("--package={package}"))))?;

    let temp = tempfile::tempdir()?;
    for package in PACKAGES {
        unpack(package, temp.path())?;
    }
    check_complete(temp.path())?;
    let consumer = temp.path().join("consumer");
    files::write(consumer.join("Cargo.toml"), MANIFEST)?;
    files::write(consumer.join("src/main.rs"), PROGRAM)?;
    // The versions that this machine has.
    files::write(consumer.join("Cargo.lock"), &files::read("Cargo.lock")?)?;
    for engine in Engine::ALL {
        build(&consumer, engine)?;
    }
    println!("the packages are complete; publish with `cargo publish --allow-dirty`");
    Ok(())
}

/// Unpacks a package to `<dir>/<package>`.
fn unpack(package: &str, dir: &Path) -> Result<()> {
    let metadata = files::output(&mut files::cargo(&[
        "metadata",
        "--format-version=1",
        "--no-deps",
    ]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let version = packages
        .find(|found| found["name"] == package)
        .and_then(|found| found["version"].as_str())
        .with_context(|| format!("the workspace has no package {package}"))?;
    let target = metadata["target_directory"].as_str();
    let target = PathBuf::from(target.context("cargo names no target directory")?);
    let name = format!("{package}-{version}");
    let archive = target.join("package").join(format!("{name}.crate"));
    let mut tar = Command::new("tar");
    files::output(tar.arg("-xzf").arg(&archive).arg("-C").arg(dir))?;
    fs::rename(dir.join(&name), dir.join(package))
        .with_context(|| format!("{} does not hold {name}/", archive.display()))?;
    let count = files::list(&dir.join(package))?.len();
    println!("{package}: {count} files in {}", archive.display());
    Ok(())
}

/// Checks the unpacked packages: sentinels, and every vendored file.
fn check_complete(dir: &Path) -> Result<()> {
    for (package, sentinels) in SENTINELS {
        for path in sentinels.split(' ') {
            ensure!(
                dir.join(package).join(path).is_file(),
                "the package {package} lacks {path}: see `include` in {package}/Cargo.toml"
            );
        }
    }
    for engine in Engine::ALL {
        let tree = dir.join("mimalloc-sys/vendor").join(engine.name());
        vendor::check_tree(&tree, &vendor::committed(engine, &vendor_dir())?.1)?;
    }
    Ok(())
}

/// Builds and runs the program with one engine, offline.
fn build(consumer: &Path, engine: Engine) -> Result<()> {
    let mut cargo = files::cargo(&["run", "--quiet", "--offline", "--target-dir"]);
    cargo.arg(consumer.with_file_name("target"));
    cargo
        .current_dir(consumer)
        .args(["--features", engine.name()]);
    for name in REDIRECTIONS {
        cargo.env_remove(name);
    }
    cargo.env("MIMALLOC_SYS_NO_FETCH", "1");
    let printed = files::output(&mut cargo).context("the packages do not build by themselves")?;
    let version = vendor::committed(engine, &vendor_dir())?.0.version;
    let expected = format!("linked: {}", version.number());
    let printed = printed.trim();
    ensure!(
        printed == expected,
        "built from the packages, {engine} prints `{printed}`, not `{expected}`"
    );
    println!("{engine}: mimalloc {version} builds offline from the packages alone");
    Ok(())
}
