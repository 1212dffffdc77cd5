/* store/rollup_build.h -- count rows and values into the pages of rollup.h, family by family.
 * Thread safety: one thread at a time per builder. */
#ifndef DENDRO_STORE_ROLLUP_BUILD_H
#define DENDRO_STORE_ROLLUP_BUILD_H

#include "store/rollup.h"
#include "store/rollup_tally.h"

/* The first source with the same geo, host and role, by source; malloc()ed, NULL without memory. */
uint32_t *rollup_origins(const struct event_source *const *sources, uint32_t count);

struct rollup_field_build {
    field_id field;
    struct rollup_tally cells;   /* key to the number of its sums */
    struct rollup_value *sums;
    uint32_t sum_capacity;
    struct rollup_tally buckets; /* number of the sums << 16 | bucket */
    bool given_up;               /* of the family at hand */
};

/* One field over all families. */
struct rollup_field_pages {
    field_id field;
    uint32_t family_count, cell_count, bucket_count, last_family, last_origin;
    struct buf families, family_cells, cell_columns[7], bucket_columns[2];
};

struct rollup_builder {
    const uint32_t *origins; /* by source; borrowed */
    int64_t first_count_slot, first_value_slot;
    bool given_up;           /* the times are too far apart, or there is no memory */
    uint32_t family;
    uint64_t family_rows;
    struct rollup_tally rows;
    struct rollup_field_build fields[ROLLUP_FIELDS_MAX]; /* of the family at hand */
    uint32_t field_count;
    uint32_t unit_count, cell_count, last_family, last_origin;
    struct buf unit_columns[5], cell_columns[2];
    struct rollup_field_pages *names;
    uint32_t name_count;
    uint64_t *scratch;       /* for sorting */
    uint32_t scratch_capacity;
};

/* For rows with times in [time_min, time_max]. */
void rollup_builder_init(struct rollup_builder *builder, const uint32_t *origins,
                         int64_t time_min_ns, int64_t time_max_ns);
void rollup_builder_release(struct rollup_builder *builder);

/* The rows that follow are of this family, whose durations and sizes are `fields`. */
void rollup_begin_family(struct rollup_builder *builder, uint32_t family, const field_id *fields,
                         uint32_t field_count);
void rollup_end_family(struct rollup_builder *builder);

static inline void rollup_add_row(struct rollup_builder *builder, uint32_t source, uint32_t format,
                                  uint32_t level, int64_t time_ns)
{
    uint64_t slot;

    if (builder->given_up)
        return;
    slot = (uint64_t)(rollup_slot(time_ns, ROLLUP_COUNT_NS) - builder->first_count_slot);
    rollup_tally_add(&builder->rows,
                     (uint64_t)builder->origins[source] << 36 | (uint64_t)format << 20 |
                         (uint64_t)level << 16 | slot,
                     1);
    builder->family_rows++;
}

/* A value of field `index` of the family's fields. */
void rollup_add_value(struct rollup_builder *builder, uint32_t index, uint32_t source,
                      int64_t time_ns, int64_t value);

/* Append pages once all families are in; the counts page is empty if there is none.
 * False without memory. */
bool rollup_counts_encode(const struct rollup_builder *builder, struct buf *out);
/* Field `index` of builder->names. */
bool rollup_values_encode(const struct rollup_builder *builder, uint32_t index, struct buf *out);

#endif
