/* query/operators/aggregate.h -- the functions of stats: one state per group, fed by columns.
 *
 * All states can be added up, so that workers, nodes and geos each do their part.
 * Thread safety: one thread at a time per aggregate. */
#ifndef DENDRO_QUERY_OPERATORS_AGGREGATE_H
#define DENDRO_QUERY_OPERATORS_AGGREGATE_H

#include "query/operators/group.h"
#include "store/rollup_answer.h"

struct aggregate;

/* One row per stats_kind in aggregate.c. */
struct aggregate_form {
    size_t state_size; /* zeroed memory is the state of no rows */
    enum status (*update)(struct aggregate *aggregate, struct view *view,
                          const struct grouped *rows, struct error *err);
    enum status (*merge)(struct aggregate *aggregate, void *to, const void *from,
                         struct error *err);
    /* Texts of the result live in aggregate->pool. */
    enum status (*result)(struct aggregate *aggregate, const void *state, struct cell *out,
                          struct error *err);
    void (*release)(struct aggregate *aggregate, void *state); /* NULL: nothing to free */
};

struct aggregate {
    const struct stats_call *call;
    const struct aggregate_form *form;
    struct run *run;
    field_id *fields;
    const struct predicate *filter; /* if (...), or NULL */
    char *states;
    uint32_t capacity;
    struct pool pool;
    enum value_type type;  /* of the values seen */
    bool typed;            /* some value was seen */
    double seconds;        /* of a bucket, or of the range: for rates */
    int64_t range_end_ns;  /* what forecasts count from */
    uint64_t estimates;    /* groups whose answer is an estimate */
};

enum status aggregate_init(struct aggregate *aggregate, const struct stats_call *call,
                           struct run *run, struct error *err) WARN_UNUSED;
void aggregate_release(struct aggregate *aggregate, uint32_t group_count);

/* States for at least this many groups. */
enum status aggregate_reserve(struct aggregate *aggregate, uint32_t group_count,
                              struct error *err) WARN_UNUSED;
/* Add rows, after the call's own filter. */
enum status aggregate_update(struct aggregate *aggregate, struct view *view,
                             const struct grouped *rows, struct error *err) WARN_UNUSED;
/* Add group `from` of another aggregate of the same call to group `to`. */
enum status aggregate_merge(struct aggregate *aggregate, uint32_t to,
                            const struct aggregate *other, uint32_t from,
                            struct error *err) WARN_UNUSED;
/* Add what a rollup counted to `group`; false in aggregate_takes_rollups(): it cannot. */
bool aggregate_takes_rollups(const struct stats_call *call);
/* Of those, the ones that need no more of values than their number and sum. */
bool aggregate_takes_sums(const struct stats_call *call);
/* The same as aggregate_takes_rollups() for cells of samples: its field must be the value. */
bool aggregate_takes_cells(const struct stats_call *call);
enum status aggregate_add_item(struct aggregate *aggregate, uint32_t group,
                               const struct rollup_item *item, struct error *err) WARN_UNUSED;
/* Are items and rows such that their states can be added up? False: begin again with rows only. */
bool aggregate_items_fit(const struct aggregate *aggregate, uint32_t group_count);
/* The types that both have seen become one. */
void aggregate_merge_type(struct aggregate *aggregate, const struct aggregate *other);
enum status aggregate_result(struct aggregate *aggregate, uint32_t group, struct cell *out,
                             struct error *err) WARN_UNUSED;

static inline void *aggregate_state(const struct aggregate *aggregate, uint32_t group)
{
    return aggregate->states + (size_t)group * aggregate->form->state_size;
}

static inline uint32_t grouped_group(const struct grouped *rows, uint32_t i)
{
    return rows->groups == NULL ? rows->single : rows->groups[i];
}

/* ---- for the files of functions ---- */

/* The field that an aggregate is of, as numbers. In the view's arena. */
struct aggregate_numbers {
    const double *values; /* by index of the selected row, NaN: none; NULL: no row has one */
    const int64_t *whole; /* by row of the view: the exact values, or NULL if they are not whole */
};

/* Sets the aggregate's type, too. On an error both are NULL. */
enum status aggregate_numbers(struct aggregate *aggregate, struct view *view,
                              const struct grouped *rows, struct aggregate_numbers *out,
                              struct error *err) WARN_UNUSED;
void aggregate_see_type(struct aggregate *aggregate, enum value_type type);

/* Rows or values of an item, to one state; by kind, NULL: needs rows. */
typedef enum status aggregate_item(struct aggregate *aggregate, void *state,
                                   const struct rollup_item *item, struct error *err);
aggregate_item count_item, sum_item, sketch_item, extreme_item, increase_item;
/* Does no item of a series stand for times in which there are other samples of it? */
bool increase_items_fit(const void *state);

extern const struct aggregate_form aggregate_counts[STATS_KIND_COUNT];  /* aggregate_count.c */
extern const struct aggregate_form aggregate_numeric[STATS_KIND_COUNT]; /* aggregate_number.c */
extern const struct aggregate_form aggregate_values[STATS_KIND_COUNT];  /* aggregate_value.c */
extern const struct aggregate_form aggregate_increase[STATS_KIND_COUNT]; /* aggregate_increase.c */

#endif
