/* Stands in for the C library's <assert.h> while bindings are generated: no
   sysroot is needed, and the result does not depend on the machine. */
#define assert(expression) ((void)0)
