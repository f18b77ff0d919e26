/* The state of one recording: a struct for each concern, whose fields only the file named there
 * writes. README.md leads through the files; tools/c_layers.py checks the rule and their order.
 *
 * Threads: everything runs under the GIL. `Entrance.owner` names the thread that is inside; another
 * one waits in `enter`, for a helper in Python may have let go of the GIL. It waits for a second, not
 * for ever: the helper may wait for something that the other holds. What ends a trace, or begins one,
 * takes a turn too; where it is not to be had, what the thread inside uses stays until it leaves.
 *
 * Ownership. A call into Python (a helper, the sink, a clock, the drop of a last reference) can run
 * any code, in this thread or another, before it returns. Therefore:
 * - Whoever goes on using an object after such a call owns a reference to it. What the interpreter
 *   hands to a callback it holds until the callback returns; what only we know (a tuple that a helper
 *   gave us, a dict of counts) holds what is in it.
 * - A scalar is read where it lies: to read it calls nothing.
 * - A container is looked at again after each item, for it may be shorter then. An item that is NULL
 *   (of a tuple that is still being made) ends what is shown of it.
 * - A `TypeReader` lives while its type does: whoever uses one owns a reference to the type.
 * - The map of the spool may have moved: `segments_forget` before, `segments_refresh` after.
 * - `Name`, `Code` and `Thread` live until the recording, a `FrameState` until the frame or the trace,
 *   an `Object` until the trace ends; no call into Python ends these while a thread is inside. What an
 *   `Object` has as its address is followed only where a live frame was just seen to lead there.
 * Past the callback that saw them only code objects are held; types by weak references.
 *
 * Errors: what can run Python, or can fail, gives a status: -1 (or NULL) means that an exception is
 * set, and the caller goes out with it. `leave` hands it to the recorder's guard; only what is the
 * program's own (a signal handler's) goes on into the program. A helper that fails is told to the guard
 * at once (`helper_failed`): where that contains it, a mark stands for the answer and the event goes on.
 * An event that is not written leaves the states ahead of the trace: `leave` sees to it that each
 * frame is introduced anew, with all that is known of it.
 */
#ifndef HOT_HOT_H
#define HOT_HOT_H

#include "buffer.h"
#include "shapes.h"
#include "tables.h"
#include "vocabulary.h"

/* A text that gets a number in each trace. */
typedef struct Name {
    struct Name *next; /* in its chain */
    uint64_t hash;
    uint32_t epoch;
    uint32_t number;
    size_t size;
    int is_secret; /* how much it hides; -1: not asked yet */
    int digest_size; /* of a file: -1 not asked yet */
    uint8_t digest[32];
    char text[];
} Name;

typedef struct {
    Name **chains;
    size_t mask;
    size_t count;
} Names;

/* How the instances of a type are read. The definition of a type is its text here: name, fields. */
typedef struct {
    PyTypeObject *type; /* borrowed: see `weak` */
    PyObject *weak;     /* NULL for a static type */
    uint64_t serial;
    Name *definition;
    int shape;
    int why; /* of SHAPE_STATELESS: the reason that stands for its content */
    int has_dict;
    int slots; /* of `__slots__` */
    int fields;
    Name **slot_names;
    Py_ssize_t *slot_offsets;
    char *field_secrets; /* how much the names of the fields hide */
} TypeReader;

/* A piece of source that an instruction comes from. */
typedef struct {
    int line;
    int end_line;
    int column; /* in bytes, from 0 */
    int end_column;
    uint32_t epoch;
    uint32_t number;
} Position;

/* Those of a code object, as far as they were needed. */
typedef struct {
    uint32_t *of; /* by instruction: 0 nobody has asked, 1 it has none, else 2 more than its place in `all` */
    Position *all;
    uint32_t count;
    uint32_t size;
} Positions;

typedef struct {
    PyCodeObject *code; /* owned; NULL in `outside` */
    uint32_t epoch;
    uint32_t number;
    int is_in_scope;
    int first_line;
    int flags;
    int variables;
    int arguments;
    int is_namespace;
    int levels; /* of its values that it shows in this trace: fewer where too much was in view */
    int *places;       /* of a variable in the frame */
    int *order;        /* of the arguments: which variable */
    char *secrets;     /* how much the names of the variables hide, */
    int result_level;  /* and the name of the code its results */
    PyObject **names;  /* owned */
    Name **texts;
    PyObject *bytecode; /* owned, made when first asked for */
    int *lines;         /* by instruction, 0 where nobody has asked; at `calls` only */
    Positions positions;
    uint8_t *quiet; /* by instruction: what is behind it, see quiet.c; NULL where nobody has asked */
} Code;

#define KNOWN_INLINE 24

/* Something that was seen: where, and what tells a scalar from another one at the same address. The
 * address is never followed; its lowest bit says that a scalar never dies, so that the address tells all. */
typedef struct {
    PyObject *item;
    /* 0: the address tells all. Odd: of a scalar. Even: of a container that is written in place, with what
     * is in it. */
    uint64_t payload;
} Seen;

#define MOST_INLINE 32 /* Python has 30 at most */

/* What tells that a function or class in an object is as it was: see atoms.h. */
typedef struct {
    struct Object *object;
    PyObject *value;
    PyTypeObject *type;
    const void *name;
    const void *rest;
    uint64_t tells;
} Atom;

/* What is known of an object: its number, and what it held when it was last looked at. */
typedef struct Object {
    void *address;
    struct Object *next_free;
    PyTypeObject *type;
    uint64_t serial; /* of the reader of its type */
    uint64_t types_dead; /* when its type was known to be that */
    uint32_t number;
    int shape;
    uint64_t block;      /* the last one that tells of it */
    uint64_t told_whole; /* the last one that tells what it holds */
    uint64_t looked;     /* number of the last look that came by, */
    uint64_t linked;     /* and not only because its holder does not tell of its atoms yet */
    uint64_t changed;    /* of those that found a change, */
    uint64_t resized;    /* and another size, */
    uint64_t relinked;   /* and other objects in it */
    uint64_t walked;
    uint64_t checked; /* the last event at which it was seen to hold the same */
    int looked_depth;
    int is_gone;     /* another one has its address: what refers to it is to be read anew */
    Py_ssize_t size; /* -1: not known yet */
    /* What it held. */
    int has_content;
    int tag; /* of the value that tells of it, */
    int reason;
    int parts; /* -1: a leaf */
    Buffer bytes;
    uint32_t *ends; /* of the parts, in `bytes` */
    int ends_size;
    struct Object **children;
    int child_count;
    int child_size;
    /* The children are atoms, and links, which are looked at one by one. */
    Atom *atoms;
    struct Object **links;
    int atom_count;
    int atom_size;
    int link_count;
    int atoms_room;       /* levels down to the bound when the atoms were last looked at too, */
    uint64_t atoms_block; /* and told, in this block */
    uint64_t atoms_gone;  /* of all objects, when they were seen */
    /* What tells quickly that it holds the same. */
    int quick; /* QUICK_*, 0: nothing does */
    int is_deep;
    int seen_count;
    int seen_size;
    int pairs_from; /* from there, two belong together */
    int slots_seen; /* of those of its type, up to the bound; */
    int slots_set;  /* of the others, those that have a value */
    Seen *seen;
    Py_ssize_t quick_size;
    uint64_t version; /* of a dictionary, or a fingerprint */
    const void *keys;
    uint8_t order[MOST_INLINE]; /* in which inline values came */
} Object;

/* An object that was met. */
typedef struct {
    Object *object;
    PyObject *value;
    int depth;
} Met;

/* What a variable was when its frame was last looked at. */
typedef struct {
    Seen seen;
    Object *root;  /* what it refers to, or NULL */
    Object **roots; /* where it is written in place: what is referred to in it */
    int root_count;
    int has_value;
    int is_in_place;  /* a container of secrets */
    int is_singleton; /* None, True or False */
    uint32_t redacted; /* values in it of which only the type is written */
    uint64_t changed_at; /* the event that found it changed */
    uint32_t used;
    uint32_t size;
    union {
        uint8_t here[KNOWN_INLINE];
        uint8_t *there;
    } bytes;
} KnownValue;

/* An object in view is at the bound on depth, or what it refers to is. */
enum { VIEW_AT_BOUND = 1, VIEW_ABOVE_BOUND = 2, VIEW_FLAGS = 3 };

typedef struct FrameState {
    void *key; /* the address of the frame */
    Code *code; /* NULL for what runs nowhere */
    struct FrameState *next_free;
    uint32_t number;
    uint32_t thread;
    uint32_t thread_told; /* in the block that knows it */
    uint32_t parent;
    int line;
    int line_seen;
    uint64_t block;
    void *exception_key; /* the address of the exception last seen */
    int exception_stops; /* 1 StopIteration, 2 StopAsyncIteration */
    int exception_line;  /* where it left this frame, as its traceback said then; 0: it did not */
    int exception_at;    /* and at which offset */
    Buffer exception;
    int is_suspended;
    int has_values;  /* that anybody looked at */
    uint64_t looked; /* number of the last look */
    int levels_told; /* of its code, in the block that knows it */
    /* What was in view then, holders before what they hold, with VIEW_* in the lowest bits. */
    uintptr_t *view;
    int view_count;
    int view_size;
    int view_depth; /* that it goes to */
    uint64_t view_block; /* 0: it is not known */
    uint64_t view_checked; /* the event at which all in it was seen to hold the same */
    int capacity;
    KnownValue values[];
} FrameState;

typedef struct {
    uint64_t id; /* of the thread state */
    uint32_t number;
    void *unwound;       /* the address of the exception that the last event carried out of a frame, */
    void *unwound_frame; /* and of that frame */
    FrameState *nowhere; /* for what is written outside of all frames in scope */
    int is_traced; /* by the trace function in C */
    /* A resumption that the trace function holds back. */
    FrameState *pending;
    void *pending_frame;
    int pending_at;
    Buffer pending_changes;
    uint64_t pending_block;
    uint64_t pending_event;
    uint64_t pending_look;
} Thread;

/* A segment of the spool that is being filled. */
typedef struct {
    size_t start; /* of its header, in the map */
    uint8_t *at;
    uint8_t *end;
    uint32_t events;
} Segment;

/* What it means that an exception is seen at an instruction; see pure/interpreter.py. */
typedef enum {
    ENDS_A_LOOP = 1, /* by StopIteration */
    RAISES_ANEW = 2, /* even what has just left a callee */
} Raising;

/* Settings, all owned. */

typedef struct { /* settings.c */
    int level; /* what is recorded now: what was asked for, or less */
    int level_asked;
    int depth;
    Py_ssize_t items;
    Py_ssize_t chars;
    Py_ssize_t attributes;
    Py_ssize_t objects;     /* in view of a frame, before it shows fewer levels */
    int has_rules;          /* whether any name is a secret */
    int looks_always;       /* no quick comparison: for tests */
    PyObject *helpers;      /* the Python object that answers what C does not know */
    PyObject *sink;         /* the spool in Python */
    PyObject *clock;        /* NULL: the monotonic clock of the system */
    PyObject *secrets;      /* dict: the texts that were learned so far */
    PyObject *log_code;
    PyObject *hook_codes;   /* of our own `write` on a stream */
    PyObject *disable;      /* sys.monitoring.DISABLE */
    PyObject *dunder_module; /* "__module__" */
    PyObject *handle_fault; /* takes an exception: contains a fault of ours, raises the program's */
    PyObject *handle_failure; /* the same for that of a helper, after which a mark is written */
    PyObject *enable;       /* called with a code object that is met and in scope */
    PyObject *put_back;     /* called where the program has removed and put back the trace function */
    PyObject *injected;     /* of an InjectedCore: see inject.c */
    uint8_t raising[256];   /* by instruction: a Raising, or 0 */
    int shows_scope_only;   /* whether exceptions of code out of scope are not shown */
    uint8_t instructions[256]; /* INSTRUCTION_*, see quiet.h */
    uint64_t asked;         /* how often these were called, of what runs in Python */
} Settings;

/* Who is inside, and where the spool is written. */

typedef struct { /* visit.c */
    PyThreadState *owner;
    uint64_t visits;  /* so far */
    uint64_t overdue; /* the visit for whose end somebody has waited in vain: nobody does again */
    int is_open;      /* whether events are taken */
    int due;          /* what whoever is inside does when it leaves: DUE_END, DUE_RELEASE */
} Entrance;

typedef struct { /* segments.c */
    uint8_t *map;
    Segment events;
    Segment definitions;
    FrameState *current; /* the frame that the next event is of, where the segment says no other */
    uint64_t block;      /* counts segments of events */
    int64_t written_us;  /* time of the last event written: a segment starts from there */
} SpoolPosition;

/* What is known for as long as the recording. */

#define RECENT_NAMES 256

/* A text that was asked for: its address, with the hash that Python keeps with it. */
typedef struct {
    PyObject *string;
    Py_hash_t hash;
    Name *name;
} RecentName;

typedef struct { /* names.c */
    RecentName recent[RECENT_NAMES]; /* of `names`, by address */
    Names names;
    Names types;
    Names files;
    Buffer utf8; /* scratch */
} Texts;

typedef struct { /* codes.c */
    Table known; /* those in scope */
    Code *last;
    PyObject *dunder_name;
    PyObject *outside; /* the files whose code is out of scope, with the module that it is in; or NULL */
} CodeTable;

#define RECENT_READERS 2048

typedef struct { /* types.c */
    Table readers;
    TypeReader *recent[RECENT_READERS]; /* by address of the type */
    uint64_t serials;
} TypeTable;

#define SECRET_ANSWERS 2048
#define SHORTEST_LEARNED 8 /* characters */
#define SECRETS_TOLD 256
#define LONGEST_NAME 64 /* of bytes, or of the first of two items */

typedef struct { /* secrets.c */
    uint64_t answers[SECRET_ANSWERS]; /* fingerprints of strings; the last two bits say how much is hidden */
    uint64_t told[SECRETS_TOLD];      /* fingerprints of texts that Python has had in this trace */
    uint64_t redacted; /* values of this trace of which only the type was written */
    uint64_t in_place; /* containers that were written where they stand */
} Secrecy;

#define FREE_LISTS 65

typedef struct { /* states.c */
    FrameState *free[FREE_LISTS]; /* by capacity */
} StateStore;

typedef struct { /* settrace.c */
    Py_tracefunc function; /* what is installed as the trace function, on 3.11 */
    int is_on;
} Tracing;

typedef struct { /* meter.c */
    int32_t left;     /* visits until the next sample */
    int32_t interval; /* visits between the last sample and that one */
    uint32_t random;
    uint64_t visits; /* up to the last sample */
    uint64_t samples;
    double first[8]; /* the first samples, until there are enough to know what is usual */
    int first_count;
    double total_ns;
    double squares;
} Meter;

/* One trace. */

typedef struct { /* definitions.c */
    uint32_t epoch; /* which trace it is */
    uint32_t names;
    uint32_t types;
    uint32_t files;
    uint32_t codes;
    uint32_t positions;
} Numbers;

typedef struct { /* objects.c */
    Table known; /* Object by address */
    Object **all;
    size_t used; /* by this trace; those behind are kept for later */
    size_t size;
    Object *free; /* those that were forgotten */
    uint32_t numbers;
    uint32_t full_at; /* the number from which on there are too many */
    uint64_t walks;
    Object **level; /* scratch of a walk */
    size_t level_size;
    Met *met; /* by the value that is being encoded */
    int met_count;
    int met_size;
    uint64_t atoms_gone; /* atoms whose addresses others have */
    const Object *of;        /* what held that value the last time: an object, */
    const KnownValue *where; /* or a variable */
    uint64_t look;
} ObjectTable;

typedef struct { /* losses.c */
    PyObject *untold;    /* dict: reason -> count, since the last gap */
    PyObject *all;       /* the same of the whole trace */
    Py_ssize_t uncounted; /* what there was no memory to count by its reason */
} Losses;

typedef struct { /* frames.c */
    Table alive; /* FrameState by address of the frame */
    uint32_t count;
    Code *caller;  /* of the frame that began last: the code of its parent, or NULL, */
    int caller_at; /* and the offset where that stands */
} FrameTable;

typedef struct { /* threads.c */
    Thread **slots; /* by id, linear probing */
    size_t mask;
    uint32_t count;
    Thread *last;
} ThreadTable;

typedef struct { /* clock.c */
    int64_t started_ns;
    int64_t last_us; /* of the record that is being made */
} Clock;

typedef struct { /* streams.c */
    int changed;
    int has_watcher;
    PyObject *sys; /* the namespace of `sys`, owned */
    uint64_t version;
    void *stdout_seen;
    void *stderr_seen;
} Streams;

/* Scratch: what is there means nothing to the next event. */

typedef struct { /* positions.c */
    uint32_t number; /* of the position of the next call, raise or unwinding; 0: nobody knows */
} Place;

typedef struct { /* records.c */
    Buffer prefix; /* what makes the frame the current one */
    Buffer record;
    Buffer body; /* an event without its changes */
} EventScratch;

typedef struct { /* contents.c */
    Buffer bytes; /* of the object that is looked at, */
    uint32_t *ends; /* and the ends of its parts */
    uint64_t *hidden; /* how many values were hidden, up to those ends */
    int ends_size;
    int parts;
} Contents;

typedef struct { /* looks.c */
    uint64_t number; /* of the look */
    uint64_t newest; /* that found a change in what this one came by */
    uint64_t atoms_changed; /* the last one that found a change in an atom */
    Met *queue; /* in view */
    int count;
    int size;
    int at;
    int is_owning; /* what is in the queue */
    int depth;        /* the bound of the frame that is looked at */
    int level;        /* that was come to, */
    Py_ssize_t holders; /* and how many that hold others are in view down to it: */
    Py_ssize_t most;    /* where they are more, the level above is the bound */
    Buffer records;
} Looks;

typedef struct { /* quiet.c */
    uint64_t since;     /* the event after which nothing has run that can change an object, */
    uint64_t asked;     /* if this is how often Python was asked */
    HotFrame *frame;    /* which goes on quietly after the last event, or NULL, */
    PyCodeObject *code; /* and its code */
    PyThreadState *tstate;
    uint64_t visits;  /* those of that event; */
    uint64_t switches; /* and from one thread to another */
    int waits; /* handlers of signals could run, */
    uint64_t without_handlers; /* of which there were none at this event */
} Quiet;

typedef struct { /* variables.c */
    uint64_t event; /* that looks */
    uint64_t events; /* so far */
    Buffer value; /* what the frame gives away */
    Buffer found; /* what differs since the last event of the frame */
    Buffer changed;
    Buffer deleted;
} Changes;

#define MOST_OPEN 128

typedef struct { /* reading.c */
    const void *levels[MOST_OPEN]; /* the containers around the value that is being read */
    int count;
} OpenLevels;

typedef struct { /* values.c */
    Buffer bytes; /* a value that is to be compared or written */
} ValueScratch;

typedef struct {
    PyObject_HEAD
    Settings settings;
    Entrance entrance;
    SpoolPosition spool;
    Texts texts;
    CodeTable codes;
    TypeTable types;
    Secrecy secrecy;
    StateStore states;
    Tracing tracing;
    Meter meter;
    Numbers numbers;
    ObjectTable objects;
    Losses losses;
    FrameTable frames;
    ThreadTable threads;
    Clock clock;
    Streams streams;
    Place place;
    EventScratch event;
    Contents contents;
    Looks looks;
    Quiet quiet;
    Changes changes;
    OpenLevels open;
    ValueScratch values;
} Hot;

#endif
