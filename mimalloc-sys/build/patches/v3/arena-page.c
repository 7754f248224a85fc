// Upstream records the pages of a heap in a table, and allocates the table in the
// main heap with `arena_pages_lock` held. That allocation must not call a
// deferred free: a hook that allocates in the heap would wait for the lock for
// ever.
//
// A table has more than 130 KB for an arena of 1 GiB: a bitmap of the heap's pages,
// and a bitmap of the abandoned pages of each size class. Upstream zeroes all of
// them for each new heap, which is most of what a heap costs in time and memory.
// Few heaps ever abandon a page. With the patch, the bitmap of a size class is zeroed
// when the first page of that class is abandoned, and then the heap can't be reset in
// place any more.
#include <stddef.h>
#include "mimalloc/prim/prim-tls.h"
#include "mimalloc/heap/theap.h"
#include "arena/arena.h"
#include "arena/bitmap.h"

#if MIMALLOC_SYS_LAZY_BITMAPS
#define mimalloc_sys_table_alloc  mi_heap_malloc_aligned
#else
#define mimalloc_sys_table_alloc  mi_heap_zalloc_aligned
#endif
static inline void* mimalloc_sys_zalloc_aligned(mi_heap_t* heap, size_t size, size_t align) {
  mi_theap_t* const theap = _mi_theap_default();
  if (!mi_theap_is_initialized(theap) || theap->tld == NULL) {
    return mimalloc_sys_table_alloc(heap, size, align);
  }
  mi_tld_t* const tld = theap->tld;
  const bool recurse = tld->recurse;
  tld->recurse = true;
  void* const p = mimalloc_sys_table_alloc(heap, size, align);
  tld->recurse = recurse;
  return p;
}
#define mi_heap_zalloc_aligned(heap, size, align) mimalloc_sys_zalloc_aligned(heap, size, align)

#if MIMALLOC_SYS_LAZY_BITMAPS
// Stand for bitmaps of abandoned pages that are not zeroed yet. They have no chunks:
// nobody finds a page in them or writes to them.
static mi_bitmap_t mimalloc_sys_no_pages[MI_ARENA_BIN_COUNT];
static mi_lock_t mimalloc_sys_bitmap_lock = MI_LOCK_INITIALIZER;

// Takes the place of a bitmap's initialisation. The bitmap of all pages is `first`.
static inline mi_bitmap_t* mimalloc_sys_bitmap_init(size_t slice_count, uint8_t** base, const uint8_t* first) {
  const size_t size = mi_bitmap_size(slice_count, NULL);
  const size_t index = (size_t)(*base - first) / size;
  if (index == 0) {
    memset(*base, 0, size);
    return mi_arena_bitmap_init(slice_count, base);
  }
  *base += size;
  return &mimalloc_sys_no_pages[index - 1];
}

static inline size_t mimalloc_sys_no_pages_bin(const mi_bitmap_t* bitmap) {
  return ((uintptr_t)bitmap - (uintptr_t)&mimalloc_sys_no_pages[0]) / sizeof(mi_bitmap_t);
}

// Zeroes the bitmap of abandoned pages of a size class, in its place behind the
// bitmap of all pages.
static mi_decl_noinline void mimalloc_sys_bitmap_zero(_Atomic(mi_bitmap_t*)* pbitmap, size_t bin, mi_heap_t* heap) {
  mi_atomic_store_relaxed(&mimalloc_sys_tail(heap)->is_resettable, 0);
  mi_arena_pages_t* const table =
    (mi_arena_pages_t*)((uint8_t*)(pbitmap - bin) - offsetof(mi_arena_pages_t, pages_abandoned));
  const size_t slice_count = mi_bitmap_max_bits(table->pages);
  const size_t size = mi_bitmap_size(slice_count, NULL);
  mi_lock(&mimalloc_sys_bitmap_lock) {
    if (mi_atomic_load_ptr_relaxed(mi_bitmap_t, pbitmap) == &mimalloc_sys_no_pages[bin]) {
      uint8_t* base = (uint8_t*)table->pages + (bin + 1)*size;
      memset(base, 0, size);
      mi_atomic_store_ptr_release(mi_bitmap_t, pbitmap, mi_arena_bitmap_init(slice_count, &base));
    }
  }
}

// Upstream reads the pointer of a bitmap without care where it looks for a page. Another
// thread may zero the bitmap meanwhile. The pointer that upstream read is not used, so
// compilers drop the read.
static inline mi_bitmap_t* mimalloc_sys_bitmap_of(mi_arena_pages_t* table, size_t bin) {
  return mi_atomic_load_ptr_acquire(mi_bitmap_t, (_Atomic(mi_bitmap_t*)*)&table->pages_abandoned[bin]);
}

// Sets a bit. A thread that looks for pages meanwhile may still find the bitmap
// without pages. A thread that got the page finds the bitmap with the page.
static bool mimalloc_sys_bitmap_set(_Atomic(mi_bitmap_t*)* pbitmap, size_t idx, mi_heap_t* heap) {
  mi_bitmap_t* bitmap = mi_atomic_load_ptr_acquire(mi_bitmap_t, pbitmap);
  const size_t bin = mimalloc_sys_no_pages_bin(bitmap);
  if mi_unlikely(bin < MI_ARENA_BIN_COUNT) {
    mimalloc_sys_bitmap_zero(pbitmap, bin, heap);
    bitmap = mi_atomic_load_ptr_acquire(mi_bitmap_t, pbitmap);
  }
  return mi_bitmap_set(bitmap, idx);
}
#define mi_arena_bitmap_init(slice_count, base) \
  mimalloc_sys_bitmap_init(slice_count, base, (uint8_t*)arena_pages + bitmap_base)
#define mi_bitmap_try_find_and_claim(bitmap, tseq, pidx, claim, arg) \
  (MI_UNUSED(bitmap), \
   mi_bitmap_try_find_and_claim(mimalloc_sys_bitmap_of(arena_pages, info->bin), tseq, pidx, claim, arg))
#define mi_bitmap_set(bitmap, idx) \
  mimalloc_sys_bitmap_set((_Atomic(mi_bitmap_t*)*)&(bitmap), idx, mi_page_heap(page))
#endif
#include "arena/arena-page.c"
#undef mi_heap_zalloc_aligned
#undef mi_arena_bitmap_init
#undef mi_bitmap_try_find_and_claim
#undef mi_bitmap_set
