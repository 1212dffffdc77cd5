/* query/api/answer.h -- the head and the end record that every answer carries (docs/api.md).
 * Thread safety: one thread at a time per answer. */
#ifndef DENDRO_QUERY_API_ANSWER_H
#define DENDRO_QUERY_API_ANSWER_H

#include "base/json_writer.h"
#include "query/api/api.h"
#include "query/result.h"

enum { ANSWER_GEOS_MAX = 32, ANSWER_ID_SIZE = 24, ANSWER_CURSOR_SIZE = 128 };

/* What is true of the whole answer, beside what the query engine reports. */
struct answer {
    char id[ANSWER_ID_SIZE];               /* "q-1f2e" */
    struct slice geo;                      /* ours */
    struct slice missing[ANSWER_GEOS_MAX]; /* asked for, and not here; borrowed */
    size_t missing_count;
    bool own_asked; /* our geo is among those asked */
    char cursor[ANSWER_CURSOR_SIZE]; /* "", or where a live tail goes on behind these rows */
};

/* Take "in,us" apart; empty asks our own geo. False: more than ANSWER_GEOS_MAX. */
bool answer_ask_geos(struct answer *answer, struct slice list);

/* Members "id" "start" "end" "geos_asked" "columns" "open" of the object that is open. */
void answer_write_head(struct answer *answer, struct json_writer *json,
                       const struct query_head *head);
/* Members "rows" ... "warnings", and "error" if the run failed. */
void answer_write_end(const struct answer *answer, struct json_writer *json,
                      const struct query_end *end);
void answer_write_progress(struct json_writer *json, const struct query_progress *progress);

#endif
