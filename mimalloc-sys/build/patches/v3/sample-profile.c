// Upstream tells a profiler of each sampled block that is freed, but not of those that
// end with their heap: they count as used for ever. The patch keeps a list of the
// sampled blocks of each heap that `mi_heap_new` made, so that a reset can tell. A list
// entry lies in the block, in front of the user's data.
#include "mimalloc/profile/sample-profile.h"
#if MI_PROFILE
struct mimalloc_sys_sample_s {
  mimalloc_sys_sample_t* prev;
  mimalloc_sys_sample_t* next;
  mi_heap_t*             heap;    // null: not in a list
  mi_block_t*            block;
};
static mi_lock_t mimalloc_sys_samples_lock = MI_LOCK_INITIALIZER;

// Takes an entry out of its list. The lock is held.
static void mimalloc_sys_sample_unlink(mimalloc_sys_sample_t* sample) {
  if (sample->next != NULL) { sample->next->prev = sample->prev; }
  if (sample->prev != NULL) { sample->prev->next = sample->next; }
                       else { mimalloc_sys_tail(sample->heap)->samples = sample->next; }
  sample->heap = NULL;
}

static void mimalloc_sys_sample_link(mi_theap_t* theap, mi_block_t* block, uint8_t* user) {
  mimalloc_sys_sample_t* const sample = (mimalloc_sys_sample_t*)user - 1;
  mi_heap_t* const heap = mi_theap_heap(theap);
  sample->heap = NULL;
  sample->block = block;
  if (heap == NULL || mi_is_heap_main(heap)) return;   // the main heap has no tail, and never ends
  mi_lock(&mimalloc_sys_samples_lock) {
    mimalloc_sys_tail_t* const tail = mimalloc_sys_tail(heap);
    sample->heap = heap;
    sample->prev = NULL;
    sample->next = tail->samples;
    if (sample->next != NULL) { sample->next->prev = sample; }
    tail->samples = sample;
  }
}

// The size of what stands before the user's data, as upstream calculates it, has room for the entry.
#define mi_align_up(size, alignment) \
  mi_align_up((alignment) == MI_MAX_ALIGN_SIZE ? (size) + sizeof(mimalloc_sys_sample_t) : (size), alignment)
#define mi_page_set_has_interior_pointers(page, value) \
  (mi_page_set_has_interior_pointers(page, value), mimalloc_sys_sample_link(theap, block, (uint8_t*)block + user_offset))
#define _mi_page_profile_on_free  mimalloc_sys_profile_on_free
#include "profile/sample-profile.c"
#undef mi_page_set_has_interior_pointers
#undef _mi_page_profile_on_free

void _mi_page_profile_on_free(mi_page_t* page, mi_block_t* block, void* p) {
  const mi_profiler_sample_data_t* const data = (mi_profiler_sample_data_t*)((uint8_t*)block + sizeof(mi_block_t));
  const size_t offset = mi_align_up(sizeof(mi_block_t) + sizeof(mi_profiler_sample_data_t) + data->user_data_size, MI_MAX_ALIGN_SIZE);
  mimalloc_sys_sample_t* const sample = (mimalloc_sys_sample_t*)((uint8_t*)block + offset) - 1;
  mi_lock(&mimalloc_sys_samples_lock) {
    if (sample->heap != NULL) { mimalloc_sys_sample_unlink(sample); }
  }
  mimalloc_sys_profile_on_free(page, block, p);
}
#undef mi_align_up

// Takes all sampled blocks of a heap out of the list. Tells the profiler if the blocks end with the heap.
void mimalloc_sys_samples_done(mi_heap_t* heap, bool are_freed) {
  mimalloc_sys_tail_t* const tail = mimalloc_sys_tail(heap);
  for (;;) {
    mimalloc_sys_sample_t* sample = NULL;
    mi_lock(&mimalloc_sys_samples_lock) {
      sample = tail->samples;
      if (sample != NULL) { mimalloc_sys_sample_unlink(sample); }
    }
    if (sample == NULL) return;
    if (are_freed) { mimalloc_sys_profile_on_free(mi_ptr_page(sample->block), sample->block, sample + 1); }
  }
}
#else
#include "profile/sample-profile.c"
void mimalloc_sys_samples_done(mi_heap_t* heap, bool are_freed) { MI_UNUSED(heap); MI_UNUSED(are_freed); }
#endif
