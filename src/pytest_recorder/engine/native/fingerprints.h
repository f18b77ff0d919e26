/* Fingerprints of live objects: whether a value is, within the limits, what it was.
 *
 * A fingerprint goes the same way as the encoder and mixes what the encoder would write, so that equal
 * fingerprints mean equal bytes. What is hidden counts as well: each secret is to be learned. It looks at content, never at addresses alone: an object can have the
 * address of a dead one. A different fingerprint proves nothing; the caller then compares the bytes.
 *
 * The caller owns the value. -1: an exception is set, and the fingerprint means nothing.
 */
#ifndef HOT_FINGERPRINTS_H
#define HOT_FINGERPRINTS_H

#include "hot.h"

int value_fingerprint(Hot *hot, PyObject *value, uint64_t *fingerprint);

void fingerprint_scratch_free(Hot *hot);

#endif
