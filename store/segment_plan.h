/* store/segment_plan.h -- what one scan decides about a segment before it reads rows.
 *
 * The filter tree becomes a tree of nodes. Each node has a verdict per family: no row of it can
 * match, all rows match, or it must be looked at. Text tests become needle plans (needle.h) per
 * template, and their terms are tried on dictionaries and id pools at once: each distinct value is
 * tested once per segment, and most families are out before a page of rows is read.
 *
 * Thread safety: made by one thread, read-only afterwards. */
#ifndef DENDRO_STORE_SEGMENT_PLAN_H
#define DENDRO_STORE_SEGMENT_PLAN_H

#include "store/segment_block.h"
#include "store/needle.h"
#include "store/rollup_answer.h"
#include "store/segment_range.h"

enum node_verdict { VERDICT_NONE, VERDICT_SOME, VERDICT_ALL };

/* Which values of a column pass a term. */
struct term_table {
    const uint8_t *codes;    /* CODES: by code */
    const uint64_t *numbers; /* IDS: a bit per number of the pool */
};

struct plan_way {
    struct needle_way way;
    struct term_table tables[NEEDLE_TERMS_MAX];
    uint8_t *templates; /* by template of the family: is this way one of its ways */
};

/* A needle in one family. */
struct family_needle {
    uint8_t *verdicts; /* enum needle_verdict by template of the family */
    bool has_all, has_render;
    uint32_t field;    /* of the family; UINT32_MAX: the whole line */
    uint32_t way_count;
    struct plan_way *ways;
};

enum node_kind {
    NODE_AND,
    NODE_OR,
    NODE_NOT,
    NODE_NEEDLE,
    NODE_RENDER,  /* a test on the line: write the rows out; children[0]: a superset, or none */
    NODE_RANGE,   /* on slots of whole numbers: ranges[]; else as NODE_GENERIC */
    NODE_GENERIC, /* predicate_eval() */
};

struct plan_node {
    enum node_kind kind;
    const struct predicate *predicate;
    struct needle needle;
    struct family_needle **families; /* NODE_NEEDLE; NULL where the verdict is not SOME */
    struct segment_range *ranges;    /* NODE_RANGE, by family */
    uint8_t *verdicts;               /* enum node_verdict by family */
    struct plan_node **children;
    uint32_t child_count;
};

struct segment_plan {
    struct segment *segment;
    int64_t time_min_ns, time_max_ns;
    bool samples;
    const struct predicate *filter;
    struct plan_node *root; /* NULL: no filter, or samples */
    const uint8_t *series;  /* enum node_verdict by series, of a scan of samples: sample_plan.h */
    const struct rollup_answer *answer; /* rows that are answered already; NULL: none */
    struct arena arena;
    struct pool_hold hold;
    struct page_uses uses;
    const struct slice *pool_grams; /* by page of the pool, once somebody asks */
    uint64_t bytes_read;
};

/* What the terms of one needle find in pools: filled as terms come up. */
struct term_memo;
struct term_search {
    struct segment_plan *plan;
    const struct needle *needle;
    struct term_memo *memos;
};

/* The table of a term for a column of a family; `alive` false: no value can pass. For columns that are
 * not looked up in pools the table is empty. */
enum status segment_term_table(struct term_search *search, uint32_t family,
                              const struct needle_term *term, struct term_table *out, bool *alive,
                              struct error *err) WARN_UNUSED;

/* Can any value of such columns pass the term? Numbers and texts are not looked up. */
enum status segment_term_alive(struct term_search *search, struct slot_kind kind, unsigned class,
                               const struct needle_term *term, bool *alive,
                               struct error *err) WARN_UNUSED;
/* Plan the needle of a node for all families: fills node->families and node->verdicts. */
enum status segment_plan_needle(struct segment_plan *plan, struct plan_node *node,
                                struct error *err) WARN_UNUSED;

/* Index of a field in a family, the first in the events; UINT32_MAX if it has none. */
uint32_t segment_find_field(const struct segment_family *family, field_id field);

/* Is it a test on a text of the source, event_source_text()? */
bool segment_tests_source(const struct predicate *predicate);

/* What the filter says about all rows of a unit. */
enum node_verdict segment_plan_unit_verdict(const struct segment_plan *plan,
                                           const struct rollup_unit *unit);

#endif
