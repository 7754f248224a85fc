//! Finds the carrier: the package on crates.io that has upstream's source in it.
//!
//! A carrier is a locked dependency of this crate for no target at all. So
//! `cargo fetch` and `cargo vendor` bring it, and nothing compiles it; but a
//! plain build has no need of it and leaves it where it is.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::env;
use crate::headers::Engine;
use crate::upstream::{is_tree, read};

/// What `upstream.toml` says about an engine's carrier.
#[derive(Debug)]
pub(crate) struct Carrier {
    package: String,
    version: String,
    /// Where in the package the source is.
    path: String,
}

impl Carrier {
    /// Reads the table of `engine`. The file is ours and flat, so that no TOML
    /// parser is needed.
    pub(crate) fn read(pin: &Path, engine: Engine) -> Result<Self, String> {
        let text = read(pin)?;
        let table = text
            .split_once(&format!("[{}]", engine.name()))
            .map_or("", |(_, rest)| rest);
        let value = |key: &str| {
            table
                .lines()
                .skip(1)
                .take_while(|line| !line.starts_with('['))
                .find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='))
                .map(|value| value.trim().trim_matches('"').to_owned())
                .ok_or_else(|| {
                    format!(
                        "No package carries it: {} names no `{key}` for {}. In its workspace, \
                         `cargo xtask vendor` gets it from git.",
                        pin.display(),
                        engine.name()
                    )
                })
        };
        Ok(Self {
            package: value("carrier ")?,
            version: value("carrier-version ")?,
            path: value("path ")?,
        })
    }

    /// How directories of this very version are called.
    fn name(&self) -> String {
        format!("{}-{}", self.package, self.version)
    }
}

/// Finds the source in a carrier that is here already, or has cargo get it.
pub(crate) fn find(carrier: &Carrier, package: &Path) -> Result<PathBuf, String> {
    let here = beside(carrier, package)
        .into_iter()
        .chain(unpacked(carrier))
        .map(|dir| dir.join(&carrier.path))
        .find(|dir| is_tree(dir));
    match here {
        Some(dir) => Ok(dir),
        None => from_cargo(carrier),
    }
}

/// Where `cargo vendor` puts packages next to each other. A directory without a
/// version in its name may be of another one.
fn beside(carrier: &Carrier, package: &Path) -> Vec<PathBuf> {
    let Some(dir) = package.parent() else {
        return Vec::new();
    };
    let plain = dir.join(&carrier.package);
    let version = format!("version = \"{}\"", carrier.version);
    let is_ours = fs::read_to_string(plain.join("Cargo.toml"))
        .is_ok_and(|manifest| manifest.lines().any(|line| line == version));
    let named = dir.join(carrier.name());
    if is_ours {
        vec![named, plain]
    } else {
        vec![named]
    }
}

/// Where cargo unpacks packages of registries.
fn unpacked(carrier: &Carrier) -> Vec<PathBuf> {
    let Some(home) = cargo_home() else {
        return Vec::new();
    };
    let registries = fs::read_dir(home.join("registry/src"));
    let mut found: Vec<_> = registries
        .into_iter()
        .flatten()
        .filter_map(|registry| Some(registry.ok()?.path().join(carrier.name())))
        .collect();
    found.sort();
    found
}

fn cargo_home() -> Option<PathBuf> {
    let user = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    match std::env::var_os("CARGO_HOME") {
        Some(home) => Some(PathBuf::from(home)),
        None => Some(PathBuf::from(std::env::var_os(user)?).join(".cargo")),
    }
}

/// Has cargo find the carrier, and download it unless something forbids that.
fn from_cargo(carrier: &Carrier) -> Result<PathBuf, String> {
    let manifest = write_manifest(carrier)?;
    let dirs = working_dirs();
    // First what is there already: fast, and the same online and offline.
    let mut why = String::new();
    for dir in &dirs {
        match ask(&manifest, dir, true).and_then(|json| source_in(&json, carrier)) {
            Ok(source) => return Ok(source),
            Err(e) => why = e,
        }
    }
    match forbidden(&dirs)? {
        Some(reason) => Err(format!(
            "The package {} is not on this machine, and {reason} forbids the network.\n{why}",
            carrier.name()
        )),
        None => ask(&manifest, &dirs[0], false).and_then(|json| source_in(&json, carrier)),
    }
}

/// Writes a package that depends on the carrier alone. There is no lock file for
/// it: each file of the carrier is compared with our list.
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
        // That of an earlier build may name packages that are gone since.
        drop(fs::remove_file(dir.join("Cargo.lock")));
        fs::write(&manifest, text)
    };
    match write() {
        Ok(()) => Ok(manifest),
        Err(e) => Err(format!("can't write {}: {e}", manifest.display())),
    }
}

/// Directories from which cargo finds the user's configuration. The build's own
/// is usually below the user's workspace, whose configuration cargo reads where
/// it is started: a shell says where that is.
fn working_dirs() -> Vec<PathBuf> {
    let shell = std::env::var_os("PWD").map(PathBuf::from);
    let shell = shell.filter(|dir| dir.is_absolute() && dir.is_dir());
    let out = env::cargo_path("OUT_DIR");
    [out].into_iter().chain(shell).collect()
}

/// What forbids the network, if anything does.
fn forbidden(dirs: &[PathBuf]) -> Result<Option<String>, String> {
    if env::is_on("MIMALLOC_SYS_NO_FETCH")? {
        return Ok(Some("MIMALLOC_SYS_NO_FETCH".to_owned()));
    }
    if let Some(argument) = argument_of_cargo() {
        return Ok(Some(format!("cargo's `{argument}`")));
    }
    // As in cargo, the variable goes before the files.
    let variable = std::env::var("CARGO_NET_OFFLINE").ok();
    match variable.as_deref().map(str::trim) {
        Some("true") => return Ok(Some("CARGO_NET_OFFLINE".to_owned())),
        Some("false") => return Ok(None),
        _ => {}
    }
    for dir in dirs {
        let above = dir.ancestors().map(|dir| dir.join(".cargo"));
        let files = above.chain(cargo_home()).flat_map(|dir| {
            // Cargo prefers the first where both are.
            ["config", "config.toml"].map(|name| dir.join(name))
        });
        let said = files.filter_map(|file| {
            let offline = offline_in(&fs::read_to_string(&file).ok()?)?;
            Some((file, offline))
        });
        if let Some((file, true)) = said.into_iter().next() {
            return Ok(Some(format!("`net.offline` in {}", file.display())));
        }
    }
    Ok(None)
}

/// The value of `net.offline` in a configuration file, in any of TOML's ways to
/// write it on a line.
fn offline_in(text: &str) -> Option<bool> {
    let mut table = String::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let line: String = line.split_whitespace().collect();
        if line.starts_with('[') {
            table = line;
            continue;
        }
        let value = match table.as_str() {
            "[net]" => line.strip_prefix("offline="),
            "" => line.strip_prefix("net.offline=").or_else(|| {
                let inline = line.strip_prefix("net={")?.strip_suffix('}')?;
                inline
                    .split(',')
                    .find_map(|pair| pair.strip_prefix("offline="))
            }),
            _ => None,
        };
        if let Some(value) = value {
            return value.parse().ok();
        }
    }
    None
}

/// `--offline` or `--frozen` of the cargo that runs this script. Cargo tells
/// scripts nothing about them, but Linux shows the arguments of any process.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn argument_of_cargo() -> Option<&'static str> {
    let parent = std::os::unix::process::parent_id();
    let line = fs::read(format!("/proc/{parent}/cmdline")).ok()?;
    // What follows is the program's business.
    let arguments = line
        .split(|byte| *byte == 0)
        .take_while(|arg| *arg != b"--");
    arguments
        .filter_map(|argument| {
            ["--offline", "--frozen"]
                .into_iter()
                .find(|name| name.as_bytes() == argument)
        })
        .next()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn argument_of_cargo() -> Option<&'static str> {
    None
}

/// Runs `cargo metadata` in `dir`, which downloads what is missing unless
/// `offline`.
fn ask(manifest: &Path, dir: &Path, offline: bool) -> Result<String, String> {
    let mut cargo = Command::new(program());
    cargo
        .current_dir(dir)
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(manifest);
    if offline {
        cargo.arg("--offline");
    }
    let out = cargo
        .output()
        .map_err(|e| format!("can't run cargo: {e}"))?;
    if out.status.success() {
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    } else {
        let stderr = String::from_utf8_lossy(&out.stderr);
        Err(format!("Cargo could not provide it:\n{}", stderr.trim()))
    }
}

/// The cargo that runs this script.
fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The source inside the carrier that cargo's JSON names.
fn source_in(json: &str, carrier: &Carrier) -> Result<PathBuf, String> {
    manifest_paths(json)
        .iter()
        .filter_map(|path| Some(path.parent()?.join(&carrier.path)))
        .find(|dir| is_tree(dir))
        .ok_or_else(|| format!("The package {} has no {}.", carrier.name(), carrier.path))
}

/// The value of each `manifest_path` in cargo's JSON. Package metadata could
/// hold a key of that name too; a wrong path just holds no tree.
fn manifest_paths(json: &str) -> Vec<PathBuf> {
    json.split("\"manifest_path\":\"")
        .skip(1)
        .map(|rest| PathBuf::from(json_string(rest)))
        .collect()
}

/// Reads a JSON string up to its closing quote.
fn json_string(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('u') => {
                    let code: String = chars.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                    out.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(c) => out.push(c),
                None => break,
            },
            c => out.push(c),
        }
    }
    out
}
