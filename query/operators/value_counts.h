/* query/operators/value_counts.h -- how often each value of each field occurs: what facets, field_names and
 * diff against share. Two sides are counted apart. A field with more than FACET_VALUES_MAX values is an
 * id or a text: it is `dropped`, only its rows are counted.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_OPERATORS_VALUE_COUNTS_H
#define DENDRO_QUERY_OPERATORS_VALUE_COUNTS_H

#include "query/operators/group.h"

enum { COUNT_SIDES = 2 };

struct counted_field {
    field_id field;
    uint64_t rows[COUNT_SIDES]; /* that have it */
    uint32_t value_count;       /* of both sides */
    bool dropped;
};

struct value_counts {
    struct run *run;
    bool names_only; /* no values: every field is there, and none is dropped for its values */
    struct counted_field *fields;
    uint32_t field_count, field_capacity;
    struct grouper grouper; /* of (index into `fields`, value) */
    uint64_t (*hits)[COUNT_SIDES]; /* by group */
    uint32_t *field_of;            /* by group: index into `fields` */
    uint32_t hit_capacity, field_of_capacity;
    uint64_t total[COUNT_SIDES];   /* rows */
};

enum status value_counts_init(struct value_counts *counts, struct run *run, bool names_only,
                              struct error *err) WARN_UNUSED;
void value_counts_release(struct value_counts *counts);
/* Count the selected rows, all fields that are seen. */
enum status value_counts_add(struct value_counts *counts, struct view *view, unsigned side,
                             struct error *err) WARN_UNUSED;

static inline const struct cell *value_counts_value(const struct value_counts *counts,
                                                    uint32_t group)
{
    return &grouper_cells(&counts->grouper, group)[1];
}

#endif
