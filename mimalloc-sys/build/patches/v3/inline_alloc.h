// Checks what src/inline_alloc.rs takes for granted about upstream's types. The
// build script defines the offsets of src/offsets.rs above.
#include <stddef.h>
#if MI_PADDING || MI_ENCODE_FREELIST || MI_SAMPLE==2 || MI_SECURE || MI_DEBUG || MI_STATS>=2 || MI_TRACK_ENABLED || MI_PAC || MI_MTE
#error "this changes how blocks are allocated: see mimalloc-sys/src/inline_alloc.rs"
#endif
#ifdef __cplusplus
#define mimalloc_sys_check(condition) static_assert(condition, "see mimalloc-sys/src/offsets.rs")
#else
#define mimalloc_sys_check(condition) _Static_assert(condition, "see mimalloc-sys/src/offsets.rs")
#endif
mimalloc_sys_check(offsetof(mi_theap_t, pages_free_direct) == MIMALLOC_SYS_THEAP_PAGES);
mimalloc_sys_check(sizeof(((mi_theap_t*)0)->pages_free_direct[0]) == 8);
mimalloc_sys_check(MI_PAGES_DIRECT > MI_SMALL_WSIZE_MAX);
mimalloc_sys_check(offsetof(mi_page_t, free) == MIMALLOC_SYS_PAGE_FREE && sizeof(((mi_page_t*)0)->free) == 8);
mimalloc_sys_check(offsetof(mi_page_t, xused) == MIMALLOC_SYS_PAGE_USED && sizeof(mi_used_t) == 8);
mimalloc_sys_check(offsetof(mi_page_t, free_is_zero) == MIMALLOC_SYS_PAGE_FREE_IS_ZERO && sizeof(((mi_page_t*)0)->free_is_zero) == 1);
mimalloc_sys_check(offsetof(mi_block_t, next) == 0 && sizeof(mi_block_t) == 8);
// src/default_theap.rs reads the thread-local variable `__mi_theap_default`. This
// must be all that `_mi_theap_default` does, in a thread without a theap as well.
#if MIMALLOC_SYS_DEFAULT_THEAP
#include "mimalloc/prim/prim-tls.h"
#if !MI_TLS_MODEL_LOCAL || MI_THEAP_INITASNULL || defined(MI_TLS_RECURSE_GUARD)
#error "this changes where the default theap is: see mimalloc-sys/src/default_theap.rs"
#endif
mimalloc_sys_check(__builtin_types_compatible_p(__typeof__(__mi_theap_default), mi_theap_t*));
// Rust knows the variable by a name of its own: Rust can't declare a thread-local
// variable, and LLVM refuses a program that declares one name both ways (ThinLTO).
#ifdef MI_THEAP_LOCAL_INIT  // prim/prim-tls.c is in this unit
extern mi_decl_hidden mi_decl_thread mi_theap_t* mimalloc_sys_default_theap __attribute__((alias("__mi_theap_default")));
#endif
#endif
