//! Builds the packages as for a registry, and proves that the packages are complete by
//! building a program from their files alone.

#[allow(dead_code, reason = "each test uses a part")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::pin::{Engine, Sums, Version, read};
use common::{cargo, output, root, vendor_dir, write};

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

#[test]
fn the_packages_build_by_themselves() {
    let metadata = output(cargo().args(["metadata", "--format-version=1", "--no-deps"]));
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let archives = PathBuf::from(metadata["target_directory"].as_str().unwrap()).join("package");
    // The packages get every file in these directories.
    for engine in Engine::ALL {
        let found = Sums::of(&vendor_dir().join(engine.name()), |_, _| true);
        let found = found.expect("`cargo xtask vendor` puts the source there");
        let differences = Sums::read(&vendor_dir(), engine).unwrap().compare(&found);
        assert_eq!(differences, [""; 0], "run `cargo xtask vendor`");
    }
    let mut package = cargo();
    // Git ignores the materialised trees, which cargo calls dirty.
    package.args(["package", "--quiet", "--allow-dirty", "--no-verify"]);
    output(package.args(PACKAGES.map(|package| format!("--package={package}"))));

    let temp = tempfile::tempdir().unwrap();
    for package in PACKAGES {
        let mut packages = metadata["packages"].as_array().unwrap().iter();
        let found = packages.find(|found| found["name"] == package).unwrap();
        let name = format!("{package}-{}", found["version"].as_str().unwrap());
        let archive = archives.join(format!("{name}.crate"));
        output(
            Command::new("tar")
                .arg("-xzf")
                .arg(&archive)
                .arg("-C")
                .arg(temp.path()),
        );
        let unpacked = temp.path().join(package);
        fs::rename(temp.path().join(&name), &unpacked).unwrap();
        for path in SENTINELS {
            assert!(
                unpacked.join(path).is_file(),
                "the package {package} lacks {path}: see `include` in {package}/Cargo.toml"
            );
        }
    }
    let consumer = temp.path().join("consumer");
    write(&consumer.join("Cargo.toml"), MANIFEST);
    write(&consumer.join("src/main.rs"), PROGRAM);
    // The versions that this machine has.
    fs::copy(root().join("Cargo.lock"), consumer.join("Cargo.lock")).unwrap();
    for engine in Engine::ALL {
        let printed = run(&consumer, engine);
        let header = vendor_dir().join(engine.name()).join("include/mimalloc.h");
        let version = Version::of_header(&read(&header).unwrap()).unwrap();
        assert_eq!(printed.trim(), format!("linked: {}", version.0), "{engine}");
    }
}

/// Builds and runs the program with one engine, offline.
fn run(consumer: &Path, engine: Engine) -> String {
    let mut cargo = cargo();
    cargo
        .current_dir(consumer)
        .args(["run", "--quiet", "--offline", "--target-dir", "../target"])
        .args(["--features", engine.name()])
        .env("MIMALLOC_SYS_NO_FETCH", "1");
    for name in REDIRECTIONS {
        cargo.env_remove(name);
    }
    output(&mut cargo)
}
