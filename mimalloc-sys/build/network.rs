//! Finds out whether the user forbids the network.

use std::fs;
use std::path::PathBuf;

use crate::env;

/// Returns cargo's home directory.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    let user = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    match std::env::var_os("CARGO_HOME") {
        Some(home) => Some(PathBuf::from(home)),
        None => Some(PathBuf::from(std::env::var_os(user)?).join(".cargo")),
    }
}

/// Returns the directories from which cargo finds the user's configuration. The
/// build's own directory is usually below the user's workspace. Cargo reads the
/// configuration of the directory it is started in, which the shell names.
pub(crate) fn working_dirs() -> Vec<PathBuf> {
    let shell = std::env::var_os("PWD").map(PathBuf::from);
    let shell = shell.filter(|dir| dir.is_absolute() && dir.is_dir());
    let out = env::cargo_path("OUT_DIR");
    [out].into_iter().chain(shell).collect()
}

/// Names what forbids the network, if anything does.
pub(crate) fn forbidden(dirs: &[PathBuf]) -> Result<Option<String>, String> {
    if env::switch("MIMALLOC_SYS_NO_FETCH")? == Some(true) {
        return Ok(Some("MIMALLOC_SYS_NO_FETCH".to_owned()));
    }
    if let Some(argument) = argument_of_cargo() {
        return Ok(Some(format!("cargo's `{argument}`")));
    }
    // The variable goes before the files, as in cargo.
    let variable = std::env::var("CARGO_NET_OFFLINE").ok();
    match variable.as_deref().map(str::trim) {
        Some("true") => return Ok(Some("CARGO_NET_OFFLINE".to_owned())),
        Some("false") => return Ok(None),
        _ => {}
    }
    Ok(dirs.iter().find_map(|dir| {
        let above = dir.ancestors().map(|dir| dir.join(".cargo"));
        // Cargo prefers the first name where both files exist.
        let mut files = above
            .chain(cargo_home())
            .flat_map(|dir| ["config", "config.toml"].map(|name| dir.join(name)));
        let (file, is_offline) = files.find_map(|file| {
            let is_offline = offline_in(&fs::read_to_string(&file).ok()?)?;
            Some((file, is_offline))
        })?;
        is_offline.then(|| format!("`net.offline` in {}", file.display()))
    }))
}

/// Returns the value of `net.offline` in a configuration file, in any of TOML's
/// ways to write the value on a line.
fn offline_in(text: &str) -> Option<bool> {
    let mut table = String::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let line: String = line.split_whitespace().collect();
        if line.starts_with('[') {
            table = line;
            continue;
        }
        let inline = || line.strip_prefix("net={")?.strip_suffix('}');
        let value = match table.as_str() {
            "[net]" => line.strip_prefix("offline="),
            "" => line.strip_prefix("net.offline=").or_else(|| {
                let mut pairs = inline()?.split(',');
                pairs.find_map(|pair| pair.strip_prefix("offline="))
            }),
            _ => None,
        };
        if let Some(value) = value {
            return value.parse().ok();
        }
    }
    None
}

/// Returns `--offline` or `--frozen` if the cargo that runs this script has the
/// argument. Cargo tells scripts nothing about its arguments, but Linux shows the
/// arguments of any process.
fn argument_of_cargo() -> Option<&'static str> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let parent = std::os::unix::process::parent_id();
        let line = fs::read(format!("/proc/{parent}/cmdline")).ok()?;
        // Arguments behind `--` are the program's.
        let mut arguments = line
            .split(|byte| *byte == 0)
            .take_while(|arg| *arg != b"--");
        let names = ["--offline", "--frozen"];
        arguments.find_map(|arg| names.into_iter().find(|name| name.as_bytes() == arg))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    None
}
