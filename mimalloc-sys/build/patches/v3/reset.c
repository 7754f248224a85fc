// Resets a heap in place. Builds that guard, track or check blocks destroy the heap
// instead: guard pages, tools and upstream's assertions have to hear of each block.
#ifdef __cplusplus
extern "C" {
#endif
void mi_cdecl mimalloc_sys_heap_make_resettable(mi_heap_t* heap) {
  mi_atomic_store_relaxed(&mimalloc_sys_tail(heap)->is_resettable, 1);
}

// Copies what was set for a heap to a heap that takes its place.
void mi_cdecl mimalloc_sys_heap_copy_settings(mi_heap_t* to, mi_heap_t* from) {
  to->numa_node = from->numa_node;
  mi_atomic_store_relaxed(&to->debug_fill_preserve, mi_atomic_load_relaxed(&from->debug_fill_preserve));
  mi_atomic_store_ptr_release(mi_profiler_t, &to->profiler, mi_atomic_load_ptr_acquire(mi_profiler_t, &from->profiler));
}

#if MI_GUARDED || MI_TRACK_ENABLED || MI_DEBUG>1 || MI_QSBR || MI_MTE

bool mi_cdecl mimalloc_sys_heap_reset(mi_heap_t* heap, size_t keep) {
  MI_UNUSED(keep);
  mimalloc_sys_samples_done(heap, true);
  return false;
}

#else

#include "alloc/page.h"
#include "alloc/page-queue.h"

// Links the first `count` blocks of a page, all of them free, in the order of their addresses.
static void mimalloc_sys_page_link(mi_page_t* page, size_t count) {
  const size_t bsize = mi_page_block_size(page);
  uint8_t* p = (uint8_t*)mi_page_start(page);
  page->free = (count == 0 ? NULL : (mi_block_t*)p);
  for (size_t i = 1; i < count; i++, p += bsize) {
    mi_block_set_next(page, (mi_block_t*)p, (mi_block_t*)(p + bsize));
  }
  if (count > 0) { mi_block_set_next(page, (mi_block_t*)p, NULL); }
}

// Drops the list of blocks that other threads freed. No other thread does so now.
static inline void mimalloc_sys_page_drop_thread_free(mi_page_t* page) {
  if (mi_atomic_load_acquire(&page->xthread_free) != mi_tf_create(NULL, true)) {
    mi_atomic_and_acquire(&page->xthread_free, mi_tf_create(NULL, true));
  }
}

// Makes all blocks of a page free. The page stays with its theap.
static void mimalloc_sys_page_reset(mi_theap_t* theap, mi_page_t* page, bool update_stats) {
  const size_t used = mi_page_used(page);
  #if MI_DEBUG>0
  memset(mi_page_start(page), MI_DEBUG_FREED, page->capacity * mi_page_block_size(page));
  #endif
  // Blocks beyond those that were in use are linked again when they are needed.
  #if MI_ENCODE_FREELIST || MI_SECURE || MI_PADDING
  const size_t count = 0;   // and in the random order of the level
  #else
  const size_t more = used + used/8 + 1;
  const size_t count = (more < page->capacity ? more : page->capacity);
  #endif
  mimalloc_sys_page_drop_thread_free(page);
  page->local_free = NULL;
  mimalloc_sys_page_link(page, count);
  mi_theap_stat_decrease(theap, page_committed, (page->capacity - count) * mi_page_block_size(page));
  page->capacity = (uint16_t)count;
  #if MI_FREE_IS_CHECKED
  mi_atomic_store_relaxed(&page->capacity_size, count * mi_page_block_size(page));
  #endif
  page->free_is_zero = false;
  page->memid.initially_zero = false;   // or extending the page takes the old blocks for zero
  page->retire_expire = 0;
  if (mi_page_has_interior_pointers(page)) { mi_page_set_has_interior_pointers(page, false); }
  mi_page_used_reset(page);   // what was allocated is still counted: the next update counts it as freed
  if (update_stats || mi_page_alloc_count(page) >= 0x4000) { _mi_page_update_stats(page); }
}

// Frees all blocks of a heap, none of which is used any more. Keeps the heap, its theap and up to about `keep` bytes of
// its pages. Returns false and does nothing where that is not possible or does not pay: the caller destroys the heap.
bool mi_cdecl mimalloc_sys_heap_reset(mi_heap_t* heap, size_t keep) {
  mimalloc_sys_tail_t* const tail = mimalloc_sys_tail(heap);
  const size_t theap_count = mi_atomic_load_acquire(&tail->theap_count);
  if (theap_count == 0) return true;              // nothing was ever allocated
  if mi_unlikely(tail->samples != NULL) { mimalloc_sys_samples_done(heap, true); }
  if (theap_count != 1 || mi_atomic_load_relaxed(&tail->is_resettable) == 0) return false;
  mi_theap_t* const theap = _mi_heap_theap_peek(heap);
  // The only theap has to be this thread's.
  if (theap == NULL || !mi_theap_is_initialized(theap) || theap->allow_page_abandon) return false;
  if (theap->page_count > 32 + keep / (32*MI_KiB)) return false;
  if (heap->os_abandoned_pages != NULL) return false;
  #if !MIMALLOC_SYS_LAZY_BITMAPS   // else a heap with an abandoned page is not resettable
  size_t abandoned = 0;
  for (size_t bin = 0; bin < MI_BIN_COUNT; bin++) { abandoned |= mi_atomic_load_relaxed(&heap->abandoned_count[bin]); }
  if (abandoned != 0) return false;
  #endif

  // Statistics that were merged already are corrected now, others when they are merged.
  const bool update_stats = (theap->stats.allocated.current != 0 || heap->stats.allocated.current != 0);
  mi_page_queue_t* const full = &theap->pages[MI_BIN_FULL];
  while (full->first != NULL) { _mi_page_unfull(full->first); }
  size_t kept = 0;
  size_t count = theap->page_count;
  for (size_t bin = 0; bin < MI_BIN_FULL && count > 0; bin++) {
    mi_page_queue_t* const pq = &theap->pages[bin];
    for (mi_page_t* page = pq->first; page != NULL; ) {
      mi_page_t* const next = page->next;
      count--;
      // In an exclusive arena the space of a page counts, because other heaps there have no other.
      const size_t blocks = (heap->exclusive_arena == NULL ? page->capacity : page->reserved);
      const size_t size = blocks * mi_page_block_size(page);
      if (bin == MI_BIN_HUGE || kept + size > keep) {
        mimalloc_sys_page_drop_thread_free(page);
        mi_page_used_reset(page);
        _mi_page_free(page, pq);
      }
      else {
        kept += size;
        mimalloc_sys_page_reset(theap, page, update_stats);
      }
      page = next;
    }
  }
  if (update_stats) { _mi_theap_merge_stats(theap); }
  return true;
}
#endif
#ifdef __cplusplus
}
#endif
