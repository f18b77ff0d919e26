/* The one translation unit, so that the compiler sees through the calls between its parts. */

#include "buffer.c"
#include "tables.c"
#include "definitions.c"
#include "values.c"
#include "records.c"
#include "visit.c"
#include "settrace.c"
#include "module.c"
#include "inject.c"
