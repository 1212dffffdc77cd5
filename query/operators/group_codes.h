/* query/operators/group_codes.h -- one key of a view as codes; for group.c.
 * Thread safety: as the view. */
#ifndef DENDRO_QUERY_OPERATORS_GROUP_CODES_H
#define DENDRO_QUERY_OPERATORS_GROUP_CODES_H

#include "query/operator.h"

/* A key of the selected rows of a view. */
struct keyed_rows {
    const struct group_key *key;
    field_id field;
    const struct zone *zone; /* by whose clock buckets of time begin; NULL: UTC */
    struct view *view;
    const uint32_t *rows; /* as view_rows() gives them */
};

/* Its values; all arrays in the view's arena. */
struct key_codes {
    const uint32_t *codes;    /* by index of the selected row; NULL: all are 0 */
    uint32_t count;           /* codes are below it */
    const struct cell *cells; /* value by code; NULL: time buckets, see below */
    int64_t bucket_first_ns, bucket_step_ns;
};

/* Errors: TOO_LARGE (more memory than the query may use), or those of view_column(). */
enum status key_codes_make(const struct keyed_rows *keyed, struct key_codes *out,
                           struct error *err) WARN_UNUSED;

/* The bucket of one time: begin of it, by the clock of the run's zone. */
struct cell time_bucket_cell(const struct group_key *key, const struct run *run, int64_t time_ns);
/* What buckets of time begin at a multiple of the step from. */
int64_t time_bucket_anchor(const struct group_key *key);

static inline struct cell key_codes_cell(const struct key_codes *codes, uint32_t code)
{
    if (codes->cells != NULL)
        return codes->cells[code];
    return cell_int(codes->bucket_first_ns + (int64_t)code * codes->bucket_step_ns, VALUE_TIME);
}

#endif
