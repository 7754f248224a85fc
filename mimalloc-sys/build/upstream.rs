//! Finds the C source to compile. Nothing is written, and the only program
//! that is asked is cargo itself, for the package that our pin names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::env;
use crate::headers::Engine;

/// A source tree, and whether it is the one our bindings are made from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) dir: PathBuf,
    pub(crate) is_pinned: bool,
}

/// Looks in the order that the README documents.
pub(crate) fn find(engine: Engine) -> Result<Source, String> {
    if let Some(dir) = env::path("MIMALLOC_SYS_SOURCE_DIR") {
        watch(&dir);
        return if is_tree(&dir) {
            Ok(Source {
                dir,
                is_pinned: false,
            })
        } else {
            Err(format!(
                "MIMALLOC_SYS_SOURCE_DIR={} holds no mimalloc source (include/mimalloc.h and \
                 src/static.c)",
                dir.display()
            ))
        };
    }
    let package = env::cargo_path("CARGO_MANIFEST_DIR");
    // In the workspace the first is a link to the second; a Windows checkout
    // may hold a text file instead of the link.
    let homes = [package.join("vendor"), package.join("../vendor/mimalloc")];
    for home in &homes {
        let dir = home.join(engine.name());
        if is_tree(&dir) {
            watch(&dir);
            return Ok(Source {
                dir,
                is_pinned: true,
            });
        }
    }
    let asked = match homes.iter().find(|home| home.join("pin").is_dir()) {
        Some(home) => {
            // A tree that is put there later must be noticed.
            watch(home);
            from_cargo(home, engine)
        }
        None => Err("this package holds neither the source nor a pin".to_owned()),
    };
    asked
        .map(|dir| Source {
            dir,
            is_pinned: true,
        })
        .map_err(|why| ways_out(engine, &why))
}

fn is_tree(dir: &Path) -> bool {
    dir.join("src/static.c").is_file() && dir.join("include/mimalloc.h").is_file()
}

/// Runs the script again when a file of the tree changes.
fn watch(dir: &Path) {
    println!("cargo::rerun-if-changed={}", dir.display());
}

/// Asks cargo for the pinned package. Cargo verifies its checksum against the
/// pin's lock file, so the files aren't hashed again here; `cargo xtask vendor
/// --check` compares each with our own list.
fn from_cargo(home: &Path, engine: Engine) -> Result<PathBuf, String> {
    if env::is_on("MIMALLOC_SYS_NO_FETCH") {
        return Err("MIMALLOC_SYS_NO_FETCH forbids asking cargo for the pinned package".to_owned());
    }
    let inside = path_in_carrier(home, engine)?;
    let manifest = home.join("pin").join(engine.name()).join("Cargo.toml");
    // First what is there already: fast, and the same online and offline.
    let json = metadata(&manifest, true).or_else(|_| metadata(&manifest, false))?;
    manifest_paths(&json)
        .iter()
        .filter_map(|path| Some(path.parent()?.join(&inside)))
        .find(|dir| is_tree(dir))
        .ok_or_else(|| format!("no package of {} holds {inside}", manifest.display()))
}

/// Where in its package the tree is, from `upstream.toml`. That file is ours
/// and flat, so that no TOML parser is needed.
fn path_in_carrier(home: &Path, engine: Engine) -> Result<String, String> {
    let pin = home.join("upstream.toml");
    let text =
        fs::read_to_string(&pin).map_err(|e| format!("can't read {}: {e}", pin.display()))?;
    text.split_once(&format!("[{}]", engine.name()))
        .map_or("", |(_, rest)| rest)
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix("path")?.trim().strip_prefix('='))
        .map(|value| value.trim().trim_matches('"').to_owned())
        .ok_or_else(|| format!("{} names no path for {}", pin.display(), engine.name()))
}

/// Runs `cargo metadata`, which downloads what is missing unless `offline`.
fn metadata(manifest: &Path, offline: bool) -> Result<String, String> {
    let mut cargo = Command::new(env::cargo_path("CARGO"));
    cargo
        .args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
            "--manifest-path",
        ])
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
        Err(format!(
            "cargo could not provide the pinned package:\n{}",
            stderr.trim()
        ))
    }
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

fn ways_out(engine: Engine, why: &str) -> String {
    format!(
        "there is no C source of mimalloc {} to compile.\n{why}\n\nAny of these helps:\n  \
         1. build once with access to the registry, or run `cargo xtask vendor` where there is;\n  \
         2. set MIMALLOC_SYS_SOURCE_DIR to an unpacked mimalloc source tree;\n  \
         3. install libmimalloc (Debian: apt-get install libmimalloc-dev; macOS: brew install \
         mimalloc) and set MIMALLOC_SYS_NO_VENDOR=1, or enable the feature `system`.",
        engine.name()
    )
}
