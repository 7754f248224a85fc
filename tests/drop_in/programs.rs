//! Moves programs of crates.io to this crate by the patch, and runs their own tests.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::{cargo, definitions, locks_only_ours, succeed, uses_ours};
use crate::{Failure, ensure, patch, work_dir};

/// A program whose package depends on `mimalloc = "0.1"` and has its tests.
struct Program {
    name: &'static str,
    version: &'static str,
    /// Arguments with which the program allocates, and ends well.
    args: &'static [&'static str],
}

const PROGRAMS: &[Program] = &[
    Program {
        name: "jaq",
        version: "3.1.2",
        args: &["-n", "[range(1000) | tostring] | length"],
    },
    Program {
        name: "jql",
        version: "9.0.3",
        args: &["--help"],
    },
];

pub(crate) fn run() -> Result<(), Failure> {
    for program in PROGRAMS {
        let source = download(program)?;
        let dir = work_dir().join(program.name);
        drop(fs::remove_dir_all(&dir));
        copy(&source, &dir)?;
        let manifest = dir.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)? + "\n[workspace]\n" + &patch();
        fs::write(&manifest, text)?;

        succeed(&mut cargo(&dir, &["update", "mimalloc"]))?;
        locks_only_ours(&dir)?;
        let target = work_dir().join("target");
        let mut test = cargo(&dir, &["test", "--locked"]);
        let report = succeed(test.env("CARGO_TARGET_DIR", &target))?;
        let results: Vec<_> = report
            .lines()
            .filter(|l| l.contains("test result"))
            .collect();
        println!("{}", results.join("\n"));
        let is_tested = results.iter().any(|line| !line.contains(" 0 passed"));
        ensure(is_tested, format!("{} has no tests", program.name))?;

        // Tests of units alone need no executable.
        let mut build = cargo(&dir, &["build", "--locked"]);
        succeed(build.env("CARGO_TARGET_DIR", &target))?;
        let executable = target.join("debug").join(program.name);
        let executable = executable.with_extension(std::env::consts::EXE_EXTENSION);
        uses_ours(&executable, program.args)?;
        // Windows has the symbols in another file.
        if cfg!(unix) {
            let count = definitions(&executable, "mi_free")?;
            ensure(count == 1, format!("{count} definitions of mi_free"))?;
        }
    }
    Ok(())
}

/// Has cargo download the package, and returns the package's directory.
fn download(program: &Program) -> Result<PathBuf, Failure> {
    let (name, version) = (program.name, program.version);
    let dir = work_dir().join(format!("{name}-download"));
    fs::create_dir_all(dir.join("src"))?;
    fs::write(dir.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"download\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{name} = \"={version}\"\n\n[workspace]\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest)?;
    // Without other targets, whose packages are many.
    let target = env!("MIMALLOC_TESTS_HOST");
    succeed(&mut cargo(&dir, &["fetch", "--target", target]))?;
    // Cargo's metadata leaves out packages without a library.
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let registries = home
        .ok_or("there is no home directory")?
        .join("registry/src");
    for registry in fs::read_dir(registries)? {
        let package = registry?.path().join(format!("{name}-{version}"));
        // Cargo writes this file last.
        if package.join(".cargo-ok").is_file() {
            return Ok(package);
        }
    }
    Err(format!("cargo did not download {name} {version}").into())
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
