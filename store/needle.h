/* store/needle.h -- decide on a template where a needle can be, before any row is read.
 *
 * A line of a template is its parts in order: literals and values of slots. A needle that occurs in
 * it lies inside a literal, inside a value, or across parts; needle_plan_make() walks all ways
 * to lay it over the parts and gives: NONE, ALL (it is in a literal), or SOME: an OR of ANDs of
 * tests of single values. The answer is exact: rows that pass are the rows that match, with the
 * word boundaries of docs/query.md. RENDER: too many ways; the row must be written out.
 *
 * Outside of free slots and stamps a value holds only token bytes and a literal between two slots
 * nearly always begins with another byte, so that few ways survive.
 *
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_NEEDLE_H
#define DENDRO_STORE_NEEDLE_H

#include "store/predicate.h"
#include "store/slot.h"

enum {
    NEEDLE_SIZE_MAX = 4096, /* longer ones are looked for in rendered rows */
    NEEDLE_TERMS_MAX = 6,
    NEEDLE_WAYS_MAX = 24,
    NEEDLE_PARTS_MAX = 512, /* 250 slots and the literals between them */
};

struct needle {
    struct slice text; /* with fold: in lower case; 1 to NEEDLE_SIZE_MAX bytes */
    bool fold;
    enum text_match match;
    uint64_t token_bits; /* which of the first 64 bytes are token bytes: needle_prepare() */
    bool prepared;
};

/* Look at the text once, for many plans; without it they are only slower. */
void needle_prepare(struct needle *needle);

struct needle_part {
    bool is_slot;
    struct slice literal;  /* not empty */
    struct slot_kind kind; /* of a slot, whose values are never empty unless it is the only part */
    uint16_t column;
};

enum needle_test {
    TEST_EQUAL,
    TEST_PREFIX,
    TEST_SUFFIX,
    TEST_CONTAINS,
    TEST_FIRST_NOT_WORD, /* the value begins (ends) with a byte that is no word byte; no text */
    TEST_LAST_NOT_WORD,
};

/* What the end of a match asks of the byte beyond it. */
enum needle_edge {
    EDGE_ANY,  /* nothing */
    EDGE_GOOD, /* no word byte; the end of the value is fine */
    EDGE_BAD,  /* no word byte; the end of the value is not fine */
};

/* One value against needle.text[start, start + len). */
struct needle_term {
    uint16_t column;
    uint8_t test;        /* enum needle_test */
    uint8_t left, right; /* enum needle_edge */
    uint16_t start, len;
};

/* All terms must hold. */
struct needle_way {
    uint32_t term_count;
    struct needle_term terms[NEEDLE_TERMS_MAX];
};

enum needle_verdict { NEEDLE_NONE, NEEDLE_ALL, NEEDLE_SOME, NEEDLE_RENDER };

struct needle_plan {
    enum needle_verdict verdict;
    uint32_t way_count;
    struct needle_way ways[NEEDLE_WAYS_MAX]; /* NEEDLE_SOME */
};

void needle_plan_make(const struct needle *needle, const struct needle_part *parts,
                      uint32_t part_count, struct needle_plan *out);

/* Does `value` pass the term? */
bool needle_term_match(const struct needle *needle, const struct needle_term *term,
                       struct slice value);

static inline struct slice needle_term_text(const struct needle *needle,
                                            const struct needle_term *term)
{
    return slice_sub(needle->text, term->start, term->len);
}

#endif
