//! Tests of the build script of `mimalloc-sys`: the real program, in a package of
//! files that each test arranges, with an environment of its own. The C compiler
//! and cargo are stand-ins: both take note of what they are asked; the first makes
//! empty files, and the second knows nothing.
#![cfg(unix)]

#[allow(dead_code, reason = "each test uses a part")]
mod common;

/// Features and variables, and what the script makes of them.
#[path = "script/settings.rs"]
mod settings;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::pin::{self, Engine};
use common::{cargo, copy_source, messages, output, vendor_dir, write};
use tempfile::TempDir;

/// The target that the script is told; nothing is built for it.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Makes the file that follows `-o`.
const COMPILER: &str = "\
#!/bin/sh
echo \"$*\" >> \"${0%/*}/compiled\"
while [ $# -gt 0 ]; do
  if [ \"$1\" = -o ]; then : > \"$2\"; fi
  shift
done
";

const CARGO: &str = "\
#!/bin/sh
echo \"$*\" >> \"${0%/*}/asked\"
echo 'this cargo knows nothing' >&2
exit 1
";

/// The files that the build script is linked with: its own crates.
struct Crates {
    files: BTreeMap<String, String>,
    dir: PathBuf,
}

fn crates() -> &'static Crates {
    static CRATES: OnceLock<Crates> = OnceLock::new();
    CRATES.get_or_init(|| {
        let mut cargo = cargo();
        cargo.args([
            "check",
            "--quiet",
            "--package=mimalloc-sys",
            "--message-format=json",
        ]);
        let printed = output(&mut cargo);
        let names = ["cc", "pkg_config"];
        let artifacts = messages(&printed).filter(|message| {
            let name = message["target"]["name"].as_str().unwrap_or_default();
            message["reason"] == "compiler-artifact" && names.contains(&name)
        });
        let mut files = BTreeMap::new();
        for artifact in artifacts {
            let name = artifact["target"]["name"].as_str().unwrap().to_owned();
            let all = artifact["filenames"].as_array().unwrap().iter();
            let mut all = all.map(|file| file.as_str().unwrap().to_owned());
            files.extend(
                all.find(|file| file.ends_with(".rlib"))
                    .map(|file| (name, file)),
            );
        }
        assert_eq!(files.len(), names.len(), "cargo names the script's crates");
        let dir = Path::new(&files["cc"]).parent().unwrap().to_owned();
        Crates { files, dir }
    })
}

/// Returns the build script, compiled with or without debug assertions. Cargo would
/// compile C as well.
fn program(has_assertions: bool) -> &'static Path {
    static PROGRAMS: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    PROGRAMS[usize::from(has_assertions)].get_or_init(|| {
        let name = format!("script,{has_assertions}");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let crates = crates();
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut rustc = Command::new(rustc);
        rustc
            .current_dir(common::root())
            .args(["mimalloc-sys/build/main.rs", "--edition=2024", "-Awarnings"])
            .args(["--crate-name=script", "-Cdebuginfo=0", "-Copt-level=0"])
            .arg(format!("-Cdebug-assertions={has_assertions}"))
            .arg(format!("-Ldependency={}", crates.dir.display()))
            .args(
                crates
                    .files
                    .iter()
                    .map(|(name, file)| format!("--extern={name}={file}")),
            )
            .arg("-o")
            .arg(&path);
        output(&mut rustc);
        path
    })
}

/// A package and a machine around it.
struct World {
    temp: TempDir,
    variables: Vec<(String, String)>,
    features: Vec<String>,
    has_assertions: bool,
}

/// The output of the script.
struct Said {
    ok: bool,
    text: String,
    /// The arguments of each call of cargo.
    asked: Vec<String>,
    /// The arguments of each call of the C compiler.
    compiled: Vec<String>,
}

impl World {
    /// A package with its lists and bindings, and no source.
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        for dir in [
            "out",
            "home",
            "bin",
            "package/vendor",
            "package/src/bindings",
        ] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        for name in ["upstream.toml", "v3.sha256", "v2.sha256"] {
            let to = root.join("package/vendor").join(name);
            fs::copy(vendor_dir().join(name), to).unwrap();
        }
        let manifest = common::root().join("mimalloc-sys/Cargo.toml");
        fs::copy(manifest, root.join("package/Cargo.toml")).unwrap();
        for engine in Engine::ALL {
            let bindings = format!("src/bindings/{engine}.rs");
            let from = common::root().join("mimalloc-sys").join(&bindings);
            fs::copy(from, root.join("package").join(&bindings)).unwrap();
        }
        for (name, text) in [("cc", COMPILER), ("ar", "#!/bin/sh\n"), ("cargo", CARGO)] {
            let path = root.join("bin").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self {
            temp,
            variables: Vec::new(),
            features: Vec::new(),
            has_assertions: true,
        }
    }

    /// One with the source inside the package.
    fn with_source() -> Self {
        let world = Self::new();
        copy_source(Engine::V3, &world.at("package/vendor/v3"));
        world
    }

    fn at(&self, path: &str) -> PathBuf {
        self.temp.path().join(path)
    }

    /// Sets a variable; `{}` in the value stands for the directory of this world.
    fn set(mut self, name: &str, value: &str) -> Self {
        let root = self.temp.path().to_string_lossy().into_owned();
        self.variables
            .push((name.to_owned(), value.replace("{}", &root)));
        self
    }

    /// Writes a file, with the directories above it.
    fn write(self, path: &str, text: &str) -> Self {
        write(&self.at(path), text);
        self
    }

    /// Adds a function to a C file.
    fn tamper(self, path: &str) -> Self {
        let text = fs::read_to_string(self.at(path)).unwrap();
        self.write(path, &(text + "\nvoid mi_more(void) {}\n"))
    }

    /// Unpacks the carrier of v3 to a directory.
    fn unpack(self, dir: &str) -> Self {
        let (_, _, path) = carrier();
        copy_source(Engine::V3, &self.at(dir).join(path));
        // Cargo marks a package of a registry that is unpacked as a whole.
        self.write(&format!("{dir}/.cargo-ok"), "{\"v\":1}")
    }

    fn run(&self) -> Said {
        let bin = self.at("bin");
        let mut script = Command::new(program(self.has_assertions));
        script
            .env_clear()
            .current_dir(self.at("package"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("CC", bin.join("cc"))
            .env("AR", bin.join("ar"))
            .env("CARGO", bin.join("cargo"))
            .env("CARGO_HOME", self.at("home"))
            .env("CARGO_MANIFEST_DIR", self.at("package"))
            .env("OUT_DIR", self.at("out"))
            .env("PWD", self.temp.path())
            .env("HOST", TARGET)
            .env("TARGET", TARGET)
            .env("OPT_LEVEL", "0")
            .env("DEBUG", "false")
            .env("CARGO_CFG_TARGET_OS", "linux")
            .env("CARGO_CFG_TARGET_ENV", "gnu")
            .env("CARGO_CFG_TARGET_ARCH", "x86_64")
            .env("CARGO_CFG_TARGET_POINTER_WIDTH", "64")
            .envs(self.features.iter().map(|name| {
                let name = name.to_uppercase().replace('-', "_");
                (format!("CARGO_FEATURE_{name}"), "1")
            }))
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = script.output().unwrap();
        let noted = |name| {
            let notes = fs::read_to_string(bin.join(name)).unwrap_or_default();
            notes.lines().map(str::to_owned).collect()
        };
        Said {
            ok: output.status.success(),
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
            asked: noted("asked"),
            compiled: noted("compiled"),
        }
    }

    /// Runs the script, which must succeed and say all of `expected`.
    #[track_caller]
    fn succeeds(&self, expected: &[&str]) -> Said {
        let said = self.run();
        assert!(said.ok, "{}", said.text);
        said.has(expected);
        said
    }

    /// Runs the script, which must fail and say all of `expected`.
    #[track_caller]
    fn fails(&self, expected: &[&str]) -> Said {
        let said = self.run();
        assert!(!said.ok, "{}", said.text);
        said.has(expected);
        said
    }
}

impl Said {
    #[track_caller]
    fn has(&self, expected: &[&str]) {
        for part in expected {
            assert!(self.text.contains(part), "no `{part}` in {}", self.text);
        }
    }

    /// Whether cargo was asked without `--offline`.
    fn tried_network(&self) -> bool {
        self.asked.iter().any(|line| !line.contains("--offline"))
    }
}

/// Package, version and path of the carrier of v3.
fn carrier() -> (String, String, String) {
    let carrier = common::carrier(Engine::V3);
    (carrier.package, carrier.version, carrier.path)
}

/// The directory that cargo unpacks the carrier of v3 to.
fn carrier_dir(parent: &str) -> String {
    let (package, version, _) = carrier();
    format!("{parent}/{package}-{version}")
}

const PINNED: &[&str] = &[
    "cargo::metadata=patched=1",
    "cargo::metadata=inline_alloc=1",
    "cargo::metadata=default_theap=1",
];

#[test]
fn rust_allocates_only_what_it_knows() {
    let all = "cargo::metadata=inline_alloc=1\ncargo::metadata=default_theap=1\n";
    let not_default = "cargo::metadata=inline_alloc=1\ncargo::metadata=default_theap=0\n";
    let nothing = "cargo::metadata=inline_alloc=0\ncargo::metadata=default_theap=0\n";
    for (expected, variables) in [
        (all, &[("MIMALLOC_SYS_NO_INLINE_ALLOC", "0")][..]),
        (all, &[("CFLAGS", "-O3 -g")]),
        (all, &[("CARGO_CFG_TARGET_ARCH", "aarch64")]),
        (nothing, &[("MIMALLOC_SYS_NO_INLINE_ALLOC", "1")]),
        (nothing, &[("CFLAGS", "-DMI_STATS=2")]),
        (nothing, &[("TARGET_CFLAGS", "-O2 -U MI_STATS")]),
        (nothing, &[("CARGO_CFG_SANITIZE", "thread")]),
        (nothing, &[("CARGO_CFG_TARGET_POINTER_WIDTH", "32")]),
        // Where C's thread-local variables are elsewhere, or of another model.
        (not_default, &[("CFLAGS", "-DMI_TLS_MODEL_PTHREADS=1")]),
        (not_default, &[("CFLAGS", "-ftls-model=global-dynamic")]),
        (
            not_default,
            &[("CFLAGS_x86_64_unknown_linux_gnu", "-femulated-tls")],
        ),
        (not_default, &[("CARGO_CFG_TARGET_ENV", "musl")]),
        (not_default, &[("CARGO_CFG_TARGET_ARCH", "riscv64")]),
        (
            not_default,
            &[
                ("CARGO_CFG_TARGET_OS", "freebsd"),
                ("CARGO_CFG_TARGET_ENV", ""),
            ],
        ),
        (
            not_default,
            &[
                ("CARGO_CFG_TARGET_OS", "android"),
                ("CARGO_CFG_TARGET_ENV", ""),
            ],
        ),
    ] {
        let world = World::with_source();
        let world = variables
            .iter()
            .fold(world, |world, (name, value)| world.set(name, value));
        world.succeeds(&[expected]);
    }
}

#[test]
fn the_source_in_the_package_needs_no_cargo() {
    let world = World::with_source();
    let said = world.succeeds(PINNED);
    assert_eq!(said.asked, [""; 0]);
    // The script watches for files that someone adds next to the source later.
    let watched = world.at("package/vendor");
    said.has(&[&format!("cargo::rerun-if-changed={}\n", watched.display())]);
}

#[test]
fn changes_in_the_package_are_found() {
    type Change = fn(World) -> World;
    let vendor = "package/vendor/v3";
    let changes: [(&str, Change); 7] = [
        ("src/alloc/alloc.c differs", |world| {
            world.tamper("package/vendor/v3/src/alloc/alloc.c")
        }),
        ("include/mimalloc.h differs", |world| {
            world.tamper("package/vendor/v3/include/mimalloc.h")
        }),
        // Found in front of the system's.
        ("include/string.h is not in the list", |world| {
            world.write("package/vendor/v3/include/string.h", "")
        }),
        ("src/atomic is not in the list", |world| {
            world.write("package/vendor/v3/src/atomic", "")
        }),
        ("LICENSE is missing", |world| {
            fs::remove_file(world.at("package/vendor/v3/LICENSE")).unwrap();
            world
        }),
        ("src/loop is neither a file nor", |world| {
            symlink("..", world.at("package/vendor/v3/src/loop")).unwrap();
            world
        }),
        ("src/options.h is neither a file nor", |world| {
            let pipe = world.at("package/vendor/v3/src/options.h");
            output(Command::new("mkfifo").arg(pipe));
            world
        }),
    ];
    for (complaint, change) in changes {
        let world = change(World::with_source());
        let said = world.fails(&[complaint, "Run `cargo xtask vendor`"]);
        assert_eq!(said.asked, [""; 0]);
    }
    // Carriers also have upstream's explanations.
    let readme = format!("{vendor}/src/prim/readme.md");
    World::with_source().write(&readme, "").succeeds(PINNED);
}

#[test]
fn a_link_in_place_of_a_file_is_found() {
    let world = World::with_source();
    let file = world.at("package/vendor/v3/src/static.c");
    let elsewhere = world.at("static.c");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    world.fails(&["src/static.c is neither a file nor a directory"]);
}

#[test]
fn a_carrier_is_found_where_cargo_puts_it() {
    let (package, version, _) = carrier();
    let registry = carrier_dir("home/registry/src/index.crates.io-0");
    let with_version = carrier_dir(".");
    for dir in [&registry, &with_version] {
        let said = World::new().unpack(dir).succeeds(PINNED);
        assert_eq!(said.asked, [""; 0]);
        let (_, _, path) = carrier();
        let changed = format!("{dir}/{path}/src/alloc/free.c");
        let said = World::new()
            .unpack(dir)
            .tamper(&changed)
            .fails(&["src/alloc/free.c differs", "Remove the package's directory"]);
        assert_eq!(said.asked, [""; 0]);
    }
    // One that cargo has not unpacked to its end is not taken.
    let half = World::new()
        .unpack(&registry)
        .unpack(&carrier_dir("home/registry/src/a-half"))
        .tamper(&format!(
            "{}/{}/src/alloc/free.c",
            carrier_dir("home/registry/src/a-half"),
            carrier().2
        ));
    fs::remove_file(
        half.at(&carrier_dir("home/registry/src/a-half"))
            .join(".cargo-ok"),
    )
    .unwrap();
    assert_eq!(half.succeeds(PINNED).asked, [""; 0]);
    // `cargo vendor` names the version only inside.
    let manifest = format!("{package}/Cargo.toml");
    let of = |version: &str| {
        World::new()
            .unpack(&package)
            .write(&manifest, &format!("[package]\nversion = \"{version}\"\n"))
    };
    assert_eq!(of(&version).succeeds(PINNED).asked, [""; 0]);
    let said = of("0.0.1").fails(&["this cargo knows nothing"]);
    assert!(said.tried_network());
}

#[test]
fn the_network_is_the_last_resort() {
    let said = World::new().fails(&[
        "there is no C source of mimalloc v3",
        "cargo fetch",
        "MIMALLOC_SYS_SOURCE_DIR",
        "MIMALLOC_SYS_NO_VENDOR=1",
    ]);
    let offline = |line: &String| line.contains("--offline");
    let (last, before) = said.asked.split_last().unwrap();
    assert!(before.iter().all(offline) && !before.is_empty() && !offline(last));
}

#[test]
fn the_network_is_left_alone_where_settings_say_so() {
    for (value, expected) in [("1", false), ("On", false), ("0", true), ("false", true)] {
        let world = World::new().set("MIMALLOC_SYS_NO_FETCH", value);
        let said = world.fails(&["there is no C source"]);
        assert_eq!(said.tried_network(), expected, "{value}");
        let says = said
            .text
            .contains("MIMALLOC_SYS_NO_FETCH forbids the network");
        assert_eq!(says, !expected, "{}", said.text);
    }
}

/// Cargo obeys the configuration of the directory it is started in.
#[test]
fn cargo_is_asked_from_where_the_user_started_cargo() {
    let world = World::new();
    let asked = format!(
        "#!/bin/sh\npwd -P >> {}\nexit 1\n",
        world.at("dirs").display()
    );
    fs::write(world.at("bin/cargo"), asked).unwrap();
    world.fails(&["there is no C source"]);
    let dirs = fs::read_to_string(world.at("dirs")).unwrap();
    let dirs: Vec<_> = dirs.lines().map(PathBuf::from).collect();
    // Linux shows the directory of this process, which runs the script. Elsewhere the
    // shell says `PWD`.
    let own = if cfg!(any(target_os = "linux", target_os = "android")) {
        std::env::current_dir().unwrap()
    } else {
        world.at("")
    };
    let (own, out) = (own.canonicalize().unwrap(), world.at("out"));
    assert_eq!(dirs, [own.clone(), out.canonicalize().unwrap(), own]);
}

#[test]
fn a_version_without_carrier_comes_from_git() {
    let said = World::new().write("package/Cargo.toml", "").fails(&[
        "No package carries it: Cargo.toml has no exact version of",
        "`cargo xtask vendor` gets it from git",
        "MIMALLOC_SYS_SOURCE_DIR",
    ]);
    assert_eq!(said.asked, [""; 0]);
}

#[test]
fn a_package_without_source_is_not_completed() {
    let said = World::new()
        .unpack(&carrier_dir("home/registry/src/index.crates.io-0"))
        .write("package/Cargo.toml.orig", "")
        .fails(&["run `cargo xtask vendor` before `cargo package`"]);
    assert_eq!(said.asked, [""; 0]);
}

#[test]
fn a_tree_of_the_users_is_compared_with_the_pin() {
    let named = || {
        let world = World::new().set("MIMALLOC_SYS_SOURCE_DIR", "{}/tree");
        copy_source(Engine::V3, &world.at("tree"));
        world
    };
    let said = named().succeeds(PINNED);
    assert!(!said.text.contains("cargo::warning"), "{}", said.text);
    let other = named().tamper("tree/src/alloc/alloc.c");
    other.succeeds(&[
        "cargo::metadata=patched=0",
        "cargo::metadata=inline_alloc=0",
        "cargo::metadata=default_theap=0",
        "cargo::warning=MIMALLOC_SYS_SOURCE_DIR=",
        "src/alloc/alloc.c differs",
    ]);
    World::new()
        .set("MIMALLOC_SYS_SOURCE_DIR", "{}/home")
        .fails(&["holds no mimalloc source"]);
}

#[test]
fn a_tree_of_another_engine_is_refused() {
    let world = World::new().set("MIMALLOC_SYS_SOURCE_DIR", "{}/tree");
    copy_source(Engine::V2, &world.at("tree"));
    world.fails(&["choose the engine with the feature `v2`"]);
}

/// A machine with a library of engine v3, in directories that are named.
fn with_library(world: World) -> World {
    copy_source(Engine::V3, &world.at("tree"));
    world
        .write("lib/libmimalloc.so", "")
        .set("MIMALLOC_SYS_LIB_DIR", "{}/lib")
        .set("MIMALLOC_SYS_INCLUDE_DIR", "{}/tree/include")
}

#[test]
fn switches_are_on_or_off_or_an_error() {
    for on in ["1", "true", "TRUE", "yes", "Yes", "on", " 1 "] {
        with_library(World::new().set("MIMALLOC_SYS_NO_VENDOR", on))
            .succeeds(&["cargo::metadata=vendored=0"]);
    }
    for off in ["0", "false", "False", "no", "NO", "off", ""] {
        World::with_source()
            .set("MIMALLOC_SYS_NO_VENDOR", off)
            .succeeds(&["cargo::metadata=vendored=1"]);
    }
    for name in [
        "MIMALLOC_SYS_NO_VENDOR",
        "MIMALLOC_SYS_NO_DEBUG",
        "MIMALLOC_SYS_NO_INLINE_ALLOC",
    ] {
        World::with_source()
            .set(name, "perhaps")
            .fails(&[name, "`perhaps`", "1, true, yes, on"]);
    }
    World::new()
        .set("MIMALLOC_SYS_NO_FETCH", "perhaps")
        .fails(&["MIMALLOC_SYS_NO_FETCH", "`perhaps`"]);
}

#[test]
fn a_variable_for_the_target_goes_first() {
    World::with_source()
        .set("MIMALLOC_SYS_NO_VENDOR", "1")
        .set("X86_64_UNKNOWN_LINUX_GNU_MIMALLOC_SYS_NO_VENDOR", "0")
        .succeeds(&["cargo::metadata=vendored=1"]);
}

#[test]
fn a_variable_without_effect_is_an_error() {
    let out = ["is set, but", "Unset it"];
    for vendor in ["", "0", "off"] {
        let world = World::with_source().set("MIMALLOC_SYS_NO_VENDOR", vendor);
        let said = with_library(world).fails(&out);
        said.has(&["MIMALLOC_SYS_LIB_DIR", "MIMALLOC_SYS_NO_VENDOR=1"]);
        World::with_source()
            .set("MIMALLOC_SYS_NO_VENDOR", vendor)
            .set("MIMALLOC_SYS_INCLUDE_DIR", "{}/lib")
            .fails(&out);
    }
    with_library(World::new().set("MIMALLOC_SYS_NO_VENDOR", "1"))
        .set("MIMALLOC_SYS_SOURCE_DIR", "{}/tree")
        .fails(&out)
        .has(&["MIMALLOC_SYS_SOURCE_DIR", "MIMALLOC_SYS_NO_VENDOR=0"]);
    // The way out that needs no change of what a whole system sets.
    with_library(World::with_source())
        .set("MIMALLOC_SYS_LIB_DIR", "")
        .set("MIMALLOC_SYS_INCLUDE_DIR", "")
        .succeeds(&["cargo::metadata=vendored=1"]);
}

#[test]
fn the_library_and_its_headers_go_together() {
    World::new()
        .set("MIMALLOC_SYS_NO_VENDOR", "1")
        .set("MIMALLOC_SYS_LIB_DIR", "{}/lib")
        .fails(&["MIMALLOC_SYS_LIB_DIR and MIMALLOC_SYS_INCLUDE_DIR together"]);
}

#[test]
fn what_a_library_of_another_version_lacks_is_said() {
    let system = || with_library(World::new().set("MIMALLOC_SYS_NO_VENDOR", "1"));
    system().succeeds(&["cargo::metadata=missing=\n", "cargo::metadata=options=\n"]);

    let world = system();
    let header = world.at("tree/include/mimalloc.h");
    let text = fs::read_to_string(header).unwrap();
    let older = text
        .replace(
            "#define MI_MALLOC_VERSION 30602",
            "#define MI_MALLOC_VERSION 30305",
        )
        .replace(" mi_arenas_purge(", " mi_other(");
    assert!(older.contains(" mi_other(") && older.contains(" 30305"));
    let said = world.write("tree/include/mimalloc.h", &older).succeeds(&[
        "cargo::warning=mimalloc 3.3.5 is linked through bindings of",
        "cargo::rustc-cfg=mimalloc_other_version",
        "cargo::metadata=options=show_errors:0,show_stats:1,verbose:2,",
    ]);
    let lines = said.text.lines();
    let mut missing = lines.filter_map(|line| line.strip_prefix("cargo::metadata=missing="));
    let mut missing: Vec<_> = missing.next().unwrap().split(',').collect();
    missing.sort_unstable();
    // One is not declared, and two are declared and not defined before 3.4 and 3.6.
    assert_eq!(
        missing,
        [
            "mi_arenas_purge",
            "mi_theap_set_default",
            "mi_uzalloc_small"
        ]
    );
}

#[test]
fn without_a_compiler_the_script_says_what_to_install() {
    let help = [
        "there is no C compiler for x86_64-unknown-linux-gnu",
        "apt-get install build-essential",
        "dnf install gcc",
        "apk add build-base",
        "xcode-select --install",
        "Visual Studio Build Tools",
    ];
    World::with_source()
        .set("CC", "{}/bin/no-such-compiler")
        .fails(&help);
    World::with_source()
        .set("CC", "")
        .set("PATH", "{}/home")
        .fails(&help);
    World::new()
        .set("MIMALLOC_SYS_NO_VENDOR", "1")
        .set("CC", "{}/bin/no-such-compiler")
        .set("PATH", "{}/home")
        .fails(&help[..2]);
}

#[test]
fn the_pinned_trees_are_as_listed() {
    for engine in Engine::ALL {
        let temp = tempfile::tempdir().unwrap();
        let tree = temp.path().join("tree");
        copy_source(engine, &tree);
        let listed = pin::Sums::read(&vendor_dir(), engine).unwrap();
        assert_eq!(listed, pin::Sums::of(&tree, |_, _| true).unwrap());
    }
}

#[test]
fn sums_are_those_of_sha256sum() {
    use sha2::{Digest as _, Sha256};

    let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
    for length in (0..200).chain([511, 512, 513, 1000]) {
        let expected: String = Sha256::digest(&bytes[..length])
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(pin::sha256(&bytes[..length]), expected, "{length} bytes");
    }
}
