//! Builds and runs the programs of the pages for users that are packages of their
//! own: those of `docs/recipes.md` that name their files, and those of the README.
//! The other programs of these pages are documentation tests of `mimalloc`.
//!
//! The test has a process of its own, because the test runs cargo.

// Cargo builds with a profile of its own here: a test in release would be the same.
#![cfg(all(unix, debug_assertions, mimalloc_v3, not(mimalloc_other_version)))]

use std::ffi::{CStr, CString, c_char, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const RECIPES: &str = include_str!("../../mimalloc/docs/recipes.md");
const README: &str = include_str!("../../README.md");

/// The release whose messages the page quotes.
const PINNED: &str = "1.95.";

/// The packages share a target directory, so that C is compiled once.
fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("recipes/target")
}

/// Returns a new empty package, and the versions that the workspace has downloaded.
fn package(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("recipes")
        .join(name);
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(place.join("src")).unwrap();
    fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock")).unwrap();
    place
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Writes a manifest, with this checkout in the place of the page's.
fn write_manifest(place: &Path, text: &str) {
    let checkout = format!("{}/", root().display());
    let text = text.replace("../mimalloc/", &checkout);
    fs::write(place.join("Cargo.toml"), format!("{text}\n[workspace]\n")).unwrap();
}

/// Runs cargo offline in a package. Flags of the build are not for the programs of
/// users.
fn cargo(place: &Path, arguments: &[&str]) -> Output {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(arguments)
        .args(["--offline", "--target", env!("MIMALLOC_TESTS_TARGET")])
        .arg("--target-dir")
        .arg(target_dir())
        .current_dir(place);
    cargo.output().unwrap()
}

/// Runs cargo, and returns what the program printed.
fn run(place: &Path, arguments: &[&str]) -> String {
    let output = cargo(place, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", place.display());
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the text below the heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let start = page.find(heading).expect("the page has the heading");
    let text = &page[start + heading.len()..];
    // No program of these pages has a line that begins like a heading of the page.
    let level = format!("\n{} ", heading.trim().split(' ').next().unwrap());
    text.split(&level).next().unwrap()
}

/// Returns the blocks of code of one language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let parts = text.split(&fence).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap())
        .collect()
}

/// Writes the package that a section of the recipes shows, each file below its name.
fn recipe(name: &str, heading: &str) -> PathBuf {
    let place = package(name);
    let text = section(RECIPES, heading);
    for (number, part) in text.split("`:\n\n```").enumerate().skip(1) {
        let before = text.split("`:\n\n```").nth(number - 1).unwrap();
        let file = before.rsplit('`').next().unwrap();
        let (_, code) = part.split_once('\n').unwrap();
        let code = code.split("```").next().unwrap();
        if file == "Cargo.toml" {
            write_manifest(&place, code);
        } else {
            fs::write(place.join(file), code).unwrap();
        }
    }
    place
}

#[test]
fn a_program_without_std_links_and_runs() {
    let place = recipe("without_std", "\n# A program without std\n");
    run(&place, &["run", "--quiet"]);
    run(&place, &["run", "--quiet", "--release"]);
}

#[test]
fn c_code_of_the_program_finds_mimalloc() {
    let place = recipe("with_c", "\n# C code of one's own\n");
    assert_eq!(run(&place, &["run", "--quiet"]), "385\n");
}

#[test]
fn a_cdylib_serves_another_program() {
    if cfg!(target_feature = "crt-static") {
        return; // A static program can't load a library.
    }
    let place = recipe(
        "greeting",
        "\n# A library for programs in other languages\n",
    );
    run(&place, &["build", "--quiet"]);
    let name = format!(
        "{}greeting{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let triple = env!("MIMALLOC_TESTS_TARGET");
    let library = target_dir().join(triple).join("debug").join(name);
    let library = CString::new(library.as_os_str().as_bytes()).unwrap();
    // SAFETY: `library` is a C string. The library is that of the page, whose
    // initialisers are mimalloc's.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null());
    let symbol = |name: &CStr| {
        // SAFETY: the handle is open, and is never closed.
        let symbol = unsafe { libc::dlsym(handle, name.as_ptr()) };
        assert!(!symbol.is_null());
        symbol
    };
    let new = symbol(c"greeting_new");
    let free = symbol(c"greeting_free");
    // SAFETY: the page defines the function with this type.
    let new =
        unsafe { core::mem::transmute::<*mut c_void, extern "C" fn(u32) -> *mut c_char>(new) };
    // SAFETY: the page defines the function with this type.
    let free =
        unsafe { core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_char)>(free) };
    for number in 0..1_000 {
        let text = new(number);
        assert!(!text.is_null());
        // SAFETY: the library returned a C string.
        let copy = unsafe { CStr::from_ptr(text) }.to_owned();
        assert_eq!(copy.to_str(), Ok(&*format!("hello, number {number}")));
        // SAFETY: the text comes from `greeting_new`, and is freed once.
        unsafe { free(text) };
    }
}

/// Leaves out one of the two features that hashbrown in a heap needs.
#[test]
fn a_missing_feature_is_the_error_that_the_page_shows() {
    let program = blocks(section(RECIPES, "# Collections of other crates\n"), "");
    let program = program[0];
    let messages = blocks(section(RECIPES, "# Collections of other crates\n"), "text");
    let is_pinned = rustc_version().starts_with(PINNED);
    for (number, (ours, theirs)) in [
        (r#"["allocator-api2-02"]"#, r#"["default-hasher"]"#),
        ("[]", r#"["default-hasher", "allocator-api2"]"#),
    ]
    .into_iter()
    .enumerate()
    {
        let place = package(&format!("missing_{number}"));
        let manifest = format!(
            "[package]\nname = \"missing\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n\
             mimalloc = {{ path = \"../mimalloc/mimalloc\", default-features = false, features = \
             {ours} }}\n\
             hashbrown = {{ version = \"0.17\", default-features = false, features = {theirs} }}\n"
        );
        write_manifest(&place, &manifest);
        fs::write(place.join("src/main.rs"), program).unwrap();
        let output = cargo(&place, &["check", "--quiet"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains("error[E0277]"),
            "{errors}"
        );
        assert!(!is_pinned || errors.contains(messages[number]), "{errors}");
    }
}

fn rustc_version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().unwrap();
    let version = String::from_utf8(output.stdout).unwrap();
    version.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Pastes each program of the README into a package with the README's dependencies.
#[test]
fn the_programs_of_the_readme_are_complete() {
    let place = package("readme");
    let manifest = blocks(README, "toml");
    let package = "[package]\nname = \"readme\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n";
    write_manifest(&place, &format!("{package}{}", manifest[0]));
    let programs = blocks(README, "rust");
    assert!(programs.len() >= 2);
    for program in programs {
        assert!(
            !program.lines().any(|line| line.starts_with("# ")),
            "{program}"
        );
        fs::write(place.join("src/main.rs"), program).unwrap();
        let printed = run(&place, &["run", "--quiet"]);
        assert!(!printed.is_empty(), "{program}");
    }
}
