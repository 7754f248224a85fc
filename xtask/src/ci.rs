//! `cargo xtask ci`: everything that is checked beyond the plain test command.
//!
//! A step may need a tool that a machine need not have. Without it the step is
//! skipped, loudly; with `CI=true` that is a failure, unless the tool can't be
//! installed there (a nightly toolchain).

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, bail};
use lexopt::{Arg, ValueExt as _};

use crate::engine::Engine;
use crate::files;

/// What a step needs on the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    /// libclang, for bindgen.
    LibClang,
    /// clang, lld and llvm-ar of the LLVM that rustc has.
    Clang,
    /// Debian's libmimalloc-dev, or another found by pkg-config.
    SystemMimalloc,
    Valgrind,
    /// A host that is x86-64 Linux with glibc.
    X86Glibc,
    /// A compiler of the oldest supported version.
    OldRust,
    /// That compiler's source of std, and a C compiler for 32-bit x86.
    I686,
    Nightly,
}

impl Need {
    fn hint(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::LibClang => "libclang: apt-get install libclang-22-dev",
            Self::Clang => "clang, lld and llvm-ar 22: apt-get install clang-22 lld-22 llvm-22",
            Self::SystemMimalloc => "a system mimalloc: apt-get install libmimalloc-dev pkg-config",
            Self::X86Glibc => "x86-64 Linux with glibc",
            Self::Valgrind => "valgrind: apt-get install valgrind",
            Self::OldRust => {
                "rustc 1.85 as /usr/bin/rustc, or its path in OLD_RUSTC: \
                 apt-get install rustc-web=1.85.0+dfsg3-1~deb12u3"
            }
            Self::I686 => {
                "std's source for rustc 1.85, and gcc for i686: apt-get install \
                 rust-web-src=1.85.0+dfsg3-1~deb12u3 gcc-i686-linux-gnu libc6-dev-i386-cross"
            }
            Self::Nightly => "a nightly toolchain: rustup toolchain install nightly",
        }
    }

    fn is_met(self) -> bool {
        match self {
            Self::Nothing => true,
            Self::LibClang => crate::bindings::libclang_is_there(),
            Self::Clang => ["clang-22", "ld.lld-22", "llvm-ar-22"]
                .iter()
                .all(|tool| succeeds(Command::new(tool).arg("--version"))),
            // Debian 12's package has no pkg-config file.
            Self::SystemMimalloc => {
                succeeds(Command::new("pkg-config").args(["--exists", "mimalloc"]))
                    || succeeds(Command::new("cc").args([
                        "-E",
                        "-include",
                        "mimalloc.h",
                        "-xc",
                        "/dev/null",
                    ]))
            }
            Self::X86Glibc => cfg!(all(
                target_arch = "x86_64",
                target_os = "linux",
                target_env = "gnu"
            )),
            Self::Valgrind => succeeds(Command::new("valgrind").arg("--version")),
            Self::OldRust => old_rustc().is_some(),
            Self::I686 => {
                old_rustc().is_some_and(|rustc| has_source_of_std(&rustc))
                    && succeeds(Command::new("i686-linux-gnu-gcc").arg("--version"))
            }
            Self::Nightly => succeeds(Command::new("rustc").args(["+nightly", "--version"])),
        }
    }
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The oldest supported compiler, if this machine has it.
fn old_rustc() -> Option<PathBuf> {
    let path = env::var_os("OLD_RUSTC").map_or_else(|| "/usr/bin/rustc".into(), PathBuf::from);
    let version = Command::new(&path).arg("--version").output().ok()?;
    String::from_utf8_lossy(&version.stdout)
        .starts_with("rustc 1.85.")
        .then_some(path)
}

fn has_source_of_std(rustc: &Path) -> bool {
    let sysroot = Command::new(rustc).args(["--print", "sysroot"]).output();
    sysroot.is_ok_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout);
        Path::new(sysroot.trim())
            .join("lib/rustlib/src/rust/library/std")
            .is_dir()
    })
}

struct Step {
    name: String,
    need: Need,
    prepare: Option<fn() -> Result<()>>,
    env: Vec<(&'static str, String)>,
    args: Vec<String>,
}

impl Step {
    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    fn after(mut self, prepare: fn() -> Result<()>) -> Self {
        self.prepare = Some(prepare);
        self
    }

    fn needs(mut self, need: Need) -> Self {
        self.need = need;
        self
    }
}

/// Where the library of [`shared_library_v3`] goes.
fn shared_library_dir() -> PathBuf {
    files::root().join("target").join("shared-v3")
}

/// Compiles the vendored v3 tree to a shared library such as systems will have.
/// Debian 12's is of engine v2.
fn shared_library_v3() -> Result<()> {
    let tree = crate::engine::Engine::V3.tree();
    let dir = shared_library_dir();
    std::fs::create_dir_all(&dir)?;
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O2", "-ftls-model=initial-exec"])
        .args(["-DNDEBUG", "-DMI_DEBUG=0", "-DMI_BUILD_RELEASE"])
        .args(["-DMI_SHARED_LIB", "-DMI_SHARED_LIB_EXPORT"])
        .arg("-I")
        .arg(tree.join("include"))
        .arg("-I")
        .arg(tree.join("src"))
        .arg(tree.join("src/static.c"))
        .arg("-o")
        .arg(dir.join("libmimalloc.so"));
    if !cc.status()?.success() {
        bail!("compiling the shared library failed");
    }
    Ok(())
}

/// A step that is one cargo command.
fn cargo(name: &str, line: &str) -> Step {
    Step {
        name: name.to_owned(),
        need: Need::Nothing,
        prepare: None,
        env: Vec::new(),
        args: line.split_whitespace().map(str::to_owned).collect(),
    }
}

/// Compiles the safe layer against the oldest version of an engine.
fn oldest(engine: Engine, make: fn() -> Result<()>) -> Step {
    let dir = crate::oldest::dir(engine);
    cargo(
        &format!("functions of the oldest {engine}"),
        "check -p mimalloc",
    )
    .after(make)
    .env("MIMALLOC_SYS_NO_VENDOR", "1")
    .env("MIMALLOC_SYS_LIB_DIR", &dir.to_string_lossy())
    .env("MIMALLOC_SYS_INCLUDE_DIR", &dir.to_string_lossy())
}

/// The features that change the engine, each of which must pass on its own.
/// `valgrind` has a step of its own.
const ENGINE_FEATURES: &[&str] = &[
    "secure-1",
    "secure-2",
    "secure-3",
    "secure",
    "secure-5",
    "debug",
    "debug-full",
    "no-debug",
    "padding",
    "guarded",
    "asan",
    "override",
    "no-thp",
    "local-dynamic-tls",
    "opt-arch",
    "no-profile",
    "secure,debug-full,padding",
];

fn steps() -> Vec<Step> {
    let mut steps = vec![
        cargo("format", "fmt --all --check"),
        // A fresh clone has no trees yet.
        cargo("vendor", "xtask vendor"),
        cargo("vendor, again", "xtask vendor --check"),
        cargo("bindgen", "xtask bindgen --check").needs(Need::LibClang),
        cargo("api", "xtask api"),
        cargo("tidy", "xtask tidy"),
        cargo(
            "clippy v3",
            "clippy --workspace --all-targets -- -Dwarnings",
        ),
        cargo(
            "clippy v2",
            "clippy -p mimalloc -p mimalloc-sys -p mimalloc-tests --all-targets \
             --features mimalloc/v2 -- -Dwarnings",
        ),
        cargo(
            "docs v3",
            "doc --no-deps -p mimalloc -p mimalloc-sys --features mimalloc/serde",
        )
        .env("RUSTDOCFLAGS", "-Dwarnings"),
        cargo(
            "docs v2",
            "doc --no-deps -p mimalloc -p mimalloc-sys --features mimalloc/v2",
        )
        .env("RUSTDOCFLAGS", "-Dwarnings"),
        cargo(
            "docs nightly",
            "+nightly doc --no-deps -p mimalloc --features nightly,serde",
        )
        .env("RUSTDOCFLAGS", "-Dwarnings")
        .needs(Need::Nightly),
        cargo("xtask", "test -p xtask"),
        cargo(
            "test v2",
            "test --workspace --exclude xtask --features mimalloc/v2",
        ),
        cargo(
            "test v3 release",
            "test --release -p mimalloc-tests -p mimalloc -p mimalloc-sys",
        ),
        cargo(
            "test v2 release",
            "test --release -p mimalloc-tests --features mimalloc/v2",
        ),
        cargo(
            "no_std",
            "clippy -p mimalloc --no-default-features -- -Dwarnings",
        ),
        cargo(
            "no_std with traits",
            "clippy -p mimalloc --no-default-features \
             --features allocator-api2-02,allocator-api2-04 -- -Dwarnings",
        ),
        cargo(
            "nightly",
            "+nightly test -p mimalloc-tests --features nightly --test nightly",
        )
        .needs(Need::Nightly),
        cargo(
            "nightly, also abroad",
            "+nightly test -p mimalloc-tests --features api2-nightly --test nightly",
        )
        .needs(Need::Nightly),
        cargo(
            "oldest rustc",
            "check -p mimalloc -p mimalloc-sys --features mimalloc/serde",
        )
        .needs(Need::OldRust),
        // Runs natively on x86-64. The dynamic linker of the cross compiler's libc.
        cargo(
            "32-bit",
            "test -p mimalloc-sys -Zbuild-std=std,panic_abort,panic_unwind,test \
             --target i686-unknown-linux-gnu",
        )
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CC_i686_unknown_linux_gnu", "i686-linux-gnu-gcc")
        .env(
            "CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER",
            "i686-linux-gnu-gcc",
        )
        .env(
            "CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "-Clink-arg=-Wl,--dynamic-linker=/usr/i686-linux-gnu/lib/ld-linux.so.2,\
             -rpath,/usr/i686-linux-gnu/lib",
        )
        .needs(Need::I686),
        cargo(
            "system library",
            "test -p mimalloc-tests --features mimalloc/system",
        )
        .needs(Need::SystemMimalloc),
        cargo(
            "system library of engine v3",
            "test -p mimalloc-tests --test it --test out_of_memory --test heap_turns",
        )
        .after(shared_library_v3)
        .env("MIMALLOC_SYS_NO_VENDOR", "1")
        .env(
            "MIMALLOC_SYS_LIB_DIR",
            &shared_library_dir().to_string_lossy(),
        )
        .env(
            "MIMALLOC_SYS_INCLUDE_DIR",
            &crate::engine::Engine::V3
                .tree()
                .join("include")
                .to_string_lossy(),
        )
        .env("LD_LIBRARY_PATH", &shared_library_dir().to_string_lossy()),
        oldest(Engine::V3, || crate::oldest::make(Engine::V3)),
        oldest(Engine::V2, || crate::oldest::make(Engine::V2)),
        cargo(
            "out of memory, hardened",
            "test -p mimalloc-tests --test out_of_memory --features mimalloc/secure",
        ),
        cargo(
            "out of memory, debugging",
            "test -p mimalloc-tests --test out_of_memory --features mimalloc/debug",
        ),
        // How engine v3 finds a thread's heaps on macOS, OpenBSD and Android.
        cargo(
            "pthread keys",
            "test -p mimalloc-tests --test it --test out_of_memory --test heap_turns --test tls",
        )
        .env("CFLAGS", "-DMI_TLS_MODEL_PTHREADS=1"),
        // Where std runs destructors of thread-locals after those of pthread keys.
        cargo(
            "static glibc",
            "test -p mimalloc-tests --target x86_64-unknown-linux-gnu --test heap_turns --test tls",
        )
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .needs(Need::X86Glibc),
        cargo(
            "static glibc, engine v2",
            "test -p mimalloc-tests --target x86_64-unknown-linux-gnu --features v2 --test thread_keys --test tls",
        )
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .needs(Need::X86Glibc),
        cargo(
            "system library, by variable",
            "build -p mimalloc-sys --no-default-features",
        )
        .env("MIMALLOC_SYS_NO_VENDOR", "1")
        .needs(Need::SystemMimalloc),
        cargo(
            "bindings at build time",
            "test -p mimalloc-sys --features bindgen",
        )
        .needs(Need::LibClang),
        cargo(
            "bindings of the system library",
            "build -p mimalloc-sys --features system,bindgen",
        )
        .needs(Need::SystemMimalloc),
        cargo(
            "valgrind feature v3",
            "test -p mimalloc-tests --features mimalloc/valgrind heap::",
        )
        .needs(Need::Valgrind),
        cargo(
            "valgrind feature v2",
            "test -p mimalloc-tests --features mimalloc/v2,mimalloc/valgrind heap::",
        )
        .needs(Need::Valgrind),
        cargo(
            "model, blocks guarded",
            "test -p mimalloc-tests --test it --features mimalloc/guarded -- allocator::",
        )
        .env("MIMALLOC_GUARDED_SAMPLE_RATE", "1000")
        .env("MIMALLOC_GUARDED_MAX", "1G"),
        cargo(
            "model, blocks profiled",
            "test -p mimalloc-tests --test it -- allocator::",
        )
        .env("MIMALLOC_PROFILE", "target/profile-of-the-model")
        .env("MIMALLOC_PROFILE_SAMPLE_RATE", "1024"),
        cargo("guard pages", "test -p mimalloc --lib --features guarded"),
        cargo("machine code", "xtask codegen"),
        cargo("benchmarks build", "bench --no-run -p mimalloc-benches"),
        cargo(
            "corpus",
            "run --release --example corpus -- --json README.md mimalloc/src",
        ),
        cargo("source", "xtask source"),
        cargo("package", "xtask package"),
        cargo("upstream's tests", "xtask upstream-tests"),
        cargo("cross-language LTO", "xtask lto --scale 10").needs(Need::Clang),
    ];
    for engine in ["", "mimalloc/v2,"] {
        for feature in ENGINE_FEATURES {
            let features: Vec<String> = feature
                .split(',')
                .map(|name| format!("mimalloc/{name}"))
                .collect();
            let name = format!("{} {feature}", if engine.is_empty() { "v3" } else { "v2" });
            let line = format!(
                "test -p mimalloc-tests --test it --features {engine}{} -- heap:: allocator::",
                features.join(",")
            );
            steps.push(cargo(&name, &line));
        }
    }
    steps
}

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    let mut list = false;
    let mut only: Option<String> = None;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("list") => list = true,
            Arg::Long("only") => only = Some(args.value()?.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let mut steps = steps();
    if let Some(part) = only {
        steps.retain(|step| step.name.contains(&part));
        if steps.is_empty() {
            bail!("no step is named `{part}`; see `cargo xtask ci --list`");
        }
    }
    if list {
        for step in steps {
            println!("{:28} cargo {}", step.name, step.args.join(" "));
        }
        return Ok(());
    }
    run_all(&steps)
}

fn run_all(steps: &[Step]) -> Result<()> {
    let is_ci = env::var("CI").is_ok_and(|value| value == "true");
    let (mut passed, mut failed, mut skipped) = (0, Vec::new(), Vec::new());
    for (at, step) in steps.iter().enumerate() {
        println!("\n=== {} of {}: {}", at + 1, steps.len(), step.name);
        if !step.need.is_met() {
            let message = format!("{}: needs {}", step.name, step.need.hint());
            if is_ci && step.need != Need::Nightly {
                println!("!!! FAILED, because this can be installed: {message}");
                failed.push(message);
            } else {
                println!("!!! SKIPPED: {message}");
                skipped.push(message);
            }
            continue;
        }
        let start = Instant::now();
        if run_step(step)? {
            println!(
                "--- {} in {:.1} s",
                step.name,
                start.elapsed().as_secs_f64()
            );
            passed += 1;
        } else {
            println!("!!! FAILED: {}", step.name);
            failed.push(format!("{}: cargo {}", step.name, step.args.join(" ")));
        }
    }
    for line in &skipped {
        println!("skipped {line}");
    }
    for line in &failed {
        println!("failed  {line}");
    }
    println!(
        "ci: {passed} passed, {} failed, {} skipped",
        failed.len(),
        skipped.len()
    );
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{} of {} steps failed", failed.len(), steps.len());
}

fn run_step(step: &Step) -> Result<bool> {
    if let Some(prepare) = step.prepare {
        prepare()?;
    }
    // rustup's proxy, not the cargo that runs us, understands `+nightly`.
    let mut command = Command::new("cargo");
    command
        .args(&step.args)
        .current_dir(files::root())
        .stdin(Stdio::null());
    // The toolchain that runs us would override `+nightly`.
    command
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .env_remove("RUSTC");
    for (name, value) in &step.env {
        command.env(name, value);
    }
    if matches!(step.need, Need::OldRust | Need::I686) {
        if let Some(rustc) = old_rustc() {
            command
                .env("RUSTC", rustc)
                .env("CARGO_TARGET_DIR", files::root().join("target/old"));
        }
    }
    if step.args.first().is_some_and(|arg| arg == "+nightly") {
        command.env("CARGO_TARGET_DIR", files::root().join("target/nightly"));
    }
    Ok(command.status()?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let steps = steps();
        let names: std::collections::BTreeSet<_> = steps.iter().map(|step| &step.name).collect();
        assert_eq!(names.len(), steps.len());
    }
}
