// `mi_heap_init_theap` crashes on a thread that has no memory for its thread data:
// the thread has the empty theap or none, and upstream makes the heap's theap with
// the constant thread data of the empty one. The patch lets the function report
// that there is no theap, as for any lack of memory.
//
// That function and `_mi_heap_new_for_subproc` report a lack of memory with the
// code of corrupted memory, as threadlocal.c does.
//
// A thread that mimalloc is done with gets null from every heap but the main one,
// although `mi_heap_new` initialises the thread again. Where thread-local
// destructors run after mimalloc's own (musl, Windows), a collection in a heap
// could only abort. The patch initialises the thread again when it asks for a
// theap, as mimalloc did up to 3.6.1.
//
// `mi_heap_free_theaps` frees the theaps of a heap one by one. Freeing the pages of a
// later theap updates statistics through this thread's theap of the heap, which was
// freed if it came first. The patch forgets this thread's theap before any is freed.
//
// The sampled blocks of a heap that ends leave the list of sample-profile.c.
//
// Nothing tells tools such as memcheck of the blocks that end with their heap. Memcheck
// then takes the next blocks at the same addresses for the old ones. The patch tells of
// each block, as engine v2 does.
//
// Each heap gets a tail, and a function that resets the heap in place.
#include "mimalloc/heap/theap.h"
#include "mimalloc/prim/prim-tls.h"
static inline mi_theap_t* mimalloc_sys_default(void) {
  mi_theap_t* const theap = mi_theap_get_default();
  return (mi_theap_is_initialized(theap) ? theap : _mi_theap_empty_get());
}
static inline bool mimalloc_sys_is_done(void) {
  if mi_likely(!_mi_thread_is_done()) return false;
  mi_thread_init();
  return _mi_thread_is_done();
}
#define _mi_thread_is_done() mimalloc_sys_is_done()
#define mi_theap_get_default() mimalloc_sys_default()
static mi_theap_t* mimalloc_sys_theap_create(mi_heap_t* heap, mi_tld_t* tld) {
  if (tld == _mi_theap_empty_get()->tld) return NULL;
  mi_theap_t* const theap = _mi_theap_create(heap, tld);
  if (theap != NULL && !mi_is_heap_main(heap)) {
    mimalloc_sys_tail_t* const tail = mimalloc_sys_tail(heap);
    if (mi_atomic_increment_relaxed(&tail->theap_count) != 0) {
      mi_atomic_store_relaxed(&tail->is_resettable, 0);   // a heap of several threads
    }
    if (mi_atomic_load_relaxed(&tail->is_resettable) != 0) { theap->allow_page_abandon = false; }
  }
  return theap;
}
static void mimalloc_sys_theap_decref(mi_heap_t* heap, mi_theap_t* theap) {
  if (!mi_is_heap_main(heap) && _mi_thread_local_get(heap->theap) != NULL) { _mi_thread_local_set(heap->theap, NULL); }
  _mi_theap_decref(theap);
}
static void mimalloc_sys_detach_theaps(mi_heap_t* heap) {
  if (!mi_is_heap_main(heap)) { mimalloc_sys_samples_done(heap, false); }   // blocks may go to the main heap
  _mi_heap_detach_theaps(heap);
}
#if MI_TRACK_HEAP_DESTROY
static bool mimalloc_sys_track_free(const mi_heap_t* heap, const mi_heap_area_t* area, void* block, size_t size, void* arg) {
  MI_UNUSED(heap); MI_UNUSED(area); MI_UNUSED(size); MI_UNUSED(arg);
  if (block != NULL) { mi_track_free_size(block, size); }
  return true;
}
// The theaps are gone, so that all pages are abandoned.
static void mimalloc_sys_destroy_pages(mi_heap_t* heap) {
  mi_heap_visit_blocks(heap, true, &mimalloc_sys_track_free, NULL);
  _mi_heap_destroy_pages(heap);
}
#define _mi_heap_destroy_pages(heap) mimalloc_sys_destroy_pages(heap)
#endif
#define _mi_heap_detach_theaps(heap) mimalloc_sys_detach_theaps(heap)
#define _mi_theap_decref(theap) mimalloc_sys_theap_decref(heap, theap)
#define _mi_theap_create(of_heap, with_tld) mimalloc_sys_theap_create(of_heap, with_tld)
#define mi_heap_zalloc(heap, size) mi_heap_zalloc(heap, (size) + sizeof(mimalloc_sys_tail_t))
#define _mi_meta_zalloc(subproc, size, memid) \
  _mi_meta_zalloc(subproc, (size) + sizeof(mimalloc_sys_tail_t), memid)
#define _mi_error_message(code, ...) \
  _mi_error_message(mimalloc_sys_code(code, __VA_ARGS__), __VA_ARGS__)
#include "heap/heap.c"
#undef _mi_thread_is_done
#undef mi_theap_get_default
#undef _mi_theap_create
#undef _mi_theap_decref
#undef _mi_heap_detach_theaps
#undef _mi_heap_destroy_pages
#undef _mi_error_message

#undef mi_heap_zalloc
#undef _mi_meta_zalloc
