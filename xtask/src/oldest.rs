//! `cargo xtask oldest <engine>`: makes a stand-in for the oldest version that the
//! crates take, in `target/oldest-<engine>`: a header that declares the functions
//! of that version, and a library without content.
//!
//! `mimalloc-sys` leaves out the functions that a header lacks. So compiling the
//! safe layer against a stand-in proves that each item which needs a later
//! function is gated; `cargo check` links nothing.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::api;
use crate::engine::Engine;
use crate::files;

/// The list of the functions of the bindings that the oldest version lacks.
const TABLE: &str = "xtask/oldest.toml";

#[derive(Deserialize)]
struct Table {
    v3: Vec<String>,
    v2: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    let engine: Engine = lexopt::ValueExt::parse(&args.value()?)?;
    files::no_arguments(args)?;
    let dir = files::root().join(format!("target/oldest-{engine}"));
    let header = header(engine, &files::read(engine.bindings())?)?;
    files::write(dir.join("mimalloc.h"), &header)?;
    files::write(dir.join("libmimalloc.so"), "")
}

/// Returns a header with the functions of these bindings that are not lacking.
fn header(engine: Engine, bindings: &str) -> Result<String> {
    let table: Table = toml_edit::de::from_str(&files::read(TABLE)?)?;
    let lacking = match engine {
        Engine::V3 => table.v3,
        Engine::V2 => table.v2,
    };
    let (mut functions, _) = api::declared(bindings)?;
    for name in lacking {
        ensure!(
            functions.remove(&name).is_some(),
            "the bindings of {engine} don't declare {name}: take that out of {TABLE}"
        );
    }
    let mut out = format!("#define MI_MALLOC_VERSION {}\n", engine.oldest().number());
    for (name, parameters) in functions {
        writeln!(out, "int {name}({});", vec!["int"; parameters].join(", "))?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stand_ins_have_what_is_not_lacking() {
        for engine in Engine::ALL {
            let header = header(engine, &files::read(engine.bindings()).unwrap()).unwrap();
            assert!(header.contains("int mi_malloc(int);\n"));
            assert!(header.contains("int mi_heap_realloc_aligned(int, int, int, int);\n"));
            assert!(!header.contains(match engine {
                Engine::V3 => "mi_arenas_purge",
                Engine::V2 => "mi_arenas_print",
            }));
        }
        let error = header(Engine::V2, "").unwrap_err().to_string();
        assert!(error.contains("don't declare mi_abandoned"), "{error}");
    }
}
