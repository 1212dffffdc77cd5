/* store/rollup_build.h -- add up rows and values to what rollup.h keeps, family by family.
 *
 * Rows come in batches: first the keys of a batch, then its values, field by field, with the same
 * keys. Thread safety: one thread at a time per builder. */
#ifndef DENDRO_STORE_ROLLUP_BUILD_H
#define DENDRO_STORE_ROLLUP_BUILD_H

#include "store/rollup_buckets.h"

enum { ROLLUP_BATCH_ROWS = 1024 }; /* what callers gather at once: stays in the cache */
#define ROLLUP_NO_VALUE INT64_MIN

/* The first source with the same geo, host and role, by source; malloc()ed, NULL without memory. */
uint32_t *rollup_origins(const struct event_source *const *sources, uint32_t count);
/* The same with only geo and role. */
uint32_t *rollup_groups(const struct event_source *const *sources, uint32_t count);

/* One field of the family at hand. */
struct rollup_field_build {
    field_id field;
    struct rollup_tally cells; /* origin << 16 | slot; the sum is its number in `sums` */
    struct rollup_value *sums; /* in order of first use */
    uint32_t sum_capacity;
    struct rollup_buckets buckets;
    bool given_up;
};

/* One field over all families. */
struct rollup_field_sums {
    field_id field;
    uint32_t *families;
    struct rollup_value *cells;
    struct rollup_bucket *buckets;
    uint32_t family_count, cell_count, bucket_count;
    uint32_t family_room, cell_room, bucket_room;
};

struct rollup_builder {
    const uint32_t *origins; /* by source; borrowed */
    int64_t first_count_slot, first_value_slot;
    uint32_t
        slot_distance; /* minutes from the begin of the first five of them to the first minute */
    bool given_up;     /* the times are too far apart, or there is no memory */
    bool all;          /* keep also what is not worth its bytes ... */
    const field_id *wanted; /* ... but only values of these fields; borrowed */
    uint32_t wanted_count;
    bool prints;            /* of buckets instead of buckets: enough to compare them */
    uint32_t family;
    uint64_t family_rows;
    struct rollup_tally rows;
    struct rollup_field_build fields[ROLLUP_FIELDS_MAX]; /* of the family at hand */
    uint32_t field_count;
    struct rollup_unit *units;
    struct rollup_cell *cells;
    uint32_t unit_count, unit_room, cell_count, cell_room;
    struct rollup_field_sums *names;
    uint32_t name_count;
    uint64_t *scratch; /* for sorting */
    uint32_t scratch_room;
};

/* For rows with times in [time_min, time_max]. */
void rollup_builder_init(struct rollup_builder *builder, const uint32_t *origins,
                         int64_t time_min_ns, int64_t time_max_ns);
void rollup_builder_release(struct rollup_builder *builder);

/* The rows that follow are of this family, whose durations and sizes are `fields`. */
void rollup_begin_family(struct rollup_builder *builder, uint32_t family, const field_id *fields,
                         uint32_t field_count);
void rollup_end_family(struct rollup_builder *builder);

/* Key of a row; of no meaning once the builder has given up, which add() functions notice. */
static inline uint64_t rollup_key(const struct rollup_builder *builder, uint32_t source,
                                  uint32_t format, uint32_t level, int64_t time_ns)
{
    uint64_t slot = (uint64_t)(rollup_slot(time_ns, ROLLUP_COUNT_NS) - builder->first_count_slot);

    return (uint64_t)builder->origins[source] << 36 | (uint64_t)format << 20 |
           (uint64_t)level << 16 | slot;
}

void rollup_add_rows(struct rollup_builder *builder, const uint64_t *keys, uint32_t count);
/* Values of field `index` of the family's fields, ROLLUP_NO_VALUE where a row has none. */
void rollup_add_values(struct rollup_builder *builder, uint32_t index, const uint64_t *keys,
                       const int64_t *values, uint32_t count);

/* What was added up; borrowed, valid until the builder changes. No units: nothing is kept. */
void rollup_built_counts(const struct rollup_builder *builder, struct rollup_counts *out);
/* Of field `index` of builder->names. */
void rollup_built_values(const struct rollup_builder *builder, uint32_t index,
                         struct rollup_values *out);

#endif
