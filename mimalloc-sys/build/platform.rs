//! What differs by target, in one place, each choice with its reason.
//! "CMake" is upstream's `CMakeLists.txt` of 3.6.1 and 2.5.2.

use crate::env;

/// How the C side finds its thread-local variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Whatever the compiler does; the source picks another way by itself.
    Default,
    /// Fastest, needs room in the static TLS block of the process.
    InitialExec,
    /// Also works in libraries that are loaded late.
    LocalDynamic,
}

/// The choices for one target.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) tls: Tls,
    /// Compile as C++ (`/TP`).
    pub(crate) cpp: bool,
    /// Compile in two parts at once.
    pub(crate) in_parts: bool,
    pub(crate) defines: Vec<(&'static str, &'static str)>,
    pub(crate) libraries: Vec<&'static str>,
    pub(crate) is_windows: bool,
    pub(crate) is_msvc: bool,
    pub(crate) is_apple: bool,
}

impl Platform {
    /// The choices for the target of this build.
    pub(crate) fn current() -> Self {
        let os = env::cargo("CARGO_CFG_TARGET_OS");
        let libc = env::cargo("CARGO_CFG_TARGET_ENV");
        let arch = env::cargo("CARGO_CFG_TARGET_ARCH");
        let is_msvc = libc == "msvc";
        let is_windows = os == "windows";
        Self {
            tls: tls(&os, &libc),
            // Upstream asks for C++ with MSVC, for its atomics (CMake,
            // MI_USE_CXX). Without /EHsc, which we don't pass, `mi_new` still
            // reports failure instead of throwing through Rust.
            cpp: is_msvc,
            // CMake compiles file by file everywhere, so that this should do
            // on other systems too; it is tested here only.
            in_parts: os == "linux",
            defines: defines(&os, &libc),
            libraries: libraries(&os, &libc, &arch),
            is_windows,
            is_msvc,
            is_apple: env::cargo("CARGO_CFG_TARGET_VENDOR") == "apple",
        }
    }
}

fn tls(os: &str, libc: &str) -> Tls {
    match (os, libc) {
        // musl refuses initial-exec in libraries loaded late; CMake compiles
        // its static library like this too (microsoft/mimalloc#644). In a
        // program the linker turns it into the same code as initial-exec.
        ("linux", "musl" | "ohos") => Tls::LocalDynamic,
        // CMake's choice. glibc and FreeBSD keep spare room for late loaders.
        ("linux" | "freebsd" | "netbsd" | "dragonfly", _) => Tls::InitialExec,
        // Windows uses TlsAlloc, macOS, Android and OpenBSD pthread keys
        // (prim-tls.h); of the others we know nothing.
        _ => Tls::Default,
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
        // CMake looks for execinfo.h. Without it heap profiles have no stacks.
        // musl has none; Android's header is older than its functions.
        defines.push(("MI_HAS_EXECINFOH", "1"));
    }
    if matches!(libc, "musl" | "ohos") {
        // CMake, MI_LIBC_MUSL: `__builtin_thread_pointer` is not used there.
        defines.push(("MI_LIBC_MUSL", "1"));
    }
    if os == "windows" && libc == "gnu" {
        // CMake (microsoft/mimalloc#976).
        defines.push(("_WIN32_WINNT", "0x600"));
    }
    defines
}

fn libraries(os: &str, libc: &str, arch: &str) -> Vec<&'static str> {
    let mut libraries = match (os, libc) {
        // CMake: random numbers, process information, privileges.
        ("windows", _) => vec!["psapi", "shell32", "user32", "advapi32", "bcrypt"],
        // Part of libc since glibc 2.34, apart before; musl needs none.
        ("linux", "gnu") => vec!["pthread"],
        // CMake: backtraces and the list of mapped files for heap profiles.
        ("freebsd" | "dragonfly", _) => vec!["pthread", "execinfo", "util"],
        ("netbsd", _) => vec!["pthread", "execinfo"],
        ("openbsd", _) => vec!["pthread"],
        _ => vec![],
    };
    if os != "windows" && lacks_64_bit_atomics(arch) {
        // Statistics are 64-bit atomics, which these targets only have as
        // calls into libatomic.
        libraries.push("atomic");
    }
    libraries
}

fn lacks_64_bit_atomics(arch: &str) -> bool {
    let target = env::cargo("TARGET");
    match arch {
        // ARMv7 has them, ARMv6 and older don't.
        "arm" => !target.starts_with("armv7") && !target.starts_with("thumbv7"),
        _ => matches!(
            arch,
            "mips" | "powerpc" | "riscv32" | "sparc" | "m68k" | "csky"
        ),
    }
}
