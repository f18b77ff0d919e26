/* Frames of a block and rows of a trace, found by their numbers. */

#include "scan.h"

static inline uint64_t
mix(uint64_t key)
{
    /* The finalizer of splitmix64. */
    key = (key ^ key >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    key = (key ^ key >> 27) * UINT64_C(0x94D049BB133111EB);
    return key ^ key >> 31;
}

static inline uint32_t *
map_slot(const Scanner *self, const Map *map, uint64_t key)
{
    size_t at = (size_t)mix(key ^ self->seed) & (map->slots - 1);
    while (map->places[at] != 0 && map->keys[at] != key) {
        at = (at + 1) & (map->slots - 1);
    }
    return &map->places[at];
}

static void
map_release(Map *map)
{
    PyMem_Free(map->keys);
    PyMem_Free(map->places);
    memset(map, 0, sizeof *map);
}

static int
map_grow(Scanner *self, Map *map)
{
    Map larger = {NULL, NULL, map->slots ? map->slots * 2 : 256, map->used};
    larger.keys = PyMem_Calloc(larger.slots, sizeof *larger.keys);
    larger.places = PyMem_Calloc(larger.slots, sizeof *larger.places);
    if (larger.keys == NULL || larger.places == NULL) {
        map_release(&larger);
        PyErr_NoMemory();
        return -1;
    }
    for (size_t at = 0; at < map->slots; at++) {
        if (map->places[at] != 0) {
            uint32_t *place = map_slot(self, &larger, map->keys[at]);
            *place = map->places[at];
            larger.keys[place - larger.places] = map->keys[at];
        }
    }
    map_release(map);
    *map = larger;
    return 0;
}

/* Give the index of a key, or -1 where there is none; no exception is set. */
static int64_t
map_get(const Scanner *self, const Map *map, uint64_t key)
{
    return map->slots ? (int64_t)*map_slot(self, map, key) - 1 : -1;
}

static int
map_put(Scanner *self, Map *map, uint64_t key, size_t index)
{
    if (2 * (map->used + 1) > map->slots && map_grow(self, map) < 0) {
        return -1;
    }
    uint32_t *place = map_slot(self, map, key);
    map->keys[place - map->places] = key;
    *place = (uint32_t)index + 1;
    map->used++;
    return 0;
}

int
scan_make_room(void **items, size_t *room, size_t count, size_t size)
{
    if (count < *room) {
        return 0;
    }
    size_t wanted = *room ? *room * 2 : 128;
    void *larger = wanted <= (size_t)1 << 30 ? PyMem_Realloc(*items, wanted * size) : NULL;
    if (larger == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *items = larger;
    *room = wanted;
    return 0;
}

void
scan_forget_frames(Scanner *self)
{
    self->frame_count = 0;
    if (self->frame_of.used > KEPT_FRAMES) {
        PyMem_Free(self->frames);
        self->frames = NULL;
        self->frame_room = 0;
        map_release(&self->frame_of);
    }
    else if (self->frame_of.used > 0) {
        memset(self->frame_of.places, 0, self->frame_of.slots * sizeof(uint32_t));
        self->frame_of.used = 0;
    }
}

Frame *
scan_take_frame(Scanner *self, uint64_t number)
{
    int64_t index = map_get(self, &self->frame_of, number);
    if (index < 0) {
        index = (int64_t)self->frame_count;
        if (scan_make_room((void **)&self->frames, &self->frame_room, self->frame_count,
                      sizeof(Frame)) < 0
            || map_put(self, &self->frame_of, number, (size_t)index) < 0) {
            return NULL;
        }
        self->frame_count++;
        self->frames[index].number = number;
        self->frames[index].row = NO_ROW_YET;
    }
    return &self->frames[index];
}

/* Frames begin in the order of their numbers: then the rows are in that order too, and nothing is
   hashed. From the first one that is not on, `row_of` holds all of them. */
static int64_t
row_with(const Scanner *self, uint64_t number)
{
    if (self->row_of.slots != 0) {
        return map_get(self, &self->row_of, number);
    }
    size_t low = 0, high = self->row_count;
    if (high == 0 || number > self->rows[high - 1].number) {
        return -1;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->rows[middle].number < number) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return self->rows[low].number == number ? (int64_t)low : -1;
}

/* What `row_with` needs for the row that comes next. */
static int
prepare_row(Scanner *self, uint64_t number)
{
    if (self->row_of.slots == 0) {
        if (self->row_count == 0 || number > self->rows[self->row_count - 1].number) {
            return 0;
        }
        for (size_t at = 0; at < self->row_count; at++) {
            if (map_put(self, &self->row_of, self->rows[at].number, at) < 0) {
                return -1;
            }
        }
    }
    return map_put(self, &self->row_of, number, self->row_count);
}

int
scan_find_row(Scanner *self, Frame *frame, uint64_t event)
{
    int64_t found = row_with(self, frame->number);
    if (found < 0) {
        if (self->row_count >= self->most_calls) {
            self->is_cut = 1;
            frame->row = NO_ROW_EVER;
            return 0;
        }
        if (scan_make_room((void **)&self->rows, &self->row_room, self->row_count, sizeof(Row)) < 0
            || prepare_row(self, frame->number) < 0) {
            return -1;
        }
        found = (int64_t)self->row_count++;
        Row *row = &self->rows[found];
        row->number = frame->number;
        row->parent = frame->parent;
        row->code = frame->code;
        row->first = event;
        row->end = END_OPEN;
    }
    frame->row = (int32_t)found;
    return 0;
}

Frame *
scan_known_frame(Scanner *self, uint64_t number)
{
    int64_t index = map_get(self, &self->frame_of, number);
    return index < 0 ? NULL : &self->frames[index];
}

void
scan_free_rows(Scanner *self)
{
    PyMem_Free(self->rows);
    PyMem_Free(self->frames);
    map_release(&self->row_of);
    map_release(&self->frame_of);
}
