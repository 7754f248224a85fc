//! `cargo xtask package`: builds the packages as for a registry, and proves that
//! the packages are complete by building a program from their files alone.

use anyhow::{Context, Error, Result, ensure};
use xshell::{Shell, cmd};

use crate::pin::{Engine, Version, read};
use crate::{vendor, vendor_dir};

/// What we publish, dependencies first.
const PACKAGES: [&str; 2] = ["mimalloc-sys", "mimalloc"];

/// Files whose absence only readers would notice. The program misses all others, and
/// the build script compares every file of upstream's.
const SENTINELS: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Variables that would send the build of the packaged source elsewhere.
const REDIRECTIONS: [&str; 4] = [
    "MIMALLOC_SYS_INCLUDE_DIR",
    "MIMALLOC_SYS_LIB_DIR",
    "MIMALLOC_SYS_NO_VENDOR",
    "MIMALLOC_SYS_SOURCE_DIR",
];

/// The program that is built from the packages.
const PROGRAM: &str = "\
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
pub(crate) fn run(sh: &Shell) -> Result<()> {
    for engine in Engine::ALL {
        vendor::check(engine)?;
    }
    let metadata = cmd!(sh, "cargo metadata --format-version=1 --no-deps")
        .quiet()
        .read()?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"].as_str();
    let target = target.context("cargo names no target directory")?;
    // Git ignores the materialised trees, which cargo calls dirty.
    let which = PACKAGES.map(|package| format!("--package={package}"));
    cmd!(
        sh,
        "cargo package --quiet --allow-dirty --no-verify {which...}"
    )
    .quiet()
    .run()?;

    let temp = sh.create_temp_dir()?;
    let dir = temp.path();
    for package in PACKAGES {
        let mut packages = metadata["packages"].as_array().into_iter().flatten();
        let found = packages.find(|found| found["name"] == package);
        let version = found.and_then(|found| found["version"].as_str());
        let version = version.with_context(|| format!("the workspace has no {package}"))?;
        let name = format!("{package}-{version}");
        cmd!(sh, "tar -xzf {target}/package/{name}.crate -C {dir}")
            .quiet()
            .run()?;
        let unpacked = dir.join(package);
        std::fs::rename(dir.join(&name), &unpacked).with_context(|| format!("no {name}/"))?;
        for path in SENTINELS {
            ensure!(
                unpacked.join(path).is_file(),
                "the package {package} lacks {path}: see `include` in {package}/Cargo.toml"
            );
        }
    }
    sh.write_file(dir.join("consumer/Cargo.toml"), MANIFEST)?;
    sh.write_file(dir.join("consumer/src/main.rs"), PROGRAM)?;
    // The versions that this machine has.
    sh.copy_file("Cargo.lock", dir.join("consumer/Cargo.lock"))?;
    for engine in Engine::ALL {
        let _in = sh.push_dir(dir.join("consumer"));
        let name = engine.name();
        let run = cmd!(
            sh,
            "cargo run --quiet --offline --target-dir ../target --features {name}"
        );
        let run = REDIRECTIONS
            .iter()
            .fold(run, |run, variable| run.env_remove(variable));
        let run = run.quiet().env("MIMALLOC_SYS_NO_FETCH", "1");
        let printed = run
            .read()
            .context("the packages do not build by themselves")?;
        let header = vendor_dir().join(name).join("include/mimalloc.h");
        let number = Version::of_header(&read(&header).map_err(Error::msg)?);
        let expected = number.map(|version| format!("linked: {}", version.0));
        ensure!(
            Some(&printed) == expected.as_ref(),
            "built from the packages, {engine} prints `{printed}`, not {expected:?}"
        );
        println!("{engine}: builds offline from the packages alone");
    }
    println!("the packages are complete; publish with `cargo publish --allow-dirty`");
    Ok(())
}
