//! The text of the one C file that includes all of upstream, `src/static.c`,
//! and what we wrap around some of those includes: upstream's own files stay as
//! they are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env;

pub(crate) mod v2;

/// C code around one of upstream's files, made for 3.6.2 and for no other.
struct Mend {
    /// The file, as `static.c` includes it.
    file: &'static str,
    before: &'static str,
    after: &'static str,
}

const MENDS: &[Mend] = &[
    // Running out of memory for a thread's table of variables is reported with
    // the code of corrupted memory, at which builds with debugging or hardening
    // abort.
    Mend {
        file: "util/threadlocal.c",
        before: r#"
#include <errno.h>
#include <string.h>
static inline int mimalloc_sys_code(int code, const char* message, ...) {
  return (code == EFAULT && strncmp(message, "unable to ", 10) == 0 ? ENOMEM : code);
}
#define _mi_error_message(code, ...) \
  _mi_error_message(mimalloc_sys_code(code, __VA_ARGS__), __VA_ARGS__)
"#,
        after: "#undef _mi_error_message",
    },
    // `mi_heap_init_theap`: a thread that can't be initialised for lack of
    // memory has the empty theap or none, and its heap's theap is then made with
    // the constant thread data of that, which crashes. Without a theap the
    // function says that there is none, as for any lack of memory.
    //
    // It says so, and `_mi_heap_new_for_subproc` too, with the wrong code again.
    Mend {
        file: "heap/heap.c",
        before: r#"
#include "mimalloc/heap/theap.h"
#include "mimalloc/prim/prim-tls.h"
static inline mi_theap_t* mimalloc_sys_default(void) {
  mi_theap_t* const theap = mi_theap_get_default();
  return (mi_theap_is_initialized(theap) ? theap : _mi_theap_empty_get());
}
#define mi_theap_get_default() mimalloc_sys_default()
#define _mi_theap_create(of_heap, with_tld) \
  ((with_tld) == _mi_theap_empty_get()->tld ? NULL : _mi_theap_create(of_heap, with_tld))
#define _mi_error_message(code, ...) \
  _mi_error_message(mimalloc_sys_code(code, __VA_ARGS__), __VA_ARGS__)
"#,
        after: "#undef mi_theap_get_default\n#undef _mi_theap_create\n#undef _mi_error_message",
    },
    // Tells all who keep pointers to a thread's theaps that they are about to be
    // freed: `mimalloc_sys_on_thread_done` in this crate. There may be several,
    // as there may be several versions of a crate that depends on this one.
    Mend {
        file: "heap/process.c",
        before: r#"
#include "mimalloc/util/threadlocal.h"
typedef struct mimalloc_sys_thread_done_s {
  void (mi_cdecl *fun)(void);
  struct mimalloc_sys_thread_done_s* next;
} mimalloc_sys_thread_done_t;
static _Atomic(mimalloc_sys_thread_done_t*) mimalloc_sys_listeners;
#ifdef __cplusplus
extern "C"
#endif
void mi_cdecl mimalloc_sys_on_thread_done(mimalloc_sys_thread_done_t* listener) {
  mimalloc_sys_thread_done_t* first =
    mi_atomic_load_ptr_acquire(mimalloc_sys_thread_done_t, &mimalloc_sys_listeners);
  do { listener->next = first; }
  while (!mi_atomic_cas_ptr_weak_release(mimalloc_sys_thread_done_t, &mimalloc_sys_listeners,
                                         &first, listener));
}
static void mimalloc_sys_thread_done(void) {
  mimalloc_sys_thread_done_t* listener =
    mi_atomic_load_ptr_acquire(mimalloc_sys_thread_done_t, &mimalloc_sys_listeners);
  for (; listener != NULL; listener = listener->next) { listener->fun(); }
}
#define _mi_thread_locals_thread_done() \
  (mimalloc_sys_thread_done(), _mi_thread_locals_thread_done())
"#,
        after: "#undef _mi_thread_locals_thread_done",
    },
];

#[path = "../src/layout.rs"]
mod layout;

/// Checks what Rust takes for granted about upstream's types when it allocates
/// small blocks itself.
fn layout_checks() -> String {
    format!(
        r#"
#include <stddef.h>
#if MI_PADDING || MI_ENCODE_FREELIST || MI_SAMPLE==2 || MI_SECURE || MI_DEBUG || MI_STATS>=2 || MI_TRACK_ENABLED
#error "this changes how blocks are allocated: see mimalloc-sys/src/fast.rs"
#endif
#ifdef __cplusplus
#define mimalloc_sys_check(condition) static_assert(condition, "see mimalloc-sys/src/layout.rs")
#else
#define mimalloc_sys_check(condition) _Static_assert(condition, "see mimalloc-sys/src/layout.rs")
#endif
mimalloc_sys_check(offsetof(mi_theap_t, pages_free_direct) == {});
mimalloc_sys_check(sizeof(((mi_theap_t*)0)->pages_free_direct[0]) == 8);
mimalloc_sys_check(MI_PAGES_DIRECT > MI_SMALL_WSIZE_MAX);
mimalloc_sys_check(offsetof(mi_page_t, free) == {} && sizeof(((mi_page_t*)0)->free) == 8);
mimalloc_sys_check(offsetof(mi_page_t, xused) == {} && sizeof(mi_used_t) == 8);
mimalloc_sys_check(offsetof(mi_block_t, next) == 0 && sizeof(mi_block_t) == 8);
"#,
        layout::THEAP_PAGES,
        layout::PAGE_FREE,
        layout::PAGE_USED
    )
}

/// `static.c` with what we wrap around its includes.
#[derive(Debug)]
pub(crate) struct Unit {
    text: String,
    /// Our code goes around upstream's.
    is_mended: bool,
    /// Our code for v2 does.
    keeps_heaps: bool,
    checks_layout: bool,
}

impl Unit {
    /// That of the tree at `source`.
    pub(crate) fn read(
        source: &Path,
        is_mended: bool,
        keeps_heaps: bool,
        checks_layout: bool,
    ) -> Result<Self, String> {
        let path = source.join("src").join("static.c");
        let text =
            fs::read_to_string(&path).map_err(|e| format!("can't read {}: {e}", path.display()))?;
        let unit = Self {
            text,
            is_mended,
            keeps_heaps,
            checks_layout,
        };
        let is_missing = |mend: &&Mend| {
            !unit
                .text
                .lines()
                .any(|line| included(line) == Some(mend.file))
        };
        match unit.mends().iter().find(is_missing) {
            Some(mend) => Err(format!(
                "{} does not include {}, which build/unit.rs corrects.\nRun `cargo xtask vendor`; \
                 after a bump, see whether the correction is still needed.",
                path.display(),
                mend.file
            )),
            None => Ok(unit),
        }
    }

    fn mends(&self) -> &'static [Mend] {
        if self.is_mended {
            MENDS
        } else if self.keeps_heaps {
            v2::MENDS
        } else {
            &[]
        }
    }

    fn mend(&self, file: Option<&str>) -> Option<&'static Mend> {
        self.mends().iter().find(|mend| file == Some(mend.file))
    }

    /// Writes the file into the build's own directory, with the includes of
    /// those files that are to be kept.
    pub(crate) fn write(&self, name: &str, keep: impl Fn(&str) -> bool) -> Result<PathBuf, String> {
        let mut text = String::with_capacity(self.text.len() + 4096);
        for (line, number) in self.text.lines().zip(1..) {
            let file = included(line);
            if file.is_some_and(|file| !keep(file)) {
                // An empty line, so that messages name the right one.
            } else if let Some(mend) = self.mend(file) {
                text += &format!(
                    "{}{line}\n{}\n#line {number}\n",
                    mend.before.trim_start(),
                    mend.after
                );
            } else {
                text += line;
            }
            text.push('\n');
        }
        if self.checks_layout {
            text += &layout_checks();
        }
        let path = env::cargo_path("OUT_DIR").join(name);
        fs::write(&path, text).map_err(|e| format!("can't write {}: {e}", path.display()))?;
        Ok(path)
    }
}

/// The C file that a line includes.
fn included(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("#include \"")?;
    let (file, _) = rest.split_once('"')?;
    file.ends_with(".c").then_some(file)
}
