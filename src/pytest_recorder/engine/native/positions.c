/* Reads the table of a code object that says where its instructions come from (CPython 3.11 and newer,
 * `Objects/locations.md`): an entry for one to eight instructions, each of some bytes of which only the
 * first has its highest bit set.
 *
 * A program can give its code any table (`code.replace(co_linetable=...)`), and the interpreter's own
 * functions read past the end of one that is too short: here nothing beyond it is read. To find an entry
 * takes a walk from the beginning: once for each instruction.
 */

#include "positions.h"
#include "definitions.h"

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    int64_t line; /* up to here */
} Walk;

/* Kinds of entries; those below have a short form of columns. */
enum { ENTRY_LINE = 10, ENTRY_NO_COLUMNS = 13, ENTRY_LONG, ENTRY_NONE };

static int
next_byte(Walk *walk)
{
    return walk->at < walk->end ? *walk->at++ : 0;
}

/* Six bits in each byte, the lowest first; the seventh says that there are more. */
static int64_t
next_number(Walk *walk)
{
    uint64_t number = 0;
    for (int shift = 0; shift < 36; shift += 6) {
        int byte = next_byte(walk);
        number |= (uint64_t)(byte & 63) << shift;
        if (!(byte & 64)) {
            break;
        }
    }
    return (int64_t)number;
}

static int64_t
next_signed(Walk *walk)
{
    int64_t number = next_number(walk);
    return number & 1 ? -(number >> 1) : number >> 1;
}

static int
is_position(int64_t number)
{
    return number >= 0 && number <= INT32_MAX;
}

/* Read one entry. 1: it has columns. */
static int
next_entry(Walk *walk, Position *position, int *instructions)
{
    int first = next_byte(walk), kind = first >> 3 & 15;
    int64_t lines = 0, column, end_column;
    *instructions = (first & 7) + 1;
    if (kind == ENTRY_NONE) {
        return 0;
    }
    if (kind == ENTRY_NO_COLUMNS) {
        walk->line += next_signed(walk);
        return 0;
    }
    if (kind == ENTRY_LONG) {
        walk->line += next_signed(walk);
        lines = next_number(walk);
        column = next_number(walk) - 1;
        end_column = next_number(walk) - 1;
    }
    else if (kind >= ENTRY_LINE) {
        walk->line += kind - ENTRY_LINE;
        column = next_byte(walk);
        end_column = next_byte(walk);
    }
    else {
        int columns = next_byte(walk);
        column = kind << 3 | columns >> 4;
        end_column = column + (columns & 15);
    }
    if (!is_position(walk->line) || !is_position(walk->line + lines) || !is_position(column) ||
        !is_position(end_column)) {
        return 0;
    }
    position->line = (int)walk->line;
    position->end_line = (int)(walk->line + lines);
    position->column = (int)column;
    position->end_column = (int)end_column;
    return 1;
}

/* Whether the table knows the columns of an instruction. */
static int
read_position(PyCodeObject *object, Py_ssize_t instruction, Position *position)
{
    PyObject *table = object->co_linetable;
    Walk walk = {(const uint8_t *)PyBytes_AS_STRING(table),
                 (const uint8_t *)PyBytes_AS_STRING(table) + PyBytes_GET_SIZE(table),
                 object->co_firstlineno};
    while (walk.at < walk.end) {
        int instructions, has_columns = next_entry(&walk, position, &instructions);
        instruction -= instructions;
        if (instruction < 0) {
            return has_columns;
        }
    }
    return 0;
}

void
positions_lines(PyCodeObject *object, int *lines, int count)
{
    PyObject *table = object->co_linetable;
    Walk walk = {(const uint8_t *)PyBytes_AS_STRING(table),
                 (const uint8_t *)PyBytes_AS_STRING(table) + PyBytes_GET_SIZE(table),
                 object->co_firstlineno};
    int at = 0;
    while (at < count) {
        Position ignored;
        int is_nowhere = walk.at >= walk.end || (*walk.at >> 3 & 15) == ENTRY_NONE;
        int instructions = count - at;
        if (walk.at < walk.end) {
            next_entry(&walk, &ignored, &instructions);
        }
        int line = is_nowhere || !is_position(walk.line) ? -1 : (int)walk.line;
        for (; instructions > 0 && at < count; instructions--) {
            lines[at++] = line;
        }
    }
}

static uint32_t
same_position(const Positions *positions, const Position *found)
{
    uint32_t i = 0;
    while (i < positions->count &&
           (positions->all[i].line != found->line || positions->all[i].end_line != found->end_line ||
            positions->all[i].column != found->column ||
            positions->all[i].end_column != found->end_column)) {
        i++;
    }
    return i;
}

/* What is known of an instruction, as `Positions.of` says it; 1 too where there is no memory for more. */
static uint32_t
position_of(Code *code, Py_ssize_t instruction)
{
    Positions *positions = &code->positions;
    Py_ssize_t count = Py_SIZE(code->code);
    Position found = {0, 0, 0, 0, 0, 0};
    if (positions->of == NULL) {
        positions->of = PyMem_RawCalloc((size_t)count, sizeof(uint32_t));
        if (positions->of == NULL) {
            return 1;
        }
    }
    if (positions->of[instruction] != 0) {
        return positions->of[instruction];
    }
    if (!read_position(code->code, instruction, &found)) {
        return positions->of[instruction] = 1;
    }
    uint32_t i = same_position(positions, &found);
    if (i == positions->count) {
        if (i == positions->size) {
            uint32_t size = positions->size > 0 ? positions->size * 2 : 4;
            Position *all = PyMem_RawRealloc(positions->all, size * sizeof(Position));
            if (all == NULL) {
                return 1;
            }
            positions->all = all;
            positions->size = size;
        }
        positions->all[positions->count++] = found;
    }
    return positions->of[instruction] = i + 2;
}

int
place_find(Hot *hot, Code *code, int at)
{
    hot->place.number = 0;
    if (at < 0 || at / 2 >= Py_SIZE(code->code)) {
        return 0;
    }
    uint32_t of = position_of(code, at / 2);
    if (of < 2) {
        return 0;
    }
    /* A copy: to define it can call Python, and more may be found meanwhile. */
    Position position = code->positions.all[of - 2];
    if (position.epoch != hot->numbers.epoch) {
        if (position_define(hot, &position) < 0) {
            return -1;
        }
        code->positions.all[of - 2] = position;
    }
    hot->place.number = position.number;
    return 0;
}

void
positions_free(Code *code)
{
    PyMem_RawFree(code->positions.of);
    PyMem_RawFree(code->positions.all);
}
