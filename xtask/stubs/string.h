/* Stands in for the C library's <string.h> while bindings are generated; the
   inline functions of mimalloc-stats.h call memset. */
#include <stddef.h>
void *memset(void *destination, int byte, size_t length);
