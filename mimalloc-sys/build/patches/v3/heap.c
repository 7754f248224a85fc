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
#define _mi_theap_create(of_heap, with_tld) \
  ((with_tld) == _mi_theap_empty_get()->tld ? NULL : _mi_theap_create(of_heap, with_tld))
#define _mi_error_message(code, ...) \
  _mi_error_message(mimalloc_sys_code(code, __VA_ARGS__), __VA_ARGS__)
#include "heap/heap.c"
#undef _mi_thread_is_done
#undef mi_theap_get_default
#undef _mi_theap_create
#undef _mi_error_message
