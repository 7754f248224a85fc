//! Compiles the safe layer with stand-ins for the oldest versions that the crates
//! take: a header that declares the functions of that version, and a library without
//! content.
//!
//! `mimalloc-sys` leaves out the functions that a header lacks. So each item of the
//! safe layer that needs a later function must be gated; `cargo check` links nothing.

#[allow(dead_code, reason = "each test uses a part")]
mod common;

use std::fmt::Write as _;
use std::fs;

use common::pin::{Engine, Version};
use common::{cargo, output, root, write};
use syn::{ForeignItem, Item};

/// `MI_MALLOC_VERSION` of the oldest versions.
fn number(engine: Engine) -> u32 {
    match engine {
        Engine::V3 => 30302,
        Engine::V2 => 209,
    }
}

/// Returns the functions of the bindings that the oldest version lacks.
fn lacking(engine: Engine) -> Vec<String> {
    let table = fs::read_to_string(root().join("tests/build/oldest.toml")).unwrap();
    let (_, list) = table.split_once(&format!("\n{engine} = [")).unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let names = list.split(',').map(|name| name.trim().trim_matches('"'));
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns a header with the functions of the bindings that are not lacking.
fn header(engine: Engine) -> String {
    let bindings = root().join(format!("mimalloc-sys/src/bindings/{engine}.rs"));
    let file = syn::parse_file(&fs::read_to_string(bindings).unwrap()).unwrap();
    let blocks = file.items.iter().filter_map(|item| match item {
        Item::ForeignMod(block) => Some(&block.items),
        _ => None,
    });
    let mut lacking = lacking(engine);
    assert_eq!(Version(number(engine)).parts(), engine.oldest());
    let mut out = format!("#define MI_MALLOC_VERSION {}\n", number(engine));
    for item in blocks.flatten() {
        let ForeignItem::Fn(function) = item else {
            continue;
        };
        let name = function.sig.ident.to_string();
        if let Some(at) = lacking.iter().position(|lacking| *lacking == name) {
            lacking.remove(at);
            continue;
        }
        let parameters = vec!["int"; function.sig.inputs.len()].join(", ");
        writeln!(out, "int {name}({parameters});").unwrap();
    }
    assert_eq!(
        lacking, [""; 0],
        "not in the bindings: take these out of oldest.toml"
    );
    out
}

fn check(engine: Engine) {
    let header = header(engine);
    assert!(header.contains("int mi_malloc(int);\n"));
    assert!(header.contains("int mi_heap_realloc_aligned(int, int, int, int);\n"));
    let dir = root().join(format!("target/oldest-{engine}"));
    write(&dir.join("mimalloc.h"), header);
    write(&dir.join("libmimalloc.so"), "");
    let mut cargo = cargo();
    cargo.args(["check", "--quiet", "-p", "mimalloc", "--target-dir"]);
    cargo
        .arg(dir.join("target"))
        .env("MIMALLOC_SYS_NO_VENDOR", "1")
        .env("MIMALLOC_SYS_LIB_DIR", &dir)
        .env("MIMALLOC_SYS_INCLUDE_DIR", &dir);
    output(&mut cargo);
}

#[test]
fn the_safe_layer_compiles_with_the_oldest_v3() {
    check(Engine::V3);
}

#[test]
fn the_safe_layer_compiles_with_the_oldest_v2() {
    check(Engine::V2);
}
