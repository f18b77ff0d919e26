/* Texts that get numbers: found again by their bytes, and kept as long as the recording. */
#ifndef HOT_NAMES_H
#define HOT_NAMES_H

#include "hot.h"

/* NULL: no memory. */
Name *name_of(Hot *hot, Names *names, PyObject *string);
Name *name_of_bytes(Names *names, const char *text, size_t size);

void texts_free(Hot *hot);

#endif
