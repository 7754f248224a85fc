//! Files, directories and child processes, with errors that name them.

use core::sync::atomic::{AtomicU32, Ordering};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Replaces a text file in one step: a reader sees the old text or the new.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let fresh = beside(path, "new");
    fs::write(&fresh, text).with_context(|| format!("cannot write {}", fresh.display()))?;
    fs::rename(&fresh, path).with_context(|| format!("cannot replace {}", path.display()))
}

/// Creates a directory and those above it.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

/// Removes a directory with all it holds, if it is there.
pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A name next to `path` that no other run uses.
pub(crate) fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{what}-{}", std::process::id()))
}

/// The files below `dir` as sorted paths relative to it, with `/` on every platform.
///
/// Links are refused, as what they lead to may change or lead back; and so is
/// what a reader could wait for: pipes, devices.
pub(crate) fn list(dir: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut queue = vec![PathBuf::new()];
    while let Some(relative) = queue.pop() {
        let here = dir.join(&relative);
        let entries =
            fs::read_dir(&here).with_context(|| format!("cannot list {}", here.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", here.display()))?;
            let path = relative.join(entry.file_name());
            let kind = entry
                .file_type()
                .with_context(|| format!("cannot look at {}", entry.path().display()))?;
            if kind.is_dir() {
                queue.push(path);
            } else if !kind.is_file() {
                bail!(
                    "{} is neither a file nor a directory: remove it",
                    entry.path().display()
                );
            } else {
                let parts: Vec<_> = path.iter().map(OsStr::to_string_lossy).collect();
                found.push(parts.join("/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A directory that is removed when the value goes.
#[derive(Debug)]
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    /// Creates a fresh directory in the system's place for temporary files.
    pub(crate) fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mimalloc-{}-{number}", std::process::id()));
        remove_dir(&path)?;
        create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // Nothing to do about a failure here; the system clears the place.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a command and returns what it printed; its error output goes through.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    command.stderr(std::process::Stdio::inherit());
    let result = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !result.status.success() {
        bail!("{command:?} failed ({})", result.status);
    }
    String::from_utf8(result.stdout).with_context(|| format!("{command:?} printed no UTF-8"))
}

/// Runs git at the root of the repository, and returns the lines that it printed.
pub(crate) fn git(args: &[&str]) -> Result<Vec<String>> {
    let printed = output(Command::new("git").arg("-C").arg(root()).args(args))?;
    Ok(printed.lines().map(str::to_owned).collect())
}

/// What cargo knows about the workspace.
pub(crate) fn metadata(args: &[&str]) -> Result<serde_json::Value> {
    let mut cargo = cargo();
    cargo.current_dir(root());
    cargo.args(["metadata", "--format-version=1"]).args(args);
    serde_json::from_str(&output(&mut cargo)?).context("cargo metadata printed no JSON")
}

/// The cargo that runs us, or the one on the path.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
