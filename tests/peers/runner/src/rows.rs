//! The rows: which programs are compared, and how each is built.

use core::fmt;
use core::str::FromStr;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::files;

/// Rows that can't run under valgrind: snmalloc reserves more address space at
/// its start than valgrind has, and aborts. (snmalloc-rs 0.7.6, valgrind 3.19)
const UNCOUNTABLE: &[&str] = &["snmalloc"];

/// The rows by directory below `tests/peers/rows`, with what a failed build
/// usually lacks.
const ROWS: &[(&str, &str)] = &[
    ("glibc", ""),
    ("mimalloc-0.1.52", ""),
    ("mimalloc-v2", ""),
    ("rustfs-mimalloc", ""),
    ("mimalloc-safe", "it needs cmake: apt-get install cmake"),
    ("mimalloc-safe-v3", "it needs cmake: apt-get install cmake"),
    ("jemalloc", "it needs make: apt-get install make"),
    (
        "snmalloc",
        "it needs cmake and a C++ compiler: apt-get install cmake g++",
    ),
    ("rpmalloc", ""),
    ("ours", ""),
    ("ours-v2", ""),
];

/// How a row is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// As cargo does it.
    Cargo,
    /// C with the clang that fits rustc, to tell its part of the gain apart.
    Clang,
    /// Cross-language LTO: C and Rust as bitcode of one LLVM, optimised together.
    CrossLto,
}

/// Cargo's profiles that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Cargo's own `release`: no LTO, 16 codegen units.
    Release,
    /// `lto = "fat"`, one codegen unit.
    Fat,
}

impl Profile {
    /// Both, in the order of the tables.
    pub(crate) const ALL: [Profile; 2] = [Profile::Release, Profile::Fat];

    /// The row's peculiarities, for readers of the tables.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Profile::Release => "cargo's own release profile",
            Profile::Fat => "fat LTO, one codegen unit",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Profile::Release => "release",
            Profile::Fat => "fat",
        })
    }
}

impl FromStr for Profile {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Profile::ALL
            .into_iter()
            .find(|profile| profile.to_string() == name);
        known.with_context(|| format!("no profile is called `{name}`: release or fat"))
    }
}

/// One line of the comparison.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The name in the tables: a directory, perhaps with `-clang` or `-xlto`.
    pub(crate) name: String,
    directory: &'static str,
    recipe: Recipe,
    hint: &'static str,
}

/// A row that is built.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The row's name.
    pub(crate) row: String,
    /// The profile.
    pub(crate) profile: Profile,
    /// The executable.
    pub(crate) program: PathBuf,
}

/// The rows that run when none are named.
pub(crate) fn all() -> Vec<Row> {
    let plain = ROWS.iter().map(|&(directory, hint)| Row {
        name: directory.to_owned(),
        directory,
        recipe: Recipe::Cargo,
        hint,
    });
    plain.chain(Row::named("ours-xlto")).collect()
}

impl Row {
    /// The row called `name`. Any directory can have `-clang` or `-xlto` behind it.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let (directory, recipe) = match name.rsplit_once('-') {
            Some((directory, "xlto")) => (directory, Recipe::CrossLto),
            Some((directory, "clang")) => (directory, Recipe::Clang),
            _ => (name, Recipe::Cargo),
        };
        let Some(&(directory, hint)) = ROWS.iter().find(|row| row.0 == directory) else {
            let known: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
            bail!(
                "no row is called `{name}`: {} (each also with -clang, -xlto)",
                known.join(", ")
            );
        };
        Ok(Self {
            name: name.to_owned(),
            directory,
            recipe,
            hint,
        })
    }

    /// Whether the row exists in this profile: cross-language LTO is fat LTO.
    pub(crate) fn has(&self, profile: Profile) -> bool {
        self.recipe != Recipe::CrossLto || profile == Profile::Fat
    }

    /// Whether callgrind can run it.
    pub(crate) fn is_countable(&self) -> bool {
        !UNCOUNTABLE.contains(&self.directory)
    }

    /// Builds the row's program.
    pub(crate) fn build(&self, profile: Profile) -> Result<Subject> {
        let manifest = files::root()
            .join("tests/peers/rows")
            .join(self.directory)
            .join("Cargo.toml");
        let mut target = target_dir();
        let mut cargo = files::cargo();
        cargo.arg("build").arg("--manifest-path").arg(&manifest);
        cargo.arg("--profile").arg(profile.to_string());
        // Flags meant for this repository must not favour or slow down any row.
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CFLAGS", "CXXFLAGS"] {
            cargo.env_remove(name);
        }
        if !self.directory.starts_with("ours") {
            // The peers are pinned; our own dependencies move with the workspace.
            cargo.arg("--locked");
        }
        let mut program = PathBuf::new();
        if self.recipe != Recipe::Cargo {
            let tools = Tools::find()?;
            target.push(if self.recipe == Recipe::Clang {
                "clang"
            } else {
                "xlto"
            });
            program.push(&tools.host);
            tools.apply(self.recipe, &mut cargo);
        }
        cargo.arg("--target-dir").arg(&target);
        program.push(profile.to_string());
        program.push(format!("peer-{}", self.directory.replace('.', "-")));
        self.call(cargo)?;
        Ok(Subject {
            row: self.name.clone(),
            profile,
            program: target.join(program),
        })
    }

    /// Runs cargo; the error has the end of what it said.
    fn call(&self, mut cargo: Command) -> Result<()> {
        let output = cargo
            .output()
            .with_context(|| format!("cannot run {cargo:?}"))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n    ");
        let hint = if self.hint.is_empty() {
            ""
        } else {
            "\n  perhaps "
        };
        Err(anyhow!("cargo said:\n    {tail}{hint}{}", self.hint))
    }
}

/// Where the rows are built.
pub(crate) fn target_dir() -> PathBuf {
    let base = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || files::root().join("target"),
        |dir| files::root().join(dir),
    );
    base.join("peers")
}

/// The LLVM tools that speak rustc's bitcode.
#[derive(Debug)]
pub(crate) struct Tools {
    /// The host's target triple.
    pub(crate) host: String,
    clang: PathBuf,
    lld: PathBuf,
    ar: PathBuf,
}

impl Tools {
    /// Finds clang, lld and llvm-ar of the LLVM version that rustc has.
    pub(crate) fn find() -> Result<Self> {
        let rustc = files::output(Command::new("rustc").arg("-vV"))?;
        let field = |name: &str| rustc.lines().find_map(|line| line.strip_prefix(name));
        let host = field("host: ").context("rustc -vV names no host")?;
        let llvm = field("LLVM version: ").context("rustc -vV names no LLVM version")?;
        let major = llvm.split('.').next().unwrap_or(llvm);
        let tool = |name: &str| {
            find_program(&format!("{name}-{major}")).with_context(|| {
                format!(
                    "no {name}-{major}: rustc has LLVM {llvm}, so clang, lld and llvm-ar must be \
                     of version {major} (https://apt.llvm.org: clang-{major} lld-{major} llvm-{major})"
                )
            })
        };
        Ok(Self {
            host: host.to_owned(),
            clang: tool("clang")?,
            lld: tool("ld.lld")?,
            ar: tool("llvm-ar")?,
        })
    }

    /// Sets up cargo for a recipe. The host is named as `--target`, so that build
    /// scripts and procedural macros are compiled in the usual way.
    fn apply(&self, recipe: Recipe, cargo: &mut Command) {
        let target = self.host.replace('-', "_");
        cargo.arg("--target").arg(&self.host);
        cargo.env(format!("CC_{target}"), &self.clang);
        cargo.env(format!("AR_{target}"), &self.ar);
        if recipe != Recipe::CrossLto {
            return;
        }
        cargo.env(format!("CFLAGS_{target}"), "-flto=full");
        // `-flto=full` goes with `lto = "fat"`; `-flto=thin` would go with
        // `lto = "thin"`. Mixed, they link, and nothing is inlined.
        let mut flags = OsString::from("-Clinker-plugin-lto -Clinker=");
        flags.push(&self.clang);
        flags.push(" -Clink-arg=-fuse-ld=");
        flags.push(&self.lld);
        cargo.env(
            format!("CARGO_TARGET_{}_RUSTFLAGS", target.to_uppercase()),
            flags,
        );
    }
}

/// Looks a program up on the path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
