/* query/cli/answer_end.h -- what the end record of an answer says about its completeness.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_ANSWER_END_H
#define DENDRO_QUERY_CLI_ANSWER_END_H

#include <jansson.h>
#include <stdbool.h>

struct answer_check {
    bool limit_wanted; /* a row limit was asked for: reaching it is no defect */
    bool seen;         /* there was an end record */
    bool partial;      /* the answer lacks something; reported */
    bool failed;       /* the query failed after its first byte; reported */
};

/* Look at the object of "_end" and report on stderr what is missing: gaps, geos, damage, limits. */
void answer_check_end(struct answer_check *check, const json_t *end);
/* No end record came: report that the answer was cut off. */
void answer_check_cut(struct answer_check *check);
/* DENDRO_FOUND, or DENDRO_PARTIAL for a failed or partial answer. */
int answer_check_exit(const struct answer_check *check);

#endif
