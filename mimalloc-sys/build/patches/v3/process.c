// Upstream has no notice that a thread's theaps are about to be freed.
// `mimalloc_sys_on_thread_done` registers a listener for it. There may be several
// listeners, because a program may contain several versions of a crate that
// depends on mimalloc-sys.
//
// `mimalloc_sys_thread_init` is `mi_thread_init` with an answer.
#include "mimalloc/util/threadlocal.h"
typedef struct mimalloc_sys_thread_done_s {
  void (mi_cdecl *fun)(void);
  struct mimalloc_sys_thread_done_s* next;
} mimalloc_sys_thread_done_t;
static _Atomic(mimalloc_sys_thread_done_t*) mimalloc_sys_listeners;
#ifdef __cplusplus
extern "C"
#endif
void mi_cdecl mimalloc_sys_on_thread_done(mimalloc_sys_thread_done_t* listener) {
  mimalloc_sys_thread_done_t* first =
    mi_atomic_load_ptr_acquire(mimalloc_sys_thread_done_t, &mimalloc_sys_listeners);
  do { listener->next = first; }
  while (!mi_atomic_cas_ptr_weak_release(mimalloc_sys_thread_done_t, &mimalloc_sys_listeners,
                                         &first, listener));
}
static void mimalloc_sys_thread_done(void) {
  mimalloc_sys_thread_done_t* listener =
    mi_atomic_load_ptr_acquire(mimalloc_sys_thread_done_t, &mimalloc_sys_listeners);
  for (; listener != NULL; listener = listener->next) { listener->fun(); }
}
#ifdef __cplusplus
extern "C"
#endif
bool mi_cdecl mimalloc_sys_thread_init(void) { return mi_theap_is_initialized(_mi_thread_init()); }
#define _mi_thread_locals_thread_done() \
  (mimalloc_sys_thread_done(), _mi_thread_locals_thread_done())
#include "heap/process.c"
#undef _mi_thread_locals_thread_done
