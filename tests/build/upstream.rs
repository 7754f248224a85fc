//! Runs upstream's own test programs against our builds of its source.
//!
//! The programs come from the carrier of engine v2, which also has the tests of
//! 3.6.0. They are compiled where cargo unpacked them and are never committed.

#[allow(dead_code, reason = "each test uses a part")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::pin::Engine;
use common::{cargo, carrier_dir, messages, output, vendor_dir, write};

/// The builds, each with the features of `mimalloc-sys` that make it.
const BUILDS: [(Engine, &str); 9] = [
    (Engine::V3, ""),
    (Engine::V3, "secure"),
    (Engine::V3, "secure-5"),
    (Engine::V3, "padding"),
    (Engine::V3, "guarded"),
    (Engine::V3, "debug"),
    (Engine::V3, "debug-full"),
    (Engine::V2, ""),
    (Engine::V2, "secure"),
];

/// Programs of engine v3. Left out are those that include internal files of
/// 3.6.0 (test-arena, test-bitmap, test-qsbr), those that fail on purpose
/// (test-wrong), and the one that needs a program linked without PIE
/// (test-pprof).
const OF_V3: &[&str] = &[
    "test-api",
    "test-api-fill",
    "test-stress",
    "test-stress-heaps",
    "test-fork",
    "test-profile",
    "test-stress-pprof",
];

/// Programs that also compile against engine v2, with [`SHIM`].
const OF_V2: &[&str] = &["test-api-fill", "test-stress"];

/// Names of engine v3 that the programs use, in terms of engine v2.
const SHIM: &str = r"
#include <stddef.h>
#include <mimalloc.h>
typedef struct { void* _mi_subproc_id; } shim_subproc_t;
static inline shim_subproc_t shim_subproc_new(void) { shim_subproc_t id = { mi_subproc_new() }; return id; }
static inline shim_subproc_t shim_subproc_main(void) { shim_subproc_t id = { NULL }; return id; }
static inline void shim_subproc_add(shim_subproc_t id) { mi_subproc_add_current_thread(id._mi_subproc_id); }
#define mi_subproc_id_t shim_subproc_t
#define mi_subproc_new() shim_subproc_new()
#define mi_subproc_main() shim_subproc_main()
#define mi_subproc_add_current_thread(id) shim_subproc_add(id)
#define mi_subproc_destroy(id) mi_subproc_delete((id)._mi_subproc_id)
#define mi_arena_min_size() ((size_t)32 << 20)
";

/// Threads, scale in per cent and rounds of the stress tests: a quarter of what
/// they do by themselves, as there are many builds.
const STRESS: [&str; 3] = ["8", "20", "20"];

/// How long a program may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn upstreams_programs_pass() {
    // The carrier of engine v2 has the tests of v3.
    let tests = carrier_dir(Engine::V2).join("c_src/mimalloc3/test");
    assert!(
        tests.join("test-api.c").is_file(),
        "{} is missing: find another package with upstream's tests, and name it here",
        tests.display()
    );
    let temp = tempfile::tempdir().unwrap();
    let mut failed = Vec::new();
    for (engine, features) in BUILDS {
        let library = build(engine, features);
        let programs = match engine {
            Engine::V3 => OF_V3,
            Engine::V2 => OF_V2,
        };
        for program in programs {
            let name = format!("{engine} {features} {program}");
            let path = compile(engine, program, &tests, &library, temp.path());
            match run_program(&path, temp.path()) {
                None => println!("{name}: passed"),
                Some(why) => {
                    println!("{name}: FAILED, {why}");
                    failed.push(name);
                }
            }
        }
    }
    assert_eq!(failed, [""; 0]);
}

/// Builds the raw crate, and returns the directory of its C library.
fn build(engine: Engine, features: &str) -> PathBuf {
    let mut cargo = cargo();
    cargo.args(["build", "--package=mimalloc-sys", "--message-format=json"]);
    cargo.arg(format!("--features={features}"));
    if engine == Engine::V2 {
        cargo.arg("--features=v2");
    }
    messages(&output(&mut cargo))
        .filter(|message| message["reason"] == "build-script-executed")
        .filter_map(|message| Some(PathBuf::from(message["out_dir"].as_str()?)))
        .find(|dir| dir.join("libmimalloc.a").is_file())
        .expect("cargo names a directory with a libmimalloc.a")
}

/// Compiles one program.
fn compile(engine: Engine, program: &str, tests: &Path, library: &Path, dir: &Path) -> PathBuf {
    let (shim, path) = (dir.join("shim.h"), dir.join(program));
    write(&shim, SHIM);
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-w"]);
    if engine == Engine::V2 {
        cc.arg("-include").arg(&shim);
    }
    let tree = vendor_dir().join(engine.name());
    for include in [&tree.join("include"), &tree.join("src"), tests] {
        cc.arg("-I").arg(include);
    }
    cc.arg(tests.join(format!("{program}.c")));
    cc.arg("-o").arg(&path).arg("-L").arg(library);
    output(cc.args(["-lmimalloc", "-lpthread"]));
    path
}

/// Runs a program in `dir`; returns the reason if the program fails.
fn run_program(path: &Path, dir: &Path) -> Option<String> {
    let log = dir.join("output");
    let output = fs::File::create(&log).unwrap();
    let mut command = Command::new(path);
    if path.ends_with("test-stress") || path.ends_with("test-stress-heaps") {
        command.args(STRESS);
    }
    let mut child = command
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return Some(format!("still running after {PATIENCE:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(20)..].join("\n");
    Some(format!("{status}:\n{last}"))
}
