//! Turns what `mimalloc-sys` found and built into cfgs of this crate.

use core::fmt::Write as _;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The engines that a group of functions is for.
#[derive(PartialEq)]
enum Of {
    Both,
    V3,
    V2,
}
use Of::{Both, V2, V3};

/// cfgs that hold when the linked library is of the engine, and has all the
/// functions listed.
///
/// The pinned source has everything; another version may not, and an item that
/// needs a missing function must be absent. `mimalloc-sys` doesn't declare such a
/// function, and `cargo xtask ci` compiles against the oldest versions.
const GROUPS: &[(&str, Of, &[&str])] = &[
    ("mimalloc_sized_free", V3, &["mi_free_small_nonnull"]),
    (
        "mimalloc_has_theap_zalloc_aligned",
        V3,
        &["mi_theap_zalloc_aligned"],
    ),
    (
        "mimalloc_has_theap_realloc_aligned",
        V3,
        &["mi_theap_realloc_aligned"],
    ),
    (
        "mimalloc_has_theap_set_default",
        V3,
        &["mi_theap_set_default"],
    ),
    (
        "mimalloc_has_stats",
        Both,
        &["mi_stats_get", "mi_stats_get_json"],
    ),
    ("mimalloc_has_heap_stats", V3, &["mi_heap_stats_get"]),
    ("mimalloc_has_bin_size", V3, &["mi_stats_get_bin_size"]),
    (
        "mimalloc_has_option_get_size",
        Both,
        &["mi_option_get_size"],
    ),
    ("mimalloc_has_options_print", Both, &["mi_options_print"]),
    (
        "mimalloc_has_options_print_out",
        V3,
        &["mi_options_print_out"],
    ),
    (
        "mimalloc_has_process_info_print",
        V3,
        &["mi_process_info_print"],
    ),
    ("mimalloc_has_heap_new_ex", V2, &["mi_heap_new_ex"]),
    (
        "mimalloc_has_heap_zalloc_small",
        Both,
        &["mi_heap_zalloc_small"],
    ),
    ("mimalloc_has_collect_reduce", V2, &["mi_collect_reduce"]),
    (
        "mimalloc_has_heap_guarded",
        V2,
        &[
            "mi_heap_guarded_set_sample_rate",
            "mi_heap_guarded_set_size_bound",
        ],
    ),
    (
        "mimalloc_has_threadpool",
        Both,
        &["mi_thread_set_in_threadpool"],
    ),
    ("mimalloc_has_arena_contains", V3, &["mi_arena_contains"]),
    (
        "mimalloc_has_arena_limits",
        V3,
        &["mi_arena_min_size", "mi_arena_min_alignment"],
    ),
    (
        "mimalloc_has_arena_max_object_size",
        V3,
        &["mi_arena_max_object_size"],
    ),
    ("mimalloc_has_arenas_purge", V3, &["mi_arenas_purge"]),
    (
        "mimalloc_has_profiler",
        V3,
        &[
            "mi_heap_profile",
            "mi_heap_profile_disable",
            "mi_pprof_profiler_new",
            "mi_profile",
            "mi_profiler_snapshot",
            "mi_profiler_start",
            "mi_profiler_stop",
        ],
    ),
    (
        "mimalloc_has_numa_affinity",
        V3,
        &["mi_heap_set_numa_affinity"],
    ),
    (
        "mimalloc_has_debug_fill_preserve",
        V3,
        &["mi_heap_set_debug_fill_preserve"],
    ),
];

/// As [`GROUPS`], for functions that upstream does not export: they are only
/// there when the library is compiled into the program.
const HIDDEN: (&str, &[&str]) = (
    "mimalloc_has_word_sizes",
    &[
        "mi_wmalloc_small",
        "mi_wzalloc_small",
        "mi_theap_wmalloc_small",
        "mi_theap_wzalloc_small",
    ],
);

fn link_fact(name: &str) -> String {
    // Cargo hands a dependency's `links` metadata over in these variables and
    // reruns this script when they change.
    env::var(format!("DEP_MIMALLOC_SYS_{name}")).unwrap_or_default()
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for cfg in [
        "mimalloc_v2",
        "mimalloc_v3",
        "mimalloc_realign",
        "mimalloc_padding",
        "mimalloc_guard_pages",
        "mimalloc_guarded",
        "mimalloc_profile",
        "mimalloc_option_table",
        "mimalloc_owned_heaps",
        "mimalloc_keeps_heaps",
        "mimalloc_theap_cache",
        "mimalloc_patched",
        "mimalloc_inline_alloc",
        "mimalloc_nightly_compiler",
        HIDDEN.0,
    ] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
    }
    for (cfg, ..) in GROUPS {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
    }

    let set = |cfg: &str| println!("cargo::rustc-cfg={cfg}");
    let v2 = match &*link_fact("ENGINE") {
        "v2" => true,
        "v3" => false,
        other => {
            println!(
                "cargo::error=this version of mimalloc knows the engines v2 and v3, but \
                 mimalloc-sys says {other:?}.\ncargo::error=Run `cargo update -p mimalloc -p \
                 mimalloc-sys`, so that both fit each other."
            );
            return;
        }
    };
    set(if v2 { "mimalloc_v2" } else { "mimalloc_v3" });
    let vendored = link_fact("VENDORED") == "1";
    if vendored {
        // Where the C source is, for the example that reads it.
        if let Some(source) = Path::new(&link_fact("INCLUDE")).parent() {
            println!("cargo::rustc-env=MIMALLOC_SOURCE_DIR={}", source.display());
        }
    }
    let missing = link_fact("MISSING");
    let missing: Vec<&str> = missing.split(',').filter(|name| !name.is_empty()).collect();
    // Old versions of 2.x: 2.0.9 returns some over-aligned blocks misaligned
    // (sizes of 256 to 1024 bytes that are multiples of the alignment). A system
    // library may be another one than its headers.
    if v2 && !(vendored && missing.is_empty()) {
        set("mimalloc_realign");
    }
    let secure: u32 = link_fact("SECURE").parse().unwrap_or(0);
    let guarded = link_fact("GUARDED") == "1";
    // Builds in which a block is larger than asked, or may start elsewhere, so
    // that power-of-two sizes are not naturally aligned.
    if link_fact("PADDING") == "1" || guarded {
        set("mimalloc_padding");
    }
    if guarded {
        set("mimalloc_guarded");
    }
    // Builds that protect parts of each mimalloc page, for which memory that
    // can't be protected is of no use.
    let guard_pages = secure >= if v2 { 1 } else { 5 };
    // Old versions of v2 refuse such memory for the first segment of a thread.
    let old = v2 && missing.contains(&"mi_heap_new_ex");
    if guard_pages || old {
        set("mimalloc_guard_pages");
    }
    if !v2 && link_fact("PROFILE") != "0" {
        set("mimalloc_profile");
    }
    let has_all = |functions: &[&str]| functions.iter().all(|name| !missing.contains(name));
    let other = if v2 { V3 } else { V2 };
    for (cfg, of, functions) in GROUPS {
        if *of != other && has_all(functions) {
            set(cfg);
        }
    }
    if !v2 && vendored && has_all(HIDDEN.1) {
        set(HIDDEN.0);
    }
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let is_linux = target("OS") == "linux";
    if link_fact("INLINE_ALLOC") == "1" {
        set("mimalloc_inline_alloc");
    }
    if link_fact("PATCHED") == "1" {
        set("mimalloc_patched");
        // Needs thread-locals that are there until the thread's very end (not
        // emulated ones), and numbers that don't run out.
        let has_std = env::var_os("CARGO_FEATURE_STD").is_some();
        let has_thread_locals = is_linux && matches!(&*target("ENV"), "gnu" | "musl");
        if has_thread_locals && has_std && target("POINTER_WIDTH") == "64" {
            set("mimalloc_theap_cache");
        }
    }
    // A v2 heap belongs to its thread and dies with mimalloc's thread state. It
    // can be owned only where that leaves something behind to be dropped: the
    // destructor of a pthread key may come later.
    let keeps_heaps = link_fact("KEEPS_HEAPS") == "1";
    if keeps_heaps {
        set("mimalloc_keeps_heaps");
    }
    if !v2 || keeps_heaps {
        set("mimalloc_owned_heaps");
    }
    option_numbers(&link_fact("OPTIONS"));
    if nightly_compiler() {
        // Another crate may switch allocator-api2 0.2 to its `nightly` mode,
        // where its `Allocator` is core's unstable one.
        set("mimalloc_nightly_compiler");
    }
}

/// Writes the option numbers of a library whose numbering is not the bindings'.
fn option_numbers(options: &str) {
    let mut table = String::from("&[\n");
    for option in options.split(',').filter(|option| !option.is_empty()) {
        if let Some((name, number)) = option.split_once(':') {
            writeln!(table, "    (\"{name}\", {number}),").expect("writing to a string");
        }
    }
    table.push_str("]\n");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("option_numbers.rs"), table).expect("OUT_DIR is writable");
    if !options.is_empty() {
        println!("cargo::rustc-cfg=mimalloc_option_table");
    }
}

fn nightly_compiler() -> bool {
    println!("cargo::rerun-if-env-changed=RUSTC_BOOTSTRAP");
    if env::var_os("RUSTC_BOOTSTRAP").is_some() {
        return true;
    }
    let Some(rustc) = env::var_os("RUSTC") else {
        return false;
    };
    // With a wrapper the version is still that of the compiler behind it.
    let version = Command::new(rustc).arg("--version").output();
    version.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains("-nightly") || text.contains("-dev")
    })
}
