// What a C compiler says about each item that the bindings describe. The rows
// are generated from the bindings (build.rs), so that none can be forgotten.
#include <stddef.h>
#include <stdint.h>
#include <mimalloc.h>
#ifdef ABI_STATS
#include <mimalloc-stats.h>
#endif
#ifdef ABI_PROFILE
#include <mimalloc-profile.h>
#endif

#define SIZE(type)          { "size of " #type, (int64_t)sizeof(type) },
#define ALIGN(type)         { "align of " #type, (int64_t)offsetof(struct { char pad; type value; }, value) },
#define SIGNED(type)        { "sign of " #type, (type)-1 < (type)0 },
#define OFFSET(type, field) { #type "." #field, (int64_t)offsetof(type, field) },
#define FIELD(type, field)  { "size of " #type "." #field, (int64_t)sizeof(((type*)0)->field) },
#define CONSTANT(name)      { #name, (int64_t)(name) },

static const struct { const char* name; int64_t value; } rows[] = {
#include "abi_rows.inc"
};

size_t abi_count(void) { return sizeof(rows) / sizeof(rows[0]); }
const char* abi_name(size_t i) { return rows[i].name; }
int64_t abi_value(size_t i) { return rows[i].value; }
