//! Turns what `mimalloc-sys` found and built into cfgs of this crate.

mod cfgs;
mod second_copy;

use core::fmt::Write as _;
use std::env;
use std::fs;
use std::path::Path;

use cfgs::{CFGS, Engine, Facts, cfgs};

fn main() {
    println!("cargo::rerun-if-changed=build");
    for cfg in CFGS {
        println!("cargo::rustc-check-cfg=cfg({})", cfg.name);
    }
    let name = link_fact("ENGINE");
    let Some(engine) = Engine::from_name(&name) else {
        println!(
            "cargo::error=this version of mimalloc knows the engines v2 and v3, but mimalloc-sys \
             says {name:?}.\ncargo::error=Run `cargo update -p mimalloc -p mimalloc-sys`, so that \
             both fit each other."
        );
        return;
    };
    refuse_second_copy();
    let facts = facts(engine);
    for cfg in cfgs(&facts) {
        println!("cargo::rustc-cfg={cfg}");
    }
    write_option_numbers(&link_fact("OPTIONS"));
}

/// Fails the build where the lock file has crates.io's copy of mimalloc as well.
fn refuse_second_copy() {
    for file in second_copy::lock_files() {
        let lock = fs::read_to_string(&file).unwrap_or_default();
        // Another file may lie there as well, of another program.
        if !second_copy::locks_us(&lock, env!("CARGO_PKG_VERSION")) {
            continue;
        }
        println!("cargo::rerun-if-changed={}", file.display());
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
        let refusal = second_copy::refusal(&file, &lock, Path::new(&manifest_dir));
        for line in refusal.iter().flat_map(|text| text.lines()) {
            println!("cargo::error={line}");
        }
    }
}

/// Returns a value of the metadata of `mimalloc-sys`. Cargo hands the metadata over
/// in these variables, and reruns this script when one changes.
fn link_fact(name: &str) -> String {
    env::var(format!("DEP_MIMALLOC_SYS_{name}")).unwrap_or_default()
}

fn facts(engine: Engine) -> Facts {
    let is_set = |name| link_fact(name) == "1";
    let target = |key| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let missing = link_fact("MISSING");
    let missing = missing.split(',').filter(|name| !name.is_empty());
    Facts {
        engine,
        is_vendored: is_set("VENDORED"),
        is_patched: is_set("PATCHED"),
        inlines_alloc: is_set("INLINE_ALLOC"),
        secure: link_fact("SECURE").parse().unwrap_or(0),
        padding: is_set("PADDING"),
        guarded: is_set("GUARDED"),
        profile: is_set("PROFILE"),
        missing: missing.map(str::to_owned).collect(),
        has_std: env::var_os("CARGO_FEATURE_STD").is_some(),
        os: target("OS"),
        env: target("ENV"),
        pointer_width: target("POINTER_WIDTH"),
    }
}

/// Writes the option numbers of a library whose numbering is not the bindings';
/// otherwise the list is empty.
fn write_option_numbers(options: &str) {
    let mut table = String::from("&[\n");
    for (name, number) in options.split(',').filter_map(|row| row.split_once(':')) {
        writeln!(table, "    (\"{name}\", {number}),").expect("writing to a string");
    }
    table.push_str("]\n");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("option_numbers.rs"), table).expect("OUT_DIR is writable");
}
