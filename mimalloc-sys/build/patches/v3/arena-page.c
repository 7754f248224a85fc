// Upstream records the pages of a heap in a table, and allocates the table in the
// main heap with `arena_pages_lock` held. That allocation must not call a
// deferred free: a hook that allocates in the heap would wait for the lock for
// ever.
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
#include "arena/arena-page.c"
#undef mi_heap_zalloc_aligned
