/* collector/derive_shape.h -- what the rules say of all paths of one shape, to be told again.
 *
 * Paths are of few shapes: /a/<name>/receiver/secure/<id>/ is most of what a server is asked. A
 * path is a front, up to the slash behind its second segment, which is the name of a tenant, and a
 * rest, in which some segments are ids. What stands around the name, the rest without its ids and
 * where the set of rules stands behind the front are the shape. What rules find in one path of a
 * shape they find in all of them, at the same places: derive_shape_learn.c makes sure of that once,
 * with url_hole.h, or leaves the question to the rules. So nothing that a rule finds depends on
 * this memory. Tables of fixed size, in which the new replaces the old; a shape is learned when it
 * has been seen some times. Thread safety: one thread at a time per memory. */
#ifndef DENDRO_COLLECTOR_DERIVE_SHAPE_H
#define DENDRO_COLLECTOR_DERIVE_SHAPE_H

#include "base/arena.h"
#include "base/map.h"
#include "collector/url_hole.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SHAPE_HEAD_MAX = 8,  /* "/a/": what stands in front of the name, */
    SHAPE_NAME_MAX = 33, /* which has lower-case letters, digits and . : _ - */
    SHAPE_FRONT_MAX = SHAPE_HEAD_MAX + SHAPE_NAME_MAX + 1,
    SHAPE_REST_MAX = 96, /* longer ones are rare */
    SHAPE_IDS_MAX = 64,  /* ids stand within these bytes of a rest: a bit of a word for each */
    SHAPE_ID_MIN = 10,   /* hexadecimal digits and dashes: what is shorter may be a word */
    SHAPE_HOLES_MAX = 1 + SHAPE_IDS_MAX / SHAPE_ID_MIN,
    SHAPE_GROUP_MAX = 64, /* of a path without ids, */
    SHAPE_GROUPS = 4096,  /* and how many are kept: 256 KB; shapes with others leave them to rules */
    SHAPE_FIELDS = 3,     /* of the derived ones: tenant, url_group, route; and path_group */
    SHAPE_ALIGN = 64, /* a line of the cache: of a path three are looked at, and one of its front */
    SHAPES_COUNT = 1024,  /* 256 KB per worker, of which few shapes are most used */
    SHAPE_WAYS = 2,       /* places that a shape can have */
    SHAPE_FRONTS = 4096,  /* 256 KB: names of tenants; with 1024, 350 drove each other out */
    SHAPES_SEEN = 1024,
    SHAPES_LIKELY = 2048, /* beginnings and lengths of rests */
    SHAPE_SIGHTS = 8, /* before a shape is learned, which takes as long as some fifty paths */
};

enum shape_answer_type {
    SHAPE_ASK, /* the rules: it may differ, or nobody knows */
    SHAPE_NOTHING,
    SHAPE_CONSTANT, /* of the rule */
    SHAPE_PART,     /* of the path, from `start` to `end` */
    SHAPE_WHOLE,    /* the path */
    SHAPE_TEXT,     /* `group` */
};

/* A place in all paths of the shape. */
struct shape_place {
    bool in_rest; /* counted from the end of the front, else from its beginning */
    int8_t at;    /* -1: in front of the slash that ends the front */
};

struct shape_answer {
    uint8_t type;
    uint8_t rule; /* its index among those of the field */
    bool alone;   /* only if the event has no other text that rules look at: one might come first */
    struct shape_place start, end;
};

/* What a path has in common with the others of its shape. */
struct shape_key {
    char rest[SHAPE_REST_MAX]; /* ids are zeros, and what is behind its end */
    uint64_t holes;            /* bit i: byte i of the rest is of an id */
    uint64_t found;            /* by a walk of the set over the front */
    uint64_t head;             /* bytes in front of the name, as a little-endian number */
    uint32_t row;              /* where the walk stands */
    uint32_t rest_len;
};

struct derive_shape {
    _Alignas(SHAPE_ALIGN) struct shape_key key; /* zeros: an empty place */
    bool known;           /* else nothing can be said of the shape */
    bool whole;           /* no answer about fields is left to the rules, */
    bool whole_alone;     /* nor is one if the event has no other text that they look at */
    bool has_zero;        /* the rest has a byte that looks like one of an id in the key */
    uint8_t group_type;
    struct shape_answer answers[SHAPE_FIELDS];
    uint64_t matches; /* url_set_match() of the path */
    struct slice group;   /* kept */
};

struct shape_front {
    _Alignas(SHAPE_ALIGN) uint64_t found; /* an entry is one line of the cache */
    uint64_t head;
    uint32_t row;
    uint8_t len; /* 0: an empty place */
    char bytes[SHAPE_FRONT_MAX];
};

struct derive_shapes {
    struct derive_shape shapes[SHAPES_COUNT];
    struct shape_front fronts[SHAPE_FRONTS];
    uint8_t last[SHAPES_COUNT / SHAPE_WAYS]; /* way that was used last */
    struct shape_sight {
        uint32_t hash, count;
    } seen[SHAPES_SEEN]; /* shapes that are not known */
    /* The shape that the last rest with such a beginning and length had: compared before others. */
    uint16_t likely[SHAPES_LIKELY];
    /* Each group of a shape once, to the end: events have them without a copy of their own, and who
     * compares those of two events finds one text. */
    struct map groups;
    struct arena group_texts;
};

struct derive_rules;

/* `shapes` is zero. */
void derive_shapes_init(struct derive_shapes *shapes);
void derive_shapes_release(struct derive_shapes *shapes);

/* What is known of the path's shape; NULL: nothing. The rules are exact. `front_len` is set with
 * the shape: for shape_place_in(). */
const struct derive_shape *derive_shapes_find(struct derive_shapes *shapes,
                                              const struct derive_rules *rules, struct slice path,
                                              size_t *front_len);
/* All but the groups, which events may have. */
void derive_shapes_forget(struct derive_shapes *shapes);

/* Find out what the rules say of all paths of the shape that this one has. `shape` is one of
 * `shapes`. */
void derive_shape_learn(struct derive_shapes *shapes, struct derive_shape *shape,
                        const struct derive_rules *rules, struct slice path, size_t front_len);

/* Where the place is in a path with such a front. */
static inline size_t shape_place_in(struct shape_place place, size_t front_len)
{
    return (size_t)((place.in_rest ? (ptrdiff_t)front_len : 0) + place.at);
}

/* Bytes in front of the name. */
static inline size_t shape_head_len(uint64_t head)
{
    return head == 0 ? 0 : 8 - (size_t)__builtin_clzll(head) / 8;
}

#endif
