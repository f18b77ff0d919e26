/* The ways in which the instances of a type are read. */
#ifndef HOT_SHAPES_H
#define HOT_SHAPES_H

/* How the instances of a type are read: shapes.Shape, where `shape_of` chooses. What is not here is
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

/* Of `TypeReader.has_dict`: a type of streams, whose `write` can be a hook of ours. */
enum { DICT_OF_STREAM = 2 };

#endif
