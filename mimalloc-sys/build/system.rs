//! Finds a mimalloc that is installed: in the directories the user names, by
//! pkg-config, or on the C compiler's own search path. The script checks what it
//! finds, and runs none of it.

use std::path::{Path, PathBuf};

use crate::env;
use crate::headers::Headers;
use crate::pin::Engine;
use crate::platform::Platform;
use crate::vendored::{expand, need_compiler};

/// Features that decide how C is compiled. A library that is compiled already
/// can't follow them.
#[rustfmt::skip]
const COMPILED_IN: &[&str] = &[
    "secure-1", "secure-2", "secure-3", "secure-4", "secure-5", "debug", "debug-full", "padding",
    "guarded", "valgrind", "asan", "override", "no-thp", "local-dynamic-tls", "opt-arch",
    "no-profile",
];

/// File names of the library, with how and under which name each is linked.
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
    let lib = env::path("MIMALLOC_SYS_LIB_DIR");
    let headers = match (lib, env::path("MIMALLOC_SYS_INCLUDE_DIR")) {
        (Some(lib), Some(include)) => named(&lib, &include)?,
        (None, None) => probed()?,
        _ => {
            return Err(
                "set MIMALLOC_SYS_LIB_DIR and MIMALLOC_SYS_INCLUDE_DIR together: the library and \
                 its headers must belong to each other"
                    .to_owned(),
            );
        }
    };
    let header = headers.dir.join("mimalloc.h");
    if env::feature("v2") && headers.engine != Engine::V2 {
        return Err(format!(
            "feature `v2` needs mimalloc 2.x, but {} is of {}.\nInstall mimalloc 2, or drop the \
             feature: with a system library its own version decides.",
            header.display(),
            headers.version
        ));
    }
    println!("cargo::rerun-if-changed={}", header.display());
    Ok(headers)
}

/// Fails when a feature asks for what a system library can't give. An allocator
/// that silently lacks hardening is worse than a failed build.
fn refuse_features() -> Result<(), String> {
    let asked = COMPILED_IN.iter().filter(|name| env::feature(name));
    let asked: Vec<_> = asked.map(|name| format!("`{name}`")).collect();
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

/// Links the library in the directories that the user names.
fn named(lib: &Path, include: &Path) -> Result<Headers, String> {
    let headers = Headers::read(include).map_err(|e| format!("MIMALLOC_SYS_INCLUDE_DIR: {e}"))?;
    let found = first_file(|file| Some(lib.join(file)));
    let (file, kind, name) = found.map_err(|names| {
        format!(
            "MIMALLOC_SYS_LIB_DIR={} holds none of {names}",
            lib.display()
        )
    })?;
    println!("cargo::rustc-link-search=native={}", lib.display());
    println!("cargo::rerun-if-changed={}", file.display());
    link(kind, name);
    Ok(headers)
}

/// Returns the first library file that is there, and how to link the file, or the
/// names of all files. `place` says where a file would be.
fn first_file(
    place: impl Fn(&str) -> Option<PathBuf>,
) -> Result<(PathBuf, &'static str, &'static str), String> {
    // The pkg-config crate reads the same variables, and prefers shared libraries.
    let refused = if env::is_set("MIMALLOC_STATIC") {
        "dylib"
    } else if env::is_set("MIMALLOC_DYNAMIC") {
        "static"
    } else {
        ""
    };
    let files: Vec<_> = FILES.iter().filter(|file| file.1 != refused).collect();
    let found = files.iter().find_map(|(file, kind, name)| {
        let path = place(file).filter(|path| path.is_file())?;
        Some((path, *kind, *name))
    });
    let names = files.iter().map(|file| file.0);
    found.ok_or_else(|| names.collect::<Vec<_>>().join(", "))
}

fn link(kind: &str, name: &str) {
    println!("cargo::rustc-link-lib={kind}={name}");
    if kind == "static" {
        Platform::current().link_libraries();
    }
}

/// Asks pkg-config, then the C compiler. pkg-config gets no range of versions:
/// upstream's file says 2.0 for 2.0.9, so the header decides.
fn probed() -> Result<Headers, String> {
    match pkg_config::probe_library("mimalloc") {
        Ok(library) => {
            let mut dirs = library.include_paths.into_iter();
            let dir = dirs.find(|dir| dir.join("mimalloc.h").is_file());
            Headers::read(&dir.map_or_else(include_of_compiler, Ok)?)
        }
        Err(e) => from_compiler().map_err(|search| not_found(&e, &search)),
    }
}

/// Looks where the C compiler looks: Debian 12 installs the library in the usual
/// places, and no pkg-config file.
fn from_compiler() -> Result<Headers, String> {
    let include = include_of_compiler()?;
    let compiler = cc::Build::new().cargo_warnings(false).get_compiler();
    // gcc and clang answer with a path when they find the file, and with the bare
    // name otherwise.
    let found = first_file(|file| {
        let mut ask = compiler.to_command();
        let out = ask.arg(format!("-print-file-name={file}")).output().ok()?;
        let path = PathBuf::from(String::from_utf8(out.stdout).ok()?.trim());
        path.is_absolute().then_some(path)
    });
    let (path, kind, name) = found.map_err(|names| {
        format!(
            "{}/mimalloc.h is there, but none of {names}",
            include.display()
        )
    })?;
    let headers = Headers::read(&include)?;
    if kind == "static" {
        // The linker finds a shared library where the compiler just found the file.
        let dir = path.parent().unwrap_or(&path);
        println!("cargo::rustc-link-search=native={}", dir.display());
    }
    link(kind, name);
    Ok(headers)
}

/// Returns the directory in which `#include <mimalloc.h>` finds its file, from the
/// line markers of the preprocessor.
fn include_of_compiler() -> Result<PathBuf, String> {
    let Some(text) = expand("#include <mimalloc.h>\n")? else {
        need_compiler()?;
        return Err("the C compiler finds no <mimalloc.h> either".to_owned());
    };
    String::from_utf8_lossy(&text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .filter_map(|line| line.split('"').nth(1))
        .map(|path| PathBuf::from(path.replace("\\\\", "\\")))
        .find(|path| path.file_name().is_some_and(|name| name == "mimalloc.h"))
        .and_then(|path| path.parent().map(Path::to_owned))
        .ok_or_else(|| "the C compiler does not tell where it finds <mimalloc.h>".to_owned())
}

fn not_found(probe: &pkg_config::Error, search: &str) -> String {
    use pkg_config::Error::{Command, Failure, ProbeFailure};
    let probe = match probe {
        Failure { output, .. } | ProbeFailure { output, .. } => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            stderr.trim().replace('\n', " ")
        }
        Command { cause, .. } => format!("can't be run: {cause}"),
        other => other.to_string(),
    };
    format!(
        "no usable system mimalloc ({}).\npkg-config: {probe}\nC compiler: {search}\n\n\
         Install it (Debian: apt-get install libmimalloc-dev pkg-config; Fedora: dnf install \
         mimalloc-devel; macOS: brew install mimalloc pkgconf), or name it with \
         MIMALLOC_SYS_LIB_DIR and MIMALLOC_SYS_INCLUDE_DIR, or compile the vendored source: \
         without the feature `system` and MIMALLOC_SYS_NO_VENDOR, or with \
         MIMALLOC_SYS_NO_VENDOR=0.",
        Engine::supported()
    )
}
