// A forced collect frees the tables of pages that arena-page.c keeps. The end of a
// thread collects with force too, and frees none.
#define _mi_theap_collect_retired(theap, force) \
  ((collect == MI_FORCE ? mimalloc_sys_free_tables() : (void)0), _mi_theap_collect_retired(theap, force))
#include "heap/theap.c"
#undef _mi_theap_collect_retired
