// mi_page_decode_padding leaves `double_free` as it is where the canary is intact, and
// its caller reads the variable uninitialised where the bytes before the canary have
// changed. Builds with clang then report an overflow as a double free, and go on.

#include "mimalloc/alloc/page.h"

// Upstream's one call is in the branch that marks an intact block as freed.
#define mi_ptr_encode_canary_freed() \
  (*double_free = false, (mi_ptr_encode_canary_freed)())

#include "alloc/alloc.c"

#undef mi_ptr_encode_canary_freed
