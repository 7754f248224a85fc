//! Finds a mimalloc that is installed: by the directories the user names, by
//! pkg-config, or on the C compiler's own search path (Debian 12 installs the
//! library without a pkg-config file). What is found is checked, never run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env;
use crate::headers::{Engine, Headers};
use crate::platform::Platform;
use crate::vendored::need_compiler;

/// Features that decide how C is compiled, so that they mean nothing for a
/// library that is compiled already.
const COMPILED_IN: &[(&str, bool)] = &[
    ("secure-1", cfg!(feature = "secure-1")),
    ("secure-2", cfg!(feature = "secure-2")),
    ("secure-3", cfg!(feature = "secure-3")),
    ("secure", cfg!(feature = "secure")),
    ("secure-5", cfg!(feature = "secure-5")),
    ("debug", cfg!(feature = "debug")),
    ("debug-full", cfg!(feature = "debug-full")),
    ("padding", cfg!(feature = "padding")),
    ("guarded", cfg!(feature = "guarded")),
    ("valgrind", cfg!(feature = "valgrind")),
    ("asan", cfg!(feature = "asan")),
    ("override", cfg!(feature = "override")),
    ("no-thp", cfg!(feature = "no-thp")),
    ("local-dynamic-tls", cfg!(feature = "local-dynamic-tls")),
    ("opt-arch", cfg!(feature = "opt-arch")),
    ("no-profile", cfg!(feature = "no-profile")),
];

/// What a library file is called, how it is linked, and under which name.
const FILES: &[(&str, &str, &str)] = &[
    ("libmimalloc.so", "dylib", "mimalloc"),
    ("libmimalloc.dylib", "dylib", "mimalloc"),
    ("libmimalloc.dll.a", "dylib", "mimalloc"),
    ("mimalloc.dll.lib", "dylib", "mimalloc.dll"),
    ("libmimalloc.a", "static", "mimalloc"),
    ("mimalloc-static.lib", "static", "mimalloc-static"),
    ("mimalloc.lib", "static", "mimalloc"),
];

/// Finds the library, prints how to link it, and returns its headers.
pub(crate) fn find() -> Result<Headers, String> {
    refuse_features()?;
    let headers = match (
        env::path("MIMALLOC_SYS_LIB_DIR"),
        env::path("MIMALLOC_SYS_INCLUDE_DIR"),
    ) {
        (Some(lib), Some(include)) => named(&lib, &include)?,
        (None, None) => probed()?,
        _ => {
            return Err(
                "set MIMALLOC_SYS_LIB_DIR and MIMALLOC_SYS_INCLUDE_DIR together: the \
                        library and its headers must belong to each other"
                    .to_owned(),
            );
        }
    };
    if cfg!(feature = "v2") && headers.engine != Engine::V2 {
        return Err(format!(
            "feature `v2` needs mimalloc 2.x, but {} is of {}.\nInstall mimalloc 2, or drop the \
             feature: with a system library its own version decides.",
            headers.dir.join("mimalloc.h").display(),
            headers.version
        ));
    }
    println!(
        "cargo::rerun-if-changed={}",
        headers.dir.join("mimalloc.h").display()
    );
    Ok(headers)
}

/// An allocator that is silently not hardened is worse than a failed build.
fn refuse_features() -> Result<(), String> {
    let asked: Vec<_> = COMPILED_IN
        .iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    Err(format!(
        "feature {} can't be had from a system library: it is decided when mimalloc is \
         compiled.\nDrop it, or compile the vendored source: without the feature `system` and \
         MIMALLOC_SYS_NO_VENDOR, or with MIMALLOC_SYS_NO_VENDOR=0.",
        asked.join(", ")
    ))
}

/// The library and headers in the directories that the user names.
fn named(lib: &Path, include: &Path) -> Result<Headers, String> {
    let headers = Headers::read(include).map_err(|e| format!("MIMALLOC_SYS_INCLUDE_DIR: {e}"))?;
    // The variables of the pkg-config crate, which also serve here. Shared is
    // its default too.
    let refused = match (
        env::is_set("MIMALLOC_STATIC"),
        env::is_set("MIMALLOC_DYNAMIC"),
    ) {
        (true, _) => "dylib",
        (false, true) => "static",
        (false, false) => "",
    };
    let (file, kind, name) = FILES
        .iter()
        .find(|(file, kind, _)| *kind != refused && lib.join(file).is_file())
        .ok_or_else(|| {
            let files: Vec<_> = FILES
                .iter()
                .filter(|f| f.1 != refused)
                .map(|f| f.0)
                .collect();
            format!(
                "MIMALLOC_SYS_LIB_DIR={} holds none of {}",
                lib.display(),
                files.join(", ")
            )
        })?;
    println!("cargo::rustc-link-search=native={}", lib.display());
    println!("cargo::rustc-link-lib={kind}={name}");
    println!("cargo::rerun-if-changed={}", lib.join(file).display());
    if *kind == "static" {
        link_platform();
    }
    Ok(headers)
}

/// By pkg-config, else on the C compiler's search path. No range is asked of
/// pkg-config: upstream's file says 2.0 for 2.0.9, so the header decides.
fn probed() -> Result<Headers, String> {
    match pkg_config::probe_library("mimalloc") {
        Ok(library) => {
            let dir = library
                .include_paths
                .iter()
                .find(|dir| dir.join("mimalloc.h").is_file());
            Headers::read(&dir.cloned().map_or_else(include_of_compiler, Ok)?)
        }
        Err(e) => from_compiler().map_err(|search| not_found(&e, &search)),
    }
}

/// Debian 12 has the library in the usual places, but no pkg-config file.
fn from_compiler() -> Result<Headers, String> {
    let include = include_of_compiler()?;
    let compiler = cc::Build::new().cargo_warnings(false).get_compiler();
    let files: &[&str] = if env::is_set("MIMALLOC_STATIC") {
        &["libmimalloc.a"]
    } else {
        &["libmimalloc.so", "libmimalloc.dylib", "libmimalloc.dll.a"]
    };
    // gcc and clang answer with a path when they find the file, and with the
    // bare name when they don't.
    let path = files.iter().find_map(|file| {
        let out = compiler
            .to_command()
            .arg(format!("-print-file-name={file}"))
            .output()
            .ok()?;
        let path = PathBuf::from(String::from_utf8(out.stdout).ok()?.trim());
        path.is_absolute().then_some(path)
    });
    let path = path.ok_or_else(|| {
        format!(
            "{}/mimalloc.h is there, but no {}",
            include.display(),
            files.join(" or ")
        )
    })?;
    let headers = Headers::read(&include)?;
    if env::is_set("MIMALLOC_STATIC") {
        let dir = path.parent().unwrap_or(&path);
        println!("cargo::rustc-link-search=native={}", dir.display());
        println!("cargo::rustc-link-lib=static=mimalloc");
        link_platform();
    } else {
        // No search path: the linker looks where the compiler just found it.
        println!("cargo::rustc-link-lib=dylib=mimalloc");
    }
    Ok(headers)
}

/// The directory in which `#include <mimalloc.h>` finds its file, from the line
/// markers of the preprocessor.
fn include_of_compiler() -> Result<PathBuf, String> {
    let probe = env::cargo_path("OUT_DIR").join("probe.c");
    fs::write(&probe, "#include <mimalloc.h>\n").map_err(|e| e.to_string())?;
    let text = cc::Build::new()
        .file(&probe)
        .warnings(false)
        .cargo_warnings(false)
        .try_expand()
        .map_err(|_| match need_compiler() {
            Ok(()) => "the C compiler finds no <mimalloc.h> either".to_owned(),
            Err(e) => e,
        })?;
    String::from_utf8_lossy(&text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .filter_map(|line| line.split('"').nth(1))
        .map(|path| PathBuf::from(path.replace("\\\\", "\\")))
        .find(|path| path.file_name().is_some_and(|name| name == "mimalloc.h"))
        .and_then(|path| path.parent().map(Path::to_owned))
        .ok_or_else(|| "the C compiler does not tell where it finds <mimalloc.h>".to_owned())
}

/// A static library leaves its own needs to whoever links it.
fn link_platform() {
    for library in Platform::current().libraries {
        println!("cargo::rustc-link-lib={library}");
    }
}

fn not_found(probe: &pkg_config::Error, search: &str) -> String {
    use pkg_config::Error::{Command, Failure, ProbeFailure};
    let probe = match probe {
        Failure { output, .. } | ProbeFailure { output, .. } => {
            String::from_utf8_lossy(&output.stderr)
                .trim()
                .replace('\n', " ")
        }
        Command { cause, .. } => format!("can't be run: {cause}"),
        other => other.to_string(),
    };
    format!(
        "no usable system mimalloc (2.x from 2.0.9 on, or 3.x from 3.3.2 on).\npkg-config: {probe}\nC \
         compiler: {search}\n\nInstall it (Debian: apt-get install libmimalloc-dev pkg-config; \
         Fedora: dnf install mimalloc-devel; macOS: brew install mimalloc pkgconf), or name it \
         with MIMALLOC_SYS_LIB_DIR and MIMALLOC_SYS_INCLUDE_DIR, or compile the vendored source: \
         without the feature `system` and MIMALLOC_SYS_NO_VENDOR, or with \
         MIMALLOC_SYS_NO_VENDOR=0."
    )
}
