/* store/column_build.h -- make the columns of a block from plain arrays: what the head and plain
 * segments share.
 *
 * All memory comes from the given arena. Thread safety: as the arena. */
#ifndef DENDRO_STORE_COLUMN_BUILD_H
#define DENDRO_STORE_COLUMN_BUILD_H

#include "base/arena.h"
#include "store/block_impl.h"

/* The values of one field, row by row. */
struct field_values {
    uint32_t row_count;
    uint64_t *present;    /* bit per row */
    struct slice *texts;  /* of the rows that are present */
    uint8_t *types, *units;
};

enum status field_values_init(struct field_values *values, struct arena *arena, uint32_t row_count,
                              struct error *err) WARN_UNUSED;
/* The first value of a row stays: a field that occurs twice in an event means its first place. */
static inline void field_values_set(struct field_values *values, uint32_t row, struct slice text,
                                    uint8_t type, uint8_t unit)
{
    if (bit_get(values->present, row))
        return;
    bit_set(values->present, row);
    values->texts[row] = text;
    values->types[row] = type;
    values->units[row] = unit;
}

/* As block_column() wants it. Without `as_text` a column is numeric when any of its rows has a
 * numeric type; rows whose text is no number are then missing in it. */
enum status column_of_values(struct arena *arena, const struct field_values *values, bool as_text,
                             struct column *out, struct error *err) WARN_UNUSED;

/* Sources of rows. */
struct row_sources {
    const struct event_source *const *sources; /* by code */
    uint32_t source_count;
    const uint32_t *codes; /* by row */
};

/* geo, host, role or path of each row. The column borrows the codes. */
enum status column_of_sources(struct arena *arena, field_id field, const struct row_sources *rows,
                              struct column *out, struct error *err) WARN_UNUSED;

/* The same text in every row. */
enum status column_of_constant(struct arena *arena, struct slice text, uint32_t row_count,
                               struct column *out, struct error *err) WARN_UNUSED;

/* Severity names of `levels`. */
enum status column_of_levels(struct arena *arena, const uint8_t *levels, uint32_t row_count,
                             struct column *out, struct error *err) WARN_UNUSED;

/* Series of rows. */
struct row_series {
    const struct slice *series; /* by code; as store/series.h encodes them */
    uint32_t series_count;
    const uint32_t *codes; /* by row */
    uint32_t row_count;
};

/* Metric (`label` empty) or one label of each row. */
enum status column_of_series(struct arena *arena, struct slice label, const struct row_series *rows,
                             struct column *out, struct error *err) WARN_UNUSED;

/* Text of each number, for as_text. */
enum status column_of_numbers_text(struct arena *arena, const struct column *numbers,
                                   uint32_t row_count, struct column *out,
                                   struct error *err) WARN_UNUSED;

/* The distinct numbers of an array, in the order in which they occur first. */
struct distinct_numbers {
    uint32_t *numbers; /* by code */
    uint32_t count;
    uint32_t *codes; /* by row */
};

enum status distinct_numbers(struct arena *arena, const uint32_t *numbers, uint32_t row_count,
                             struct distinct_numbers *out, struct error *err) WARN_UNUSED;

#endif
