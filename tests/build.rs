//! Compiles the C side of the ABI test. Generates both sides of that test and
//! the list of the link test from the text of the bindings.

use core::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=abi.c");
    // For the tests that run cargo or a C compiler.
    for name in ["HOST", "TARGET"] {
        let triple = env::var(name).expect("cargo sets the triples");
        println!("cargo::rustc-env=MIMALLOC_TESTS_{name}={triple}");
    }
    let engine = env::var("DEP_MIMALLOC_SYS_ENGINE").expect("mimalloc-sys tells the engine");
    println!("cargo::rustc-check-cfg=cfg(mimalloc_assertions, mimalloc_profile)");
    if engine == "v3" && dep("PROFILE") != "0" {
        println!("cargo::rustc-cfg=mimalloc_profile");
    }
    if dep("DEBUG").parse::<u32>().is_ok_and(|level| level >= 2) {
        // Some of upstream's own assertions fail on legitimate use.
        println!("cargo::rustc-cfg=mimalloc_assertions");
    }
    println!("cargo::rustc-check-cfg=cfg(mimalloc_v3, mimalloc_v2, mimalloc_other_version)");
    println!("cargo::rustc-cfg=mimalloc_{engine}");
    println!("cargo::rustc-check-cfg=cfg(mimalloc_patched)");
    if dep("PATCHED") == "1" {
        println!("cargo::rustc-cfg=mimalloc_patched");
    }
    println!("cargo::rustc-check-cfg=cfg(mimalloc_owned_heaps)");
    if engine == "v3" || dep("KEEPS_HEAPS") == "1" {
        println!("cargo::rustc-cfg=mimalloc_owned_heaps");
    }
    println!("cargo::rustc-check-cfg=cfg(mimalloc_guarded)");
    if dep("GUARDED") == "1" {
        println!("cargo::rustc-cfg=mimalloc_guarded");
    }
    // A package of these tests has the files through a link. Where git made no
    // links, the build script reads the files at their place.
    let bindings = ["bindings", "../mimalloc-sys/src/bindings"]
        .map(|dir| Path::new(dir).join(format!("{engine}.rs")))
        .into_iter()
        .find(|path| path.is_file())
        .expect("the bindings are committed");
    println!("cargo::rerun-if-changed={}", bindings.display());
    let bindings = fs::read_to_string(bindings).expect("the bindings are readable");
    let mut items = Items::scan(&bindings);

    // With a system library of another version, the committed bindings are
    // right except for what `missing` and `options` name. The safe layer looks
    // at both. Here only the functions can be compared.
    if dep("MISSING").is_empty() && dep("OPTIONS").is_empty() {
        compile(&items);
    } else {
        println!("cargo::rustc-cfg=mimalloc_other_version");
        let missing = dep("MISSING");
        items
            .functions
            .retain(|name| missing.split(',').all(|other| other != name));
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    write(&out.join("abi_rows.rs"), &items.rust_rows());
    write(&out.join("functions.rs"), &items.rust_functions());
}

fn dep(key: &str) -> String {
    env::var(format!("DEP_MIMALLOC_SYS_{key}")).unwrap_or_default()
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|e| panic!("can't write {}: {e}", path.display()));
}

fn compile(items: &Items) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    write(&out.join("abi_rows.inc"), &items.c_rows());
    let include = PathBuf::from(dep("INCLUDE"));
    let mut cc = cc::Build::new();
    cc.file("abi.c")
        .include(&include)
        .include(&out)
        .warnings(false);
    for (header, define) in [
        ("mimalloc-stats.h", "ABI_STATS"),
        ("mimalloc-profile.h", "ABI_PROFILE"),
    ] {
        if include.join(header).is_file() {
            cc.define(define, None);
        }
    }
    // `it/abi.rs` links the library: what a build script links goes to the
    // crate's own library.
    cc.cargo_metadata(false).compile("mimalloc_abi");
    println!("cargo::rustc-link-search=native={}", out.display());
}

/// The items that the bindings declare.
#[derive(Default)]
struct Items {
    functions: Vec<String>,
    constants: Vec<String>,
    enums: Vec<String>,
    structs: Vec<(String, Vec<String>)>,
}

impl Items {
    /// Reads bindgen's output, which has one item on a line where this matters.
    fn scan(text: &str) -> Self {
        let mut items = Self::default();
        let mut is_struct = false;
        for line in text.lines() {
            let line = line.trim();
            if let Some(name) = between(line, "pub fn ", "(") {
                items.functions.push(name);
            } else if let Some(name) = between(line, "pub const ", ":") {
                items.constants.push(name);
            } else if line.ends_with("= super::c_enum;") {
                items.enums.extend(between(line, "pub type ", " ="));
            } else if let Some(name) = between(line, "pub struct ", " {") {
                items.structs.push((name, Vec::new()));
                is_struct = true;
            } else if line == "}" {
                is_struct = false;
            } else if line.starts_with("_unused:") {
                // The structure is opaque in C, and has no size there.
                items.structs.pop();
                is_struct = false;
            } else if is_struct {
                let (_, fields) = items.structs.last_mut().expect("we are in a struct");
                fields.extend(between(line, "pub ", ":"));
            }
        }
        items
    }

    fn c_rows(&self) -> String {
        let mut out = String::new();
        for name in &self.enums {
            let _ = writeln!(out, "SIZE(enum {name})\nSIGNED(enum {name})");
        }
        for (name, fields) in &self.structs {
            // C has a tag for some structures, and a typedef for others.
            let tag = if name.ends_with("_s") { "struct " } else { "" };
            let _ = writeln!(out, "SIZE({tag}{name})\nALIGN({tag}{name})");
            for field in fields {
                let _ = writeln!(
                    out,
                    "OFFSET({tag}{name}, {field})\nFIELD({tag}{name}, {field})"
                );
            }
        }
        for name in &self.constants {
            let _ = writeln!(out, "CONSTANT({name})");
        }
        out
    }

    /// Returns the same rows in the same order, with Rust's values.
    fn rust_rows(&self) -> String {
        let mut out = String::from("&[\n");
        for name in &self.enums {
            let _ = writeln!(
                out,
                "(\"size of enum {name}\", size_of::<sys::{name}>() as i64),"
            );
            let _ = writeln!(
                out,
                "(\"sign of enum {name}\", (sys::{name}::MIN != 0) as i64),"
            );
        }
        for (name, fields) in &self.structs {
            let tag = if name.ends_with("_s") { "struct " } else { "" };
            let _ = writeln!(
                out,
                "(\"size of {tag}{name}\", size_of::<sys::{name}>() as i64),"
            );
            let _ = writeln!(
                out,
                "(\"align of {tag}{name}\", align_of::<sys::{name}>() as i64),"
            );
            for field in fields {
                let _ = writeln!(
                    out,
                    "(\"{tag}{name}.{field}\", offset_of!(sys::{name}, {field}) as i64),\n\
                     (\"size of {tag}{name}.{field}\", size_of_field(|s: &sys::{name}| &raw const s.{field})),"
                );
            }
        }
        for name in &self.constants {
            let _ = writeln!(out, "(\"{name}\", sys::{name} as i64),");
        }
        out.push(']');
        out
    }

    fn rust_functions(&self) -> String {
        let mut out = String::from("&[\n");
        for name in &self.functions {
            let _ = writeln!(out, "(\"{name}\", sys::{name} as *const ()),");
        }
        out.push(']');
        out
    }
}

fn between(line: &str, start: &str, end: &str) -> Option<String> {
    Some(line.strip_prefix(start)?.split_once(end)?.0.to_owned())
}
