/* What an object holds itself, as bytes: part by part, with other objects by their numbers. */
#ifndef HOT_CONTENTS_H
#define HOT_CONTENTS_H

#include "hot.h"

typedef struct {
    int tag; /* of the value that tells of it */
    int reason;
    int is_leaf;
    Py_ssize_t full;
} Content;

/* Read into `contents`. What it refers to is met. The caller owns the object and its type. -1: an
 * exception is set. */
int content_read(Hot *hot, PyObject *value, TypeReader *reader, Content *content);

void contents_free(Hot *hot);

#endif
