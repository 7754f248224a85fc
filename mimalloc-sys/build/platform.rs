//! Lists what differs by target, each choice with its reason. "CMake" is upstream's
//! `CMakeLists.txt` of 3.6.1 and 2.5.2.

use crate::env;

/// How the C side finds its thread-local variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// The compiler's default; the source picks another way by itself.
    Default,
    /// The fastest model, which needs room in the static TLS block of the process.
    InitialExec,
    /// A model that also works in libraries that are loaded late.
    LocalDynamic,
}

/// The choices for one target.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) tls: Tls,
    /// Rust code can read the C side's thread-local variables.
    pub(crate) reads_thread_locals: bool,
    /// The source is compiled in two halves at once.
    pub(crate) splits_build: bool,
    pub(crate) defines: Vec<(&'static str, &'static str)>,
    pub(crate) libraries: Vec<&'static str>,
    pub(crate) is_windows: bool,
    pub(crate) is_msvc: bool,
    pub(crate) is_apple: bool,
}

impl Platform {
    /// Returns the choices for the target of this build.
    pub(crate) fn current() -> Self {
        let os = env::cargo("CARGO_CFG_TARGET_OS");
        let libc = env::cargo("CARGO_CFG_TARGET_ENV");
        let arch = env::cargo("CARGO_CFG_TARGET_ARCH");
        let tls = tls(&os, &libc);
        Self {
            reads_thread_locals: reads_thread_locals(tls, &os, &libc, &arch),
            tls,
            // CMake compiles file by file on every system, but the halves were only
            // tested on this one.
            splits_build: os == "linux",
            defines: defines(&os, &libc),
            libraries: libraries(&os, &libc, &arch),
            is_windows: os == "windows",
            is_msvc: libc == "msvc",
            is_apple: env::cargo("CARGO_CFG_TARGET_VENDOR") == "apple",
        }
    }

    /// Links the libraries that a static mimalloc needs.
    pub(crate) fn link_libraries(&self) {
        for library in &self.libraries {
            println!("cargo::rustc-link-lib={library}");
        }
    }
}

fn tls(os: &str, libc: &str) -> Tls {
    match (os, libc) {
        // musl refuses initial-exec in libraries loaded late. CMake compiles its
        // static library with this model (microsoft/mimalloc#644). In a program the
        // linker produces the same code as with initial-exec.
        ("linux", "musl" | "ohos") => Tls::LocalDynamic,
        ("linux" | "freebsd" | "netbsd" | "dragonfly", _) if env::feature("local-dynamic-tls") => {
            Tls::LocalDynamic
        }
        // CMake uses this model. glibc and FreeBSD keep room for late loaders.
        ("linux" | "freebsd" | "netbsd" | "dragonfly", _) => Tls::InitialExec,
        // Windows uses TlsAlloc, macOS, Android and OpenBSD pthread keys
        // (prim-tls.h). Nothing is known of other systems.
        _ => Tls::Default,
    }
}

/// Returns whether `src/default_theap.rs` knows the instructions that read a
/// thread-local variable. Only initial-exec needs no call, and Rust code of that
/// model must not be the first to ask for room in the static TLS block.
fn reads_thread_locals(tls: Tls, os: &str, libc: &str, arch: &str) -> bool {
    match tls {
        // The instructions were only tested there.
        Tls::InitialExec => (os, libc) == ("linux", "gnu") && matches!(arch, "x86_64" | "aarch64"),
        Tls::Default | Tls::LocalDynamic => false,
    }
}

fn defines(os: &str, libc: &str) -> Vec<(&'static str, &'static str)> {
    let mut defines = Vec::new();
    let apple = matches!(os, "macos" | "ios" | "tvos" | "watchos" | "visionos");
    let bsd = matches!(os, "freebsd" | "netbsd" | "openbsd" | "dragonfly");
    if apple || bsd || matches!(os, "linux" | "android") {
        // CMake looks for the header; heap profiles need it.
        defines.push(("MI_HAS_UNISTDH", "1"));
    }
    if apple || (os == "linux" && libc == "gnu") || matches!(os, "freebsd" | "netbsd" | "dragonfly")
    {
        // CMake looks for execinfo.h. Without the header heap profiles have no
        // stacks. musl lacks the header; Android's is older than its functions.
        defines.push(("MI_HAS_EXECINFOH", "1"));
    }
    if matches!(libc, "musl" | "ohos") {
        // CMake (MI_LIBC_MUSL) avoids `__builtin_thread_pointer` there.
        defines.push(("MI_LIBC_MUSL", "1"));
    }
    if os == "windows" && libc == "gnu" {
        // CMake defines it (microsoft/mimalloc#976).
        defines.push(("_WIN32_WINNT", "0x600"));
    }
    defines
}

fn libraries(os: &str, libc: &str, arch: &str) -> Vec<&'static str> {
    let mut libraries = match (os, libc) {
        // CMake links them: random numbers, process information, privileges.
        ("windows", _) => vec!["psapi", "shell32", "user32", "advapi32", "bcrypt"],
        // glibc contains it since 2.34.
        ("linux", "gnu") => vec!["pthread"],
        // CMake links them: heap profiles list stacks and mapped files.
        ("freebsd" | "dragonfly", _) => vec!["pthread", "execinfo", "util"],
        ("netbsd", _) => vec!["pthread", "execinfo"],
        ("openbsd", _) => vec!["pthread"],
        _ => vec![],
    };
    if os != "windows" && lacks_64_bit_atomics(arch) {
        // Statistics are 64-bit atomics, which are calls into libatomic there.
        libraries.push("atomic");
    }
    libraries.extend(c_library(os, libc));
    libraries
}

/// Returns the C library, which std links as well. In a program without std, no
/// other crate names it.
fn c_library(os: &str, libc: &str) -> &'static [&'static str] {
    let is_static = env::cargo("CARGO_CFG_TARGET_FEATURE").contains("crt-static");
    match (os, libc) {
        ("macos" | "ios" | "tvos" | "watchos" | "visionos", _) => &["System"],
        // As std does: `c` alone would be the shared library, in a static program.
        ("linux", "gnu") if is_static => &["static:-bundle=c", "static:-bundle=gcc_eh"],
        ("linux", _) if is_static => &["static:-bundle=c"],
        ("linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly", _) => &["c"],
        // The objects of MSVC name their library. MinGW's is that of the linker.
        _ => &[],
    }
}

fn lacks_64_bit_atomics(arch: &str) -> bool {
    let target = env::cargo("TARGET");
    match arch {
        // ARMv7 has such atomics; ARMv6 and older targets lack them.
        "arm" => !target.starts_with("armv7") && !target.starts_with("thumbv7"),
        _ => matches!(
            arch,
            "mips" | "powerpc" | "riscv32" | "sparc" | "m68k" | "csky"
        ),
    }
}
