//! Features and variables, alone and together: the defines, flags and facts that the
//! build script makes of them, and the errors.

use std::collections::BTreeMap;
use std::fs;

use super::common::pin::Engine;
use super::common::{copy_source, root};
use super::{Said, TARGET, World, with_library};

/// The features that decide how C is compiled.
const COMPILED_IN: &[&str] = &[
    "secure",
    "secure-1",
    "secure-2",
    "secure-3",
    "secure-4",
    "secure-5",
    "debug",
    "debug-full",
    "padding",
    "guarded",
    "valgrind",
    "asan",
    "override",
    "no-thp",
    "local-dynamic-tls",
    "opt-arch",
    "no-profile",
];

/// Reads the lines `name = ["…", "…"]` of a manifest's features.
fn features_of(package: &str) -> BTreeMap<String, Vec<String>> {
    let manifest = fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
    let (_, features) = manifest.split_once("\n[features]\n").unwrap();
    let features = features.split("\n[").next().unwrap();
    let lines = features.lines().filter(|line| !line.starts_with('#'));
    let rows = lines
        .filter_map(|line| line.split_once(" = ["))
        .map(|(name, list)| {
            let list = list.trim_end_matches(']').split(", ");
            let list = list.map(|item| item.trim_matches('"').to_owned());
            (
                name.to_owned(),
                list.filter(|item| !item.is_empty()).collect(),
            )
        });
    rows.collect()
}

impl World {
    /// Switches features on, with the features that those bring along.
    fn features(mut self, names: &[&str]) -> Self {
        let table = features_of("mimalloc-sys");
        let mut open: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        while let Some(name) = open.pop() {
            open.extend(table[&name].iter().cloned());
            if !self.features.contains(&name) {
                self.features.push(name);
            }
        }
        self.features.sort();
        self
    }

    /// As in a build for release.
    fn without_assertions(mut self) -> Self {
        self.has_assertions = false;
        self
    }

    /// A package with the source of the engine that the features choose.
    fn with_features(names: &[&str]) -> Self {
        let world = Self::new().features(names);
        let engine = if names.contains(&"v2") {
            Engine::V2
        } else {
            Engine::V3
        };
        copy_source(engine, &world.at("package/vendor").join(engine.name()));
        world
    }
}

impl Said {
    /// Returns the arguments for the files of C, each of which gets the same.
    #[track_caller]
    fn arguments(&self) -> Vec<&str> {
        let calls = self.compiled.iter().filter(|call| call.contains("static"));
        let calls = calls.filter(|call| call.split(' ').any(|word| word == "-c"));
        let mut calls = calls.map(|call| call.split(' ').collect::<Vec<_>>());
        calls
            .next()
            .unwrap_or_else(|| panic!("nothing was compiled: {}", self.text))
    }

    /// Returns the value of a define, as the preprocessor sees it: the last one wins.
    #[track_caller]
    fn define(&self, name: &str) -> Option<String> {
        let mut value = None;
        for argument in self.arguments() {
            if let Some(define) = argument.strip_prefix("-D") {
                let (other, given) = define.split_once('=').unwrap_or((define, ""));
                if other == name {
                    value = Some(given.to_owned());
                }
            } else if argument.strip_prefix("-U") == Some(name) {
                value = None;
            }
        }
        value
    }

    /// Checks defines such as `MI_DEBUG=1`, or `!MI_PADDING` for one that is absent.
    #[track_caller]
    fn defines(&self, expected: &str) {
        for define in expected.split_whitespace() {
            if let Some(name) = define.strip_prefix('!') {
                assert_eq!(self.define(name), None, "{name}");
            } else {
                let (name, value) = define.split_once('=').unwrap_or((define, ""));
                assert_eq!(self.define(name).as_deref(), Some(value), "{name}");
            }
        }
    }

    /// Checks what dependents are told, such as `secure=4`.
    #[track_caller]
    fn tells(&self, expected: &str) {
        for fact in expected.split_whitespace() {
            self.has(&[&format!("cargo::metadata={fact}\n")]);
        }
    }
}

const PLAIN: &str = "MI_SECURE=0 MI_DEBUG=0 MI_GUARDED=0 NDEBUG MI_BUILD_RELEASE !MI_PADDING \
    !MI_PADDING_CHECK !MI_PROFILE !MI_NO_THP !MI_DEFAULT_ALLOW_THP !MI_TRACK_VALGRIND \
    !MI_TRACK_ASAN !MI_MALLOC_OVERRIDE";

#[test]
fn each_feature_sets_its_define_and_no_other() {
    let plain = "secure=0 debug=0 padding=0 guarded=0";
    // The features, the defines that differ from those of a plain build, and the facts
    // that differ for dependents on v3 and on v2.
    let table: &[(&[&str], &str, &str, &str)] = &[
        (&[], "", "profile=1", "profile=0"),
        (&["secure-1"], "MI_SECURE=1", "secure=1", "secure=1"),
        (&["secure-2"], "MI_SECURE=2", "secure=2", "secure=2"),
        (
            &["secure-3"],
            "MI_SECURE=3",
            "secure=3",
            "secure=3 padding=1",
        ),
        (
            &["secure-4"],
            "MI_SECURE=4",
            "secure=4 padding=1",
            "secure=4 padding=1",
        ),
        (
            &["secure"],
            "MI_SECURE=4",
            "secure=4 padding=1",
            "secure=4 padding=1",
        ),
        (
            &["secure-5"],
            "MI_SECURE=5",
            "secure=5 padding=1",
            "secure=5 padding=1",
        ),
        (
            &["debug"],
            "MI_DEBUG=1 !NDEBUG !MI_BUILD_RELEASE",
            "debug=1 padding=1",
            "debug=1 padding=1",
        ),
        (
            &["debug-full"],
            "MI_DEBUG=3 !NDEBUG !MI_BUILD_RELEASE",
            "debug=3 padding=1",
            "debug=3 padding=1",
        ),
        (
            &["padding"],
            "MI_PADDING=1 MI_PADDING_CHECK=1",
            "padding=1",
            "padding=1",
        ),
        (&["guarded"], "MI_GUARDED=1", "guarded=1", "guarded=1"),
        (
            &["valgrind"],
            "MI_TRACK_VALGRIND=1",
            "padding=1",
            "padding=1",
        ),
        (&["asan"], "MI_TRACK_ASAN=1", "padding=1", "padding=1"),
        (&["override"], "MI_MALLOC_OVERRIDE=1", "", ""),
        (&["no-thp"], "MI_NO_THP=1 MI_DEFAULT_ALLOW_THP=0", "", ""),
        (&["no-profile"], "MI_PROFILE=0", "profile=0", "profile=0"),
        (&["local-dynamic-tls"], "", "", ""),
        (&["opt-arch"], "", "", ""),
    ];
    for (features, defines, in_v3, in_v2) in table {
        for (engine, facts) in [("v3", in_v3), ("v2", in_v2)] {
            // Engine v2 is no different where it pads as v3 does, and each build of the
            // script takes a second.
            if engine == "v2" && in_v2 == in_v3 && !defines.contains("MI_PADDING") {
                continue;
            }
            let mut all = features.to_vec();
            all.extend((engine == "v2").then_some("v2"));
            let said = World::with_features(&all).succeeds(&[]);
            // On v2 there is no profiler to leave out, which is the same define.
            let defines = match engine {
                "v2" => format!("{defines} MI_PROFILE=0"),
                _ => (*defines).to_owned(),
            };
            said.defines(&but_for(PLAIN, &defines));
            said.defines(&defines);
            said.tells(&but_for(plain, facts));
            said.tells(facts);
            said.tells(&format!("engine={engine} vendored=1"));
        }
    }
}

/// Leaves out of `all` what is named in `changed`.
fn but_for(all: &str, changed: &str) -> String {
    let name = |word: &str| {
        let word = word.trim_start_matches('!');
        word.split('=').next().unwrap_or_default().to_owned()
    };
    let changed: Vec<_> = changed.split_whitespace().map(name).collect();
    let rest = all
        .split_whitespace()
        .filter(|word| !changed.contains(&name(word)));
    rest.collect::<Vec<_>>().join(" ")
}

#[test]
fn features_without_a_define_set_a_flag() {
    let flags = |features: &[&str]| {
        let said = World::with_features(features).succeeds(&[]);
        let flags = [
            "-march=native",
            "-ftls-model=initial-exec",
            "-ftls-model=local-dynamic",
            "-fsanitize=address",
            "-fno-builtin-malloc",
        ];
        let arguments = said.arguments();
        flags.map(|flag| arguments.contains(&flag))
    };
    assert_eq!(flags(&[]), [false, true, false, false, false]);
    assert_eq!(flags(&["opt-arch"]), [true, true, false, false, false]);
    assert_eq!(
        flags(&["local-dynamic-tls"]),
        [false, false, true, false, false]
    );
    assert_eq!(flags(&["asan"]), [false, true, false, true, false]);
    assert_eq!(flags(&["override"]), [false, true, false, false, true]);
}

#[test]
fn the_runtime_of_asan_is_linked_once() {
    let link = "cargo::rustc-link-lib=asan\n";
    World::with_features(&["asan"]).succeeds(&[link]);
    let world = World::with_features(&["asan"]).set("CARGO_CFG_SANITIZE", "address");
    let said = world.succeeds(&[]);
    assert!(!said.text.contains(link), "{}", said.text);
    assert!(said.arguments().contains(&"-fsanitize=address"));
}

#[test]
fn the_safe_layer_passes_features_on_by_name() {
    let (safe, raw) = (features_of("mimalloc"), features_of("mimalloc-sys"));
    let own = ["default"];
    for name in raw.keys().filter(|name| !own.contains(&&***name)) {
        assert_eq!(safe[name], [format!("mimalloc-sys/{name}")], "{name}");
    }
    assert_eq!(safe["no_thp"], ["no-thp"]);
    assert_eq!(safe["local_dynamic_tls"], ["local-dynamic-tls"]);
    assert_eq!(safe["debug_in_debug"], ["debug"]);
    // Each level brings the levels below.
    for level in 2..=5 {
        let below = format!("secure-{}", level - 1);
        assert_eq!(raw[&format!("secure-{level}")], [below]);
    }
}

#[test]
fn levels_add_up_and_vetoes_win() {
    type Row = (
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
        bool,
        &'static str,
    );
    const VETO: &str = "MIMALLOC_SYS_NO_DEBUG";
    let table: &[Row] = &[
        (&["secure-1", "secure-5"], &[], true, "MI_SECURE=5"),
        (&["secure-2", "secure"], &[], true, "MI_SECURE=4"),
        (&["debug", "debug-full"], &[], true, "MI_DEBUG=3"),
        (&["no-debug", "debug-full"], &[], true, "MI_DEBUG=0 NDEBUG"),
        (&["no-debug", "debug"], &[], true, "MI_DEBUG=0 NDEBUG"),
        (&["debug"], &[(VETO, "1")], true, "MI_DEBUG=0 NDEBUG"),
        (&["debug-full"], &[(VETO, "yes")], true, "MI_DEBUG=0 NDEBUG"),
        (&["debug"], &[(VETO, "0")], true, "MI_DEBUG=1 !NDEBUG"),
        (&["debug"], &[(VETO, "")], true, "MI_DEBUG=1 !NDEBUG"),
        // The variable takes no veto back.
        (
            &["no-debug", "debug"],
            &[(VETO, "0")],
            true,
            "MI_DEBUG=0 NDEBUG",
        ),
        // Checks belong to builds with debug assertions.
        (&["debug"], &[], false, "MI_DEBUG=0 NDEBUG"),
        (&["debug-full"], &[(VETO, "0")], false, "MI_DEBUG=0 NDEBUG"),
        // The profile that cargo names is no guide.
        (
            &["debug"],
            &[("PROFILE", "release")],
            true,
            "MI_DEBUG=1 !NDEBUG",
        ),
        (
            &["debug"],
            &[("PROFILE", "debug")],
            false,
            "MI_DEBUG=0 NDEBUG",
        ),
        (
            &["secure", "debug-full"],
            &[],
            true,
            "MI_SECURE=4 MI_DEBUG=3",
        ),
        // The check of level 3 in 2.5.2 fails on its own guard pages.
        (
            &["v2", "secure-1", "debug-full"],
            &[],
            true,
            "MI_SECURE=1 MI_DEBUG=2",
        ),
        (&["v2", "debug-full"], &[], true, "MI_SECURE=0 MI_DEBUG=3"),
        (
            &["guarded", "padding", "secure-2", "no-thp"],
            &[],
            true,
            "MI_GUARDED=1 MI_PADDING=1 MI_SECURE=2 MI_NO_THP=1 MI_DEBUG=0",
        ),
    ];
    for (features, variables, has_assertions, defines) in table {
        let mut world = World::with_features(features);
        for (name, value) in *variables {
            world = world.set(name, value);
        }
        if !has_assertions {
            world = world.without_assertions();
        }
        world.succeeds(&[]).defines(defines);
    }
}

#[test]
fn what_cannot_be_together_is_refused() {
    World::with_features(&["valgrind", "asan"])
        .fails(&["features `valgrind` and `asan` exclude each other"]);
    for (name, value) in [
        ("HOST", "aarch64-unknown-linux-gnu"),
        ("CARGO_CFG_TARGET_ENV", "msvc"),
    ] {
        World::with_features(&["opt-arch"])
            .set(name, value)
            .fails(&["feature `opt-arch` means -march=native", "Drop the feature"]);
    }
    World::with_features(&["override"])
        .set("CARGO_CFG_TARGET_OS", "windows")
        .fails(&["feature `override` is not possible on Windows"]);
    // The source of one engine, and the feature for the other.
    let world = World::new()
        .features(&["v2"])
        .set("MIMALLOC_SYS_SOURCE_DIR", "{}/tree");
    copy_source(Engine::V3, &world.at("tree"));
    world.fails(&[
        "but the v2 bindings are of",
        "choose the engine with the feature `v2`",
    ]);
}

#[test]
fn a_missing_header_of_a_tool_is_named() {
    let compiler = "#!/bin/sh\ncase \"$*\" in *probe.c*) exit 1;; esac\n";
    for (feature, header) in [
        ("valgrind", "needs valgrind's header valgrind/memcheck.h"),
        (
            "asan",
            "needs the compiler's header sanitizer/asan_interface.h",
        ),
    ] {
        let world = World::with_features(&[feature]);
        fs::write(world.at("bin/cc"), compiler).unwrap();
        world.fails(&[header]);
    }
}

#[test]
fn a_system_library_takes_no_settings() {
    let refusal = [
        "can't be had from a system library",
        "Drop it, or compile the vendored source",
    ];
    // All are named at once.
    let mut features = COMPILED_IN.to_vec();
    features.push("system");
    let said = with_library(World::new().features(&features)).fails(&refusal);
    assert_eq!(said.compiled, [""; 0]);
    // That is another name of a level.
    for feature in COMPILED_IN.iter().filter(|name| **name != "secure") {
        said.has(&[&format!("`{feature}`")]);
    }
    // One is enough, and the variable is as good as the feature.
    with_library(World::new().features(&["system", "secure"])).fails(&refusal);
    let world = World::new().features(&["secure-1", "padding"]);
    with_library(world.set("MIMALLOC_SYS_NO_VENDOR", "1"))
        .fails(&["feature `secure-1`, `padding` can't be had"]);
    // The variable goes before the feature.
    World::with_features(&["system", "secure"])
        .set("MIMALLOC_SYS_NO_VENDOR", "0")
        .succeeds(&["cargo::metadata=vendored=1\n"])
        .tells("secure=4");
    // There is nothing to veto.
    with_library(World::new().features(&["system", "no-debug"]))
        .succeeds(&[])
        .tells("vendored=0 secure=0 debug=0 padding=0 guarded=0 patched=0 profile=1");
    with_library(World::new().features(&["system", "v2"])).fails(&[
        "feature `v2` needs mimalloc 2.x, but",
        "Install mimalloc 2, or drop the feature",
    ]);
}

#[test]
fn a_named_library_is_shared_unless_the_user_says_otherwise() {
    let both = || {
        let world = with_library(World::new().set("MIMALLOC_SYS_NO_VENDOR", "1"));
        world.write("lib/libmimalloc.a", "")
    };
    let shared = "cargo::rustc-link-lib=dylib=mimalloc\n";
    let in_program = "cargo::rustc-link-lib=static=mimalloc\n";
    both().succeeds(&[shared]);
    both().set("MIMALLOC_STATIC", "1").succeeds(&[in_program]);
    both().set("MIMALLOC_STATIC", "0").succeeds(&[shared]);
    both().set("MIMALLOC_STATIC", "").succeeds(&[shared]);
    both()
        .set("X86_64_UNKNOWN_LINUX_GNU_MIMALLOC_STATIC", "1")
        .succeeds(&[in_program]);
    let world = both().set("MIMALLOC_DYNAMIC", "1");
    fs::remove_file(world.at("lib/libmimalloc.so")).unwrap();
    world.fails(&["MIMALLOC_SYS_LIB_DIR=", "holds none of libmimalloc.so"]);
    let world = with_library(World::new().set("MIMALLOC_SYS_NO_VENDOR", "1"));
    world
        .write("tree/include/mimalloc.h", "#define MI_MALLOC_VERSION 180\n")
        .fails(&["MIMALLOC_SYS_INCLUDE_DIR: ", "but only", "are supported"]);
    let world = with_library(World::new().set("MIMALLOC_SYS_NO_VENDOR", "1"));
    world
        .write("tree/include/mimalloc.h", "")
        .fails(&["defines no MI_MALLOC_VERSION"]);
}

/// The prefix of a variable for one target.
const PREFIX: &str = "X86_64_UNKNOWN_LINUX_GNU_";

#[test]
fn each_variable_can_be_one_of_the_target() {
    type Arrange = fn() -> World;
    type Row = (Arrange, &'static str, [(&'static str, &'static str); 2]);
    // A variable, a value for all targets, another for this one, and what each leads to.
    let table: &[Row] = &[
        (
            World::with_source,
            "MIMALLOC_SYS_NO_INLINE_ALLOC",
            [("1", "=inline_alloc=0\n"), ("0", "=inline_alloc=1\n")],
        ),
        (
            || World::with_features(&["debug"]),
            "MIMALLOC_SYS_NO_DEBUG",
            [("1", "=debug=0\n"), ("0", "=debug=1\n")],
        ),
        (
            || with_library(World::new().features(&["system"])),
            "MIMALLOC_SYS_NO_VENDOR",
            [
                ("0", "MIMALLOC_SYS_LIB_DIR is set, but"),
                ("1", "=vendored=0\n"),
            ],
        ),
        (
            World::new,
            "MIMALLOC_SYS_NO_FETCH",
            [
                ("1", "MIMALLOC_SYS_NO_FETCH forbids the network"),
                ("0", "this cargo knows nothing"),
            ],
        ),
        (
            World::new,
            "MIMALLOC_SYS_SOURCE_DIR",
            [
                ("{}/home", "/home holds no mimalloc source"),
                ("{}/lib", "/lib holds no mimalloc source"),
            ],
        ),
    ];
    for (arrange, name, [(first, leads), (second, leads_elsewhere)]) in table {
        let of_target = format!("{PREFIX}{name}");
        let said = arrange().set(name, first).run();
        said.has(&[leads, &format!("cargo::rerun-if-env-changed={of_target}\n")]);
        // The variable of the target goes before the other.
        let said = arrange().set(name, first).set(&of_target, second).run();
        said.has(&[leads_elsewhere]);
        assert!(!said.text.contains(leads), "{name}: {}", said.text);
        let said = arrange().set(name, second).set(&of_target, first).run();
        said.has(&[leads]);
        // An empty one counts as unset.
        arrange()
            .set(name, first)
            .set(&of_target, "")
            .run()
            .has(&[leads]);
        // Another target's means nothing here.
        let other = format!("AARCH64_UNKNOWN_LINUX_GNU_{name}");
        arrange()
            .set(name, first)
            .set(&other, second)
            .run()
            .has(&[leads]);
    }
    // One without effect is a mistake, whatever its name.
    World::with_source()
        .set(&format!("{PREFIX}MIMALLOC_SYS_LIB_DIR"), "{}/lib")
        .fails(&["MIMALLOC_SYS_LIB_DIR is set, but"]);
    World::with_source()
        .set(&format!("{PREFIX}MIMALLOC_SYS_NO_VENDOR"), "perhaps")
        .fails(&["`perhaps`"]);
}

#[test]
fn a_target_with_dots_has_underscores_in_variables() {
    let target = "thumbv7neon-unknown-linux-gnu.2.17";
    let world = World::with_source()
        .set("TARGET", target)
        .set("HOST", target);
    let name = "THUMBV7NEON_UNKNOWN_LINUX_GNU_2_17_MIMALLOC_SYS_NO_INLINE_ALLOC";
    world.set(name, "perhaps").fails(&["`perhaps`"]);
}

#[test]
fn off_is_off_for_each_switch() {
    for off in ["0", "false", "no", "off", "OFF", " no ", ""] {
        let world = World::with_features(&["debug", "padding"])
            .set("MIMALLOC_SYS_NO_DEBUG", off)
            .set("MIMALLOC_SYS_NO_VENDOR", off)
            .set("MIMALLOC_SYS_NO_FETCH", off)
            .set("MIMALLOC_SYS_NO_INLINE_ALLOC", off);
        world.succeeds(&[]).tells("debug=1 vendored=1");
        let said = World::new().set("MIMALLOC_SYS_NO_FETCH", off).fails(&[]);
        assert!(said.tried_network(), "{off:?}");
        let world = World::with_source().set("MIMALLOC_SYS_NO_INLINE_ALLOC", off);
        world.succeeds(&[]).tells("inline_alloc=1");
    }
    for on in ["1", "true", "Yes", "ON"] {
        let world = World::with_features(&["debug"]).set("MIMALLOC_SYS_NO_DEBUG", on);
        world.succeeds(&[]).tells("debug=0");
        let said = World::new()
            .set("MIMALLOC_SYS_NO_FETCH", on)
            .fails(&["forbids the network"]);
        assert!(!said.tried_network(), "{on:?}");
    }
}

#[test]
fn flags_of_c_change_no_setting_that_dependents_are_told() {
    for (variable, flags, name) in [
        ("CFLAGS", "-DMI_SECURE=0", "MI_SECURE"),
        ("CFLAGS", "-O2 -D MI_SECURE=4", "MI_SECURE"),
        ("CFLAGS", "-UMI_PADDING", "MI_PADDING"),
        ("CFLAGS", "-U MI_GUARDED -g", "MI_GUARDED"),
        ("CFLAGS", "-DMI_PADDING", "MI_PADDING"),
        ("TARGET_CFLAGS", "-DMI_DEBUG=3", "MI_DEBUG"),
        (
            "CFLAGS_x86_64-unknown-linux-gnu",
            "/DMI_PROFILE=0",
            "MI_PROFILE",
        ),
        (
            "CFLAGS_x86_64_unknown_linux_gnu",
            "-DMI_PROFILE=0",
            "MI_PROFILE",
        ),
    ] {
        let world = World::with_features(&["secure-4"]).set(variable, flags);
        let said = world.fails(&["the flags for the C compiler set", "feature"]);
        said.has(&[&format!("`{name}`")]);
        assert_eq!(
            said.compiled
                .iter()
                .filter(|call| call.contains("static"))
                .count(),
            0
        );
    }
    // Others are the user's own business, and Rust then allocates nothing itself.
    for flags in [
        "-DMI_SECURE_HOLD_BACK=4",
        "-DMI_STATS=2",
        "-DMI_PADDING_CHECK_BYTES=1",
    ] {
        let said = World::with_source().set("CFLAGS", flags).succeeds(&[]);
        said.tells("secure=0 padding=0 inline_alloc=0");
        assert!(said.arguments().contains(&flags));
    }
    let said = World::with_source().set("CFLAGS", "").succeeds(&[]);
    said.tells("inline_alloc=1");
}

#[test]
fn a_foreign_tree_is_compiled_with_the_settings() {
    let foreign = |engine, features: &[&str]| {
        let world = World::new()
            .features(features)
            .set("MIMALLOC_SYS_SOURCE_DIR", "{}/tree");
        copy_source(engine, &world.at("tree"));
        world.write("tree/include/more.h", "")
    };
    let said = foreign(Engine::V3, &["secure-2", "padding"])
        .succeeds(&["include/more.h is not in the list"]);
    said.defines("MI_SECURE=2 MI_PADDING=1 MI_DEBUG=0");
    said.tells("secure=2 padding=1 patched=0 inline_alloc=0 default_theap=0 engine=v3");
    // The tree's own headers, and no other tree's.
    let arguments = said.arguments();
    assert!(
        arguments
            .iter()
            .any(|argument| argument.ends_with("/tree/include"))
    );
    assert!(
        !arguments
            .iter()
            .any(|argument| argument.contains("package/vendor"))
    );
    foreign(Engine::V2, &["v2", "secure-3"])
        .succeeds(&[])
        .tells("secure=3 padding=1 patched=0 engine=v2");
    // The variable is empty: the source in the package is taken.
    let world = World::with_source().set("MIMALLOC_SYS_SOURCE_DIR", "");
    world.succeeds(&[]).tells("patched=1");
    // No part of a tree is a tree.
    World::new()
        .set("MIMALLOC_SYS_SOURCE_DIR", "{}/tree")
        .write(
            "tree/include/mimalloc.h",
            "#define MI_MALLOC_VERSION 30602\n",
        )
        .fails(&["holds no mimalloc source"]);
    // Is a version that mimalloc never had.
    foreign(Engine::V3, &[])
        .write(
            "tree/include/mimalloc.h",
            "#define MI_MALLOC_VERSION 40000\n",
        )
        .fails(&["only", "are supported"]);
}

#[test]
fn targets_have_their_own_choices() {
    type Row = (
        &'static [(&'static str, &'static str)],
        &'static str,
        &'static [&'static str],
    );
    let table: &[Row] = &[
        (
            &[],
            "MI_HAS_UNISTDH=1 MI_HAS_EXECINFOH=1 !MI_LIBC_MUSL",
            &["-ftls-model=initial-exec"],
        ),
        (
            &[("CARGO_CFG_TARGET_ENV", "musl")],
            "MI_HAS_UNISTDH=1 !MI_HAS_EXECINFOH MI_LIBC_MUSL=1",
            &["-ftls-model=local-dynamic"],
        ),
        (
            &[
                ("CARGO_CFG_TARGET_OS", "freebsd"),
                ("CARGO_CFG_TARGET_ENV", ""),
            ],
            "MI_HAS_UNISTDH=1 MI_HAS_EXECINFOH=1",
            &["-ftls-model=initial-exec"],
        ),
        (
            &[
                ("CARGO_CFG_TARGET_OS", "openbsd"),
                ("CARGO_CFG_TARGET_ENV", ""),
            ],
            "MI_HAS_UNISTDH=1 !MI_HAS_EXECINFOH",
            &[],
        ),
        (
            &[("CARGO_CFG_TARGET_OS", "windows")],
            "_WIN32_WINNT=0x600 !MI_HAS_UNISTDH",
            &[],
        ),
    ];
    for (variables, defines, flags) in table {
        let world = World::with_source();
        let world = variables
            .iter()
            .fold(world, |world, (name, value)| world.set(name, value));
        let said = world.succeeds(&[]);
        said.defines(defines);
        let arguments = said.arguments();
        let models: Vec<_> = arguments
            .iter()
            .filter(|word| word.starts_with("-ftls-model"))
            .collect();
        assert_eq!(models, flags.iter().collect::<Vec<_>>(), "{variables:?}");
    }
    assert_eq!(TARGET.to_uppercase().replace('-', "_") + "_", PREFIX);
}
