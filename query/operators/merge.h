/* query/operators/merge.h -- rows of many blocks in order of time, each file in its own order.
 *
 * Rows are sorted by (order time, source, sequence), see store/block.h; newest first is the exact
 * reverse. The scan gives blocks by their first order time and tells a bound that no later block
 * passes, so rows before the bound can go out, and only blocks that overlap in time are open.
 * Thread safety: one thread at a time per merger. */
#ifndef DENDRO_QUERY_OPERATORS_MERGE_H
#define DENDRO_QUERY_OPERATORS_MERGE_H

#include "query/operator.h"

struct merger;

/* Rows go to `next` with the columns of `fields`. */
enum status merger_new(struct run *run, const struct field_set *fields, bool newest_first,
                       struct operator *next, struct merger **out, struct error *err) WARN_UNUSED;
/* Before the first block: `next` ends after so many rows (0 or more than the limit below: not known).
 * Rows that cannot be among them are dropped before anything but their time is read. */
enum { MERGER_WANTED_MAX = 65536 };
enum status merger_want(struct merger *merger, uint64_t rows, struct error *err) WARN_UNUSED;
/* Before the first block: nobody looks at the offsets of rows, which cost the length of every line
 * before them. */
void merger_without_offsets(struct merger *merger);
/* Before the first block, or after merger_cut(): only rows with these order times go out, both ends
 * included. */
void merger_bound(struct merger *merger, int64_t first_ns, int64_t last_ns);
/* Takes the block in any case. */
enum status merger_add(struct merger *merger, struct block *block, struct error *err) WARN_UNUSED;
/* Push the rows that come before `bound`. END: the next operator has enough. */
enum status merger_push(struct merger *merger, int64_t bound, struct error *err) WARN_UNUSED;
/* No memory for the next block, while others are open. */
void merger_overflow(struct merger *merger);
/* After merger_add() or merger_overflow(): only because too many blocks are open at once, and it is known which rows
 * went out. Never with merger_want(). */
bool merger_overflowed(const struct merger *merger);
/* Then: push what was picked and forget all open blocks. Rows whose order time comes before `cut_ns` went
 * out, and no others; open blocks had rows up to `reach_ns`. END: as of merger_push(). */
enum status merger_cut(struct merger *merger, int64_t *cut_ns, int64_t *reach_ns,
                       struct error *err) WARN_UNUSED;
uint64_t merger_picked(const struct merger *merger); /* rows so far */
/* Push all that is left. */
enum status merger_finish(struct merger *merger, struct error *err) WARN_UNUSED;
void merger_free(struct merger *merger); /* NULL does nothing */

#endif
