// A heap is reset in place only while all of its pages are in the queues of its
// one theap. Upstream abandons full pages. The patch lets full pages stay with
// their theap while there are few of them, because a theap looks at all of its
// full pages now and then. A theap with more full pages abandons them, as
// upstream does, and its heap is destroyed instead of reset.
#include "mimalloc/heap/heap.h"
#include "alloc/page.h"
#include "alloc/page-queue.h"
#define MIMALLOC_SYS_MAX_FULL_PAGES  (32)
static mi_decl_noinline void mimalloc_sys_page_to_full(mi_page_t* page, mi_page_queue_t* pq) {
  mi_theap_t* const theap = mi_page_theap(page);
  mi_page_queue_t* const full = &theap->pages[MI_BIN_FULL];
  if (!theap->allow_page_abandon && full->count >= MIMALLOC_SYS_MAX_FULL_PAGES &&
      !theap->is_detached && theap->page_full_retain >= 0) {
    mi_heap_t* const heap = mi_theap_heap(theap);
    if (!mi_is_heap_main(heap)) {
      mi_atomic_store_relaxed(&mimalloc_sys_tail(heap)->is_resettable, 0);
      theap->allow_page_abandon = true;
      while (full->first != NULL) { _mi_page_abandon(full->first, full); }
    }
  }
  _mi_page_to_full(page, pq);
}
#define _mi_page_to_full(page, pq) mimalloc_sys_page_to_full(page, pq)
#include "alloc/alloc-generic.c"
#undef _mi_page_to_full
