// `_mi_malloc_generic` serves all allocation in a heap without pages. Upstream
// replaces a heap that is not initialised by the default heap. For a dead heap (see
// heap.c) the patched function returns null.
#define mi_heap_is_initialized(heap) mimalloc_sys_heap_has_thread(heap)
#define mi_heap_get_default() \
  (heap == NULL || heap == &_mi_heap_empty ? mi_heap_get_default() : (mi_heap_t*)NULL)
#include "page.c"
#undef mi_heap_is_initialized
#undef mi_heap_get_default
