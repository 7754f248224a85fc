// Upstream deletes a thread's heaps at the end of the thread and frees their
// structures, although an owner may run later, such as the destructor of a pthread
// key. This patch and page.c let a heap be marked as *kept*. Upstream then empties
// a kept heap like any other heap, but the structure stays as a copy of the empty
// heap: a *dead* heap. Every call on a dead heap ends where upstream checks whether
// a heap is initialised, off the fast path.
//
// The mark stands behind the structure. All heaps but a thread's first one are made
// here. `mi_heap_free` is the only caller of `mi_free` in this file.
//
// A heap without thread data is dead, or is the constant empty heap.
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
#include "heap.c"
#undef mi_heap_malloc_tp
#define mi_heap_malloc_tp(hp,tp) ((tp*)mi_heap_malloc(hp,sizeof(tp)))
#undef mi_free
#undef mi_heap_is_initialized
