//! Runs cargo and what cargo builds, and reads lock files.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Failure, ensure};

/// Prepares cargo in `dir`, without the settings of the cargo that runs us.
pub(crate) fn cargo(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.current_dir(dir).args(args);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG") || name.starts_with("CARGO_MANIFEST") {
            command.env_remove(&*name);
        }
    }
    // Build scripts read this variable, which says where the shell is.
    command.env("PWD", dir);
    command
}

/// Runs a command whose output is of use only when the command fails.
pub(crate) fn succeed(command: &mut Command) -> Result<String, Failure> {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let line: Vec<_> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = line.join(" ");
    println!("{line}");
    let out = command.output()?;
    let stderr = String::from_utf8_lossy(&out.stderr);
    let stdout = String::from_utf8_lossy(&out.stdout);
    ensure(
        out.status.success(),
        format!("{line}: {}\n{stdout}\n{stderr}", out.status),
    )?;
    Ok(stdout.into_owned())
}

/// Runs a program, and fails unless the mimalloc of this repository is in it.
///
/// mimalloc itself prints its version, and crates.io's packages have other versions.
pub(crate) fn uses_ours(program: &Path, args: &[&str]) -> Result<(), Failure> {
    let version = mimalloc::version().to_string();
    let out = Command::new(program)
        .args(args)
        .env("MIMALLOC_VERBOSE", "1")
        .output()?;
    let stderr = String::from_utf8_lossy(&out.stderr);
    let program = program.display();
    ensure(
        out.status.success() && stderr.contains(&format!("v{version}")),
        format!("{program} does not say mimalloc {version}:\n{stderr}"),
    )?;
    println!("{program}: mimalloc {version}");
    Ok(())
}

/// Counts the definitions of a C function in an executable.
pub(crate) fn definitions(program: &Path, function: &str) -> Result<usize, Failure> {
    use object::{Object as _, ObjectSymbol as _};

    let bytes = fs::read(program)?;
    let file = object::File::parse(&*bytes)?;
    let is_it = |name: &str| name == function || name.strip_prefix('_') == Some(function);
    let symbols = file.symbols();
    Ok(symbols
        .filter(|symbol| symbol.is_definition() && symbol.name().is_ok_and(is_it))
        .count())
}

/// Fails if the lock file in `dir` has a package of crates.io that ours replace.
pub(crate) fn locks_only_ours(dir: &Path) -> Result<(), Failure> {
    let lock = fs::read_to_string(dir.join("Cargo.lock"))?;
    let packages = lock.split("[[patch.unused]]").next().unwrap_or_default();
    for package in packages.split("[[package]]") {
        let replaced = ["\nname = \"mimalloc\"\n", "\nname = \"libmimalloc-sys\"\n"];
        let is_replaced = replaced.iter().any(|name| package.contains(name));
        ensure(
            !(is_replaced && package.contains("\nsource = \"registry")),
            format!("{}: {package}", dir.display()),
        )?;
    }
    Ok(())
}
