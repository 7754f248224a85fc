//! Compiles the C source: a patched copy (see `patches.rs`) of `src/static.c`, which
//! includes all other files.

use std::path::{Path, PathBuf};
use std::thread;

use crate::env;
use crate::inlined::Inlined;
use crate::patches::{Patches, TranslationUnit};
use crate::platform::{Platform, Tls};
use crate::settings::Settings;

/// Begins the names of the second half's files, in both engines.
const SECOND: &[&str] = &["arena", "bitmap", "segment", "profile"];

/// Compiles the tree at `source`, links the result, and returns the compiler with
/// its arguments.
pub(crate) fn build(
    source: &Path,
    settings: Settings,
    platform: &Platform,
    patches: Option<&'static Patches>,
    inlined: Inlined,
) -> Result<Vec<String>, String> {
    need_compiler()?;
    let unit = TranslationUnit::read(source, patches, inlined)?;
    let mut compiler = compiler(source, settings, platform)?;
    let command = command(&compiler)?;
    // The override of `malloc` works from a single object only.
    if platform.splits_build && !env::feature("override") {
        compile_halves(&unit, &compiler)?;
    } else {
        compiler
            .file(unit.write("static.c", |_| true)?)
            .try_compile("mimalloc")
            .map_err(|e| format!("compiling mimalloc failed: {e}"))?;
    }
    platform.link_libraries();
    Ok(command)
}

fn command(compiler: &cc::Build) -> Result<Vec<String>, String> {
    let tool = compiler.try_get_compiler().map_err(|e| e.to_string())?;
    let path = std::iter::once(tool.path().as_os_str());
    let words = path.chain(tool.args().iter().map(AsRef::as_ref));
    let words = words.map(|word| word.to_string_lossy().into_owned());
    Ok(words.collect())
}

/// Compiles `static.c` in two halves at once, and links the objects.
///
/// `static.c` includes the whole library, which takes one core several seconds while
/// cargo has nothing else to do. Upstream's files can be compiled apart, so each half
/// gets a copy of `static.c` without the other half's includes. The files that
/// allocation runs through are all in the first half.
fn compile_halves(unit: &TranslationUnit, compiler: &cc::Build) -> Result<(), String> {
    let compile = |name, of_second| -> Result<Vec<PathBuf>, String> {
        let path = unit.write(name, |file| {
            SECOND.iter().any(|start| file.starts_with(start)) == of_second
        })?;
        let objects = compiler.clone().file(path).try_compile_intermediates();
        objects.map_err(|e| format!("compiling mimalloc failed: {e}"))
    };
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(|| compile("static-2.c", true));
        let first = compile("static-1.c", false);
        let failed = |_| Err("the compiler's thread failed".to_owned());
        (first, second.join().unwrap_or_else(failed))
    });
    let mut compiler = compiler.clone();
    compiler.objects(first?).objects(second?);
    compiler
        .try_compile("mimalloc")
        .map_err(|e| format!("archiving mimalloc failed: {e}"))
}

/// Fails with what to install where there is no compiler. Without this check the
/// first use of a compiler would fail with less to go on.
pub(crate) fn need_compiler() -> Result<(), String> {
    let mut compiler = cc::Build::new();
    compiler.cargo_warnings(false).cargo_metadata(false);
    let problem = match compiler.try_get_compiler() {
        Ok(tool) => match tool.to_command().arg("--version").output() {
            // The compiler runs, whatever it answers.
            Ok(_) => return Ok(()),
            Err(e) => format!("{} can't be run: {e}", tool.path().display()),
        },
        Err(e) => e.to_string(),
    };
    let target = env::cargo("TARGET");
    Err(format!(
        "there is no C compiler for {target}: {problem}\n\nInstall one:\n  \
         Debian, Ubuntu: apt-get install build-essential\n  Fedora: dnf install gcc\n  \
         Alpine: apk add build-base\n  macOS: xcode-select --install\n  \
         Windows: the \"Desktop development with C++\" workload of the Visual Studio Build Tools, \
         or MinGW-w64 for the -gnu targets\n\
         Or name one: CC=…; for a cross build CC_{}=….",
        target.replace('-', "_")
    ))
}

/// Returns the C compiler with all its settings, and no file yet.
fn compiler(source: &Path, settings: Settings, platform: &Platform) -> Result<cc::Build, String> {
    let mut cc = cc::Build::new();
    cc.include(source.join("include"))
        .include(source.join("src"))
        .warnings(false)
        // The allocator is a tool, not the program under development. Upstream's
        // own release builds use level 3.
        .opt_level(3);
    define(&mut cc, settings, platform);
    language(&mut cc, platform);
    if env::feature("opt-arch") {
        use_native_arch(&mut cc, platform)?;
    }
    track(&mut cc, platform)?;
    if env::feature("override") {
        override_malloc(&mut cc, platform)?;
    }
    Ok(cc)
}

/// Defines upstream's switches. Without `MI_DEBUG` upstream builds at level 2,
/// padded and printing.
fn define(cc: &mut cc::Build, settings: Settings, platform: &Platform) {
    cc.define("MI_DEBUG", &*settings.debug.to_string())
        .define("MI_SECURE", &*settings.secure.to_string())
        .define("MI_GUARDED", if settings.guarded { "1" } else { "0" });
    if settings.debug == 0 {
        cc.define("NDEBUG", None).define("MI_BUILD_RELEASE", None);
    }
    if env::feature("padding") {
        // Engine v2 by itself looks at padding only from level 3 of `secure` on.
        cc.define("MI_PADDING", "1").define("MI_PADDING_CHECK", "1");
    }
    if !settings.profile {
        cc.define("MI_PROFILE", "0");
    }
    if env::feature("no-thp") {
        // The first keeps the engine from asking for huge pages. The second makes
        // the engine tell the kernel not to use them for the process.
        cc.define("MI_NO_THP", "1")
            .define("MI_DEFAULT_ALLOW_THP", "0");
    }
    for (name, value) in &platform.defines {
        cc.define(name, *value);
    }
}

fn language(cc: &mut cc::Build, platform: &Platform) {
    if platform.is_msvc {
        // Upstream asks for C++ with MSVC, for its atomics (CMake, MI_USE_CXX). Without
        // /EHsc `mi_new` still reports failure instead of throwing through Rust.
        cc.cpp(true).cpp_link_stdlib(None);
        if cc.get_compiler().is_like_msvc() {
            cc.flag("/TP").flag("/std:c++17").flag("/Zc:__cplusplus");
        } else {
            cc.flag("-xc++").flag("-std=c++17");
        }
    } else {
        // Nothing here throws, so nothing calls a C++ new-handler. The define keeps
        // the weak `std::get_new_handler` of upstream's C build out of the program.
        cc.define("MI_NO_CXX_NEW_HANDLER", None);
    }
    match platform.tls {
        Tls::Default => {}
        Tls::InitialExec => _ = cc.flag("-ftls-model=initial-exec"),
        Tls::LocalDynamic => _ = cc.flag("-ftls-model=local-dynamic"),
    }
}

/// Compiles for the machine that the compiler runs on.
fn use_native_arch(cc: &mut cc::Build, platform: &Platform) -> Result<(), String> {
    if env::cargo("HOST") != env::cargo("TARGET") || platform.is_msvc {
        return Err(
            "feature `opt-arch` means -march=native, which needs a build for the building machine \
             itself and gcc or clang.\nDrop the feature, or name the instruction set in CFLAGS."
                .to_owned(),
        );
    }
    cc.flag("-march=native");
    Ok(())
}

/// Sets up `valgrind` or `asan`. The source includes a header of the tool, and
/// without the header the build would fail with a page of compiler output.
fn track(cc: &mut cc::Build, platform: &Platform) -> Result<(), String> {
    if env::feature("valgrind") && env::feature("asan") {
        return Err("features `valgrind` and `asan` exclude each other".to_owned());
    }
    if env::feature("valgrind") {
        need_header("valgrind/memcheck.h").map_err(|e| {
            format!(
                "feature `valgrind` needs valgrind's header valgrind/memcheck.h: {e}\nInstall it \
                 (Debian: apt-get install valgrind; Fedora: dnf install valgrind-devel), or name \
                 its directory in CFLAGS=-I…"
            )
        })?;
        cc.define("MI_TRACK_VALGRIND", "1");
    }
    if env::feature("asan") {
        need_header("sanitizer/asan_interface.h").map_err(|e| {
            format!(
                "feature `asan` needs the compiler's header sanitizer/asan_interface.h: {e}\nIt \
                 comes with gcc, and with clang's compiler-rt (Debian: libclang-rt-dev)."
            )
        })?;
        cc.define("MI_TRACK_ASAN", "1");
        sanitize(cc, platform)?;
    }
    Ok(())
}

/// Instruments the C code, and links a runtime where nothing else does.
fn sanitize(cc: &mut cc::Build, platform: &Platform) -> Result<(), String> {
    if platform.is_msvc {
        // The object file names its runtime to the linker.
        cc.flag("/fsanitize=address");
        return Ok(());
    }
    cc.flag("-fsanitize=address");
    // rustc's runtime (-Zsanitizer=address) serves both languages.
    if !env::cargo("CARGO_CFG_SANITIZE").contains("address") {
        if cc.get_compiler().is_like_clang() {
            return Err(
                "feature `asan` with clang needs the runtime that rustc links: build with nightly \
                 and RUSTFLAGS=-Zsanitizer=address, or compile C with gcc (CC=gcc)."
                    .to_owned(),
            );
        }
        println!("cargo::rustc-link-lib=asan");
    }
    Ok(())
}

fn need_header(header: &str) -> Result<(), String> {
    let expanded = expand(&format!("#include <{header}>\n"))?;
    expanded
        .map(drop)
        .ok_or_else(|| "the compiler does not find it".to_owned())
}

/// Preprocesses `text`, or returns `None` when the preprocessor fails.
pub(crate) fn expand(text: &str) -> Result<Option<Vec<u8>>, String> {
    let probe = env::cargo_path("OUT_DIR").join("probe.c");
    std::fs::write(&probe, text).map_err(|e| format!("can't write {}: {e}", probe.display()))?;
    let mut cc = cc::Build::new();
    cc.file(&probe).warnings(false).cargo_warnings(false);
    Ok(cc.try_expand().ok())
}

/// Replaces the C `malloc` family of the whole program.
fn override_malloc(cc: &mut cc::Build, platform: &Platform) -> Result<(), String> {
    if platform.is_windows {
        return Err(
            "feature `override` is not possible on Windows: upstream replaces malloc there only \
             with a DLL and its redirection module.\nDrop the feature; `#[global_allocator]` \
             needs no override."
                .to_owned(),
        );
    }
    cc.define("MI_MALLOC_OVERRIDE", "1");
    if platform.is_apple {
        // CMake defines both. Only dylibs read the interposing half.
        cc.define("MI_OSX_ZONE", "1")
            .define("MI_OSX_INTERPOSE", "1");
    }
    // CMake's flag: the compiler would turn upstream's malloc into calls of itself.
    cc.flag("-fno-builtin-malloc");
    Ok(())
}
