//! Files and child processes, with errors that name them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR");
    let own = own.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    own.parent().map_or_else(|| ".".into(), Path::to_path_buf)
}

/// Reads a text file.
pub(crate) fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = root().join(path);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a text file, and the directories above the file.
pub(crate) fn write(path: impl AsRef<Path>, text: &str) -> Result<()> {
    let path = root().join(path);
    create_dir(path.parent().unwrap_or(&path))?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Creates a directory and those above it.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

/// Removes a directory with all its files, if the directory exists.
pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Lists the files below `dir`: sorted paths relative to `dir`, with `/` on every platform.
///
/// The function refuses links, because the target of a link may change or lead
/// back, and pipes and devices, because a reader of those may wait for ever.
pub(crate) fn list(dir: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut queue = vec![String::new()];
    while let Some(below) = queue.pop() {
        let here = dir.join(&below);
        let context = || format!("cannot list {}", here.display());
        for entry in fs::read_dir(&here).with_context(context)? {
            let entry = entry.with_context(context)?;
            let path = format!("{below}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().with_context(context)?;
            match () {
                () if kind.is_dir() => queue.push(path + "/"),
                () if kind.is_file() => found.push(path),
                () => bail!(
                    "{} is neither a file nor a directory: remove it",
                    entry.path().display()
                ),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Runs a command and returns what the command prints; error output goes through.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let result = command.stderr(Stdio::inherit()).output();
    let result = result.with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        result.status.success(),
        "{command:?} failed ({})",
        result.status
    );
    String::from_utf8(result.stdout).with_context(|| format!("{command:?} printed no UTF-8"))
}

/// Returns the command `git` with these arguments, at the root of the repository.
pub(crate) fn git(args: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.current_dir(root()).args(args);
    git
}

/// Returns the cargo that runs this program, or the one on the path, with these
/// arguments, at the root of the repository.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(args);
    cargo
}

/// Fails on the first argument of a command that takes none.
pub(crate) fn no_arguments(mut args: lexopt::Parser) -> Result<()> {
    match args.next()? {
        Some(arg) => Err(arg.unexpected().into()),
        None => Ok(()),
    }
}
