//! Only `src/raw` names C functions: the rule of `src/raw/mod.rs`.

use std::fs;
use std::path::{Path, PathBuf};

/// All Rust files under a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The C functions that a line of code names: `sys::mi_…`, but not types, which end
/// in `_t`.
fn c_functions(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    let paths = ["sys::mi_", "ffi::mi_", "sys::mimalloc_sys_"];
    let mut found = Vec::new();
    for path in paths {
        for (at, _) in code.match_indices(path) {
            let name = &code[at + "sys::".len()..];
            let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let name = &name[..end.unwrap_or(name.len())];
            if !name.ends_with("_t") {
                found.push(name);
            }
        }
    }
    found
}

#[test]
fn only_raw_names_c_functions() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut all, mut in_raw) = (Vec::new(), 0);
    files(&src, &mut all);
    for path in all {
        let text = fs::read_to_string(&path).unwrap();
        let named: Vec<_> = text.lines().flat_map(c_functions).collect();
        if path.starts_with(src.join("raw")) {
            in_raw += named.len();
        } else {
            assert_eq!(named, [""; 0], "{}: belongs into src/raw", path.display());
        }
    }
    assert!(
        in_raw > 80,
        "only {in_raw} calls seen: has their form changed?"
    );
}
