// Upstream allocates metadata in a theap that all threads share under the lock
// `theap_meta_lock`. An allocation there must not call a deferred free: a hook
// that needs metadata would wait for the lock for ever.
static inline void* mimalloc_sys_meta_zalloc(mi_theap_t* theap, size_t size) {
  theap->tld->recurse = true;   // its tld belongs to no thread, and the lock is held
  return mi_theap_zalloc(theap, size);
}
static inline void* mimalloc_sys_meta_zalloc_aligned(mi_theap_t* theap, size_t size, size_t align) {
  theap->tld->recurse = true;
  return mi_theap_zalloc_aligned(theap, size, align);
}
#define mi_theap_zalloc(theap, size) mimalloc_sys_meta_zalloc(theap, size)
#define mi_theap_zalloc_aligned(theap, size, align) \
  mimalloc_sys_meta_zalloc_aligned(theap, size, align)
#include "heap/subproc.c"
#undef mi_theap_zalloc
#undef mi_theap_zalloc_aligned
