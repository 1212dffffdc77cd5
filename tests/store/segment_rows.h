/* tests/store/segment_rows.h -- rows of generated log lines, with fields and faults, for tests of
 * segments: lines of the bench's corpus, some of them damaged, with fields cut at random places.
 * Thread safety: one thread. */
#ifndef DENDRO_TESTS_STORE_SEGMENT_ROWS_H
#define DENDRO_TESTS_STORE_SEGMENT_ROWS_H

#include "store/segment.h"
#include "tests/bench/corpus_lines.h"
#include "tests/support/segment_names.h"

enum { SEGMENT_SOURCES = 3, SEGMENT_FIELDS_MAX = 8 };

struct segment_rows {
    struct corpus corpus;
    struct arena arena;
    struct test_names names;
    struct event_source source[SEGMENT_SOURCES];
    struct slice formats[2];
    struct event *events;
    struct segment_row *rows;
    struct segment_content content;
};

/* `count` rows of `kind_count` kinds of log from `first_kind` on; the same seed gives the same rows.
 * With `faults`, some lines are damaged, empty or random bytes. */
struct segment_rows_options {
    uint64_t seed;
    uint32_t count, first_kind, kind_count;
    bool faults;
};
void segment_rows_init(struct segment_rows *rows, const struct segment_rows_options *options);
void segment_rows_release(struct segment_rows *rows);

/* Text of the first field `field` of an event; false if it has none. */
bool segment_rows_field(const struct event *event, field_id field, struct slice *out);

#endif
