// A heap is reset in place only while all of its pages are in the queues of its
// one theap. Upstream abandons full pages. The patch lets full pages stay with
// their theap while there are few of them and they are small: a theap looks at all
// of its full pages now and then, and only the theap's thread frees the pages. A
// theap with more full pages abandons them, as upstream does, and so does a theap
// of a heap that several threads use. Such a heap is destroyed instead of reset.
#include "mimalloc/heap/heap.h"
#include "alloc/page.h"
#include "alloc/page-queue.h"
#define MIMALLOC_SYS_MAX_FULL_PAGES  (32)
#define MIMALLOC_SYS_MAX_FULL_SIZE   (4*MI_MiB)
static bool mimalloc_sys_keeps_full(mi_theap_t* theap, mi_page_queue_t* full, mi_page_t* page) {
  mi_heap_t* const heap = mi_theap_heap(theap);
  if (mi_is_heap_main(heap)) return true;   // the main heap has no tail
  if (mi_atomic_load_relaxed(&mimalloc_sys_tail(heap)->is_resettable) == 0) return false;
  if (full->count >= MIMALLOC_SYS_MAX_FULL_PAGES) return false;
  size_t size = (size_t)page->reserved * mi_page_block_size(page);
  for (mi_page_t* p = full->first; p != NULL; p = p->next) { size += (size_t)p->reserved * mi_page_block_size(p); }
  return (size <= MIMALLOC_SYS_MAX_FULL_SIZE);
}
static mi_decl_noinline void mimalloc_sys_page_to_full(mi_page_t* page, mi_page_queue_t* pq) {
  mi_theap_t* const theap = mi_page_theap(page);
  mi_page_queue_t* const full = &theap->pages[MI_BIN_FULL];
  if (!theap->allow_page_abandon && !mimalloc_sys_keeps_full(theap, full, page) &&
      !theap->is_detached && theap->page_full_retain >= 0) {
    mi_atomic_store_relaxed(&mimalloc_sys_tail(mi_theap_heap(theap))->is_resettable, 0);
    theap->allow_page_abandon = true;
    while (full->first != NULL) { _mi_page_abandon(full->first, full); }
  }
  _mi_page_to_full(page, pq);
}
#define _mi_page_to_full(page, pq) mimalloc_sys_page_to_full(page, pq)
#include "alloc/alloc-generic.c"
#undef _mi_page_to_full
