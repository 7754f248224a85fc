//! Decides which mimalloc is linked, and tells the crate and its dependents what
//! that mimalloc is. The other files of this directory do the work.

mod env;
mod headers;
mod inlined;
mod metadata;
mod network;
mod patches;
mod pin;
mod platform;
mod settings;
mod source;
mod system;
mod vendored;

#[cfg(feature = "bindgen")]
mod bindgen;

use std::process::ExitCode;

use headers::Headers;
use inlined::Inlined;
use metadata::{Linkage, bound_version};
use patches::Patches;
use pin::{Engine, Version};
use platform::Platform;
use settings::Settings;

fn main() -> ExitCode {
    println!("cargo::rustc-check-cfg=cfg({})", metadata::CFGS.join(", "));
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
    // A variable, because the person who packages a program decides this, not the
    // manifests of its dependencies. The variable wins over the feature.
    let is_system = env::switch("MIMALLOC_SYS_NO_VENDOR")?.unwrap_or(env::feature("system"));
    if is_system {
        link_system()
    } else {
        link_vendored()
    }
}

fn link_system() -> Result<(), String> {
    env::refuse_ignored(
        &["MIMALLOC_SYS_SOURCE_DIR"],
        "a system library is linked",
        "MIMALLOC_SYS_NO_VENDOR=0 to compile that source",
    )?;
    let headers = system::find()?;
    Linkage {
        is_vendored: false,
        patches: None,
        compiler: Vec::new(),
        inlined: Inlined::Nothing,
        settings: Settings::of_system(headers.engine),
    }
    .emit(&headers)
}

fn link_vendored() -> Result<(), String> {
    env::refuse_ignored(
        &["MIMALLOC_SYS_LIB_DIR", "MIMALLOC_SYS_INCLUDE_DIR"],
        "the vendored source is compiled",
        "MIMALLOC_SYS_NO_VENDOR=1 to link that library",
    )?;
    let engine = if env::feature("v2") {
        Engine::V2
    } else {
        Engine::V3
    };
    let source = source::find(engine)?;
    let headers = Headers::read(&source.dir.join("include"))?;
    let patches = source.is_pinned.then(|| Patches::of(engine));
    check_version(&headers, engine, patches)?;
    let settings = Settings::from_features(engine)?;
    let platform = Platform::current();
    let inlined = Inlined::of(patches, settings, &platform)?;
    let compiler = vendored::build(&source.dir, settings, &platform, patches, inlined)?;
    Linkage {
        is_vendored: true,
        patches,
        compiler,
        inlined,
        settings,
    }
    .emit(&headers)
}

/// Compares the version of the source with the bindings and the patches.
fn check_version(
    headers: &Headers,
    engine: Engine,
    patches: Option<&Patches>,
) -> Result<(), String> {
    let (dir, version) = (headers.dir.display(), headers.version);
    let bound = bound_version(engine)?;
    if headers.engine != engine || (patches.is_some() && version != bound) {
        return Err(format!(
            "{dir} is mimalloc {version}, but the {} bindings are of {bound}.\nRun `cargo xtask \
             vendor` and `cargo xtask bindgen`, or choose the engine with the feature `v2`.",
            engine.name(),
        ));
    }
    match patches {
        Some(patches) if patches.version != version.0 => Err(format!(
            "the patches in build/patches and the inlined allocation in src/inline_alloc.rs and \
             src/default_theap.rs were \
             written for mimalloc {}, but {dir} holds {version}.\nRead both against the new \
             source, then change `version` in build/patches.rs.",
            Version(patches.version),
        )),
        _ => Ok(()),
    }
}
