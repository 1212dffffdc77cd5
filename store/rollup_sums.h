/* store/rollup_sums.h -- numbers of rows, and sums of durations and sizes, by tenant.
 *
 * Families of one format with the same durations and sizes are added up together, as a *bunch*:
 * there are many families and many tenants, and no question tells them apart by both. The rows of a
 * bunch are told apart by group (the first source of the segment with the same geo and role),
 * tenant and quarter of an hour, which is a whole part of the hours of every time zone. Families
 * without tenants are in bunches of their own, so that a question by tenant finds all families
 * here.
 *
 *   page      varints: bunches, families, fields, cells, zigzag first quarter; by bunch: format,
 *             1 if it has tenants, families, fields, cells; zigzag family - the one before; fields
 *             (number in the file); by cell: zigzag group - the one before, slot, zigzag tenant -
 * the one before, rows; by bunch and field: power of ten, by cell: rows - values, sum / power
 *
 * as a varint size and a zstd frame. Tenant: number of its string in the pool + 1; 0: none. A bunch
 * whose cells have few rows is left out: its columns are read almost as fast.
 *
 * Thread safety: decoded pages are read-only data; one thread at a time per builder. */
#ifndef DENDRO_STORE_ROLLUP_SUMS_H
#define DENDRO_STORE_ROLLUP_SUMS_H

#include "store/rollup_build.h"

#define ROLLUP_NO_TENANT 0

enum { ROLLUP_BUNCHES_MAX = 256, ROLLUP_TENANTS_MAX = 1 << 24 /* TEXT_POOL_COUNT_MAX */ };

struct rollup_bunch {
    uint32_t format;
    bool tenants;
    uint32_t first_family, family_count;
    uint32_t first_field, field_count;
    uint32_t first_cell, cell_count;
    uint32_t first_sum; /* of the first field; those of the next are cell_count further */
};

struct rollup_sum_cell { /* no bytes between these: cells are compared as memory */
    uint32_t group, slot, tenant, rows;
};

struct rollup_sum {
    uint64_t values;
    int64_t sum;
};

struct rollup_sums {
    int64_t first_slot; /* in quarters of an hour since the Unix epoch */
    const struct rollup_bunch *bunches;
    const uint32_t *families;
    const field_id *fields; /* as numbers of the file or of the process: who has them says which */
    const struct rollup_sum_cell *cells; /* of a bunch: by group, slot, tenant */
    const struct rollup_sum *sums;
    uint32_t bunch_count, family_count, field_count, cell_count, sum_count;
};

/* ---- pages ---- */

struct rollup_sums_bounds {
    uint32_t families, groups, formats, fields, tenants;
};

/* False: damaged, or no memory (`arena` has failed). Arrays live in `arena`. */
bool rollup_sums_decode(struct slice page, const struct rollup_sums_bounds *bounds,
                        struct arena *arena, struct rollup_sums *out);
/* Would a page take more than ROLLUP_PAGE_MAX? Then it is not to be kept. */
bool rollup_sums_fit(const struct rollup_sums *sums);
/* Append a page. False without memory. */
bool rollup_sums_encode(const struct rollup_sums *sums, struct buf *out);

/* ---- adding up ---- */

/* One bunch that grows. */
struct rollup_bunch_build {
    uint32_t format, field_count;
    bool tenants, given_up;
    field_id fields[ROLLUP_FIELDS_MAX];
    bool fields_given_up[ROLLUP_FIELDS_MAX];
    uint32_t *families;
    uint32_t family_count, family_room;
    struct rollup_tally cells; /* the sum is the number of the cell */
    uint32_t *rows;            /* by number of the cell */
    struct rollup_sum *sums[ROLLUP_FIELDS_MAX];
    uint32_t room; /* of rows and sums */
    uint64_t row_count;
};

struct rollup_sums_builder {
    const uint32_t *groups; /* by source; borrowed */
    uint32_t source_count;
    int64_t first_slot;
    uint32_t slot_distance; /* minutes from the begin of the first quarter to the first minute */
    bool given_up;          /* without memory */
    bool all;               /* keep also what is not worth its bytes */
    struct rollup_bunch_build *bunches;
    uint32_t bunch_count;
    struct rollup_bunch_build *at;       /* of the family at hand; NULL: it is not added up */
    uint32_t numbers[ROLLUP_BATCH_ROWS]; /* cells of the batch at hand */
};

/* For rows whose keys are those of a builder for the same times. */
void rollup_sums_init(struct rollup_sums_builder *builder, const uint32_t *groups,
                      uint32_t source_count, int64_t time_min_ns);
void rollup_sums_release(struct rollup_sums_builder *builder);

/* What the rows that follow have in common. */
struct rollup_sums_family {
    uint32_t family, format, field_count;
    const field_id *fields;
    bool tenants;
};
void rollup_sums_begin(struct rollup_sums_builder *builder,
                       const struct rollup_sums_family *family);
/* A batch of rows by the keys of rollup_key(); `tenants`, below ROLLUP_TENANTS_MAX: NULL if the
 * family has none. */
void rollup_sums_add_rows(struct rollup_sums_builder *builder, const uint64_t *keys,
                          const uint32_t *tenants, uint32_t count);
/* Values of field `index` in the rows of the batch that was added last. */
void rollup_sums_add_values(struct rollup_sums_builder *builder, uint32_t index,
                            const int64_t *values, uint32_t count);

/* What was added up, in the order of bunches' first families; arrays in `arena`. `tenants`: final
 * number of each tenant that was given, NULL: as it was given. Nothing may be added afterwards.
 * False without memory. */
bool rollup_sums_built(struct rollup_sums_builder *builder, const uint32_t *tenants,
                       struct arena *arena, struct rollup_sums *out);

#endif
