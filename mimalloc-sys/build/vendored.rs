//! Compiles the C source: one file, `src/static.c`, that includes the rest.
//! What is compiled is a copy of that file (see `unit`).

use std::path::Path;

use crate::env;
use crate::headers::Engine;
use crate::patches::TranslationUnit;
use crate::platform::{Platform, Tls};
use crate::split_build;

/// What upstream's switches are set to, for the compiler and for dependents.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) debug: u8,
    pub(crate) secure: u8,
    pub(crate) padding: bool,
    pub(crate) guarded: bool,
    pub(crate) profile: bool,
}

impl Settings {
    /// Whether blocks are neither padded, encoded nor checked.
    pub(crate) fn is_plain(self) -> bool {
        self.debug == 0 && self.secure == 0 && !self.padding && !self.guarded
    }

    /// What the features ask for.
    pub(crate) fn from_features(engine: Engine) -> Result<Self, String> {
        let secure = secure_level();
        let mut debug = debug_level()?;
        if engine == Engine::V2 && secure > 0 && debug == 3 {
            // 2.5.2's check of a segment (segment.c:328, level 3 only) forgets
            // the guard slices of secure builds: it fails at the first free.
            debug = 2;
        }
        // Upstream pads on its own from these levels on (types.h); dependents
        // need to know the outcome.
        let pads_from = if engine == Engine::V3 { 4 } else { 3 };
        let tracked = cfg!(feature = "valgrind") || cfg!(feature = "asan");
        Ok(Self {
            debug,
            secure,
            padding: cfg!(feature = "padding") || tracked || debug > 0 || secure >= pads_from,
            guarded: cfg!(feature = "guarded"),
            profile: engine == Engine::V3 && !cfg!(feature = "no-profile"),
        })
    }
}

/// Highest level asked for wins, as features add up.
fn secure_level() -> u8 {
    [
        (5, cfg!(feature = "secure-5")),
        (4, cfg!(feature = "secure")),
        (3, cfg!(feature = "secure-3")),
        (2, cfg!(feature = "secure-2")),
        (1, cfg!(feature = "secure-1")),
    ]
    .into_iter()
    .find_map(|(level, asked)| asked.then_some(level))
    .unwrap_or(0)
}

/// Cargo tells a build script nothing true about `debug-assertions`
/// (`CARGO_CFG_DEBUG_ASSERTIONS` does not follow the profile, `PROFILE` is
/// `release` for every profile that inherits from it). But it compiles the
/// script itself with the profile's setting, so we look there.
fn debug_level() -> Result<u8, String> {
    let veto = env::is_on("MIMALLOC_SYS_NO_DEBUG")? || cfg!(feature = "no-debug");
    Ok(if veto || !cfg!(debug_assertions) {
        0
    } else if cfg!(feature = "debug-full") {
        3
    } else {
        u8::from(cfg!(feature = "debug"))
    })
}

/// Compiles the tree at `source` and links it.
pub(crate) fn build(
    source: &Path,
    settings: Settings,
    is_patched: bool,
    keeps_heaps: bool,
    checks_layout: bool,
) -> Result<(), String> {
    need_compiler()?;
    let platform = Platform::current();
    let unit = TranslationUnit::read(source, is_patched, keeps_heaps, checks_layout)?;
    let mut compiler = compiler(source, settings, &platform)?;
    if platform.in_parts && !cfg!(feature = "override") {
        split_build::compile(&unit, &compiler)?;
    } else {
        // Overriding takes one object with all of it.
        compiler
            .file(unit.write("static.c", |_| true)?)
            .try_compile("mimalloc")
            .map_err(|e| format!("compiling mimalloc failed: {e}"))?;
    }
    for library in &platform.libraries {
        println!("cargo::rustc-link-lib={library}");
    }
    Ok(())
}

/// Says what to install where there is no compiler, instead of what failed
/// first without it.
pub(crate) fn need_compiler() -> Result<(), String> {
    let mut compiler = cc::Build::new();
    compiler.cargo_warnings(false).cargo_metadata(false);
    let problem = match compiler.try_get_compiler() {
        Ok(tool) => match tool.to_command().arg("--version").output() {
            // Whatever it answers, it runs.
            Ok(_) => return Ok(()),
            Err(e) => format!("{} can't be run: {e}", tool.path().display()),
        },
        Err(e) => e.to_string(),
    };
    Err(format!(
        "there is no C compiler for {}: {problem}\n\nInstall one:\n  Debian, Ubuntu: apt-get \
         install build-essential\n  Fedora: dnf install gcc\n  Alpine: apk add build-base\n  \
         macOS: xcode-select --install\n  Windows: the \"Desktop development with C++\" workload \
         of the Visual Studio Build Tools, or MinGW-w64 for the -gnu targets\nOr name one: \
         CC=…; for a cross build CC_{}=….",
        env::cargo("TARGET"),
        env::cargo("TARGET").replace('-', "_")
    ))
}

/// The C compiler with all its settings, and no file yet.
fn compiler(source: &Path, settings: Settings, platform: &Platform) -> Result<cc::Build, String> {
    let mut cc = cc::Build::new();
    cc.include(source.join("include"))
        .include(source.join("src"))
        .warnings(false)
        // The allocator is a tool, not the program under development. Level 3 is
        // what upstream's own release builds have.
        .opt_level(3);
    define(&mut cc, settings, platform);
    language(&mut cc, platform);
    arch(&mut cc, platform)?;
    track(&mut cc, platform)?;
    if cfg!(feature = "override") {
        override_malloc(&mut cc, platform)?;
    }
    Ok(cc)
}

/// `MI_DEBUG` must always be given: without it upstream builds at level 2,
/// padded and printing.
fn define(cc: &mut cc::Build, settings: Settings, platform: &Platform) {
    cc.define("MI_DEBUG", &*settings.debug.to_string())
        .define("MI_SECURE", &*settings.secure.to_string())
        .define("MI_GUARDED", if settings.guarded { "1" } else { "0" });
    if settings.debug == 0 {
        cc.define("NDEBUG", None).define("MI_BUILD_RELEASE", None);
    }
    if cfg!(feature = "padding") {
        cc.define("MI_PADDING", "1");
    }
    if !settings.profile {
        cc.define("MI_PROFILE", "0");
    }
    if cfg!(feature = "no-thp") {
        // The first keeps the engine from asking for huge pages, the second
        // makes it tell the kernel not to use them for the process.
        cc.define("MI_NO_THP", "1")
            .define("MI_DEFAULT_ALLOW_THP", "0");
    }
    for (name, value) in &platform.defines {
        cc.define(name, *value);
    }
}

fn language(cc: &mut cc::Build, platform: &Platform) {
    if platform.cpp {
        cc.cpp(true).cpp_link_stdlib(None);
        if cc.get_compiler().is_like_msvc() {
            cc.flag("/TP").flag("/std:c++17").flag("/Zc:__cplusplus");
        } else {
            cc.flag("-xc++").flag("-std=c++17");
        }
    } else {
        // We never throw, so nobody calls a C++ new-handler: keep the weak
        // `std::get_new_handler` of upstream's C build out of the program.
        cc.define("MI_NO_CXX_NEW_HANDLER", None);
    }
    let tls = if cfg!(feature = "local-dynamic-tls") && platform.tls != Tls::Default {
        Tls::LocalDynamic
    } else {
        platform.tls
    };
    match tls {
        Tls::Default => {}
        Tls::InitialExec => _ = cc.flag("-ftls-model=initial-exec"),
        Tls::LocalDynamic => _ = cc.flag("-ftls-model=local-dynamic"),
    }
}

/// `opt-arch`: the compiler's idea of the machine it runs on.
fn arch(cc: &mut cc::Build, platform: &Platform) -> Result<(), String> {
    if !cfg!(feature = "opt-arch") {
        return Ok(());
    }
    if env::cargo("HOST") != env::cargo("TARGET") || platform.is_msvc {
        return Err(
            "feature `opt-arch` means -march=native, which needs a build for the \
                    building machine itself and gcc or clang.\nDrop the feature, or name the \
                    instruction set in CFLAGS."
                .to_owned(),
        );
    }
    cc.flag("-march=native");
    Ok(())
}

/// `valgrind` and `asan`: the source includes a header of the tool, whose
/// absence would otherwise show as a page of compiler output.
fn track(cc: &mut cc::Build, platform: &Platform) -> Result<(), String> {
    if cfg!(feature = "valgrind") && cfg!(feature = "asan") {
        return Err("features `valgrind` and `asan` exclude each other".to_owned());
    }
    if cfg!(feature = "valgrind") {
        need_header("valgrind/memcheck.h").map_err(|e| {
            format!(
                "feature `valgrind` needs valgrind's header valgrind/memcheck.h: {e}\nInstall it \
                 (Debian: apt-get install valgrind; Fedora: dnf install valgrind-devel), or name \
                 its directory in CFLAGS=-I…"
            )
        })?;
        cc.define("MI_TRACK_VALGRIND", "1");
    }
    if cfg!(feature = "asan") {
        need_header("sanitizer/asan_interface.h").map_err(|e| {
            format!(
                "feature `asan` needs the compiler's header sanitizer/asan_interface.h: {e}\n\
                 It comes with gcc, and with clang's compiler-rt (Debian: libclang-rt-dev)."
            )
        })?;
        cc.define("MI_TRACK_ASAN", "1");
        sanitize(cc, platform)?;
    }
    Ok(())
}

/// Instruments the C code, and sees to it that a runtime is linked.
fn sanitize(cc: &mut cc::Build, platform: &Platform) -> Result<(), String> {
    if platform.is_msvc {
        // The object file names its runtime to the linker.
        cc.flag("/fsanitize=address");
        return Ok(());
    }
    cc.flag("-fsanitize=address");
    if env::cargo("CARGO_CFG_SANITIZE").contains("address") {
        // rustc brings its runtime (-Zsanitizer=address), which serves both.
        return Ok(());
    }
    if cc.get_compiler().is_like_clang() {
        return Err(
            "feature `asan` with clang needs the runtime that rustc links: build with \
                    nightly and RUSTFLAGS=-Zsanitizer=address, or compile C with gcc (CC=gcc)."
                .to_owned(),
        );
    }
    println!("cargo::rustc-link-lib=asan");
    Ok(())
}

/// Preprocesses a file that only includes `header`.
fn need_header(header: &str) -> Result<(), String> {
    let probe = env::cargo_path("OUT_DIR").join("probe.c");
    std::fs::write(&probe, format!("#include <{header}>\n")).map_err(|e| e.to_string())?;
    cc::Build::new()
        .file(&probe)
        .warnings(false)
        .cargo_warnings(false)
        .try_expand()
        .map(drop)
        .map_err(|_| "the compiler does not find it".to_owned())
}

/// `override`: the C `malloc` family of the whole program.
fn override_malloc(cc: &mut cc::Build, platform: &Platform) -> Result<(), String> {
    if platform.is_windows {
        return Err(
            "feature `override` is not possible on Windows: upstream replaces malloc \
                    there only with a DLL and its redirection module.\nDrop the feature; \
                    `#[global_allocator]` needs no override."
                .to_owned(),
        );
    }
    cc.define("MI_MALLOC_OVERRIDE", "1");
    if platform.is_apple {
        // CMake's default pair; the interposing half is only read in dylibs.
        cc.define("MI_OSX_ZONE", "1")
            .define("MI_OSX_INTERPOSE", "1");
    }
    // CMake: or the compiler turns our own malloc into calls to itself.
    cc.flag("-fno-builtin-malloc");
    Ok(())
}
