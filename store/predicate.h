/* store/predicate.h -- the filter tree that the store evaluates. Made by query/, never text.
 *
 * A row without the field: every test is false, PRED_NOT of it is true, PRED_MISSING is true.
 * The text of a field is its rendered text, the same bytes that stand in the line. Numeric tests
 * read values in base units: nanoseconds, bytes, plain numbers; text that does not parse as a
 * number fails them.
 *
 * A tree is read-only while a scan uses it and must outlive the scan.
 * Thread safety: read-only data. */
#ifndef DENDRO_STORE_PREDICATE_H
#define DENDRO_STORE_PREDICATE_H

#include "base/slice.h"
#include "store/event.h"

#include <stdbool.h>
#include <stdint.h>

enum predicate_kind {
    PRED_ALL,       /* every row */
    PRED_NONE,      /* no row */
    PRED_AND,       /* children; empty: all */
    PRED_OR,        /* children; empty: none */
    PRED_NOT,       /* one child */
    PRED_TEXT,      /* text against field, see enum text_match */
    PRED_RANGE,     /* numbers, durations, sizes, levels, addresses, times */
    PRED_IN,        /* the whole text is one of texts[], or, for numbers[], the value is */
    PRED_EXISTS,    /* the field is there and not empty */
    PRED_CALL,      /* call(user, text): regex and all that the store does not know */
    PRED_FIELDS,    /* field against other_field, by the comparison in `relation` */
    PRED_LENGTH,    /* bytes of the text in [low, high] */
    PRED_SEQUENCE,  /* texts[] occur in this order, as phrases */
    PRED_TEMPLATE,  /* the row's template id is number */
};

enum text_match {
    TEXT_PHRASE,       /* on word boundaries at both ends (docs/query.md) */
    TEXT_PREFIX,       /* word boundary at the left end only */
    TEXT_SUBSTRING,
    TEXT_EXACT,        /* the whole value */
    TEXT_EXACT_PREFIX, /* the value starts so */
};

enum field_relation { FIELDS_EQUAL, FIELDS_LESS, FIELDS_LESS_EQUAL };

/* What a PRED_CALL says of a text by its parts. */
enum call_parts {
    PARTS_SAY_NOTHING,
    PARTS_DECIDE,    /* a text of which any part passes, passes */
    PARTS_WITH_GAPS, /* and what passes with bytes 0x01 in it passes with any texts without a newline in
                        their places */
};

/* May be called from several threads at once. */
typedef bool predicate_call(void *user, struct slice text);

struct predicate {
    enum predicate_kind kind;
    field_id field;       /* FIELD_ID_MSG: the whole line */
    field_id other_field; /* PRED_FIELDS */
    enum text_match match;
    enum field_relation relation;
    bool fold_case;       /* ASCII letters fold; TEXT, IN, SEQUENCE */
    bool low_open, high_open; /* RANGE: the bound itself is outside */
    struct slice text;
    const struct slice *texts;
    uint32_t text_count;
    double low, high;     /* RANGE, LENGTH; -INFINITY and INFINITY where there is no bound */
    uint64_t number;
    predicate_call *call;
    void *user;
    /* PRED_CALL: a tree that every matching row satisfies (the literals of a regex), or NULL. */
    const struct predicate *superset;
    enum call_parts parts;
    const struct predicate *const *children;
    uint32_t child_count;
};

/* Does `text` pass a PRED_TEXT, IN, CALL, LENGTH or SEQUENCE node? The one definition of their
 * meaning: the scan's kernels must agree with it. */
bool predicate_match_text(const struct predicate *predicate, struct slice text);

/* Is the byte part of a word: ASCII letters, digits, '_', and bytes >= 0x80. */
static inline bool is_word_byte(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 0x80 || (unsigned char)((u | 0x20) - 'a') < 26 || (unsigned char)(u - '0') < 10 ||
           u == '_';
}

#endif
