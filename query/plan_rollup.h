/* query/plan_rollup.h -- can a plan be answered by rollups of the store (store/rollup_answer.h)?
 * Thread safety: pure function of its arguments. */
#ifndef DENDRO_QUERY_PLAN_ROLLUP_H
#define DENDRO_QUERY_PLAN_ROLLUP_H

#include "query/plan.h"

enum { ROLLUP_KEYS_MAX = 8 };

/* True: the first pipe is a stats by keys and of functions that rollups know; *out says what it
 * asks for. Which rows they stand for, the store decides segment by segment. */
bool plan_rollup(const struct plan *plan, struct rollup_wish *out);

#endif
