/* store/segment_rollup.c -- read the rollups of a segment; decoded ones are kept while a budget lasts. */
#include "store/segment_rollup.h"

#include "base/memory_budget.h"

#include <stdlib.h>

/* Of all segments of the process: 24 MB of lines have about 100 KB of them. */
#define ROLLUP_KEPT_MAX ((size_t)24 << 20)

static atomic_size_t kept_bytes;

/* A decoded page with its memory. */
struct rollup_kept {
    struct arena arena;
    size_t size;
    bool has_values; /* which of the two it is */
    struct rollup_counts counts;
    struct rollup_values values;
};

static void free_kept(struct rollup_kept *kept)
{
    if (kept == NULL)
        return;
    (void)atomic_fetch_sub(&kept_bytes, kept->size);
    arena_release(&kept->arena);
    free(kept);
}

static enum status decode(const struct segment *segment, const struct page_ref *page,
                          struct arena *arena, struct rollup_kept *out, struct error *err)
{
    struct rollup_bounds bounds = {.families = segment->family_count,
                                   .origins = segment->source_count,
                                   .formats = segment->format_count};
    struct arena stored = arena_empty(SEGMENT_PAGE_SIZE_MAX);
    struct slice bytes;
    enum status status = segment_page_read(segment, page, &stored, &bytes, NULL, err);

    if (status == STATUS_OK &&
        !(out->has_values ? rollup_values_decode(bytes, &bounds, arena, &out->values)
                          : rollup_counts_decode(bytes, &bounds, arena, &out->counts)))
        status = arena->failed ? error_set(err, STATUS_NO_MEMORY, "no memory for a rollup")
                               : segment_corrupt(segment, "rollup", err);
    arena_release(&stored);
    return status;
}

/* The page, kept with the segment or, over budget, in `arena`. */
static enum status get(struct segment *segment, const struct page_ref *page, bool has_values,
                       _Atomic(struct rollup_kept *) *place, struct arena *arena,
                       const struct rollup_kept **out, struct error *err)
{
    struct rollup_kept *kept = atomic_load(place), *expected = NULL;
    enum memory_class before;
    enum status status;

    *out = kept;
    if (kept != NULL)
        return STATUS_OK;
    kept = calloc(1, sizeof(*kept));
    if (kept == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a rollup");
    kept->has_values = has_values;
    kept->arena = arena_empty(ROLLUP_KEPT_MAX);
    before = memory_budget_enter(MEMORY_PAGES);
    status = decode(segment, page, &kept->arena, kept, err);
    (void)memory_budget_enter(before);
    kept->size = kept->arena.allocated;
    (void)atomic_fetch_add(&kept_bytes, kept->size);
    if (status == STATUS_OK && atomic_load(&kept_bytes) <= ROLLUP_KEPT_MAX &&
        !memory_budget_over(MEMORY_PAGES, 0)) {
        *out = kept;
        if (atomic_compare_exchange_strong(place, &expected, kept))
            return STATUS_OK;
        *out = expected; /* another thread was faster */
        free_kept(kept);
        return STATUS_OK;
    }
    free_kept(kept);
    if (status != STATUS_OK)
        return status;
    kept = arena_new(arena, struct rollup_kept, 1);
    if (kept == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a rollup");
    kept->has_values = has_values;
    *out = kept;
    return decode(segment, page, arena, kept, err);
}

enum status segment_rollup_counts(struct segment *segment, struct arena *arena,
                                  const struct rollup_counts **out, struct error *err)
{
    const struct rollup_kept *kept;
    enum status status;

    *out = NULL;
    if (!segment->rollups.kept || segment->rollups.counts.size == 0)
        return STATUS_OK;
    status = get(segment, &segment->rollups.counts, false, &segment->rollups.counts_kept, arena,
                 &kept, err);
    if (status == STATUS_OK)
        *out = &kept->counts;
    return status;
}

enum status segment_rollup_values(struct segment *segment, field_id field, struct arena *arena,
                                  const struct rollup_values **out, struct error *err)
{
    *out = NULL;
    for (uint32_t i = 0; i < segment->rollups.field_count; i++) {
        struct segment_rollup_field *entry = &segment->rollups.fields[i];
        const struct rollup_kept *kept;
        enum status status;

        if (entry->field != field)
            continue;
        status = get(segment, &entry->page, true, &entry->values_kept, arena, &kept, err);
        if (status == STATUS_OK)
            *out = &kept->values;
        return status;
    }
    return STATUS_OK;
}

void segment_rollups_release(struct segment *segment)
{
    free_kept(atomic_load(&segment->rollups.counts_kept));
    for (uint32_t i = 0; i < segment->rollups.field_count; i++)
        free_kept(atomic_load(&segment->rollups.fields[i].values_kept));
}
