/* store/sample_rollup.h -- what the samples of each series of a segment add up to, by steps of time, so
 * that a long graph reads a cell instead of a hundred samples.
 *
 * A cell has the smallest and largest value, the sum, the first and the last value with their times, and
 * `dropped`: the sum of the values that stood before a fall. A counter that falls began again at 0, so it
 * grew by last - first + dropped. All values are whole numbers of 10^-scale, one scale for a series:
 * sums are exact and do not depend on the order. A series with a value that is no such decimal is not
 * kept, nor is `dropped` of one that falls often (a gauge) or has two values at one time: absence is an
 * answer ("look at the samples"), a wrong number never is.
 *
 * A page is varints: minutes of a step, series, cells, zigzag first step since the Unix epoch, chunks; then
 * chunk by chunk: series, cells, raw size, stored size and a zstd frame of varints, all values of one kind
 * together. A query about one metric opens one chunk:
 *   by series: 0 (not kept) or 1 + scale, + 10 if `dropped` is kept; then by series kept: cells;
 *   by cell, with the cell before it in its series: steps since it (of the first: since the first step);
 *   samples; first time - begin of the step; last time - first time; zigzag first - the last of the cell
 *   before; zigzag last - first; what the smallest is below both, the largest above both; zigzag
 *   sum - samples * (first + last) / 2; dropped, where it is kept. Arithmetic is modulo 2^64.
 *
 * Thread safety: decoded pages are read-only data; a builder belongs to one thread. */
#ifndef DENDRO_STORE_SAMPLE_ROLLUP_H
#define DENDRO_STORE_SAMPLE_ROLLUP_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/event.h"
#include "store/sample_value.h"

#define SAMPLE_STEP_SHORT_NS ((int64_t)15 * 60 * 1000000000) /* a part of the hours of all time zones */
#define SAMPLE_STEP_LONG_NS  ((int64_t)60 * 60 * 1000000000)

enum {
    SAMPLES_PER_CELL_MIN = 24, /* a cell takes about as much as ten samples */
    SAMPLE_CELLS_MAX = 1 << 20, /* of a segment */
    SAMPLE_CHUNK_CELLS = 512,   /* a chunk ends with the series that brings them */
};

struct sample_sum {
    uint64_t samples;
    int64_t first_ns, last_ns;
    int64_t first, last, min, max, sum, dropped; /* numbers of 10^-scale */
    uint8_t scale;
    bool grows; /* `dropped` is known */
};

struct sample_cell {
    uint32_t slot; /* steps since sample_rollups.first_slot; ascending in a series */
    struct sample_sum sum;
};

struct sample_series {
    uint32_t first_cell, cell_count; /* none: not kept */
};

struct sample_rollups {
    int64_t step_ns, first_slot;
    const struct sample_series *series;
    const struct sample_cell *cells; /* by series */
    uint32_t series_count, cell_count;
};

/* Add what came later in the same series. False: a number does not fit. */
bool sample_sum_append(struct sample_sum *sum, const struct sample_sum *later);

/* ---- pages ---- */

struct sample_chunk {
    uint32_t first_series, series_count, cell_count;
    uint64_t raw_size;
    struct slice frame; /* of the page */
};

struct sample_page {
    int64_t step_ns, first_slot;
    const struct sample_chunk *chunks;
    uint32_t chunk_count, series_count, cell_count;
};

/* The chunks of a page, whose bytes must live as long as *out. False: damaged, or no memory (`arena` has
 * failed). Arrays live in `arena`, also below. */
bool sample_page_open(struct slice page, uint32_t series_count, struct arena *arena,
                      struct sample_page *out);
/* One chunk: series 0 of *out is chunk->first_series. */
bool sample_page_chunk(const struct sample_page *page, const struct sample_chunk *chunk,
                       struct arena *arena, struct sample_rollups *out);
/* All of them. */
bool sample_page_all(const struct sample_page *page, struct arena *arena,
                     struct sample_rollups *out);
/* Append a page; nothing if it would be too large. False without memory. */
bool sample_rollups_encode(const struct sample_rollups *rollups, struct buf *out);
bool sample_rollups_equal(const struct sample_rollups *a, const struct sample_rollups *b);

/* ---- building ---- */

struct sample_point {
    int64_t time_ns, scale, number; /* as in the pages of a segment */
};

struct sample_builder {
    int64_t step_ns, first_slot;
    uint32_t number; /* of the series at hand */
    struct sample_point *points;
    struct sample_series *series;
    struct sample_cell *cells;
    uint32_t point_count, series_count, cell_count;
    uint32_t point_room, series_room, cell_room;
    bool failed; /* no memory, or not in order */
};

/* No sample is in a step before `first_slot`. */
void sample_builder_init(struct sample_builder *builder, int64_t step_ns, int64_t first_slot);
void sample_builder_release(struct sample_builder *builder);
/* Samples by (series, time); the first series is 0, and none is left out. */
void sample_builder_add(struct sample_builder *builder, uint32_t series,
                        const struct sample_point *point);
/* After the last one. False if something failed; what *out points to lives as long as the builder. */
bool sample_builder_end(struct sample_builder *builder, struct sample_rollups *out);

#endif
