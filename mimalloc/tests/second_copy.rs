//! Tests what the build script says about lock files with crates.io's `mimalloc`.

#[allow(dead_code, reason = "the build script uses the rest")]
#[path = "../build/second_copy.rs"]
mod second_copy;

use std::path::Path;

use second_copy::{locks_us, refusal};

const US: &str = "[[package]]\nname = \"mimalloc\"\nversion = \"0.1.100\"\n\n";
const OLD: &str = "[[package]]\nname = \"mimalloc\"\nversion = \"0.1.19\"\n\
                   source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\n";
const OLD_SYS: &str = "[[package]]\nname = \"libmimalloc-sys\"\nversion = \"0.1.15\"\n\
                       source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\n";
const SHIM: &str = "[[package]]\nname = \"libmimalloc-sys\"\nversion = \"0.1.100\"\n\n";

fn refuse(lock: &str) -> Option<String> {
    refusal(Path::new("/x/Cargo.lock"), lock, Path::new("/y/mimalloc"))
}

#[test]
fn the_lock_file_of_another_program_is_not_read() {
    assert!(locks_us(&format!("version = 4\n\n{US}{SHIM}"), "0.1.100"));
    assert!(!locks_us(US, "0.1.101"));
    assert!(!locks_us(&format!("{OLD}{OLD_SYS}"), "0.1.100"));
}

#[test]
fn a_second_copy_is_refused_with_the_way_out() {
    let text = refuse(&format!("{US}{OLD}{OLD_SYS}")).unwrap();
    assert!(text.contains("cargo update mimalloc@0.1.19 libmimalloc-sys@0.1.15"));
    assert!(text.contains("libmimalloc-sys = { path = \"/y/mimalloc-sys/libmimalloc-sys\" }"));
    assert!(refuse(&format!("{OLD_SYS}{US}")).is_some());
}

#[test]
fn a_patched_tree_is_fine() {
    assert_eq!(refuse(US), None);
    assert_eq!(refuse(&format!("{US}{SHIM}")), None);
}
