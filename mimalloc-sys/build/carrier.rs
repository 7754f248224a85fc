//! Finds the carrier: the package on crates.io that contains upstream's source.
//!
//! A carrier is a locked dependency of this crate for no target at all. `cargo
//! fetch` and `cargo vendor` bring the carrier, and nothing compiles it. A plain
//! build does not download it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::env;
use crate::headers::Engine;
use crate::network;
use crate::upstream::{is_tree, read};

/// An engine's carrier, as `upstream.toml` states it.
#[derive(Debug)]
pub(crate) struct Carrier {
    package: String,
    version: String,
    /// The source's path inside the package.
    path: String,
}

impl Carrier {
    /// Reads the table of `engine`. The file belongs to this crate and is flat, so
    /// it needs no TOML parser.
    pub(crate) fn read(pin: &Path, engine: Engine) -> Result<Self, String> {
        let text = read(pin)?;
        let table = text.split_once(&format!("[{}]", engine.name()));
        let table = table.map_or("", |(_, rest)| rest);
        let table = table.split("\n[").next().unwrap_or_default();
        let value = |key: &str| {
            let mut values = table.lines().filter_map(|line| line.strip_prefix(key));
            let value = values.find_map(|rest| rest.trim().strip_prefix('='));
            value.map_or_else(
                || {
                    Err(format!(
                        "No package carries it: {} names no `{key}` for {}. In its workspace, \
                         `cargo xtask vendor` gets it from git.",
                        pin.display(),
                        engine.name()
                    ))
                },
                |value| Ok(value.trim().trim_matches('"').to_owned()),
            )
        };
        Ok(Self {
            package: value("carrier ")?,
            version: value("carrier-version ")?,
            path: value("path ")?,
        })
    }

    /// Returns the name of a directory that holds this version.
    fn name(&self) -> String {
        format!("{}-{}", self.package, self.version)
    }
}

/// Finds the source in a carrier on this machine, or has cargo get one.
pub(crate) fn find(carrier: &Carrier, package: &Path) -> Result<PathBuf, String> {
    let dirs = beside(carrier, package).into_iter();
    let mut sources = dirs
        .chain(unpacked(carrier))
        .map(|dir| dir.join(&carrier.path));
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
    let manifest = write_manifest(carrier)?;
    let dirs = network::working_dirs();
    // The first look is offline: it is fast, and its result is the same everywhere.
    let mut why = String::new();
    for dir in &dirs {
        match ask(&manifest, dir, true).and_then(|json| source_in(&json, carrier)) {
            Ok(source) => return Ok(source),
            Err(e) => why = e,
        }
    }
    match network::forbidden(&dirs)? {
        Some(reason) => Err(format!(
            "The package {} is not on this machine, and {reason} forbids the network.\n{why}",
            carrier.name()
        )),
        None => ask(&manifest, &dirs[0], false).and_then(|json| source_in(&json, carrier)),
    }
}

/// Writes a package that depends on the carrier alone. The package needs no lock
/// file, because each file of the carrier is compared with the list of sums.
fn write_manifest(carrier: &Carrier) -> Result<PathBuf, String> {
    let dir = env::cargo_path("OUT_DIR").join("carrier");
    let manifest = dir.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"mimalloc-source\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [lib]\npath = \"lib.rs\"\n\n[workspace]\n\n[dependencies]\n\
         {} = {{ version = \"={}\", default-features = false }}\n",
        carrier.package, carrier.version
    );
    let write = || {
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("lib.rs"), "")?;
        // The lock file of an earlier build may name packages that are gone since.
        drop(fs::remove_file(dir.join("Cargo.lock")));
        fs::write(&manifest, text)
    };
    match write() {
        Ok(()) => Ok(manifest),
        Err(e) => Err(format!("can't write {}: {e}", manifest.display())),
    }
}

/// Runs `cargo metadata` in `dir`. Unless `offline`, cargo downloads what is missing.
fn ask(manifest: &Path, dir: &Path, offline: bool) -> Result<String, String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let out = Command::new(program)
        .current_dir(dir)
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .args(offline.then_some("--offline"))
        .output()
        .map_err(|e| format!("can't run cargo: {e}"))?;
    if out.status.success() {
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    } else {
        let stderr = String::from_utf8_lossy(&out.stderr);
        Err(format!("Cargo could not provide it:\n{}", stderr.trim()))
    }
}

/// Returns the source inside the carrier, from cargo's JSON. Package metadata may
/// contain the key `manifest_path` as well; a wrong path holds no tree.
fn source_in(json: &str, carrier: &Carrier) -> Result<PathBuf, String> {
    json.split("\"manifest_path\":\"")
        .skip(1)
        .filter_map(|rest| Some(PathBuf::from(json_string(rest)).parent()?.to_owned()))
        .map(|dir| dir.join(&carrier.path))
        .find(|dir| is_tree(dir))
        .ok_or_else(|| format!("The package {} has no {}.", carrier.name(), carrier.path))
}

/// Reads a JSON string up to its closing quote. Of the escapes, those of quotes and
/// backslashes occur in paths.
fn json_string(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}
