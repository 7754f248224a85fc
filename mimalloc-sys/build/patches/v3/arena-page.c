// Upstream records the pages of a heap in a table, and allocates the table in the
// main heap with `arena_pages_lock` held. That allocation must not call a
// deferred free: a hook that allocates in the heap would wait for the lock for
// ever.
//
// A table has about 180 KB for an arena of 1 GiB, all of which upstream zeroes for
// each new heap. A heap that ends has changed little of it, and the maps of chunks
// tell what. The patch clears that much, and keeps the tables of a few heaps.
#include "mimalloc/prim/prim-tls.h"
#include "mimalloc/heap/theap.h"
#include "mimalloc/heap/subproc.h"
#include "arena/bitmap.h"
#include "arena/bitmap-chunk.h"
static mi_arena_pages_t* mimalloc_sys_table_take(mi_subproc_t* subproc, size_t size);
static inline void* mimalloc_sys_zalloc_aligned(mi_heap_t* heap, size_t size, size_t align) {
  mi_arena_pages_t* const table = mimalloc_sys_table_take(heap->subproc, size);
  if (table != NULL) return table;
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
static inline void* mimalloc_sys_table_zalloc(mi_subproc_t* subproc, size_t size, size_t align) {
  mi_arena_pages_t* const table = mimalloc_sys_table_take(subproc, size);
  return (table != NULL ? table : _mi_meta_zalloc_aligned(subproc, size, align, NULL));
}
#define mi_heap_zalloc_aligned(heap, size, align) mimalloc_sys_zalloc_aligned(heap, size, align)
#define _mi_meta_zalloc_aligned(subproc, size, align, memid) \
  mimalloc_sys_table_zalloc(subproc, size, align)
#include "arena/arena-page.c"
#undef mi_heap_zalloc_aligned
#undef _mi_meta_zalloc_aligned

#define MIMALLOC_SYS_TABLES  (4)
static _Atomic(mi_arena_pages_t*) mimalloc_sys_tables[MIMALLOC_SYS_TABLES];

// Takes a kept table of `size` bytes, or returns null. No bit of the table is set.
static mi_arena_pages_t* mimalloc_sys_table_take(mi_subproc_t* subproc, size_t size) {
  if (subproc != _mi_subproc_main()) return NULL;
  for (size_t i = 0; i < MIMALLOC_SYS_TABLES; i++) {
    if (mi_atomic_load_ptr_relaxed(mi_arena_pages_t, &mimalloc_sys_tables[i]) == NULL) continue;
    mi_arena_pages_t* table = mi_atomic_exchange_ptr_acq_rel(mi_arena_pages_t, &mimalloc_sys_tables[i], NULL);
    if (table == NULL) continue;
    if (mi_arena_pages_size(mi_bitmap_max_bits(table->pages), NULL) == size) return table;
    mi_arena_pages_t* expected = NULL;   // the table is for arenas of another size
    if (!mi_atomic_cas_ptr_strong_acq_rel(mi_arena_pages_t, &mimalloc_sys_tables[i], &expected, table)) {
      _mi_free_subproc_safe(table);
    }
  }
  return NULL;
}

// Clears all bits. A set bit lies in a chunk that the map of chunks has.
static inline void mimalloc_sys_bitmap_clear(mi_bitmap_t* bitmap) {
  const size_t fields = mi_divide_up(mi_bitmap_chunk_count(bitmap), MI_BFIELD_BITS);
  for (size_t i = 0; i < fields; i++) {
    mi_bfield_t chunks = mi_atomic_load_relaxed(&bitmap->chunkmap.bfields[i]);
    if mi_likely(chunks == 0) continue;
    for (size_t bit; mi_bfield_foreach_bit(&chunks, &bit); ) {
      memset(&bitmap->chunks[i*MI_BFIELD_BITS + bit], 0, sizeof(mi_bchunk_t));
    }
    mi_atomic_store_relaxed(&bitmap->chunkmap.bfields[i], 0);
  }
}

// Takes the table of a heap that ended: keeps the table for the next heap, or frees it.
void mimalloc_sys_table_done(mi_subproc_t* subproc, mi_arena_pages_t* table) {
  if (subproc == _mi_subproc_main()) {
    for (size_t i = 0; i < MIMALLOC_SYS_TABLES; i++) {
      if (mi_atomic_load_ptr_relaxed(mi_arena_pages_t, &mimalloc_sys_tables[i]) != NULL) continue;
      mimalloc_sys_bitmap_clear(table->pages);
      for (size_t bin = 0; bin < MI_ARENA_BIN_COUNT; bin++) { mimalloc_sys_bitmap_clear(table->pages_abandoned[bin]); }
      mi_arena_pages_t* expected = NULL;
      if (mi_atomic_cas_ptr_strong_acq_rel(mi_arena_pages_t, &mimalloc_sys_tables[i], &expected, table)) return;
    }
  }
  _mi_free_subproc_safe(table);
}

// Frees the tables that are kept.
void mimalloc_sys_free_tables(void) {
  for (size_t i = 0; i < MIMALLOC_SYS_TABLES; i++) {
    mi_arena_pages_t* table = mi_atomic_exchange_ptr_acq_rel(mi_arena_pages_t, &mimalloc_sys_tables[i], NULL);
    if (table != NULL) { _mi_free_subproc_safe(table); }
  }
}
