// Upstream reports that a thread's table of variables ran out of memory with the
// code of corrupted memory (EFAULT). Builds with debugging or hardening abort on
// that code. The patch reports ENOMEM.
//
// `_mi_thread_locals_done` frees the table of slots when the process ends. It
// keeps the pointer to the table and destroys the lock, while threads that still
// run may make heaps. The patch clears the pointer first and keeps the lock.
#include <errno.h>
#include <string.h>
static inline int mimalloc_sys_code(int code, const char* message, ...) {
  return (code == EFAULT && strncmp(message, "unable to ", 10) == 0 ? ENOMEM : code);
}
#define _mi_error_message(code, ...) \
  _mi_error_message(mimalloc_sys_code(code, __VA_ARGS__), __VA_ARGS__)
#include "mimalloc/util/threadlocal.h"
#include "mimalloc/heap/process.h"
static void mimalloc_sys_meta_free(mi_subproc_t* subproc, void* p, mi_memid_t memid) {
  if (p != NULL && p == mi_meta_load_maybe(mi_process_get_sealed()->thread_locals_free)) {
    mi_process_sealed_t* const sealed = _mi_process_unseal();
    sealed->thread_locals_free = NULL;
    _mi_process_seal();
  }
  _mi_meta_free(subproc, p, memid);
}
#define _mi_meta_free(subproc, p, memid) mimalloc_sys_meta_free(subproc, p, memid)
#define mi_lock_done(lock) ((void)(lock))
#include "util/threadlocal.c"
#undef _mi_error_message
#undef _mi_meta_free
#undef mi_lock_done
