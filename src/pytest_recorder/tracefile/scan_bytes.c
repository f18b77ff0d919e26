/* What of the primitives is too long to stand in every caller: see scan_bytes.h. */

#include "scan.h"

int
scan_read_long_uv(Scanner *self, Cursor *cursor, uint64_t *number)
{
    const uint8_t *at = cursor->at;
    uint64_t found = 0;
    for (int shift = 0; at < cursor->end && shift < 70; shift += 7) {
        uint8_t byte = *at++;
        if (byte < 0x80) {
            if (shift == 63 && byte > 1) {
                return fail(self, "a number is larger than 64 bits");
            }
            cursor->at = at;
            *number = found | (uint64_t)byte << shift;
            return 0;
        }
        found |= (uint64_t)(byte & 0x7F) << shift;
    }
    return fail(self, "a number has no end");
}

int
scan_is_text(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        if (*at < 0x80) {
            uint64_t eight;
            while (end - at >= 8) {
                memcpy(&eight, at, 8);
                if (eight & UINT64_C(0x8080808080808080)) {
                    break;
                }
                at += 8;
            }
            while (at < end && *at < 0x80) {
                at++;
            }
            continue;
        }
        uint8_t lead = *at++;
        int more = lead >= 0xC2 && lead <= 0xDF ? 1 : (lead & 0xF0) == 0xE0 ? 2
            : lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
        if (more == 0 || end - at < more) {
            return 0;
        }
        /* No overlong form, nothing past U+10FFFF. */
        uint8_t least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        uint8_t most = lead == 0xF4 ? 0x8F : 0xBF;
        if (*at < least || *at > most) {
            return 0;
        }
        at++;
        while (--more > 0) {
            if ((*at++ & 0xC0) != 0x80) {
                return 0;
            }
        }
    }
    return 1;
}

int
scan_ask_table(Scanner *self, Table *table, uint64_t number, const char *what)
{
    PyObject *key = PyLong_FromUnsignedLongLong(number);
    if (key == NULL) {
        return -1;
    }
    int found = PyDict_Contains(table->dict, key);
    Py_DECREF(key);
    if (found < 0) {
        return -1;
    }
    if (!found) {
        return fail(self, "%s %llu is not defined", what, (unsigned long long)number);
    }
    if (number < CACHED_NUMBERS) {
        table->known[number / 8] |= (uint8_t)(1 << number % 8);
    }
    return 0;
}
