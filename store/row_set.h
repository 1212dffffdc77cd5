/* store/row_set.h -- rows of segments as the events and samples that they once were, put together for
 * one new segment.
 *
 * Everything that the writer looks at comes back exactly: bytes, times, order times, sequences,
 * offsets, levels, flags, spans and computed texts in their order. The length of an event in its
 * source comes back as the distance to the next one, which is all that a segment keeps of it.
 *
 * Thread safety: one thread at a time per set; it must not outlive the segments' names. */
#ifndef DENDRO_STORE_ROW_SET_H
#define DENDRO_STORE_ROW_SET_H

#include "base/arena.h"
#include "base/map.h"
#include "store/mask.h"
#include "store/sample_runs.h"

struct sample_part { /* samples of one run that came together */
    const struct segment_sample *first;
    uint32_t run, count;
};

struct row_set {
    struct arena arena;
    struct segment_row *rows;
    struct sample_runs runs;
    struct segment_sample **pieces; /* samples of each segment, as they came; none when they are sorted */
    struct sample_part *parts;      /* the runs of those */
    struct segment_sample *samples; /* in order */
    uint64_t row_count, sample_count, row_capacity;
    uint32_t piece_count, piece_capacity, part_count, part_capacity;
    struct event_source *sources;
    struct slice *formats;
    uint32_t source_count, source_capacity, format_count, format_capacity;
    struct map source_index, format_index; /* encoded source, name -> index */
    uint64_t rows_masked, samples_masked; /* left out */
};

/* `size_max`: what the rows may take from the heap. */
void row_set_init(struct row_set *set, size_t size_max);
void row_set_release(struct row_set *set);

/* Add the rows of a segment, but not those that a mask names.
 * Errors: CORRUPT (a page is damaged: nothing may be made of this set), NO_MEMORY (also size_max). */
enum status row_set_add(struct row_set *set, struct segment *segment, const struct mask *masks,
                        uint32_t mask_count, struct error *err) WARN_UNUSED;

/* Sort what was added into the order that segment_write() wants. NO_MEMORY. */
enum status row_set_content(struct row_set *set, const struct segment_names *names,
                            struct segment_content *out, struct error *err) WARN_UNUSED;

#endif
