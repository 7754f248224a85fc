//! Tells the crate itself (cfgs, environment) and its dependents (link
//! metadata, `DEP_MIMALLOC_SYS_*`) what is linked.

use std::fs;

use crate::env;
use crate::headers::{Engine, Headers, Version};
use crate::vendored::Settings;
use crate::version::Parts;

/// What is linked, apart from what its headers say.
#[derive(Debug)]
pub(crate) struct Linkage {
    pub(crate) is_vendored: bool,
    /// Compiled with the corrections of `unit`, from the source they are for.
    pub(crate) is_patched: bool,
    /// Compiled so that heaps of v2 can outlive their thread.
    pub(crate) keeps_heaps: bool,
    /// Small blocks can be allocated without a call.
    pub(crate) inlines_alloc: bool,
    pub(crate) settings: Settings,
}

impl Linkage {
    /// Prints all of it.
    pub(crate) fn emit(self, headers: &Headers) -> Result<(), String> {
        let Self {
            is_vendored,
            is_patched,
            keeps_heaps,
            inlines_alloc,
            settings,
        } = self;
        let engine = headers.engine;
        println!("cargo::rustc-cfg=mimalloc_{}", engine.name());
        // The Rust twins of the inline functions call these.
        if [
            "mi_malloc_csize",
            "mi_theap_wzalloc_small",
            "mi_free_small_nonnull",
        ]
        .iter()
        .all(|name| headers.declares(name))
        {
            println!("cargo::rustc-cfg=mimalloc_inline");
        }
        println!("cargo::rustc-env=MIMALLOC_SYS_ENGINE={}", engine.name());
        println!(
            "cargo::rustc-env=MIMALLOC_SYS_VERSION={}",
            headers.version.0
        );
        println!(
            "cargo::rustc-env=MIMALLOC_SYS_VENDORED={}",
            u8::from(is_vendored)
        );

        emit("include", headers.dir.display());
        emit("version", headers.version.0);
        emit("vendored", u8::from(is_vendored));
        emit("engine", engine.name());
        if is_patched {
            println!("cargo::rustc-cfg=mimalloc_patched");
        }
        emit("patched", u8::from(is_patched));
        if keeps_heaps {
            println!("cargo::rustc-cfg=mimalloc_keeps_heaps");
        }
        emit("keeps_heaps", u8::from(keeps_heaps));
        if inlines_alloc {
            println!("cargo::rustc-cfg=mimalloc_inline_alloc");
        }
        emit("inline_alloc", u8::from(inlines_alloc));
        emit("debug", settings.debug);
        emit("secure", settings.secure);
        emit("padding", u8::from(settings.padding));
        emit("guarded", u8::from(settings.guarded));
        emit(
            "profile",
            u8::from(settings.profile || (!is_vendored && engine == Engine::V3)),
        );
        emit_differences(headers)?;

        #[cfg(feature = "bindgen")]
        write_bindings(headers)?;
        Ok(())
    }
}

/// Makes bindings from the very headers, for this target.
#[cfg(feature = "bindgen")]
fn write_bindings(headers: &Headers) -> Result<(), String> {
    let target = env::cargo("CARGO_PKG_RUST_VERSION");
    let target = target
        .parse()
        .map_err(|e| format!("rust-version {target}: {e}"))?;
    crate::bindgen::builder(&headers.dir, headers.engine.name(), target)
        .generate()
        .map_err(|e| format!("feature `bindgen`: {e}"))?
        .write_to_file(env::cargo_path("OUT_DIR").join("bindings.rs"))
        .map_err(|e| format!("feature `bindgen`: {e}"))
}

/// Functions that older versions declare and don't define, and since when they do.
const UNDEFINED: &[(&str, Engine, Parts)] = &[
    ("mi_theap_set_default", Engine::V3, (3, 4, 0)),
    ("mi_uzalloc_small", Engine::V3, (3, 6, 0)),
    ("mi_uzalloc_small", Engine::V2, (2, 5, 0)),
];

/// What of the committed bindings is not right for these headers: functions
/// that they lack or declare otherwise, and the numbers of their options. Empty for the very version.
///
/// The crate then leaves those functions out, so that who calls one hears it from
/// the compiler and not from the linker.
fn emit_differences(headers: &Headers) -> Result<(), String> {
    let bindings = bindings(headers.engine)?;
    let bound = version_of(&bindings, headers.engine)?;
    if headers.version == bound {
        emit("missing", "");
        emit("options", "");
        return Ok(());
    }
    if !cfg!(feature = "bindgen") {
        println!(
            "cargo::warning=mimalloc {} is linked through bindings of {bound}: structs and option \
             numbers may differ. The feature `bindgen` makes bindings that fit.",
            headers.version
        );
    }
    let is_undefined = |function| {
        UNDEFINED.iter().any(|&(name, engine, since)| {
            (name, engine) == (function, headers.engine) && headers.version.parts() < since
        })
    };
    // Upstream changed the parameters of `mi_stats_get` after 2.2 and 3.2.
    let missing: Vec<_> = functions(&bindings)
        .filter(|&(function, parameters)| {
            headers.parameters(function) != Some(parameters) || is_undefined(function)
        })
        .map(|(function, _)| function)
        .collect();
    if !cfg!(feature = "bindgen") {
        let out = env::cargo_path("OUT_DIR").join("bindings.rs");
        fs::write(&out, without(&bindings, &missing))
            .map_err(|e| format!("can't write {}: {e}", out.display()))?;
        println!("cargo::rustc-cfg=mimalloc_other_version");
    }
    emit("missing", missing.join(","));
    let options: Vec<_> = headers
        .options()
        .iter()
        .map(|(name, number)| format!("{name}:{number}"))
        .collect();
    emit("options", options.join(","));
    Ok(())
}

/// The functions that bindings declare, and how many parameters each has.
fn functions(bindings: &str) -> impl Iterator<Item = (&str, usize)> {
    let declarations = bindings.split("    pub fn ").skip(1);
    declarations.filter_map(|declaration| {
        let (name, rest) = declaration.split_once('(')?;
        let (parameters, _) = rest.split_once(')')?;
        // Types have no parentheses, and `::` no space behind it.
        Some((name, parameters.matches(": ").count()))
    })
}

/// The function whose declaration begins with this line.
fn name(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("pub fn ")?.split('(').next()
}

/// Bindings without the declarations of some functions.
fn without(bindings: &str, missing: &[&str]) -> String {
    let mut out = String::with_capacity(bindings.len());
    let mut is_left_out = false;
    for line in bindings.lines() {
        is_left_out |= name(line).is_some_and(|name| missing.contains(&name));
        if !is_left_out {
            out.push_str(line);
            out.push('\n');
        }
        is_left_out &= !line.ends_with(';');
    }
    out
}

fn emit(key: &str, value: impl core::fmt::Display) {
    println!("cargo::metadata={key}={value}");
}

/// The version that the committed bindings are made from.
pub(crate) fn bound_version(engine: Engine) -> Result<Version, String> {
    version_of(&bindings(engine)?, engine)
}

fn version_of(bindings: &str, engine: Engine) -> Result<Version, String> {
    bindings
        .split_once("MI_MALLOC_VERSION: u32 = ")
        .and_then(|(_, rest)| rest.split(';').next()?.parse().ok())
        .map(Version)
        .ok_or_else(|| format!("src/bindings/{}.rs names no version", engine.name()))
}

fn bindings(engine: Engine) -> Result<String, String> {
    let name = format!("src/bindings/{}.rs", engine.name());
    let path = env::cargo_path("CARGO_MANIFEST_DIR").join(name);
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(&path).map_err(|e| format!("can't read {}: {e}", path.display()))
}
