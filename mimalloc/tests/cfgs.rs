//! Tests of the build script's table of cfgs.

#[path = "../build/cfgs.rs"]
mod cfgs;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cfgs::{CFGS, Engine, Facts};

/// The pinned source of `engine` on 64-bit Linux with glibc, without features of C.
fn pinned(engine: Engine) -> Facts {
    let (profile, inlines_alloc) = match engine {
        Engine::V2 => (false, false),
        Engine::V3 => (true, true),
    };
    Facts {
        engine,
        is_vendored: true,
        is_patched: true,
        inlines_alloc,
        secure: 0,
        padding: false,
        guarded: false,
        profile,
        missing: Vec::new(),
        has_std: true,
        os: "linux".to_owned(),
        env: "gnu".to_owned(),
        pointer_width: "64".to_owned(),
    }
}

/// A system library that lacks `missing`.
fn system(engine: Engine, missing: &[&str]) -> Facts {
    Facts {
        is_vendored: false,
        is_patched: false,
        inlines_alloc: false,
        missing: missing.iter().map(|&name| name.to_owned()).collect(),
        ..pinned(engine)
    }
}

/// Returns the cfgs that hold, but for those that only name functions.
fn held(facts: &Facts) -> Vec<&'static str> {
    let held = cfgs::cfgs(facts).into_iter();
    let held = held.map(|name| name.strip_prefix("mimalloc_").unwrap());
    held.filter(|name| !name.starts_with("has_")).collect()
}

#[track_caller]
fn has(facts: &Facts, cfg: &str) -> bool {
    assert!(CFGS.iter().any(|row| row.name == cfg), "{cfg} is no cfg");
    cfgs::cfgs(facts).contains(&cfg)
}

#[test]
fn the_pinned_source_of_v3_has_everything() {
    let expected = [
        "v3",
        "patched",
        "inline_alloc",
        "owned_heaps",
        "heap_pool",
        "theap_cache",
        "default_heap",
        "deferred_free",
        "threadpool",
        "profiler",
        "since_3_5",
        "since_3_6",
    ];
    assert_eq!(held(&pinned(Engine::V3)), expected);
    assert!(has(&pinned(Engine::V3), "mimalloc_has_word_sizes"));
    assert!(!has(&pinned(Engine::V3), "mimalloc_has_heap_new_ex"));
}

#[test]
fn the_pinned_source_of_v2_owns_heaps() {
    let facts = pinned(Engine::V2);
    let expected = [
        "v2",
        "patched",
        "owned_heaps",
        "heap_pool",
        "default_heap",
        "deferred_free",
        "threadpool",
    ];
    assert_eq!(held(&facts), expected);
    assert!(has(&facts, "mimalloc_has_heap_new_ex"));
    assert!(!has(&facts, "mimalloc_has_theap_aligned"));
}

#[test]
fn a_source_of_the_users_is_not_patched() {
    let unpatched = |engine| Facts {
        is_patched: false,
        inlines_alloc: false,
        ..pinned(engine)
    };
    let expected = [
        "v3",
        "owned_heaps",
        "heap_pool",
        "default_heap",
        "profiler",
        "since_3_5",
        "since_3_6",
    ];
    assert_eq!(held(&unpatched(Engine::V3)), expected);
    assert!(has(&unpatched(Engine::V3), "mimalloc_has_word_sizes"));
    let expected = ["v2", "default_heap", "deferred_free", "threadpool"];
    assert_eq!(held(&unpatched(Engine::V2)), expected);
}

#[test]
fn an_old_system_library_of_v2_realigns() {
    let old = system(Engine::V2, &["mi_heap_new_ex", "mi_stats_get_json"]);
    let expected = [
        "v2",
        "realign",
        "protects_pages",
        "default_heap",
        "deferred_free",
        "threadpool",
    ];
    assert_eq!(held(&old), expected);
    assert!(!has(&old, "mimalloc_has_heap_new_ex"));
    assert!(!has(&old, "mimalloc_has_stats"));
    let older = system(Engine::V2, &["mi_thread_set_in_threadpool"]);
    assert!(!has(&older, "mimalloc_threadpool"));
    // The library may be of another version than its headers.
    let expected = [
        "v2",
        "realign",
        "default_heap",
        "deferred_free",
        "threadpool",
    ];
    assert_eq!(held(&system(Engine::V2, &[])), expected);
}

#[test]
fn a_system_library_of_v3_exports_no_word_sizes() {
    let facts = system(Engine::V3, &[]);
    let expected = [
        "v3",
        "owned_heaps",
        "heap_pool",
        "default_heap",
        "profiler",
        "since_3_5",
        "since_3_6",
    ];
    assert_eq!(held(&facts), expected);
    assert!(!has(&facts, "mimalloc_has_word_sizes"));
    let missing = [
        "mi_profiler_stop",
        "mi_free_small_nonnull",
        "mi_theap_set_default",
    ];
    let expected = ["v3", "owned_heaps", "heap_pool", "since_3_5"];
    assert_eq!(held(&system(Engine::V3, &missing)), expected);
}

#[test]
fn hardening_is_told_apart_by_engine() {
    for (engine, secure, protects) in [
        (Engine::V2, 0, false),
        (Engine::V2, 1, true),
        (Engine::V3, 4, false),
        (Engine::V3, 5, true),
    ] {
        let facts = Facts {
            secure,
            padding: secure > 3,
            ..pinned(engine)
        };
        assert_eq!(has(&facts, "mimalloc_protects_pages"), protects);
        assert_eq!(has(&facts, "mimalloc_padding"), secure > 3);
    }
    let guarded = Facts {
        guarded: true,
        ..pinned(Engine::V3)
    };
    assert!(has(&guarded, "mimalloc_guarded") && has(&guarded, "mimalloc_padding"));
    assert!(!has(&guarded, "mimalloc_protects_pages"));
    let old = Facts {
        guarded: true,
        ..system(Engine::V2, &["mi_heap_guarded_set_size_bound"])
    };
    assert!(!has(&old, "mimalloc_guarded") && has(&old, "mimalloc_padding"));
}

#[test]
fn theaps_are_cached_where_thread_locals_last() {
    type Change = fn(&mut Facts);
    let changes: [(Change, bool); 5] = [
        (|facts| facts.env = "musl".to_owned(), true),
        (|facts| facts.os = "macos".to_owned(), false),
        (|facts| facts.env = "uclibc".to_owned(), false),
        (|facts| facts.pointer_width = "32".to_owned(), false),
        (|facts| facts.has_std = false, false),
    ];
    for (change, expected) in changes {
        let mut facts = pinned(Engine::V3);
        change(&mut facts);
        assert_eq!(has(&facts, "mimalloc_theap_cache"), expected, "{facts:?}");
    }
}

#[test]
fn the_profiler_can_be_compiled_out() {
    let facts = Facts {
        profile: false,
        ..pinned(Engine::V3)
    };
    assert!(!has(&facts, "mimalloc_profiler"));
}

#[test]
fn engines_are_found_by_name() {
    assert_eq!(Engine::from_name("v2"), Some(Engine::V2));
    assert_eq!(Engine::from_name("v3"), Some(Engine::V3));
    assert_eq!(Engine::from_name("v4"), None);
    assert_eq!(Engine::from_name(""), None);
}

#[test]
fn each_cfg_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut source = String::new();
    read(&root.join("src"), &mut source);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: BTreeSet<_> = source.split(|c| !is_word(c)).collect();
    let mut names = BTreeSet::new();
    for cfg in CFGS {
        assert!(words.contains(cfg.name), "{} gates nothing", cfg.name);
        assert!(names.insert(cfg.name), "{} is there twice", cfg.name);
        assert!(cfg.meaning.ends_with('.'), "{}", cfg.meaning);
    }
}

/// The labels of items on docs.rs are the engine and the version.
#[test]
fn labels_on_docs_rs_say_what_they_mean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let (_, list) = lib.split_once("auto_cfg(hide(").unwrap();
    let (list, _) = list.split_once(')').unwrap();
    let hidden: BTreeSet<_> = list.split([',', '\n']).map(str::trim).collect();
    let names: BTreeSet<_> = CFGS.iter().map(|cfg| cfg.name).collect();
    for name in hidden.iter().filter(|name| !name.is_empty()) {
        assert!(names.contains(name), "{name} is no cfg");
        assert!(!name.starts_with("mimalloc_since"), "{name} is a label");
    }
    // The public files gate items by nothing else.
    let mut source = String::new();
    for dir in ["arena", "heap", "hooks", "option", "profiler", "stats"] {
        read(&root.join("src").join(dir), &mut source);
    }
    source.push_str(&lib);
    let gates = source.split("#[cfg(").skip(1);
    let gates = gates.filter_map(|gate| gate.split_once(']'));
    for (gate, _) in gates {
        let words = gate.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for name in words.filter(|word| names.contains(word)) {
            let is_label = ["mimalloc_v2", "mimalloc_v3"].contains(&name)
                || name.starts_with("mimalloc_since");
            assert!(is_label || hidden.contains(name), "{name} is a riddle");
        }
    }
}

fn read(dir: &Path, source: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, source);
        } else {
            source.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
