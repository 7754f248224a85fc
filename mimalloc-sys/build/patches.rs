//! The text of the one C file that includes all of upstream, `src/static.c`,
//! and what we wrap around some of those includes: upstream's own files stay as
//! they are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env;

pub(crate) mod v2;

/// `MI_MALLOC_VERSION` of the source that the patches were written for and read
/// against. Another version is refused, however well it compiles.
pub(crate) const PATCHED_VERSION: u32 = 30602;

/// C code before all of upstream's files.
///
/// On 32-bit targets upstream takes the length of an area of 2 GiB or more for
/// negative (`mi_os_page_align_areax` in prim/os.c), reports memory as committed
/// that is not, and writes a free list to it. With a limit further below
/// `PTRDIFF_MAX`, such requests get null instead.
const PROLOGUE: &str = r#"
#include "mimalloc/types.h"
#if MI_SIZE_SIZE < 8
#undef  MI_MAX_ALLOC_SIZE
#define MI_MAX_ALLOC_SIZE (PTRDIFF_MAX - 8*MI_MiB)
#endif
"#;

/// C code around one of upstream's files.
struct Patch {
    /// The file, as `static.c` includes it.
    file: &'static str,
    before: &'static str,
    after: &'static str,
}

const PATCHES: &[Patch] = &[
    // Running out of memory for a thread's table of variables is reported with
    // the code of corrupted memory, at which builds with debugging or hardening
    // abort.
    //
    // `_mi_thread_locals_done` frees the table of slots when the process ends, and
    // keeps the pointer and destroys the lock, while threads that go on may make
    // heaps. The pointer is cleared before the table is freed, and the lock stays.
    Patch {
        file: "util/threadlocal.c",
        before: r#"
#include <errno.h>
#include <string.h>
static inline int mimalloc_sys_code(int code, const char* message, ...) {
  return (code == EFAULT && strncmp(message, "unable to ", 10) == 0 ? ENOMEM : code);
}
#define _mi_error_message(code, ...) \
  _mi_error_message(mimalloc_sys_code(code, __VA_ARGS__), __VA_ARGS__)
#include "mimalloc/util/threadlocal.h"
#include "mimalloc/heap/process.h"
static void mimalloc_sys_meta_free(mi_subproc_t* subproc, void* p, mi_memid_t memid) {
  if (p != NULL && p == mi_meta_load_maybe(mi_process_get_sealed()->thread_locals_free)) {
    mi_process_sealed_t* const sealed = _mi_process_unseal();
    sealed->thread_locals_free = NULL;
    _mi_process_seal();
  }
  _mi_meta_free(subproc, p, memid);
}
#define _mi_meta_free(subproc, p, memid) mimalloc_sys_meta_free(subproc, p, memid)
#define mi_lock_done(lock) ((void)(lock))
"#,
        after: "#undef _mi_error_message\n#undef _mi_meta_free\n#undef mi_lock_done",
    },
    // The pages of a heap in an arena are recorded in a table from the main heap,
    // made while the heap's `arena_pages_lock` is held. That allocation must not
    // call a deferred free: a hook that allocates in the heap would wait for the
    // lock for ever.
    Patch {
        file: "arena/arena-page.c",
        before: r#"
#include "mimalloc/prim/prim-tls.h"
#include "mimalloc/heap/theap.h"
static inline void* mimalloc_sys_zalloc_aligned(mi_heap_t* heap, size_t size, size_t align) {
  mi_theap_t* const theap = _mi_theap_default();
  if (!mi_theap_is_initialized(theap) || theap->tld == NULL) {
    return mi_heap_zalloc_aligned(heap, size, align);
  }
  mi_tld_t* const tld = theap->tld;
  const bool recurse = tld->recurse;
  tld->recurse = true;
  void* const p = mi_heap_zalloc_aligned(heap, size, align);
  tld->recurse = recurse;
  return p;
}
#define mi_heap_zalloc_aligned(heap, size, align) mimalloc_sys_zalloc_aligned(heap, size, align)
"#,
        after: "#undef mi_heap_zalloc_aligned",
    },
    // Metadata comes from a theap that all threads share under the lock
    // `theap_meta_lock`. An allocation there must not call a deferred free
    // either: the hook would need the lock as soon as it needs metadata.
    Patch {
        file: "heap/subproc.c",
        before: r#"
static inline void* mimalloc_sys_meta_zalloc(mi_theap_t* theap, size_t size) {
  theap->tld->recurse = true;   // its tld belongs to no thread, and the lock is held
  return mi_theap_zalloc(theap, size);
}
static inline void* mimalloc_sys_meta_zalloc_aligned(mi_theap_t* theap, size_t size, size_t align) {
  theap->tld->recurse = true;
  return mi_theap_zalloc_aligned(theap, size, align);
}
#define mi_theap_zalloc(theap, size) mimalloc_sys_meta_zalloc(theap, size)
#define mi_theap_zalloc_aligned(theap, size, align) \
  mimalloc_sys_meta_zalloc_aligned(theap, size, align)
"#,
        after: "#undef mi_theap_zalloc\n#undef mi_theap_zalloc_aligned",
    },
    // `mi_heap_init_theap`: a thread that can't be initialised for lack of
    // memory has the empty theap or none, and its heap's theap is then made with
    // the constant thread data of that, which crashes. Without a theap the
    // function says that there is none, as for any lack of memory.
    //
    // It says so, and `_mi_heap_new_for_subproc` too, with the wrong code again.
    //
    // A thread that mimalloc is done with gets null from every heap but the main
    // one, though it has its memory again as soon as it makes a heap
    // (`mi_heap_new` calls `mi_thread_init`). Where thread-local destructors run
    // after mimalloc's (musl, Windows), a collection in a heap could then only
    // abort: asking for a theap initialises the thread again, as up to 3.6.1.
    Patch {
        file: "heap/heap.c",
        before: r#"
#include "mimalloc/heap/theap.h"
#include "mimalloc/prim/prim-tls.h"
static inline mi_theap_t* mimalloc_sys_default(void) {
  mi_theap_t* const theap = mi_theap_get_default();
  return (mi_theap_is_initialized(theap) ? theap : _mi_theap_empty_get());
}
static inline bool mimalloc_sys_is_done(void) {
  if mi_likely(!_mi_thread_is_done()) return false;
  mi_thread_init();
  return _mi_thread_is_done();
}
#define _mi_thread_is_done() mimalloc_sys_is_done()
#define mi_theap_get_default() mimalloc_sys_default()
#define _mi_theap_create(of_heap, with_tld) \
  ((with_tld) == _mi_theap_empty_get()->tld ? NULL : _mi_theap_create(of_heap, with_tld))
#define _mi_error_message(code, ...) \
  _mi_error_message(mimalloc_sys_code(code, __VA_ARGS__), __VA_ARGS__)
"#,
        after: "#undef _mi_thread_is_done\n#undef mi_theap_get_default\n#undef _mi_theap_create\n\
                #undef _mi_error_message",
    },
    // Tells all who keep pointers to a thread's theaps that they are about to be
    // freed: `mimalloc_sys_on_thread_done` in this crate. There may be several,
    // as there may be several versions of a crate that depends on this one.
    //
    // `mimalloc_sys_thread_init` is `mi_thread_init` with an answer.
    Patch {
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
#ifdef __cplusplus
extern "C"
#endif
bool mi_cdecl mimalloc_sys_thread_init(void) { return mi_theap_is_initialized(_mi_thread_init()); }
#define _mi_thread_locals_thread_done() \
  (mimalloc_sys_thread_done(), _mi_thread_locals_thread_done())
"#,
        after: "#undef _mi_thread_locals_thread_done",
    },
];

#[path = "../src/offsets.rs"]
mod offsets;

/// Checks what Rust takes for granted about upstream's types when it allocates
/// small blocks itself.
fn layout_checks() -> String {
    format!(
        r#"
#include <stddef.h>
#if MI_PADDING || MI_ENCODE_FREELIST || MI_SAMPLE==2 || MI_SECURE || MI_DEBUG || MI_STATS>=2 || MI_TRACK_ENABLED || MI_PAC || MI_MTE
#error "this changes how blocks are allocated: see mimalloc-sys/src/inline_alloc.rs"
#endif
#ifdef __cplusplus
#define mimalloc_sys_check(condition) static_assert(condition, "see mimalloc-sys/src/offsets.rs")
#else
#define mimalloc_sys_check(condition) _Static_assert(condition, "see mimalloc-sys/src/offsets.rs")
#endif
mimalloc_sys_check(offsetof(mi_theap_t, pages_free_direct) == {});
mimalloc_sys_check(sizeof(((mi_theap_t*)0)->pages_free_direct[0]) == 8);
mimalloc_sys_check(MI_PAGES_DIRECT > MI_SMALL_WSIZE_MAX);
mimalloc_sys_check(offsetof(mi_page_t, free) == {} && sizeof(((mi_page_t*)0)->free) == 8);
mimalloc_sys_check(offsetof(mi_page_t, xused) == {} && sizeof(mi_used_t) == 8);
mimalloc_sys_check(offsetof(mi_block_t, next) == 0 && sizeof(mi_block_t) == 8);
"#,
        offsets::THEAP_PAGES,
        offsets::PAGE_FREE,
        offsets::PAGE_USED
    )
}

/// `static.c` with what we wrap around its includes.
#[derive(Debug)]
pub(crate) struct TranslationUnit {
    text: String,
    /// Our code goes around upstream's.
    is_patched: bool,
    /// Our code for v2 does.
    keeps_heaps: bool,
    checks_layout: bool,
}

impl TranslationUnit {
    /// That of the tree at `source`.
    pub(crate) fn read(
        source: &Path,
        is_patched: bool,
        keeps_heaps: bool,
        checks_layout: bool,
    ) -> Result<Self, String> {
        let path = source.join("src").join("static.c");
        let text =
            fs::read_to_string(&path).map_err(|e| format!("can't read {}: {e}", path.display()))?;
        let unit = Self {
            text,
            is_patched,
            keeps_heaps,
            checks_layout,
        };
        let is_missing = |patch: &&Patch| {
            !unit
                .text
                .lines()
                .any(|line| included(line) == Some(patch.file))
        };
        match unit.patches().iter().find(is_missing) {
            Some(patch) => Err(format!(
                "{} does not include {}, which build/patches.rs corrects.\nRun `cargo xtask vendor`; \
                 after a bump, see whether the correction is still needed.",
                path.display(),
                patch.file
            )),
            None => Ok(unit),
        }
    }

    fn patches(&self) -> &'static [Patch] {
        if self.is_patched {
            PATCHES
        } else if self.keeps_heaps {
            v2::PATCHES
        } else {
            &[]
        }
    }

    fn patch(&self, file: Option<&str>) -> Option<&'static Patch> {
        self.patches().iter().find(|patch| file == Some(patch.file))
    }

    /// Writes the file into the build's own directory, with the includes of
    /// those files that are to be kept.
    pub(crate) fn write(&self, name: &str, keep: impl Fn(&str) -> bool) -> Result<PathBuf, String> {
        let mut text = String::with_capacity(self.text.len() + 4096);
        let mut prologue = self.is_patched.then_some(PROLOGUE);
        for (line, number) in self.text.lines().zip(1..) {
            let file = included(line);
            if let (Some(_), Some(code)) = (file, prologue) {
                text += &format!("{}#line {number}\n", code.trim_start());
                prologue = None;
            }
            if file.is_some_and(|file| !keep(file)) {
                // An empty line, so that messages name the right one.
            } else if let Some(patch) = self.patch(file) {
                text += &format!(
                    "{}{line}\n{}\n#line {number}\n",
                    patch.before.trim_start(),
                    patch.after
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
