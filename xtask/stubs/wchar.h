/* Stands in for the C library's <wchar.h>, which headers before 2.5 and 3.5
   include, while bindings are generated. */
#include <stddef.h>
