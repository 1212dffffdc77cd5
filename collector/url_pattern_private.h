/* collector/url_pattern_private.h -- the compiled form of a simple pattern: written by
 * url_pattern_parse.c, matched by url_pattern.c, many at once by url_set.c.
 *
 * Simple: alternatives of branches; a branch is [^] items [$]; an item is a literal, a class with
 * +, *,
 * ?, {n}, {n,} or {n,m}, or a group of items or of alternative literals ($ may be one of them). A
 * repeated class must not contain a byte that the next item can start with: then taking as much as
 * possible is the only choice, and no other choice ever needs trying. */
#ifndef DENDRO_COLLECTOR_URL_PATTERN_PRIVATE_H
#define DENDRO_COLLECTOR_URL_PATTERN_PRIVATE_H

#include "collector/url_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>

enum {
    BRANCHES_MAX = 8,
    ITEMS_MAX = 40,          /* of all branches together; richer patterns go to PCRE2 */
    ALTERNATIVES_MAX = 8,    /* literals in one group */
    LITERAL_SIZE_MAX = 256,  /* bytes of all literals */
    CLASS_RANGES_MAX = 6,    /* of a class that is matched sixteen bytes at once */
    REPEAT_MAX = UINT16_MAX, /* stands for "no upper limit" */
};

enum item_type { ITEM_LITERAL, ITEM_CLASS, ITEM_OPEN, ITEM_CLOSE, ITEM_ONE_OF };

struct item {
    enum item_type type;
    uint16_t start, len; /* LITERAL: part of `literals` */
    uint16_t rare;       /* LITERAL: index in it of the byte to look for first */
    uint16_t min, max;   /* CLASS */
    uint8_t group;       /* OPEN, CLOSE */
    uint8_t count;       /* ONE_OF */
    bool or_end;         /* ONE_OF: $ is an alternative */
    uint16_t starts[ALTERNATIVES_MAX], lens[ALTERNATIVES_MAX];
    uint64_t bytes[4]; /* CLASS: bit per byte */
    bool has[256];     /* the same for matching: a look-up per byte, and no shifts */
    int16_t all_but;   /* CLASS: the only byte that is not in it; -1: not such a class */
    uint8_t range_count; /* CLASS: the ranges of bytes that it is made of; 0: too many */
    /* First byte of each range and how many follow it, sixteen times: operands as they are. */
    uint8_t range_first[CLASS_RANGES_MAX][16], range_span[CLASS_RANGES_MAX][16];
};

struct branch {
    uint8_t first, count; /* items */
    bool at_start, at_end;
};

struct url_pattern {
    pcre2_code *code;            /* NULL: simple */
    pcre2_match_context *limits; /* with code */
    unsigned group_count;
    unsigned branch_count, item_count, literal_len;
    unsigned len_min; /* simple, of one branch: bytes of the shortest match */
    struct branch branches[BRANCHES_MAX];
    struct item items[ITEMS_MAX];
    char literals[LITERAL_SIZE_MAX];
};

static inline bool class_has(const struct item *item, unsigned char byte)
{
    return (item->bytes[byte >> 6] >> (byte & 63) & 1) != 0;
}

/* Into a zeroed pattern; false: not simple, or nothing that PCRE2 would take. */
bool url_pattern_parse(struct slice text, struct url_pattern *out);

#endif
