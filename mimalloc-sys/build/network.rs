//! Says from where to ask cargo, and what forbids the network.

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

/// Returns the directories to ask cargo from. Cargo reads the configuration of the
/// directory it is started in, and above. The first directory is the one of the cargo
/// that runs this script: Linux shows it, and elsewhere the shell names it. The build's
/// own directory is usually below the user's workspace.
pub(crate) fn working_dirs() -> Vec<PathBuf> {
    let cargo = of_cargo("cwd").and_then(|link| std::fs::read_link(link).ok());
    let shell = || std::env::var_os("PWD").map(PathBuf::from);
    let cargo = cargo.or_else(shell);
    let cargo = cargo.filter(|dir| dir.is_absolute() && dir.is_dir());
    let out = env::cargo_path("OUT_DIR");
    cargo.into_iter().chain([out]).collect()
}

/// Names what forbids the network, if anything does of which the cargo that this script
/// asks knows nothing. That cargo obeys the configuration and `CARGO_NET_OFFLINE`.
pub(crate) fn forbidden() -> Result<Option<String>, String> {
    if env::switch("MIMALLOC_SYS_NO_FETCH")? == Some(true) {
        return Ok(Some("MIMALLOC_SYS_NO_FETCH".to_owned()));
    }
    Ok(argument_of_cargo().map(|argument| format!("cargo's `{argument}`")))
}

/// Returns `--offline` or `--frozen` if the cargo that runs this script has the
/// argument. Cargo tells scripts nothing about its arguments.
fn argument_of_cargo() -> Option<&'static str> {
    let line = std::fs::read(of_cargo("cmdline")?).ok()?;
    // Arguments behind `--` are the program's.
    let mut arguments = line
        .split(|byte| *byte == 0)
        .take_while(|arg| *arg != b"--");
    let names = ["--offline", "--frozen"];
    arguments.find_map(|arg| names.into_iter().find(|name| name.as_bytes() == arg))
}

/// Returns the place of a fact about the process that runs this script.
fn of_cargo(fact: &str) -> Option<PathBuf> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let parent = Some(std::os::unix::process::parent_id());
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let parent: Option<u32> = None;
    parent.map(|parent| PathBuf::from(format!("/proc/{parent}/{fact}")))
}
