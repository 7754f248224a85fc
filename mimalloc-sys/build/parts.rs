//! Compiles upstream's `static.c` in two parts at once.
//!
//! `static.c` includes the whole library, which takes one core some seconds
//! while cargo has nothing else to do. Its files are made to be compiled apart,
//! too: so each half gets a copy of `static.c` without the other half's
//! includes. What allocation itself runs through is all in one of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use crate::env;

/// What the names of the second half's files begin with, in both engines.
const SECOND: &[&str] = &["arena", "bitmap", "segment", "profile"];

/// Compiles the tree at `source` with compilers from `configure`, and links it.
pub(crate) fn compile(
    source: &Path,
    configure: impl Fn() -> Result<cc::Build, String> + Sync,
) -> Result<(), String> {
    let path = source.join("src").join("static.c");
    let text =
        fs::read_to_string(&path).map_err(|e| format!("can't read {}: {e}", path.display()))?;
    let out = PathBuf::from(env::cargo("OUT_DIR"));
    let halves = [false, true].map(|second| {
        let name = if second { "static-2.c" } else { "static-1.c" };
        (out.join(name), half(&text, second))
    });
    let compile = |(path, text): &(PathBuf, String)| -> Result<Vec<PathBuf>, String> {
        fs::write(path, text).map_err(|e| format!("can't write {}: {e}", path.display()))?;
        let mut cc = configure()?;
        cc.file(path);
        let objects = cc.try_compile_intermediates();
        objects.map_err(|e| format!("compiling mimalloc failed: {e}"))
    };
    let [first, second] = &halves;
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(|| compile(second));
        let first = compile(first);
        let second = second
            .join()
            .unwrap_or_else(|_| Err("the compiler's thread failed".into()));
        (first, second)
    });
    let mut cc = configure()?;
    cc.objects(first?).objects(second?);
    cc.try_compile("mimalloc")
        .map_err(|e| format!("archiving mimalloc failed: {e}"))
}

/// `static.c` with the includes of one half.
fn half(text: &str, second: bool) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        let file = line
            .trim_start()
            .strip_prefix("#include \"")
            .and_then(|rest| {
                let (file, _) = rest.split_once('"')?;
                file.ends_with(".c").then_some(file)
            });
        let is_second = |file: &str| SECOND.iter().any(|start| file.starts_with(start));
        if file.is_none_or(|file| is_second(file) == second) {
            kept.push_str(line);
        }
        // Dropped lines stay as empty ones, so that messages name the right line.
        kept.push('\n');
    }
    kept
}
