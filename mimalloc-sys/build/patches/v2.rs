//! What we put around the files of engine v2.

use super::Patch;

/// `MI_MALLOC_VERSION` of the source that this was written for.
pub(crate) const PATCHED_VERSION: u32 = 20502;

/// At the end of a thread upstream deletes the thread's heaps and frees their
/// structures, also of heaps that somebody owns who runs later, as the
/// destructor of a pthread key may. A heap that is marked as *kept* is emptied
/// like any other then, but the structure stays, as a copy of the empty heap: a
/// *dead* heap. All that a dead heap is asked ends where upstream looks whether a
/// heap is initialised, off the fast path.
pub(super) const PATCHES: &[Patch] = &[
    // The mark stands behind the structure: all heaps but a thread's first one
    // are made here, and come from here. `mi_heap_free` is the only caller of
    // `mi_free`.
    //
    // A heap is dead, or the constant empty one, when it has no thread data.
    Patch {
        file: "heap.c",
        before: r#"
#include "mimalloc.h"
#include "mimalloc/internal.h"
typedef struct mimalloc_sys_heap_s {
  mi_heap_t heap;
  bool      is_kept;
} mimalloc_sys_heap_t;
static mi_heap_t* mimalloc_sys_heap_alloc(mi_heap_t* from) {
  mimalloc_sys_heap_t* const heap = (mimalloc_sys_heap_t*)mi_heap_malloc(from, sizeof(mimalloc_sys_heap_t));
  if (heap == NULL) return NULL;
  heap->is_kept = false;
  return &heap->heap;
}
static void mimalloc_sys_heap_free(mi_heap_t* heap) {
  if (((mimalloc_sys_heap_t*)heap)->is_kept) { _mi_memcpy_aligned(heap, &_mi_heap_empty, sizeof(mi_heap_t)); }
                                        else { mi_free(heap); }
}
static inline bool mimalloc_sys_heap_has_thread(const mi_heap_t* heap) {
  return (heap != NULL && heap->tld != NULL);
}
#ifdef __cplusplus
extern "C" {
#endif
bool mi_cdecl mimalloc_sys_heap_is_alive(const mi_heap_t* heap) { return mimalloc_sys_heap_has_thread(heap); }
void mi_cdecl mimalloc_sys_heap_keep(mi_heap_t* heap)    { ((mimalloc_sys_heap_t*)heap)->is_kept = true; }
void mi_cdecl mimalloc_sys_heap_give_up(mi_heap_t* heap) { ((mimalloc_sys_heap_t*)heap)->is_kept = false; }
#ifdef __cplusplus
}
#endif
#undef mi_heap_malloc_tp
#define mi_heap_malloc_tp(from, type) mimalloc_sys_heap_alloc(from)
#define mi_free(heap) mimalloc_sys_heap_free(heap)
#define mi_heap_is_initialized(heap) mimalloc_sys_heap_has_thread(heap)
"#,
        after: "#undef mi_heap_malloc_tp\n#define mi_heap_malloc_tp(hp,tp) ((tp*)mi_heap_malloc(hp,sizeof(tp)))\n\
                #undef mi_free\n#undef mi_heap_is_initialized",
    },
    // `_mi_malloc_generic`, which all allocation in a heap without pages comes
    // to, takes the default heap for one that is not initialised. For a dead heap
    // it returns null.
    Patch {
        file: "page.c",
        before: r#"
#define mi_heap_is_initialized(heap) mimalloc_sys_heap_has_thread(heap)
#define mi_heap_get_default() \
  (heap == NULL || heap == &_mi_heap_empty ? mi_heap_get_default() : (mi_heap_t*)NULL)
"#,
        after: "#undef mi_heap_is_initialized\n#undef mi_heap_get_default",
    },
];
