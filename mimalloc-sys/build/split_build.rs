//! Compiles `static.c` in two halves at once.
//!
//! `static.c` includes the whole library, which takes one core several seconds
//! while cargo has nothing else to do. Upstream's files can be compiled apart, so
//! each half gets a copy of `static.c` without the other half's includes. The
//! files that allocation runs through are all in the first half.

use std::path::PathBuf;
use std::thread;

use crate::patches::TranslationUnit;

/// Begins the names of the second half's files, in both engines.
const SECOND: &[&str] = &["arena", "bitmap", "segment", "profile"];

/// Compiles `unit` with copies of `compiler`, and links the objects.
pub(crate) fn compile(unit: &TranslationUnit, compiler: &cc::Build) -> Result<(), String> {
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
