/* store/gap_index.h -- the literals between the slots of a segment's templates, each once: which
 * templates can a needle touch outside of their values?
 *
 * A segment of 24 MB of lines has a thousand templates of ten gaps each, but 50 to 2,500 different
 * gaps. A needle that touches no gap of a template can only lie inside one of its values, which is
 * the same question for all templates of a family. So most needles look at no template at all.
 *
 * It is enough to find the first gap that a needle touches: before it there is nothing, or one value that
 * holds the needle's beginning. Where a needle goes on from a gap into a value, or from that value into a
 * gap, is a cut: a position
 * 1 .. len - 1 of the needle. The caller says which cuts are possible (enum gap_cut); those at wide
 * slots (free texts, texts without a dictionary) always are, as are those inside of tokens
 * where a template has a literal and a slot in one token.
 *
 * Made when somebody asks and kept while the segment is open.
 * Thread safety: gap_index_get() from any thread; an index never changes. */
#ifndef DENDRO_STORE_GAP_INDEX_H
#define DENDRO_STORE_GAP_INDEX_H

#include "store/needle.h"
#include "store/segment_format.h"

enum {
    GAP_INDEX_USES_MAX = 1 << 20, /* gaps of all templates: 4 MB of numbers; beyond: no index */
};

enum gap_cut {
    CUT_VALUE_ENDS = 1,   /* a value can end with all that is before this byte; a gap begins with it */
    CUT_VALUE_BEGINS = 2, /* a gap can end before this byte, and a value begin with it */
    /* What a search finds out, for itself: the same for stamps, once it has asked. */
    CUT_STAMP_ENDS = 4,
    CUT_NO_STAMP_ENDS = 8,
    CUT_STAMP_BEGINS = 16,
    CUT_NO_STAMP_BEGINS = 32,
};

/* What is true of all rows of a template. */
enum gap_template {
    TEMPLATE_SLOTS_TOUCH = 1, /* two slots have no byte between them: gaps do not tell all */
    TEMPLATE_WORD_GLUE = 2,   /* a word byte stands beside a slot */
};

/* Columns of slots of one kind and class. */
struct gap_kind {
    struct slot_kind kind;
    uint8_t class;
    bool wide; /* its values may hold anything, as far as is known without rows */
};

struct gap_index {
    struct arena arena;
    struct gap *gaps;
    uint32_t gap_count;
    /* Numbers of gaps by their first and last byte, folded: those of byte b from start[b] on. */
    uint32_t *by_first, *by_last;
    uint32_t first_start[257], last_start[257];
    uint32_t *uses;     /* templates of each gap: gaps[i].first_use, use_count */
    struct slice text;  /* of all gaps, in the order of their numbers */
    uint8_t *grams;     /* gram_filter.h over all gaps */
    size_t grams_size;
    uint8_t *templates; /* enum gap_template by template */
    uint32_t template_count;
    bool slots_touch;   /* in any template */
    struct gap_kind *kinds;
    uint32_t kind_count;
    uint32_t *column_first; /* by family: where its slots begin in column_kinds */
    uint16_t *column_kinds; /* index of kinds */
};

/* *out NULL: the segment has too many gaps, or too many kinds. Borrowed: as long as the segment is open.
 * Errors: NO_MEMORY. */
enum status gap_index_get(struct segment *segment, const struct gap_index **out,
                          struct error *err) WARN_UNUSED;
void gap_index_free(struct gap_index *index); /* NULL does nothing */

/* What a needle can do to the gaps of a template. */
enum gap_touch {
    GAPS_UNTOUCHED, /* it can only lie inside a value */
    GAPS_TOUCHED,   /* it may touch a gap, or the slots touch */
    GAPS_HOLD,      /* it is in a gap: all lines match */
};

/* Set touched[template], zeroed, to an enum gap_touch; true if any is touched. `cuts` has an enum gap_cut
 * set per byte of the needle; `left` and `right`: the match must end at the boundary of a word there. */
struct gap_question {
    const struct needle *needle;
    uint8_t *cuts;
    bool left, right;
};
bool gap_index_search(const struct gap_index *index, const struct gap_question *question,
                      uint8_t *touched);

#endif
