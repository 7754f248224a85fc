//! Stand-ins for the oldest versions that the crates take: headers that declare
//! what those have, and a library without anything in it.
//!
//! `mimalloc-sys` leaves out what the headers lack. So compiling the safe layer
//! against a stand-in proves that each item which needs a later function is
//! gated; nothing is linked for that.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use syn::{ForeignItem, Item};

use crate::engine::Engine;
use crate::files;
use crate::version::Version;

/// Functions of the bindings that version [`Engine::oldest`] does not declare.
/// Made by looking for each in the headers of upstream's tag.
fn lacking(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::V3 => &[
            "mi_arena_max_object_size",
            "mi_arenas_purge",
            "mi_free_aligned_sized",
            "mi_free_sized",
            "mi_free_small_local",
            "mi_free_small_local_nonnull",
            "mi_free_small_nonnull",
            "mi_heap_profile",
            "mi_heap_profile_disable",
            "mi_heap_set_debug_fill_preserve",
            "mi_pprof_profiler_delete",
            "mi_pprof_profiler_new",
            "mi_profile",
            "mi_profiler_snapshot",
            "mi_profiler_start",
            "mi_profiler_stop",
            "mi_subproc_profile",
            "mi_theap_alloc_new",
            "mi_theap_alloc_new_n",
            "mi_theap_alloc_new_nothrow",
            "mi_theap_delete",
            "mi_theap_quiescent_abandon",
            "mi_theap_realloc_aligned",
            "mi_theap_rezalloc",
            "mi_theap_rezalloc_aligned",
            "mi_theap_stats_get",
            "mi_theap_stats_merge_to_heap",
            "mi_theap_wmalloc_small",
            "mi_theap_wzalloc_small",
            "mi_theap_zalloc_aligned",
            "mi_thread_id_of",
            "mi_wmalloc_small",
            "mi_wzalloc_small",
        ],
        Engine::V2 => &[
            "mi_abandoned_visit_blocks",
            "mi_arenas_print",
            "mi_collect_reduce",
            "mi_free_small",
            "mi_heap_guarded_set_sample_rate",
            "mi_heap_guarded_set_size_bound",
            "mi_heap_new_ex",
            "mi_heap_zalloc_small",
            "mi_option_get_size",
            "mi_options_print",
            "mi_process_done",
            "mi_stats_get",
            "mi_stats_get_json",
            "mi_subproc_add_current_thread",
            "mi_subproc_delete",
            "mi_subproc_main",
            "mi_subproc_new",
            "mi_thread_set_in_threadpool",
            "mi_ucalloc",
            "mi_ufree",
            "mi_umalloc",
            "mi_umalloc_aligned",
            "mi_umalloc_small",
            "mi_unsafe_heap_page_is_under_utilized",
            "mi_urealloc",
            "mi_uzalloc_aligned",
            "mi_uzalloc_small",
        ],
    }
}

/// Where the stand-in for an engine is.
pub(crate) fn dir(engine: Engine) -> PathBuf {
    let name = format!("oldest-{}", engine.name());
    files::root().join("target").join(name)
}

/// Makes the stand-in for an engine.
pub(crate) fn make(engine: Engine) -> Result<()> {
    let header = header(engine, &files::read(&engine.bindings())?)?;
    files::create_dir(&dir(engine))?;
    files::write(&dir(engine).join("mimalloc.h"), &header)?;
    // For `cargo check` it only has to be there.
    files::write(&dir(engine).join("libmimalloc.so"), "")
}

/// A header with the functions of these bindings that are not lacking.
fn header(engine: Engine, bindings: &str) -> Result<String> {
    let number = Version::from(engine.oldest()).number();
    let mut out = format!("#define MI_MALLOC_VERSION {number}\n");
    let mut lacking = lacking(engine).to_vec();
    let file = syn::parse_file(bindings).context("the bindings are not valid Rust")?;
    for item in &file.items {
        let Item::ForeignMod(block) = item else {
            continue;
        };
        for item in &block.items {
            let ForeignItem::Fn(function) = item else {
                continue;
            };
            let name = function.sig.ident.to_string();
            if let Some(at) = lacking.iter().position(|other| *other == name) {
                lacking.swap_remove(at);
                continue;
            }
            let parameters = vec!["int"; function.sig.inputs.len()].join(", ");
            writeln!(out, "int {name}({parameters});")?;
        }
    }
    if !lacking.is_empty() {
        bail!(
            "the bindings of {engine} don't declare {}: take that out of xtask/src/oldest.rs",
            lacking.join(", ")
        );
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stand_ins_have_what_is_not_lacking() {
        for engine in Engine::ALL {
            let bindings = files::read(&engine.bindings()).unwrap();
            let header = header(engine, &bindings).unwrap();
            assert!(header.contains("int mi_malloc(int);\n"));
            assert!(header.contains("int mi_heap_realloc_aligned(int, int, int, int);\n"));
            assert!(!header.contains(lacking(engine)[0]));
        }
        let error = header(Engine::V2, "").unwrap_err().to_string();
        assert!(error.contains("mi_heap_new_ex"), "{error}");
    }
}
