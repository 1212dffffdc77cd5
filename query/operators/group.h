/* query/operators/group.h -- rows to groups: which group each row of a view belongs to.
 *
 * Works on codes. Each key of a view becomes an array of small numbers (dictionary codes as they
 * are, time buckets counted from the first, other values numbered as they come); their
 * combination indexes a table, dense where it is small. Only a combination that is new in this
 * view is looked up by its values, so a group-by pays per distinct value, not per row.
 * Thread safety: one thread at a time per grouper. */
#ifndef DENDRO_QUERY_OPERATORS_GROUP_H
#define DENDRO_QUERY_OPERATORS_GROUP_H

#include "base/map.h"
#include "query/operator.h"

/* Groups that were looked up last, by a few bytes of their keys: most rows are of groups that were seen
 * not long ago. */
enum { GROUPER_RECENT_COUNT = 1024 };

struct grouper {
    struct run *run;
    const struct group_key *keys;
    field_id *fields; /* of the keys */
    uint32_t key_count;
    struct pool pool;    /* cells and texts of groups */
    struct map index;    /* key bytes to group */
    size_t index_size;   /* bytes of `index` that are counted */
    struct cell *cells;  /* key_count per group */
    uint32_t cell_capacity, group_count;
    struct buf key;      /* scratch */
    uint32_t recent[GROUPER_RECENT_COUNT]; /* group + 1; 0: none */
};

/* Rows of a view and their groups. */
struct grouped {
    uint32_t count;
    const uint32_t *rows;   /* numbers of the selected rows */
    const uint32_t *groups; /* by index into `rows`; NULL: all are of `single` */
    uint32_t single;
};

enum status grouper_init(struct grouper *grouper, struct run *run, const struct group_key *keys,
                         uint32_t key_count, struct error *err) WARN_UNUSED;
/* Keys without buckets. */
enum status grouper_init_names(struct grouper *grouper, struct run *run,
                               const struct name_list *names, struct error *err) WARN_UNUSED;
void grouper_release(struct grouper *grouper);

/* Groups of the selected rows; the arrays are in the view's arena. New groups get the next
 * numbers. */
enum status grouper_assign(struct grouper *grouper, struct view *view, struct grouped *out,
                           struct error *err) WARN_UNUSED;
/* Number of the group with these key cells, making it if needed. */
enum status grouper_find(struct grouper *grouper, const struct cell *cells, uint32_t *out,
                         struct error *err) WARN_UNUSED;

static inline const struct cell *grouper_cells(const struct grouper *grouper, uint32_t group)
{
    return grouper->cells + (size_t)group * grouper->key_count;
}

/* Group numbers sorted by their keys, in the pool. */
enum status grouper_sorted(struct grouper *grouper, uint32_t **out, struct error *err) WARN_UNUSED;

#endif
