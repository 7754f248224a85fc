// On 32-bit targets upstream takes the length of an area of 2 GiB or more for a
// negative number (`mi_os_page_align_areax` in prim/os.c), reports memory as
// committed that is not, and writes a free list to that memory. With a limit
// further below `PTRDIFF_MAX`, such requests get null instead.
#include "mimalloc/types.h"
#if MI_SIZE_SIZE < 8
#undef  MI_MAX_ALLOC_SIZE
#define MI_MAX_ALLOC_SIZE (PTRDIFF_MAX - 8*MI_MiB)
#endif

// What stands behind each heap that `mi_heap_new` makes. The main heap has none.
typedef struct mimalloc_sys_sample_s mimalloc_sys_sample_t;
typedef struct mimalloc_sys_tail_s {
  _Atomic(size_t) theap_count;    // theaps that were ever made for the heap
  _Atomic(size_t) is_resettable;  // full pages stay with their theap
  mimalloc_sys_sample_t* samples; // the profiler's sampled blocks (sample-profile.c)
} mimalloc_sys_tail_t;
static inline mimalloc_sys_tail_t* mimalloc_sys_tail(mi_heap_t* heap) {
  return (mimalloc_sys_tail_t*)((uint8_t*)heap + sizeof(mi_heap_t));
}
void mimalloc_sys_samples_done(mi_heap_t* heap, bool are_freed);

// See arena-page.c. Upstream's assertions look into each bitmap, and secure builds
// keep the bitmaps in the metadata, all of which is zeroed.
#define MIMALLOC_SYS_LAZY_BITMAPS  (MI_DEBUG<=1 && !MI_SECURE && !MI_MTE)

// Upstream has memcheck forbid some bytes on both sides of each block. Before the first
// block of a page these are the page's keys, which freeing a block reads. The patch
// forbids the bytes behind the block only.
#if MI_TRACK_VALGRIND
#include "mimalloc/track.h"
#undef mi_track_malloc_size
#undef mi_track_free_size
#define mi_track_malloc_size(p,reqsize,size,zero) \
  do { VALGRIND_MALLOCLIKE_BLOCK(p,size,0,zero); \
       VALGRIND_MAKE_MEM_NOACCESS((uint8_t*)(p) + (size), MI_PADDING_SIZE); } while(0)
#define mi_track_free_size(p,_size)               VALGRIND_FREELIKE_BLOCK(p,0)
#endif
