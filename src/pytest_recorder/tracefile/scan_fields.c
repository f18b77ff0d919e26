/* Passes over fields and values by their field strings.
 *
 * The table of the format keeps to this: values stand at the end of a value's fields, and at the
 * end of its group, so that a value is a few plain fields, then values or a count of groups.
 */

#include "scan_bytes.h"

/* Pass over the fields up to a parenthesis or the end. Values are counted in `left`, or passed over
 * where that is NULL. */
ALWAYS_INLINE int
skip_run(Scanner *self, Cursor *cursor, const char *field, int depth, uint64_t *left)
{
#define STEP                                                            \
    if (*field == '\0' || *field == '(' || *field == ')') {             \
        return 0;                                                       \
    }                                                                   \
    if (*field != 'v') {                                                \
        if (skip_plain(self, cursor, *field) < 0) {                     \
            return -1;                                                  \
        }                                                               \
    }                                                                   \
    else if (left != NULL) {                                            \
        ++*left;                                                        \
    }                                                                   \
    else if (scan_skip_value(self, cursor, depth + 1) < 0) {            \
        return -1;                                                      \
    }                                                                   \
    field++;

    STEP STEP STEP STEP STEP STEP
    for (;;) {
        STEP
    }
#undef STEP
}

ALWAYS_INLINE int
skip_fields(Scanner *self, Cursor *cursor, const char *fields, int depth, uint64_t *left)
{
    if (skip_run(self, cursor, fields, depth, left) < 0) {
        return -1;
    }
    const char *group = strchr(fields, '(');
    if (group == NULL) {
        return 0;
    }
    uint64_t count;
    if (read_count(self, cursor, &count) < 0) {
        return -1;
    }
    group++;
    size_t values = strspn(group, "v");
    if (group[values] == ')') {
        /* A count is at most the bytes that are left, 2 ** 26 or so: the sum cannot overflow. */
        *left += count * values;
        return 0;
    }
    for (; count > 0; count--) {
        if (skip_run(self, cursor, group, depth, NULL) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Look into what was passed over, where it is a text or bytes of eight bytes or more: nine of ten texts
 * are shorter, and a look takes as long as all else that is done for one. */
ALWAYS_INLINE int
look(Scanner *self, Cursor *cursor, uint8_t tag, const uint8_t *fields)
{
    int is_cut = tag == TAG_STR_CUT || tag == TAG_BYTES_CUT;
    if (self->finder == NULL || cursor->at - fields < 9 ||
        !(is_cut || tag == TAG_STR || tag == TAG_BYTES)) {
        return 0;
    }
    return scan_look(self, is_cut, fields, cursor->at);
}

int
scan_skip_value(Scanner *self, Cursor *cursor, int depth)
{
    if (depth > MAX_NESTING) {
        return fail(self, "a value is nested too deep");
    }
    uint64_t left = 1;
    while (left > 0) {
        uint8_t tag = 0;
        left--;
        if (read_byte(self, cursor, &tag) < 0) {
            return -1;
        }
        const uint8_t *start = cursor->at;
        switch (tag) {
#define ROW(name, fields)                                               \
        case TAG_##name:                                                \
            if (skip_fields(self, cursor, fields, depth, &left) < 0 ||  \
                look(self, cursor, TAG_##name, start) < 0) {            \
                return -1;                                              \
            }                                                           \
            break;
        TAG_ROWS(ROW)
#undef ROW
        default:
            return fail(self, "unknown value %d", tag);
        }
    }
    return 0;
}

#define ROW(name, fields) [TAG_##name] = fields,
static const char *const TAG_FIELDS[] = {TAG_ROWS(ROW)};
#undef ROW

int
scan_check_reason(Scanner *self, Cursor *cursor, int least)
{
    uint8_t reason = 0;
    if (read_byte(self, cursor, &reason) < 0) {
        return -1;
    }
    return reason >= least && reason < REASON_END ? 0
        : fail(self, "unknown reason %d", reason);
}

static int
check_known(Scanner *self, Cursor *cursor, Table *table, const char *what)
{
    uint64_t number;
    return read_uv(self, cursor, &number) < 0 ? -1 : must_know(self, table, number, what);
}

/* Gives what `scan_check_value` gives for a value, else 0. */
static int
check_field(Scanner *self, Cursor *cursor, char letter, int depth)
{
    switch (letter) {
    case 'v':
        return scan_check_value(self, cursor, depth + 1);
    case 'y':
        return check_known(self, cursor, &self->types, "type");
    case 'n':
        return check_known(self, cursor, &self->names, "name");
    case 'r':
        return scan_check_reason(self, cursor, REASON_WHOLE);
    case 'w':
        return scan_check_reason(self, cursor, REASON_WHOLE + 1);
    default:
        return skip_plain(self, cursor, letter);
    }
}

/* Whether the JSON form of a value that ends at `end` has a text as "value". */
static int
gives_text(uint8_t tag, const uint8_t *end, int is_inner_text)
{
    switch (tag) {
    case TAG_COMPLEX:
    case TAG_STR:
    case TAG_STR_CUT:
    case TAG_BYTES:
    case TAG_BYTES_CUT:
        return 1;
    case TAG_FLOAT:
        /* "nan", "inf" and "-inf" are texts: all bits of the exponent are set. */
        return (end[-1] & 0x7F) == 0x7F && (end[-2] & 0xF0) == 0xF0;
    case TAG_TEXT:
    case TAG_SUBCLASS:
        return is_inner_text;
    default:
        return 0;
    }
}

int
scan_check_value(Scanner *self, Cursor *cursor, int depth)
{
    uint8_t tag = 0;
    int result = 0;
    if (depth > MAX_NESTING) {
        return fail(self, "a value is nested too deep");
    }
    if (read_byte(self, cursor, &tag) < 0) {
        return -1;
    }
    if (tag >= TAG_END) {
        return fail(self, "unknown value %d", tag);
    }
    const char *field = TAG_FIELDS[tag];
    const uint8_t *start = cursor->at;
    for (; *field != '\0' && *field != '('; field++) {
        result = check_field(self, cursor, *field, depth);
        if (result < 0) {
            return -1;
        }
    }
    if (*field == '(') {
        uint64_t count;
        if (read_count(self, cursor, &count) < 0) {
            return -1;
        }
        for (; count > 0; count--) {
            for (const char *each = field + 1; *each != ')'; each++) {
                if (check_field(self, cursor, *each, depth) < 0) {
                    return -1;
                }
            }
        }
    }
    return look(self, cursor, tag, start) < 0 ? -1 : gives_text(tag, cursor->at, result);
}
