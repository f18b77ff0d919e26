/* The state of one recording, and what its parts offer each other.
 *
 * Threads: everything here runs under the GIL. `Hot.owner` names the thread that is inside; another
 * one waits in `hot_enter`, for a helper in Python may have let go of the GIL.
 * Ownership: code objects are held until the recording ends; types by weak references; no other
 * object of the program is held past the callback that saw it.
 * Errors: a function that gives -1 or NULL has set a Python exception. `hot_leave` hands it to the
 * recorder's guard; only what is the program's own (a signal handler's) goes on into the program.
 */
#ifndef HOT_HOT_H
#define HOT_HOT_H

#include "buffer.h"
#include "vocabulary.h"

/* How the instances of a type are read: values.Shape, where `shape_of` chooses. What is not here is
 * left to the encoder in Python. */
enum {
    SHAPE_OTHER,
    SHAPE_LIST,
    SHAPE_TUPLE,
    SHAPE_SET,
    SHAPE_DEQUE,
    SHAPE_NAMED_TUPLE,
    SHAPE_MAPPING,
    SHAPE_OBJECT,
    SHAPE_EXCEPTION,
    SHAPE_ENUM,
    SHAPE_CLASS,
    SHAPE_MODULE,
    SHAPE_FUNCTION,
    SHAPE_METHOD,
    SHAPE_SLICE,
    SHAPE_STATELESS,
    SHAPE_SUB_INT,
    SHAPE_SUB_FLOAT,
    SHAPE_SUB_COMPLEX,
    SHAPE_SUB_STR,
    SHAPE_SUB_BYTES,
    SHAPE_BYTEARRAY,
    SHAPE_FROZENSET,
    SHAPE_RANGE,
    SHAPE_BUILTIN
};
enum { DICT_OF_STREAM = 2 };

/* A text that gets a number in each trace. */
typedef struct Name {
    struct Name *next; /* in its chain */
    uint64_t hash;
    uint32_t epoch;
    uint32_t number;
    size_t size;
    int is_secret; /* -1: not asked yet */
    int digest_size; /* of a file: -1 not asked yet */
    uint8_t digest[32];
    char text[];
} Name;

typedef struct {
    Name **chains;
    size_t mask;
    size_t count;
} Names;

/* The definition of a type is its text here: name and fields. */
typedef struct {
    PyTypeObject *type;
    PyObject *weak; /* NULL for a static type */
    uint64_t serial;
    Name *definition;
    int shape;
    int has_dict;
    int slots;
    int fields;
    Name **slot_names;
    Py_ssize_t *slot_offsets;
    char *field_secrets;
} Plan;

typedef struct {
    PyCodeObject *code; /* owned; NULL in a free place */
    uint32_t epoch;
    uint32_t number;
    int is_in_scope;
    int first_line;
    int flags;
    int variables;
    int arguments;
    int is_namespace;
    int *places;       /* of a variable in the frame */
    int *order;        /* of the arguments: which variable */
    char *secrets;
    PyObject **names;  /* owned */
    Name **texts;
    PyObject *bytecode; /* owned, made when first asked for */
    int *lines;         /* by instruction, 0 where nobody has asked; at `calls` only */
} Code;

#define SLOT_INLINE 24

typedef struct {
    uint64_t print;
    uint32_t since; /* 0: no value; else the order in which values came */
    uint32_t used;
    uint32_t size;
    union {
        uint8_t here[SLOT_INLINE];
        uint8_t *there;
    } bytes;
} Slot;

typedef struct FrameState {
    void *key;
    Code *code; /* NULL for what runs nowhere */
    struct FrameState *next_free;
    uint32_t number;
    uint32_t thread;
    uint32_t parent;
    int line;
    int line_seen;
    uint64_t block;
    void *exception_key;
    int exception_stops; /* 1 StopIteration, 2 StopAsyncIteration */
    Buffer exception;
    uint32_t since; /* counts the values that came */
    int raised_at;
    int is_suspended;
    int capacity;
    Slot slots[];
} FrameState;

typedef struct {
    uint64_t id; /* of the thread state; 0 in a free place */
    uint32_t number;
    void *unwound;
    void *unwound_frame;
    FrameState *nowhere;
    int is_traced; /* by the trace function in C */
    /* A resumption that the trace function holds back. */
    FrameState *pending;
    void *pending_frame;
    int pending_at;
    Buffer pending_changes;
} Thread;

/* Places by address: open addressing, linear probing. */
typedef struct {
    void *key;
    void *value;
} Place;

typedef struct {
    Place *places;
    size_t mask;
    size_t count;
} Table;

void *table_get(const Table *table, const void *key);
int table_set(Table *table, void *key, void *value); /* -1 and MemoryError */
void *table_pop(Table *table, const void *key);
void table_clear(Table *table);
void table_free(Table *table);

/* A segment of the spool that is being filled. */
typedef struct {
    size_t start; /* of its header, in the map */
    uint8_t *at;
    uint8_t *end;
    uint32_t events;
} Lane;

#define SECRECIES 2048
#define RECENT_PLANS 64
#define MOST_OPEN 128

typedef struct {
    PyObject_HEAD
    /* Settings. */
    int level;
    int depth;
    Py_ssize_t items;
    Py_ssize_t chars;
    Py_ssize_t attributes;
    int has_rules;       /* whether any name is a secret */
    PyObject *helpers;   /* the Python object that answers what C does not know */
    PyObject *sink;
    PyObject *clock;     /* NULL: the monotonic clock of the system */
    PyObject *secrets;   /* the list of secrets seen so far */
    PyObject *log_code;
    PyObject *hook_codes; /* of our own `write` on a stream */
    PyObject *disable;   /* sys.monitoring.DISABLE */
    PyObject *injected; /* of an InjectedCore: see inject.c */
    Py_tracefunc tracer; /* what is installed as the trace function, on 3.11 */
    PyObject *put_back; /* called where the program has removed and put back the trace function */
    PyObject *enable;    /* called with a code object that is met and in scope */
    PyObject *lost;      /* dict: reason -> count */
    PyObject *losses;    /* the same of the whole trace: `lost` ends with the gap that tells it */
    uint8_t loops[256];
    /* Who is inside. */
    PyThreadState *owner;
    PyObject *settle; /* takes an exception: contains a fault of ours, raises the program's */
    int is_open;
    int is_tracing; /* by the trace function */
    /* The spool. */
    uint8_t *map;
    Lane events;
    Lane definitions;
    /* Tables that live as long as the recording. */
    Table codes;
    Code *last_code;
    size_t outside_count; /* code objects out of scope among them */
    Table plans;
    Plan *recent_plans[RECENT_PLANS]; /* by address of the type */
    uint64_t serials;
    Names names;
    Names types;
    Names files;
    uint64_t secrecies[SECRECIES]; /* fingerprints of strings; the last bit says whether secret */
    /* Tables of one trace. */
    uint32_t epoch;
    uint32_t name_count;
    uint32_t type_count;
    uint32_t file_count;
    uint32_t code_count;
    Table ids;
    Table frames;
    FrameState *free_states[65]; /* by capacity */
    FrameState *current;
    uint64_t block;
    uint32_t frame_count;
    uint32_t thread_count;
    uint64_t redacted; /* values of which only the type was written */
    Thread **threads;
    size_t thread_mask;
    Thread *last_thread;
    int64_t started_ns;
    int64_t last_us;
    int64_t written_us;
    int streams_changed;
    int has_watcher;
    PyObject *sys;        /* the namespace of `sys` */
    uint64_t sys_version;
    void *stdout_seen;
    void *stderr_seen;
    /* Scratch. */
    Buffer value;
    Buffer changes;
    Buffer changed;
    Buffer deleted;
    Buffer body;
    Buffer record;
    Buffer prefix;
    Buffer message;
    void *open[MOST_OPEN];
    int open_count;
} Hot;

/* definitions.c */
Name *name_of(Hot *hot, Names *names, PyObject *string);
Name *name_of_bytes(Names *names, const char *text, size_t size);
int name_number(Hot *hot, Name *name, uint32_t *number);
int name_is_secret(Hot *hot, Name *name, PyObject *string);
int string_is_secret(Hot *hot, PyObject *string);
int type_number(Hot *hot, Name *definition, uint32_t *number);
Plan *plan_look_up(Hot *hot, PyTypeObject *type);
void plans_sweep(Hot *hot);
void plan_free(Plan *plan);
Code *code_known(Hot *hot, PyCodeObject *code);
/* NULL: error. */
Code *code_meet(Hot *hot, PyCodeObject *code, PyObject *globals);
int code_define(Hot *hot, Code *code);
void code_free(Code *code);
int define_thread(Hot *hot, uint32_t number);
void names_free(Names *names);
int write_definition(Hot *hot, const uint8_t *data, size_t size);

static inline int
plan_is_alive(const Plan *plan)
{
    return plan->weak == NULL ||
           ((PyWeakReference *)plan->weak)->wr_object == (PyObject *)plan->type;
}

static inline Plan *
plan_of(Hot *hot, PyTypeObject *type)
{
    Plan *plan = hot->recent_plans[((uintptr_t)type >> 6) % RECENT_PLANS];
    return plan != NULL && plan->type == type && plan_is_alive(plan) ? plan
                                                                     : plan_look_up(hot, type);
}

/* values.c */
uint64_t value_print(Hot *hot, PyObject *value);
int value_encode(Hot *hot, Buffer *out, PyObject *value);
int secret_encode(Hot *hot, Buffer *out, PyObject *value);
uint64_t secret_print(Hot *hot, PyObject *value);
int text_encode(Hot *hot, Buffer *out, PyObject *string);
int object_number(Hot *hot, const void *address, uint32_t *number);
int remember_secret(Hot *hot, PyObject *value);

/* records.c */
int hot_refresh_lanes(Hot *hot);
void hot_leave_lanes(Hot *hot);
int hot_lose(Hot *hot, const char *reason, Py_ssize_t count);

#endif
