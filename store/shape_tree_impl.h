/* store/shape_tree_impl.h -- what shape_tree.c builds and shape_walk.c walks.
 * Thread safety: one thread at a time per tree. */
#ifndef DENDRO_STORE_SHAPE_TREE_IMPL_H
#define DENDRO_STORE_SHAPE_TREE_IMPL_H

#include "store/shape_tree.h"

enum {
    LIMIT_NONE = -1,
    LITERAL_SHORT_MAX = 16, /* compared as two words; of longer ones the first bytes */
    SHORT_TOKEN_MAX = SHORT_WINDOW_BITS - 2, /* tokens whose bits fit into one window */
    REST_SHORT_MAX = SHORT_TOKEN_MAX - 17,   /* a number of two times eight digits leaves as much */
};

enum slot_place {
    PLACE_END,    /* no slot: the literal ends the line */
    PLACE_REGION, /* a token with a trigger */
    PLACE_TOKEN,  /* a field of token bytes only */
    PLACE_FREE,   /* a field that is one slot */
    PLACE_STAMP,
    PLACE_STAMP_ALONE, /* a region ends with it */
};

/* How the slot of an edge is read: follows from its place and kind. */
enum slot_reader {
    READ_END,
    READ_STAMP,
    READ_FREE,
    READ_ANY, /* any token */
    READ_INT, /* this and the next: tokens that are mostly short */
    READ_DECIMAL,
    READ_TEXT,
    READ_ID,
    READ_ADDRESS,
};

/* Where an end of a field has to be. */
struct field_end {
    uint32_t offset; /* in the gap */
    uint16_t gap;
    uint16_t place;  /* in event_spans.ends */
};

/* What is to be done at the end of a line. */
struct line_end {
    struct template *template;
    uint32_t number;
    uint32_t end_count, computed_count;
    const struct field_end *ends; /* of fields, but for those that a slot ends at */
    const uint16_t *computed;     /* indexes of computed fields, in the order of the template */
};

/* A literal and the slot behind it; also the node that they lead to. */
struct shape_edge {
    uint64_t head[2], mask[2];  /* first LITERAL_SHORT_MAX bytes of the literal */
    struct shape_edge *next;    /* of the same node, tried after this one */
    struct shape_edge *first;   /* of the node that this one leads to */
    uint32_t literal_len;
    int16_t limit;     /* the slot's token ends at this one of event_spans.ends; LIMIT_NONE: only where
                          token bytes end */
    uint8_t depth;     /* gaps before the one that begins with the slot's end */
    uint8_t reader;    /* enum slot_reader */
    uint8_t place;     /* enum slot_place */
    uint8_t words;     /* of the slot's value */
    uint8_t unit_len;  /* of the token behind the slot: part of the next literal */
    uint8_t rest_len;  /* the same with full stops */
    uint8_t text_len;  /* READ_ID: of the slot */
    struct slot_kind kind;
    bool cut;          /* the token ends at its limit in the middle of token bytes */
    bool marked;       /* the literal ends with '=' or '@': the token is a slot whatever it holds */
    bool needs_digit;  /* the token is no slot without one */
    const char *literal;
    const struct line_end *end; /* of PLACE_END */
};

/* Make `edge` the first of the node that begins at `first`; it is not yet. */
static inline void move_to_front(struct shape_edge **first, struct shape_edge *edge)
{
    struct shape_edge **link = first;

    while (*link != edge)
        link = &(*link)->next;
    *link = edge->next;
    edge->next = *first;
    *first = edge;
}

#endif
