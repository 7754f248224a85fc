//! Checks what a cdylib that contains mimalloc exports to its host, and that a
//! host may load several.
//!
//! The test has a process of its own, because the test runs cargo and loads the
//! library into the process. Each library brings a mimalloc of its own.

#![cfg(unix)]

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;

/// Whether the library is built for hosts that load it late.
fn loads_late() -> bool {
    mimalloc::ffi::build::FEATURES.contains(&"local-dynamic-tls")
}

/// Builds `exports_cdylib.rs` as this test was built, and returns the library.
fn build() -> PathBuf {
    // With `--target` …/<target dir>/<triple>/<profile>/deps/<this program>,
    // otherwise the same without the triple.
    let program = std::env::current_exe().unwrap();
    let profile = program.ancestors().nth(2).unwrap();
    let above = profile.parent().unwrap();
    let triple = env!("MIMALLOC_TESTS_TARGET");
    let is_cross = above.file_name() == Some(OsStr::new(triple));
    let target_dir = if is_cross {
        above.parent().unwrap()
    } else {
        above
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "build",
            "--quiet",
            "--package",
            "mimalloc-fixtures",
            "--example",
            "exports_cdylib",
            "--target-dir",
        ])
        .arg(target_dir)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if is_cross {
        cargo.args(["--target", triple]);
    }
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    if cfg!(mimalloc_v2) {
        cargo.args(["--features", "v2"]);
    }
    if loads_late() {
        cargo.args(["--features", "mimalloc/local-dynamic-tls"]);
    }
    assert!(cargo.status().unwrap().success());
    let name = format!(
        "{}exports_cdylib{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    profile.join("examples").join(name)
}

#[test]
fn a_cdylib_keeps_mimalloc_to_itself() {
    if cfg!(target_feature = "crt-static") {
        skip("a static program can't load a library");
        return;
    }
    let library = build();
    symbols(&library);
    thread_locals(&library);
    // The dynamic linker takes a copy for another library.
    let copied = |name: &str| {
        let copy = library.with_file_name(name);
        std::fs::copy(&library, &copy).unwrap();
        copy
    };
    load(&[library.clone(), copied("exports_cdylib_copy")]);
    // The dynamic linker has little room for thread-locals of the model initial-exec,
    // and gets none of it back from a library that it unloads.
    if loads_late() {
        // Other copies, because `load` closes none.
        load_and_unload(&["exports_cdylib_1", "exports_cdylib_2"].map(copied));
    }
}

/// Writes to the stream itself, because the harness hides what a macro prints.
fn skip(reason: &str) {
    use std::io::Write;

    let text = format!("\nSKIPPED: {reason}\n");
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

fn symbols(library: &Path) {
    let nm = if cfg!(target_vendor = "apple") {
        vec!["-gU"]
    } else {
        vec!["-D", "--defined-only"]
    };
    let Ok(output) = Command::new("nm").args(nm).arg(library).output() else {
        skip("no `nm`, so the exports were not looked at");
        return;
    };
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .map(|name| name.trim_start_matches('_'))
        .collect();
    assert!(names.contains(&"exports_sum"), "{names:?}");
    for name in names {
        assert!(
            !name.starts_with("mi_") && !name.starts_with("mimalloc_sys_"),
            "exports {name}"
        );
        assert!(
            !["malloc", "free", "realloc", "calloc"].contains(&name),
            "exports {name}"
        );
    }
}

/// Checks whether the library asks for room in the static TLS block of its host, which
/// is a sign of the model initial-exec.
fn thread_locals(library: &Path) {
    if cfg!(not(all(target_os = "linux", target_env = "gnu"))) {
        return;
    }
    let Ok(output) = Command::new("readelf").arg("-d").arg(library).output() else {
        skip("no `readelf`, so the TLS model was not looked at");
        return;
    };
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.contains("STATIC_TLS"), !loads_late(), "{text}");
}

type Sum = extern "C" fn(u64) -> u64;

/// Loads a copy of mimalloc, and returns its `exports_sum`.
fn open(library: &Path) -> Sum {
    opened(library).1
}

/// Loads a copy of mimalloc, and returns its handle and its `exports_sum`.
fn opened(library: &Path) -> (*mut libc::c_void, Sum) {
    let path = CString::new(library.as_os_str().as_bytes()).unwrap();
    // SAFETY: `path` is a C string. The library is ours, and its initialisers
    // are mimalloc's.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null());
    // SAFETY: the handle was just opened, and is not closed yet.
    let symbol = unsafe { libc::dlsym(handle, c"exports_sum".as_ptr()) };
    assert!(!symbol.is_null());
    // SAFETY: `exports_cdylib.rs` defines the function with this type.
    let sum = unsafe { core::mem::transmute::<*mut libc::c_void, Sum>(symbol) };
    (handle, sum)
}

/// Loads copies again and again, lets 200 threads use them at once, and unloads
/// them: after the threads have ended, and while they live.
///
/// The host must close a library only when no code of it runs and no block of it is
/// in use; a thread may have used the library before.
fn load_and_unload(libraries: &[PathBuf]) {
    const THREADS: usize = 200;

    for round in 0..6 {
        let opened: Vec<_> = libraries.iter().map(|library| opened(library)).collect();
        let sums: Vec<Sum> = opened.iter().map(|&(_, sum)| sum).collect();
        let (used, closed) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|number| {
                    let (sums, used, closed) = (&sums, &used, &closed);
                    scope.spawn(move || {
                        let last = number as u64;
                        for sum in sums {
                            assert_eq!(sum(last), last * (last + 1) / 2);
                        }
                        used.wait();
                        if round % 2 == 1 {
                            closed.wait();
                        }
                    })
                })
                .collect();
            used.wait();
            if round % 2 == 0 {
                threads
                    .into_iter()
                    .for_each(|thread| thread.join().unwrap());
            }
            for &(handle, _) in &opened {
                // SAFETY: `exports_sum` has returned on each thread, and leaves no
                // block in use.
                assert_eq!(unsafe { libc::dlclose(handle) }, 0);
            }
            if round % 2 == 1 {
                closed.wait();
            }
        });
        for library in libraries {
            assert!(
                !is_loaded(library),
                "round {round}: {library:?} is still there"
            );
        }
    }
}

fn is_loaded(library: &Path) -> bool {
    let path = CString::new(library.as_os_str().as_bytes()).unwrap();
    // SAFETY: `path` is a C string, and the flag makes the call only look.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_NOLOAD) };
    !handle.is_null()
}

/// Uses more copies of mimalloc. Each copy has heaps of its own, on each thread.
fn load(libraries: &[PathBuf]) {
    let total = |sums: &[Sum]| -> u64 {
        // One after the other, so that a copy which took a thread-local variable of
        // another would notice.
        let sums = (0..100).flat_map(|n| sums.iter().map(move |sum| sum(n)));
        sums.sum()
    };
    let expected = 2 * (0..100).map(|n| n * (n + 1) / 2).sum::<u64>();
    let outcome = mimalloc::Heap::scope(|heap| {
        let mine = heap.alloc([1_u8; 100]).unwrap();
        // The first threads are older than the copies.
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (give, take) = std::sync::mpsc::channel::<Vec<Sum>>();
                let thread = std::thread::spawn(move || total(&take.recv().unwrap()));
                (give, thread)
            })
            .collect();
        let sums: Vec<Sum> = libraries.iter().map(|library| open(library)).collect();
        assert_ne!(sums[0] as usize, sums[1] as usize);
        for (give, _) in &threads {
            give.send(sums.clone()).unwrap();
        }
        let younger = sums.clone();
        let younger = std::thread::spawn(move || total(&younger));
        for (_, thread) in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
        assert_eq!(younger.join().unwrap(), expected);
        assert_eq!(total(&sums), expected);
        assert_eq!(sums[0](1_000), 500_500);
        assert!(mine.iter().all(|byte| *byte == 1));
    });
    outcome.unwrap();
}
