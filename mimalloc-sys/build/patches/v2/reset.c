// Resets a heap in place, as the patch of engine v3 does. Builds that guard, track
// or check blocks, or count each block, destroy the heap instead.
#ifdef __cplusplus
extern "C"
#endif
bool mi_cdecl mimalloc_sys_heap_reset(mi_heap_t* heap, size_t keep);

#if MI_GUARDED || MI_TRACK_ENABLED || MI_DEBUG>1 || MI_STAT

bool mi_cdecl mimalloc_sys_heap_reset(mi_heap_t* heap, size_t keep) {
  MI_UNUSED(heap); MI_UNUSED(keep);
  return false;
}

#else

// Makes all blocks of a page free. The page stays with its heap.
static void mimalloc_sys_page_reset(mi_page_t* page, mi_stats_t* stats) {
  const size_t bsize = mi_page_block_size(page);
  #if MI_DEBUG>0
  memset(mi_page_start(page), MI_DEBUG_FREED, page->capacity * bsize);
  #endif
  // Blocks beyond those that were in use are linked again when they are needed.
  #if MI_ENCODE_FREELIST || MI_SECURE || MI_PADDING
  const size_t count = 0;   // and in the random order of the level
  #else
  const size_t more = page->used + page->used/8 + 1;
  const size_t count = (more < page->capacity ? more : page->capacity);
  #endif
  uint8_t* p = mi_page_start(page);
  page->free = (count == 0 ? NULL : (mi_block_t*)p);
  for (size_t i = 1; i < count; i++, p += bsize) { mi_block_set_next(page, (mi_block_t*)p, (mi_block_t*)(p + bsize)); }
  if (count > 0) { mi_block_set_next(page, (mi_block_t*)p, NULL); }
  page->local_free = NULL;
  mi_atomic_store_relaxed(&page->xthread_free, 0);   // as in a fresh page
  page->used = 0;
  _mi_stat_decrease(&stats->page_committed, (page->capacity - count) * bsize);
  page->capacity = (uint16_t)count;
  page->free_is_zero = false;
  page->is_zero_init = false;   // or extending the page takes the old blocks for zero
  page->retire_expire = 0;
  mi_page_set_has_aligned(page, false);
}

// Frees all blocks of a heap, none of which is used any more. Keeps the heap and up to about `keep` bytes of its pages.
// Returns false and does nothing where that is not possible or does not pay: the caller destroys the heap.
bool mi_cdecl mimalloc_sys_heap_reset(mi_heap_t* heap, size_t keep) {
  // A heap that may take over pages has blocks of others. A dead heap is made anew.
  if (!mimalloc_sys_heap_has_thread(heap) || !heap->no_reclaim) return false;
  if (heap->page_count > 32 + keep / (32*MI_KiB)) return false;
  mi_atomic_store_ptr_release(mi_block_t, &heap->thread_delayed_free, NULL);
  mi_page_queue_t* const full = &heap->pages[MI_BIN_FULL];
  while (full->first != NULL) { _mi_page_unfull(full->first); }
  size_t kept = 0;
  size_t count = heap->page_count;
  for (size_t bin = 0; bin < MI_BIN_FULL && count > 0; bin++) {
    mi_page_queue_t* const pq = &heap->pages[bin];
    for (mi_page_t* page = pq->first; page != NULL; ) {
      mi_page_t* const next = page->next;
      count--;
      const size_t bsize = mi_page_block_size(page);
      const size_t size = page->capacity * bsize;
      if (bsize > MI_MEDIUM_OBJ_SIZE_MAX || kept + size > keep) {
        if (bsize > MI_MEDIUM_OBJ_SIZE_MAX) { mi_heap_stat_decrease(heap, malloc_huge, bsize); }
        mi_atomic_store_relaxed(&page->xthread_free, 0);
        page->local_free = NULL;
        page->used = 0;
        _mi_page_free(page, pq, false);
      }
      else {
        kept += size;
        mimalloc_sys_page_reset(page, &heap->tld->stats);
      }
      page = next;
    }
  }
  return true;
}
#endif
