//! Compiles the C side of the ABI test. The text of the bindings generates both
//! sides of that test, and the list of the link test.

use core::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A line of mimalloc's versions.
#[derive(Clone, Copy, Debug)]
enum Engine {
    V2,
    V3,
}

fn main() {
    println!("cargo::rerun-if-changed=abi.c");
    // For the tests that run cargo or a C compiler.
    for name in ["HOST", "TARGET"] {
        let triple = env::var(name).expect("cargo sets the triples");
        println!("cargo::rustc-env=MIMALLOC_TESTS_{name}={triple}");
    }
    println!("cargo::rustc-env=MIMALLOC_TESTS_DEBUG={}", dep("DEBUG"));
    println!("cargo::rustc-env=MIMALLOC_TESTS_INCLUDE={}", dep("INCLUDE"));
    let name = dep("ENGINE");
    let engine = match &*name {
        "v2" => Engine::V2,
        "v3" => Engine::V3,
        other => panic!("the tests know no engine {other:?}"),
    };
    let is_patched = dep("PATCHED") == "1";
    // The committed bindings of a system library of another version are right but
    // for `MISSING` and `OPTIONS`, which the safe layer handles. Structs may differ,
    // so that only functions can be compared.
    let is_bound = dep("MISSING").is_empty() && dep("OPTIONS").is_empty();
    let (is_v2, is_v3, owns_heaps) = match engine {
        Engine::V2 => (true, false, is_patched),
        Engine::V3 => (false, true, true),
    };
    for (cfg, is_set) in [
        ("mimalloc_v2", is_v2),
        ("mimalloc_v3", is_v3),
        ("mimalloc_patched", is_patched),
        ("mimalloc_owned_heaps", owns_heaps),
        ("mimalloc_profile", dep("PROFILE") == "1"),
        ("mimalloc_pprof", dep("PROFILE") == "1" && reads_profiles()),
        ("mimalloc_guarded", dep("GUARDED") == "1"),
        ("mimalloc_padding", dep("PADDING") == "1"),
        // Some of upstream's own assertions fail on legitimate use.
        (
            "mimalloc_assertions",
            dep("DEBUG").parse::<u32>().is_ok_and(|level| level >= 2),
        ),
        ("mimalloc_other_version", !is_bound),
    ] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if is_set {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut items = Items::scan(&bindings(&name));
    let missing = dep("MISSING");
    items
        .functions
        .retain(|name| missing.split(',').all(|other| other != name));
    let (c, rust) = items.rows();
    write(&out.join("abi_rows.rs"), &format!("&[\n{rust}]"));
    write(&out.join("functions.rs"), &items.rust_functions());
    if is_bound {
        write(&out.join("abi_rows.inc"), &c);
        compile(&out);
    }
}

/// Returns whether the target has the crates that read profiles: see Cargo.toml.
fn reads_profiles() -> bool {
    let is = |key, values: &[&str]| {
        env::var(format!("CARGO_CFG_TARGET_{key}")).is_ok_and(|value| values.contains(&&*value))
    };
    is("OS", &["linux"]) && is("ENV", &["gnu"]) && is("ARCH", &["x86_64", "aarch64"])
}

fn dep(key: &str) -> String {
    env::var(format!("DEP_MIMALLOC_SYS_{key}")).unwrap_or_default()
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|e| panic!("can't write {}: {e}", path.display()));
}

/// Reads the bindings. `bindings` is a link, so that a package of these tests has
/// the files; git makes no links on some systems.
fn bindings(engine: &str) -> String {
    let path = ["bindings", "../mimalloc-sys/src/bindings"]
        .map(|dir| Path::new(dir).join(format!("{engine}.rs")))
        .into_iter()
        .find(|path| path.is_file())
        .expect("the bindings are committed");
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(path).expect("the bindings are readable")
}

fn compile(out: &Path) {
    let include = PathBuf::from(dep("INCLUDE"));
    let mut cc = cc::Build::new();
    cc.file("abi.c")
        .include(&include)
        .include(out)
        .warnings(false);
    for (header, define) in [
        ("mimalloc-stats.h", "ABI_STATS"),
        ("mimalloc-profile.h", "ABI_PROFILE"),
    ] {
        if include.join(header).is_file() {
            cc.define(define, None);
        }
    }
    // `it/abi.rs` links the result: what a build script links goes to the library.
    cc.cargo_metadata(false).compile("mimalloc_abi");
    println!("cargo::rustc-link-search=native={}", out.display());
}

/// The declarations of the bindings.
#[derive(Default)]
struct Items {
    functions: Vec<String>,
    constants: Vec<String>,
    enums: Vec<String>,
    structs: Vec<(String, Vec<String>)>,
}

impl Items {
    /// Reads bindgen's output, which puts each of these declarations on a line.
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
                // An opaque struct has no size in C either.
                items.structs.pop();
                is_struct = false;
            } else if is_struct {
                let (_, fields) = items.structs.last_mut().expect("we are in a struct");
                fields.extend(between(line, "pub ", ":"));
            }
        }
        items
    }

    /// Returns the rows of the table in C, and the same rows in Rust.
    fn rows(&self) -> (String, String) {
        let (mut c, mut rust) = (String::new(), String::new());
        let mut row = |in_c: String, label: String, value: String| {
            let _ = writeln!(c, "{in_c}");
            let _ = writeln!(rust, "(\"{label}\", {value}),");
        };
        for name in &self.enums {
            let (size, sign) = (
                format!("size of enum {name}"),
                format!("sign of enum {name}"),
            );
            row(
                format!("SIZE(enum {name})"),
                size,
                format!("size_of::<sys::{name}>() as i64"),
            );
            row(
                format!("SIGNED(enum {name})"),
                sign,
                format!("(sys::{name}::MIN != 0) as i64"),
            );
        }
        for (name, fields) in &self.structs {
            // C has a tag for some, a typedef for others.
            let tag = if name.ends_with("_s") { "struct " } else { "" };
            for (in_c, what, function) in
                [("SIZE", "size", "size_of"), ("ALIGN", "align", "align_of")]
            {
                row(
                    format!("{in_c}({tag}{name})"),
                    format!("{what} of {tag}{name}"),
                    format!("{function}::<sys::{name}>() as i64"),
                );
            }
            for field in fields {
                row(
                    format!("OFFSET({tag}{name}, {field})"),
                    format!("{tag}{name}.{field}"),
                    format!("offset_of!(sys::{name}, {field}) as i64"),
                );
                row(
                    format!("FIELD({tag}{name}, {field})"),
                    format!("size of {tag}{name}.{field}"),
                    format!("size_of_field(|s: &sys::{name}| &raw const s.{field})"),
                );
            }
        }
        for name in &self.constants {
            row(
                format!("CONSTANT({name})"),
                name.clone(),
                format!("sys::{name} as i64"),
            );
        }
        (c, rust)
    }

    fn rust_functions(&self) -> String {
        let rows = self.functions.iter();
        let rows = rows.map(|name| format!("(\"{name}\", sys::{name} as *const ()),\n"));
        format!("&[\n{}]", rows.collect::<String>())
    }
}

fn between(line: &str, start: &str, end: &str) -> Option<String> {
    Some(line.strip_prefix(start)?.split_once(end)?.0.to_owned())
}
