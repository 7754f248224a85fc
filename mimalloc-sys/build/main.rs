//! Decides which mimalloc is linked, and tells the crate and its dependents
//! what it is. How each way works is in the other files of this directory.

mod carrier;
mod env;
mod headers;
mod metadata;
mod patches;
mod platform;
mod split_build;
mod sums;
mod system;
mod upstream;
mod vendored;
#[path = "../src/version.rs"]
mod version;

#[cfg(feature = "bindgen")]
mod bindgen;

use std::process::ExitCode;

use headers::{Engine, Headers, Version};
use metadata::{Linkage, bound_version};
use vendored::Settings;

fn main() -> ExitCode {
    println!(
        "cargo::rustc-check-cfg=cfg(mimalloc_v3, mimalloc_v2, mimalloc_inline, mimalloc_patched, mimalloc_keeps_heaps, mimalloc_inline_alloc, mimalloc_other_version)"
    );
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            for line in e.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    // A variable, because whoever packages a program decides this, not the
    // manifests of its dependencies; it wins over the feature in both directions.
    let is_system = env::switch("MIMALLOC_SYS_NO_VENDOR")?.unwrap_or(cfg!(feature = "system"));
    if is_system {
        link_system()
    } else {
        link_vendored()
    }
}

/// A variable that has no effect is a mistake, or a left-over that hides one. An
/// empty value counts as unset, so a single build can do without it.
fn refuse_ignored(names: &[&str], done: &str, otherwise: &str) -> Result<(), String> {
    match names.iter().find(|name| env::var(name).is_some()) {
        Some(name) => Err(format!(
            "{name} is set, but {done}, which it has no effect on.\nUnset it (or set it to \
             nothing, `{name}=`), or set {otherwise}."
        )),
        None => Ok(()),
    }
}

fn link_system() -> Result<(), String> {
    refuse_ignored(
        &["MIMALLOC_SYS_SOURCE_DIR"],
        "a system library is linked",
        "MIMALLOC_SYS_NO_VENDOR=0 to compile that source",
    )?;
    let headers = system::find()?;
    // How it was compiled can't be read from a header; nothing is assumed on.
    Linkage {
        is_vendored: false,
        is_patched: false,
        keeps_heaps: false,
        inlines_alloc: false,
        settings: Settings::default(),
    }
    .emit(&headers)
}

fn link_vendored() -> Result<(), String> {
    refuse_ignored(
        &["MIMALLOC_SYS_LIB_DIR", "MIMALLOC_SYS_INCLUDE_DIR"],
        "the vendored source is compiled",
        "MIMALLOC_SYS_NO_VENDOR=1 to link that library",
    )?;
    let engine = if cfg!(feature = "v2") {
        Engine::V2
    } else {
        Engine::V3
    };
    let source = upstream::find(engine)?;
    let headers = Headers::read(&source.dir.join("include"))?;
    let bound = bound_version(engine)?;
    if headers.engine != engine || (source.is_pinned && headers.version != bound) {
        return Err(format!(
            "{} is mimalloc {}, but the {} bindings are of {bound}.\nRun `cargo xtask vendor` and \
             `cargo xtask bindgen`, or choose the engine with the feature `v2`.",
            source.dir.display(),
            headers.version,
            engine.name(),
        ));
    }
    let settings = Settings::from_features(engine)?;
    let is_patched = source.is_pinned && engine == Engine::V3;
    let keeps_heaps = source.is_pinned && engine == Engine::V2;
    let patched = match engine {
        Engine::V3 => patches::PATCHED_VERSION,
        Engine::V2 => patches::v2::PATCHED_VERSION,
    };
    if source.is_pinned && headers.version.0 != patched {
        return Err(format!(
            "the patches in build/patches and the inlined allocation in src/inline_alloc.rs were written for \
             mimalloc {}, but {} holds {}.\nRead both against the new source, then change \
             PATCHED_VERSION beside the patches.",
            Version(patched),
            source.dir.display(),
            headers.version
        ));
    }
    // Not with settings that we don't know, nor where a tool looks at every
    // access to memory that comes from Rust, and only at those.
    let inlines_alloc = is_patched
        && settings.is_plain()
        && !env::has_own_settings()
        && env::cargo("CARGO_CFG_TARGET_POINTER_WIDTH") == "64"
        && env::cargo("CARGO_CFG_SANITIZE").is_empty();
    vendored::build(
        &source.dir,
        settings,
        is_patched,
        keeps_heaps,
        inlines_alloc,
    )?;
    Linkage {
        is_vendored: true,
        is_patched,
        keeps_heaps,
        inlines_alloc,
        settings,
    }
    .emit(&headers)
}
