/* store/segment_rollup.c -- read the rollups of a segment; decoded ones are kept while a budget lasts. */
#include "store/segment_rollup.h"

#include "base/memory_budget.h"

#include <stdlib.h>
#include <string.h>

/* Of all segments of the process: 24 MB of lines have about 250 KB of them. */
#define ROLLUP_KEPT_MAX    ((size_t)24 << 20)
#define ROLLUP_SIZE_LIKELY ((size_t)1 << 18) /* no try where one more does not fit */

static atomic_size_t kept_bytes;

enum kept_kind { KEPT_COUNTS, KEPT_VALUES, KEPT_SUMS, KEPT_SAMPLES };

/* A decoded page with its memory. */
struct rollup_kept {
    struct arena arena;
    size_t size;
    enum kept_kind kind;
    struct rollup_counts counts;
    struct rollup_values values;
    struct segment_sums sums;
    struct sample_page samples;
};

static void free_kept(struct rollup_kept *kept)
{
    if (kept == NULL)
        return;
    (void)atomic_fetch_sub(&kept_bytes, kept->size);
    arena_release(&kept->arena);
    free(kept);
}

/* With the groups of its sources; fields become those of the process. */
static bool decode_sums(const struct segment *segment, struct slice page, struct arena *arena,
                        struct segment_sums *out)
{
    struct rollup_sums_bounds bounds = {.families = segment->family_count,
                                        .groups = segment->source_count,
                                        .formats = segment->format_count,
                                        .fields = segment->field_count,
                                        .tenants = segment->pool_count};
    const struct event_source **sources =
        arena_new(arena, const struct event_source *, (size_t)segment->source_count + 1);
    uint32_t *groups = arena_new(arena, uint32_t, (size_t)segment->source_count + 1), *found;
    field_id *fields;

    if (sources == NULL || groups == NULL ||
        !rollup_sums_decode(page, &bounds, arena, &out->sums))
        return false;
    for (uint32_t i = 0; i < segment->source_count; i++)
        sources[i] = &segment->sources[i].info.source;
    found = rollup_groups(sources, segment->source_count);
    if (found == NULL) {
        arena->failed = true;
        return false;
    }
    memcpy(groups, found, segment->source_count * sizeof(*groups));
    free(found);
    out->groups = groups;
    fields = arena_new(arena, field_id, (size_t)out->sums.field_count + 1);
    if (fields == NULL)
        return false;
    for (uint32_t i = 0; i < out->sums.field_count; i++)
        fields[i] = segment->fields[out->sums.fields[i]];
    out->sums.fields = fields;
    return true;
}

static enum status decode(const struct segment *segment, const struct page_ref *page,
                          struct arena *arena, struct rollup_kept *out, struct error *err)
{
    struct rollup_bounds bounds = {.families = segment->family_count,
                                   .origins = segment->source_count,
                                   .formats = segment->format_count,
                                   .streams = segment->version >= 4,
                                   .bunches = segment->version >= 5};
    struct arena stored = arena_empty(SEGMENT_PAGE_SIZE_MAX);
    struct slice bytes;
    bool stays = out->kind == KEPT_SAMPLES; /* of which chunks are read later */
    enum status status =
        segment_page_read(segment, page, stays ? arena : &stored, &bytes, NULL, err);
    bool fine = status == STATUS_OK;

    if (fine && out->kind == KEPT_COUNTS)
        fine = rollup_counts_decode(bytes, &bounds, arena, &out->counts);
    else if (fine && out->kind == KEPT_VALUES)
        fine = rollup_values_decode(bytes, &bounds, arena, &out->values);
    else if (fine && out->kind == KEPT_SAMPLES)
        fine = sample_page_open(bytes, segment->series_count, arena, &out->samples);
    else if (fine)
        fine = decode_sums(segment, bytes, arena, &out->sums);
    if (status == STATUS_OK && !fine)
        status = arena->failed ? error_set(err, STATUS_NO_MEMORY, "no memory for a rollup")
                               : segment_corrupt(segment, "rollup", err);
    arena_release(&stored);
    return status;
}

/* A page of rollups, and where it is kept. */
struct rollup_page {
    const struct page_ref *page;
    enum kept_kind kind;
    _Atomic(struct rollup_kept *) *place;
};

/* The page in `arena`, for one plan. */
static enum status get_once(struct segment *segment, const struct rollup_page *page,
                            struct arena *arena, const struct rollup_kept **out,
                            struct error *err)
{
    struct rollup_kept *once = arena_new(arena, struct rollup_kept, 1);

    if (once == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a rollup");
    once->kind = page->kind;
    *out = once;
    return decode(segment, page->page, arena, once, err);
}

/* The page, kept with the segment or, over budget, in `arena`. */
static enum status get(struct segment *segment, const struct rollup_page *page,
                       struct arena *arena, const struct rollup_kept **out, struct error *err)
{
    struct rollup_kept *kept = atomic_load(page->place), *expected = NULL;
    enum memory_class before;
    enum status status;

    *out = kept;
    if (kept != NULL)
        return STATUS_OK;
    if (atomic_load(&kept_bytes) > ROLLUP_KEPT_MAX - ROLLUP_SIZE_LIKELY)
        return get_once(segment, page, arena, out, err);
    kept = calloc(1, sizeof(*kept));
    if (kept == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a rollup");
    kept->kind = page->kind;
    kept->arena = arena_empty(ROLLUP_KEPT_MAX);
    before = memory_budget_enter(MEMORY_PAGES);
    status = decode(segment, page->page, &kept->arena, kept, err);
    (void)memory_budget_enter(before);
    kept->size = kept->arena.allocated;
    (void)atomic_fetch_add(&kept_bytes, kept->size);
    if (status == STATUS_OK && atomic_load(&kept_bytes) <= ROLLUP_KEPT_MAX &&
        !memory_budget_over(MEMORY_PAGES, 0)) {
        *out = kept;
        if (atomic_compare_exchange_strong(page->place, &expected, kept))
            return STATUS_OK;
        *out = expected; /* another thread was faster */
        free_kept(kept);
        return STATUS_OK;
    }
    free_kept(kept);
    if (status != STATUS_OK)
        return status;
    return get_once(segment, page, arena, out, err);
}

enum status segment_rollup_counts(struct segment *segment, struct arena *arena,
                                  const struct rollup_counts **out, struct error *err)
{
    const struct rollup_kept *kept;
    enum status status;

    *out = NULL;
    if (!segment->rollups.kept || segment->rollups.counts.size == 0)
        return STATUS_OK;
    status = get(segment,
                 &(struct rollup_page){&segment->rollups.counts, KEPT_COUNTS,
                                       &segment->rollups.counts_kept},
                 arena, &kept, err);
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
        status = get(segment,
                     &(struct rollup_page){&entry->page, KEPT_VALUES, &entry->values_kept},
                     arena, &kept, err);
        if (status == STATUS_OK)
            *out = &kept->values;
        return status;
    }
    return STATUS_OK;
}

enum status segment_rollup_sums(struct segment *segment, struct arena *arena,
                                const struct segment_sums **out, struct error *err)
{
    const struct rollup_kept *kept;
    enum status status;

    *out = NULL;
    if (!segment->rollups.kept || segment->rollups.sums.size == 0)
        return STATUS_OK;
    status = get(segment,
                 &(struct rollup_page){&segment->rollups.sums, KEPT_SUMS,
                                       &segment->rollups.sums_kept},
                 arena, &kept, err);
    if (status == STATUS_OK)
        *out = &kept->sums;
    return status;
}

enum status segment_rollup_samples(struct segment *segment, struct arena *arena,
                                   const struct sample_page **out, struct error *err)
{
    const struct rollup_kept *kept;
    enum status status;

    *out = NULL;
    if (segment->rollups.samples.size == 0)
        return STATUS_OK;
    status = get(segment,
                 &(struct rollup_page){&segment->rollups.samples, KEPT_SAMPLES,
                                       &segment->rollups.samples_kept},
                 arena, &kept, err);
    if (status == STATUS_OK)
        *out = &kept->samples;
    return status;
}

void segment_rollups_release(struct segment *segment)
{
    free_kept(atomic_load(&segment->rollups.samples_kept));
    free_kept(atomic_load(&segment->rollups.sums_kept));
    free_kept(atomic_load(&segment->rollups.counts_kept));
    for (uint32_t i = 0; i < segment->rollups.field_count; i++)
        free_kept(atomic_load(&segment->rollups.fields[i].values_kept));
}
