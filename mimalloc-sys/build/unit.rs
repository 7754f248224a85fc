//! The text of the one C file that includes all of upstream, `src/static.c`,
//! and what we wrap around an include of it: upstream's files stay as they are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env;

/// A correction around one of upstream's files. Each must do nothing to a
/// source that no longer has the fault.
struct Mend {
    /// The file, as `static.c` includes it.
    file: &'static str,
    before: &'static str,
    after: &'static str,
}

const MENDS: &[Mend] = &[
    // Running out of memory for a thread's part of a heap, in 3.6.1.
    //
    // `mi_heap_init_theap`: a thread that can't be initialised has the empty
    // theap; its heap's theap is then made with the constant thread data of
    // that one, which crashes at the lock in it. Without a theap the function
    // says that there is none, as for any lack of memory.
    //
    // It says so, and `_mi_heap_new_for_subproc` too, with the code of corrupted
    // memory, at which builds with debugging or hardening abort.
    Mend {
        file: "heap/heap.c",
        before: r#"
#include <errno.h>
#include <string.h>
static inline int mimalloc_sys_code(int code, const char* message, ...) {
  return (code == EFAULT && strncmp(message, "unable to ", 10) == 0 ? ENOMEM : code);
}
#define _mi_error_message(code, ...) \
  _mi_error_message(mimalloc_sys_code(code, __VA_ARGS__), __VA_ARGS__)
#define _mi_theap_create(of_heap, with_tld) \
  ((with_tld) == _mi_theap_empty_get()->tld ? NULL : _mi_theap_create(of_heap, with_tld))
"#,
        after: "#undef _mi_error_message\n#undef _mi_theap_create",
    },
];

/// `static.c` of the tree at `source`, mended.
pub(crate) fn text(source: &Path) -> Result<String, String> {
    let path = source.join("src").join("static.c");
    let text =
        fs::read_to_string(&path).map_err(|e| format!("can't read {}: {e}", path.display()))?;
    let mut mended = String::with_capacity(text.len() + 512);
    for (line, number) in text.lines().zip(1..) {
        let mend = MENDS.iter().find(|mend| included(line) == Some(mend.file));
        if let Some(Mend { before, after, .. }) = mend {
            // Messages of the compiler keep naming upstream's lines.
            mended += &format!("{before}\n{line}\n{after}\n#line {}\n", number + 1);
        } else {
            mended += line;
            mended.push('\n');
        }
    }
    Ok(mended)
}

/// Writes a file to compile into the build's own directory.
pub(crate) fn write(name: &str, text: &str) -> Result<PathBuf, String> {
    let path = env::cargo_path("OUT_DIR").join(name);
    fs::write(&path, text).map_err(|e| format!("can't write {}: {e}", path.display()))?;
    Ok(path)
}

/// The C file that a line includes.
pub(crate) fn included(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("#include \"")?;
    let (file, _) = rest.split_once('"')?;
    file.ends_with(".c").then_some(file)
}
