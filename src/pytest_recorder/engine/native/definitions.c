/* Numbers files, code objects, names, types and threads, and defines each before its first use.
 *
 * What is known of a text, a type or a code object lives as long as the recording; its number
 * belongs to one trace, which `epoch` tells.
 */

#include "hot.h"
#include "mix.h"

/* Texts. */

static Name *
names_find(Names *names, const char *text, size_t size)
{
    uint64_t hash = mix_bytes(0, text, size);
    if (names->chains == NULL || names->count > 2 * names->mask) {
        size_t length = names->chains == NULL ? 256 : 4 * (names->mask + 1);
        Name **chains = PyMem_RawCalloc(length, sizeof(Name *));
        if (chains == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        for (size_t i = 0; names->chains != NULL && i <= names->mask; i++) {
            for (Name *name = names->chains[i], *next; name != NULL; name = next) {
                next = name->next;
                name->next = chains[name->hash & (length - 1)];
                chains[name->hash & (length - 1)] = name;
            }
        }
        PyMem_RawFree(names->chains);
        names->chains = chains;
        names->mask = length - 1;
    }
    Name **chain = &names->chains[hash & names->mask];
    for (Name *name = *chain; name != NULL; name = name->next) {
        if (name->hash == hash && name->size == size && memcmp(name->text, text, size) == 0) {
            return name;
        }
    }
    Name *name = PyMem_RawCalloc(1, sizeof(Name) + size + 1);
    if (name == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    name->hash = hash;
    name->size = size;
    name->is_secret = name->digest_size = -1;
    memcpy(name->text, text, size);
    name->next = *chain;
    *chain = name;
    names->count++;
    return name;
}

Name *
name_of_bytes(Names *names, const char *text, size_t size)
{
    return names_find(names, text, size);
}

Name *
name_of(Hot *hot, Names *names, PyObject *string)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(string);
    if (PyUnicode_IS_ASCII(string)) {
        return names_find(names, (const char *)PyUnicode_1BYTE_DATA(string), (size_t)length);
    }
    hot->message.used = 0;
    put_utf8(&hot->message, string, length);
    if (hot->message.failed) {
        PyErr_NoMemory();
        return NULL;
    }
    return names_find(names, (const char *)hot->message.data, hot->message.used);
}

void
names_free(Names *names)
{
    for (size_t i = 0; names->chains != NULL && i <= names->mask; i++) {
        for (Name *name = names->chains[i], *next; name != NULL; name = next) {
            next = name->next;
            PyMem_RawFree(name);
        }
    }
    PyMem_RawFree(names->chains);
    memset(names, 0, sizeof(*names));
}

/* The segment of definitions. */

int
write_definition(Hot *hot, const uint8_t *data, size_t size)
{
    Lane *lane = &hot->definitions;
    if (lane->at == NULL || (size_t)(lane->end - lane->at) < size) {
        FrameState *current = hot->current;
        hot_leave_lanes(hot);
        PyObject *done = PyObject_CallMethod(hot->sink, "next_definitions", "n", (Py_ssize_t)size);
        if (done == NULL) {
            return -1;
        }
        Py_DECREF(done);
        if (hot_refresh_lanes(hot) < 0) {
            return -1;
        }
        hot->current = current;
    }
    memcpy(lane->at, data, size);
    lane->at += size;
    uint32_t used = (uint32_t)(lane->at - hot->map - lane->start - SEGMENT_HEAD);
    memcpy(hot->map + lane->start + SEGMENT_USED_AT, &used, 4);
    return 0;
}

static int
define(Hot *hot, int kind, uint32_t number, const void *body, size_t size)
{
    uint8_t here[512], *data = here;
    if (size + 16 > sizeof(here)) {
        data = PyMem_RawMalloc(size + 16);
        if (data == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    size_t used = 0;
    data[used++] = (uint8_t)kind;
    used += write_uv(data + used, number);
    memcpy(data + used, body, size);
    int status = write_definition(hot, data, used + size);
    if (data != here) {
        PyMem_RawFree(data);
    }
    return status;
}

int
name_number(Hot *hot, Name *name, uint32_t *number)
{
    if (name->epoch != hot->epoch) {
        uint32_t next = hot->name_count + 1;
        uint8_t here[512], *body = here;
        if (name->size + 10 > sizeof(here)) {
            body = PyMem_RawMalloc(name->size + 10);
            if (body == NULL) {
                PyErr_NoMemory();
                return -1;
            }
        }
        size_t used = write_uv(body, name->size);
        memcpy(body + used, name->text, name->size);
        int status = define(hot, DEFINE_NAME, next, body, used + name->size);
        if (body != here) {
            PyMem_RawFree(body);
        }
        if (status < 0) {
            return -1;
        }
        hot->name_count = name->number = next;
        name->epoch = hot->epoch;
    }
    *number = name->number;
    return 0;
}

int
type_number(Hot *hot, Name *definition, uint32_t *number)
{
    if (definition->epoch != hot->epoch) {
        uint32_t next = hot->type_count + 1;
        if (define(hot, DEFINE_TYPE, next, definition->text, definition->size) < 0) {
            return -1;
        }
        hot->type_count = definition->number = next;
        definition->epoch = hot->epoch;
    }
    *number = definition->number;
    return 0;
}

int
define_thread(Hot *hot, uint32_t number)
{
    PyObject *name = PyObject_CallMethod(hot->helpers, "thread_name", NULL);
    if (name == NULL) {
        return -1;
    }
    Buffer body = {0};
    put_text(&body, name, PyUnicode_GET_LENGTH(name));
    Py_DECREF(name);
    int status = -1;
    if (body.failed) {
        PyErr_NoMemory();
    }
    else {
        status = define(hot, DEFINE_THREAD, number, body.data, body.used);
    }
    buffer_free(&body);
    return status;
}

/* Secrets. */

static int
ask_is_secret(Hot *hot, PyObject *string)
{
    PyObject *answer = PyObject_CallMethod(hot->helpers, "is_secret", "O", string);
    if (answer == NULL) {
        return -1;
    }
    int is_secret = answer == Py_True;
    Py_DECREF(answer);
    return is_secret;
}

int
name_is_secret(Hot *hot, Name *name, PyObject *string)
{
    if (!hot->has_rules) {
        return 0;
    }
    if (name->is_secret < 0) {
        name->is_secret = ask_is_secret(hot, string);
    }
    return name->is_secret;
}

/* A string is known here by a fingerprint of its hash and its length, of 63 bits. */
int
string_is_secret(Hot *hot, PyObject *string)
{
    if (!hot->has_rules) {
        return 0;
    }
    uint64_t print =
        mix((uint64_t)PyObject_Hash(string), (uint64_t)PyUnicode_GET_LENGTH(string));
    uint64_t *known = &hot->secrecies[(print >> 1) % SECRECIES];
    if ((*known ^ print) <= 1 && *known != 0) {
        return (int)(*known & 1);
    }
    int is_secret = ask_is_secret(hot, string);
    if (is_secret >= 0) {
        *known = (print & ~(uint64_t)1) | (uint64_t)is_secret;
    }
    return is_secret;
}

/* Types. */

void
plan_free(Plan *plan)
{
    Py_XDECREF(plan->weak);
    PyMem_RawFree(plan->slot_names);
    PyMem_RawFree(plan->slot_offsets);
    PyMem_RawFree(plan->field_secrets);
    PyMem_RawFree(plan);
}

static int
plan_fill(Hot *hot, Plan *plan, PyObject *facts)
{
    PyObject *definition, *slots, *secrets;
    if (!PyArg_ParseTuple(facts, "iSiOO", &plan->shape, &definition, &plan->has_dict, &slots,
                          &secrets)) {
        return -1;
    }
    if (plan->shape > SHAPE_BUILTIN) {
        plan->shape = SHAPE_OTHER;
    }
    plan->definition = name_of_bytes(&hot->types, PyBytes_AS_STRING(definition),
                                     (size_t)PyBytes_GET_SIZE(definition));
    if (plan->definition == NULL) {
        return -1;
    }
    plan->slots = (int)PyTuple_GET_SIZE(slots);
    plan->fields = (int)PyTuple_GET_SIZE(secrets);
    plan->slot_names = PyMem_RawCalloc((size_t)plan->slots + 1, sizeof(Name *));
    plan->slot_offsets = PyMem_RawCalloc((size_t)plan->slots + 1, sizeof(Py_ssize_t));
    plan->field_secrets = PyMem_RawCalloc((size_t)plan->fields + 1, 1);
    if (plan->slot_names == NULL || plan->slot_offsets == NULL || plan->field_secrets == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int found = 0;
    for (int i = 0; i < plan->slots; i++) {
        PyObject *name, *member;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(slots, i), "UO", &name, &member)) {
            return -1;
        }
        PyMemberDef *place = ((PyMemberDescrObject *)member)->d_member;
        /* A descriptor of another class under a name in this one would read elsewhere. */
        if (place->type != T_OBJECT_EX ||
            !PyType_IsSubtype(plan->type, ((PyDescrObject *)member)->d_type)) {
            continue;
        }
        plan->slot_names[found] = name_of(hot, &hot->names, name);
        if (plan->slot_names[found] == NULL ||
            name_is_secret(hot, plan->slot_names[found], name) < 0) {
            return -1;
        }
        plan->slot_offsets[found++] = place->offset;
    }
    plan->slots = found;
    for (int i = 0; i < plan->fields; i++) {
        plan->field_secrets[i] = PyTuple_GET_ITEM(secrets, i) == Py_True;
    }
    return 0;
}

static Plan *
plan_make(Hot *hot, PyTypeObject *type)
{
    Plan *plan = PyMem_RawCalloc(1, sizeof(Plan));
    if (plan == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    plan->type = type;
    plan->serial = ++hot->serials;
    PyObject *facts = PyObject_CallMethod(hot->helpers, "describe_type", "O", type);
    int status = -1;
    if (facts != NULL) {
        status = plan_fill(hot, plan, facts);
        Py_DECREF(facts);
    }
    if (status == 0 && (type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        plan->weak = PyWeakref_NewRef((PyObject *)type, NULL);
        status = plan->weak == NULL ? -1 : 0;
    }
    if (status == 0) {
        Plan *old = table_get(&hot->plans, type);
        status = table_set(&hot->plans, type, plan);
        if (status == 0 && old != NULL) {
            memset(hot->recent_plans, 0, sizeof(hot->recent_plans));
            plan_free(old);
        }
    }
    if (status < 0) {
        plan_free(plan);
        return NULL;
    }
    return plan;
}

Plan *
plan_look_up(Hot *hot, PyTypeObject *type)
{
    Plan *plan = table_get(&hot->plans, type);
    if (plan == NULL || !plan_is_alive(plan)) {
        plan = plan_make(hot, type);
    }
    if (plan != NULL) {
        hot->recent_plans[((uintptr_t)type >> 6) % RECENT_PLANS] = plan;
    }
    return plan;
}

void
plans_sweep(Hot *hot)
{
    if (hot->plans.count < 2048) {
        return;
    }
    Table kept = {0};
    memset(hot->recent_plans, 0, sizeof(hot->recent_plans));
    for (size_t i = 0; i <= hot->plans.mask; i++) {
        Plan *plan = hot->plans.places[i].value;
        if (plan == NULL) {
            continue;
        }
        if (!plan_is_alive(plan) || table_set(&kept, plan->type, plan) < 0) {
            PyErr_Clear();
            plan_free(plan);
        }
    }
    table_free(&hot->plans);
    hot->plans = kept;
}

/* Code objects. */

void
code_free(Code *code)
{
    for (int i = 0; i < code->variables; i++) {
        Py_XDECREF(code->names[i]);
    }
    PyMem_RawFree(code->places);
    PyMem_RawFree(code->order);
    PyMem_RawFree(code->secrets);
    PyMem_RawFree(code->names);
    PyMem_RawFree(code->texts);
    PyMem_RawFree(code->lines);
    Py_XDECREF(code->bytecode);
    Py_XDECREF(code->code);
    PyMem_RawFree(code);
}

Code *
code_known(Hot *hot, PyCodeObject *object)
{
    Code *last = hot->last_code;
    if (last != NULL && last->code == object) {
        return last;
    }
    Code *code = table_get(&hot->codes, object);
    if (code != NULL) {
        hot->last_code = code;
    }
    return code;
}

static int
code_fill(Hot *hot, Code *code, PyObject *facts)
{
    PyObject *names, *places, *order, *secrets;
    if (!PyArg_ParseTuple(facts, "O!O!O!O!p", &PyTuple_Type, &names, &PyTuple_Type, &places,
                          &PyTuple_Type, &order, &PyTuple_Type, &secrets,
                          &code->is_namespace)) {
        return -1;
    }
    size_t count = (size_t)PyTuple_GET_SIZE(names);
    code->arguments = (int)PyTuple_GET_SIZE(order);
    code->places = PyMem_RawCalloc(count + 1, sizeof(int));
    code->order = PyMem_RawCalloc((size_t)code->arguments + 1, sizeof(int));
    code->secrets = PyMem_RawCalloc(count + 1, 1);
    code->names = PyMem_RawCalloc(count + 1, sizeof(PyObject *));
    code->texts = PyMem_RawCalloc(count + 1, sizeof(Name *));
    if (code->places == NULL || code->order == NULL || code->secrets == NULL ||
        code->names == NULL || code->texts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        code->names[i] = Py_NewRef(PyTuple_GET_ITEM(names, i));
        code->variables = (int)i + 1;
        code->places[i] = (int)PyLong_AsLong(PyTuple_GET_ITEM(places, i));
        code->secrets[i] = PyTuple_GET_ITEM(secrets, i) == Py_True;
        code->texts[i] = name_of(hot, &hot->names, code->names[i]);
        if (code->texts[i] == NULL) {
            return -1;
        }
    }
    for (int i = 0; i < code->arguments; i++) {
        code->order[i] = (int)PyLong_AsLong(PyTuple_GET_ITEM(order, i));
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* Stands for code out of scope that is not remembered. */
static Code outside;
#define MOST_OUTSIDE 20000

Code *
code_meet(Hot *hot, PyCodeObject *object, PyObject *globals)
{
    Code *code = code_known(hot, object);
    if (code != NULL) {
        return code;
    }
    /* A subclass of dict as globals is read as the dict that it is. */
    PyObject *module = NULL;
    if (globals != NULL && PyDict_Check(globals)) {
        module = PyDict_GetItemString(globals, "__name__");
    }
    if (module == NULL || !PyUnicode_CheckExact(module)) {
        module = Py_None;
    }
    code = PyMem_RawCalloc(1, sizeof(Code));
    if (code == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    code->code = (PyCodeObject *)Py_NewRef(object);
    code->first_line = object->co_firstlineno;
    code->flags = object->co_flags;
    PyObject *facts =
        PyObject_CallMethod(hot->helpers, "describe_code", "OO", object, module);
    if (facts == NULL || (facts != Py_None && code_fill(hot, code, facts) < 0)) {
        Py_XDECREF(facts);
        code_free(code);
        return NULL;
    }
    code->is_in_scope = facts != Py_None;
    Py_DECREF(facts);
    if (!code->is_in_scope && hot->outside_count >= MOST_OUTSIDE) {
        /* A program can make code without end. */
        code_free(code);
        return &outside;
    }
    hot->outside_count += !code->is_in_scope;
    Code *meanwhile = table_get(&hot->codes, object);
    if (meanwhile != NULL) {
        code_free(code);
        return meanwhile;
    }
    if (table_set(&hot->codes, object, code) < 0) {
        code_free(code);
        return NULL;
    }
    if (code->is_in_scope && hot->enable != NULL) {
        PyObject *done = PyObject_CallOneArg(hot->enable, (PyObject *)object);
        if (done == NULL) {
            return NULL;
        }
        Py_DECREF(done);
    }
    return code;
}

static int
ask_digest(Hot *hot, Name *file, PyObject *path)
{
    FrameState *current = hot->current;
    hot_leave_lanes(hot);
    PyObject *digest = PyObject_CallMethod(hot->helpers, "source_digest", "O", path);
    if (digest == NULL) {
        return -1;
    }
    Py_ssize_t size = PyBytes_GET_SIZE(digest);
    file->digest_size = size <= 32 ? (int)size : 0;
    memcpy(file->digest, PyBytes_AS_STRING(digest), (size_t)file->digest_size);
    Py_DECREF(digest);
    /* The text of the file went to the spool, which may have moved. */
    if (hot_refresh_lanes(hot) < 0) {
        return -1;
    }
    hot->current = current;
    return 0;
}

static int
file_number(Hot *hot, PyCodeObject *object, uint32_t *number)
{
    Name *file = name_of(hot, &hot->files, object->co_filename);
    if (file == NULL) {
        return -1;
    }
    if (file->epoch != hot->epoch) {
        if (file->digest_size < 0 && ask_digest(hot, file, object->co_filename) < 0) {
            return -1;
        }
        Buffer body = {0};
        put_uv(&body, file->size);
        put_bytes(&body, file->text, file->size);
        put_uv(&body, (uint64_t)file->digest_size);
        put_bytes(&body, file->digest, (size_t)file->digest_size);
        uint32_t next = hot->file_count + 1;
        int status = -1;
        if (body.failed) {
            PyErr_NoMemory();
        }
        else {
            status = define(hot, DEFINE_FILE, next, body.data, body.used);
        }
        buffer_free(&body);
        if (status < 0) {
            return -1;
        }
        hot->file_count = file->number = next;
        file->epoch = hot->epoch;
    }
    *number = file->number;
    return 0;
}

int
code_define(Hot *hot, Code *code)
{
    uint32_t file, ignored;
    if (file_number(hot, code->code, &file) < 0) {
        return -1;
    }
    Buffer body = {0};
    put_uv(&body, file);
    put_uv(&body, (uint64_t)(code->first_line > 0 ? code->first_line : 0));
    PyObject *function = code->code->co_qualname;
    put_text(&body, function, PyUnicode_GET_LENGTH(function));
    uint32_t next = ++hot->code_count;
    int status = -1;
    if (body.failed) {
        PyErr_NoMemory();
    }
    else {
        status = define(hot, DEFINE_CODE, next, body.data, body.used);
    }
    buffer_free(&body);
    if (status < 0) {
        return -1;
    }
    /* The same order as in pure Python: arguments, then the others. */
    for (int i = 0; i < code->arguments; i++) {
        if (name_number(hot, code->texts[code->order[i]], &ignored) < 0) {
            return -1;
        }
    }
    for (int i = 0; i < code->variables; i++) {
        if (name_number(hot, code->texts[i], &ignored) < 0) {
            return -1;
        }
    }
    code->number = next;
    code->epoch = hot->epoch;
    return 0;
}
