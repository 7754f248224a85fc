//! Tells the crate (cfgs, environment) and its dependents (link metadata,
//! `DEP_MIMALLOC_SYS_*`) what is linked.

use core::fmt::Display;
use std::fs;

use crate::env;
use crate::headers::Headers;
use crate::inlined::Inlined;
use crate::patches::Patches;
use crate::pin::{self, Engine, Parts, Version};
use crate::settings::Settings;

/// The cfgs of this crate.
pub(crate) const CFGS: &[&str] = &[
    "mimalloc_v2",
    "mimalloc_v3",
    "mimalloc_inline",
    "mimalloc_patched",
    "mimalloc_inline_alloc",
    "mimalloc_default_theap",
    "mimalloc_other_version",
];

/// Functions that the Rust twins of upstream's inline functions call.
const INLINE: &[&str] = &[
    "mi_malloc_csize",
    "mi_theap_wzalloc_small",
    "mi_free_small_nonnull",
];

/// Functions that older versions declare and don't define, with the first version
/// that defines each.
const UNDEFINED: &[(&str, Engine, Parts)] = &[
    ("mi_theap_set_default", Engine::V3, (3, 4, 0)),
    ("mi_uzalloc_small", Engine::V3, (3, 6, 0)),
    ("mi_uzalloc_small", Engine::V2, (2, 5, 0)),
];

/// Describes what is linked, apart from the headers.
#[derive(Debug)]
pub(crate) struct Linkage {
    pub(crate) is_vendored: bool,
    /// The patches, if the pinned source is compiled with them.
    pub(crate) patches: Option<&'static Patches>,
    /// The C compiler with its arguments; empty for a system library.
    pub(crate) compiler: Vec<String>,
    pub(crate) inlined: Inlined,
    pub(crate) settings: Settings,
}

impl Linkage {
    /// Prints all facts for cargo.
    pub(crate) fn emit(self, headers: &Headers) -> Result<(), String> {
        let settings = self.settings;
        let engine = headers.engine.name();
        let version = headers.version.0;
        let is_vendored = u8::from(self.is_vendored);
        let is_patched = self.patches.is_some();
        let inlines_alloc = self.inlined != Inlined::Nothing;
        let reads_default = self.inlined == Inlined::AllocInDefault;
        for (cfg, is_set) in [
            (&*format!("mimalloc_{engine}"), true),
            (
                "mimalloc_inline",
                INLINE.iter().all(|f| headers.declares(f)),
            ),
            ("mimalloc_patched", is_patched),
            ("mimalloc_inline_alloc", inlines_alloc),
            ("mimalloc_default_theap", reads_default),
        ] {
            if is_set {
                println!("cargo::rustc-cfg={cfg}");
            }
        }
        println!("cargo::rustc-env=MIMALLOC_SYS_ENGINE={engine}");
        println!("cargo::rustc-env=MIMALLOC_SYS_VERSION={version}");
        println!("cargo::rustc-env=MIMALLOC_SYS_VENDORED={is_vendored}");
        emit("include", headers.dir.display());
        emit("version", version);
        emit("vendored", is_vendored);
        emit("engine", engine);
        emit("patched", u8::from(is_patched));
        emit("inline_alloc", u8::from(inlines_alloc));
        emit("default_theap", u8::from(reads_default));
        emit("debug", settings.debug);
        emit("secure", settings.secure);
        emit("padding", u8::from(settings.padding));
        emit("guarded", u8::from(settings.guarded));
        emit("profile", u8::from(settings.profile));
        self.write_build_info(headers)?;
        emit_differences(headers)?;
        #[cfg(feature = "bindgen")]
        write_bindings(headers)?;
        Ok(())
    }
}

impl Linkage {
    /// Writes what `src/build.rs` states.
    fn write_build_info(&self, headers: &Headers) -> Result<(), String> {
        let (compiler, arguments) = match &*self.compiler {
            [] => ("", &[][..]),
            [path, arguments @ ..] => (&**path, arguments),
        };
        let features = std::env::vars_os().filter_map(|(name, _)| {
            let name = name.into_string().ok()?;
            let feature = name.strip_prefix("CARGO_FEATURE_")?;
            Some(feature.to_lowercase().replace('_', "-"))
        });
        let mut features: Vec<_> = features.collect();
        features.sort();
        let patches = self.patches.into_iter().flat_map(Patches::reasons);
        let patches: Vec<_> = patches.collect();
        let include = headers.dir.display().to_string();
        let text = format!(
            "pub(super) const FEATURES: &[&str] = &{features:?};\n\
             pub(super) const INCLUDE_DIR: &str = {include:?};\n\
             pub(super) const COMPILER: &str = {compiler:?};\n\
             pub(super) const ARGUMENTS: &[&str] = &{arguments:?};\n\
             pub(super) const PATCHES: &[(&str, &str)] = &{patches:?};\n"
        );
        let out = env::cargo_path("OUT_DIR").join("build_info.rs");
        fs::write(&out, text).map_err(|e| format!("can't write {}: {e}", out.display()))
    }
}

fn emit(key: &str, value: impl Display) {
    println!("cargo::metadata={key}={value}");
}

/// Makes bindings from the headers that are linked, for this target.
#[cfg(feature = "bindgen")]
fn write_bindings(headers: &Headers) -> Result<(), String> {
    use crate::bindgen;

    let undefined = match headers.engine {
        Engine::V2 => bindgen::UNDEFINED_V2,
        Engine::V3 => bindgen::UNDEFINED_V3,
    };
    let rust = env::cargo("CARGO_PKG_RUST_VERSION");
    let target = rust
        .parse()
        .map_err(|e| format!("rust-version {rust}: {e}"))?;
    bindgen::builder(&headers.dir, undefined, target)
        .generate()
        .map_err(|e| format!("feature `bindgen`: {e}"))?
        .write_to_file(env::cargo_path("OUT_DIR").join("bindings.rs"))
        .map_err(|e| format!("feature `bindgen`: {e}"))
}

/// Compares the committed bindings with the headers, and prints the functions that
/// the headers lack or declare otherwise, and the numbers of their options. Both
/// are empty when the versions are equal.
///
/// The crate leaves those functions out, so that the compiler and not the linker
/// reports a call of one.
fn emit_differences(headers: &Headers) -> Result<(), String> {
    let bindings = bindings(headers.engine)?;
    let bound = version_of(&bindings, headers.engine)?;
    if headers.version == bound {
        emit("missing", "");
        emit("options", "");
        return Ok(());
    }
    let (fitting, missing) = split(&bindings, |function, parameters| {
        // Upstream changed the parameters of `mi_stats_get` after 2.2 and 3.2.
        headers.parameters(function) == Some(parameters) && !is_undefined(headers, function)
    });
    if !cfg!(feature = "bindgen") {
        println!(
            "cargo::warning=mimalloc {} is linked through bindings of {bound}: structs and option \
             numbers may differ. The feature `bindgen` makes bindings that fit.",
            headers.version
        );
        let out = env::cargo_path("OUT_DIR").join("bindings.rs");
        fs::write(&out, fitting).map_err(|e| format!("can't write {}: {e}", out.display()))?;
        println!("cargo::rustc-cfg=mimalloc_other_version");
    }
    let options = headers.options().into_iter();
    let options: Vec<_> = options.map(|(name, n)| format!("{name}:{n}")).collect();
    emit("missing", missing.join(","));
    emit("options", options.join(","));
    Ok(())
}

fn is_undefined(headers: &Headers, function: &str) -> bool {
    UNDEFINED.iter().any(|&(name, engine, since)| {
        (name, engine) == (function, headers.engine) && headers.version.parts() < since
    })
}

/// Removes functions from bindings, and returns the rest and the names of those. The
/// predicate gets a name and a number of parameters.
fn split(bindings: &str, is_there: impl Fn(&str, usize) -> bool) -> (String, Vec<&str>) {
    const START: &str = "    pub fn ";
    let mut declarations = bindings.split(START);
    let mut rest = declarations.next().unwrap_or_default().to_owned();
    let mut missing = Vec::new();
    for declaration in declarations {
        let (signature, behind) = declaration.split_once(';').unwrap_or((declaration, ""));
        // Types have no parentheses and no semicolons, and no space follows `::`.
        let (name, parameters) = signature.split_once('(').unwrap_or((signature, ""));
        let parameters = parameters.split(')').next().unwrap_or_default();
        if is_there(name, parameters.matches(": ").count()) {
            rest.extend([START, declaration]);
        } else {
            missing.push(name);
            rest.push_str(behind);
        }
    }
    (rest, missing)
}

/// Returns the version that the committed bindings are made from.
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
    pin::read(&path)
}
