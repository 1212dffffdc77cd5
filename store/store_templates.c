/* store/store_templates.c -- bring the registry up to date with the segments. A segment is read once:
 * codes of templates and times, block by block, and only of blocks that can have news. */
#include "store/registry.h"

#include "base/diag.h"
#include "store/segment_pattern.h"
#include "store/store_impl.h"

#include <stdlib.h>

/* First times of one segment, by id. */
struct gathering {
    struct segment *segment;
    struct registry *registry;
    const struct segment_patterns *patterns;
    struct template_seen *seen;
    uint32_t count, capacity;
    struct map index; /* ids as bytes -> place */
    struct arena keys;
};

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for the registry of templates");
}

static enum status note(struct gathering *gathering, uint64_t id, int64_t first_ns,
                        struct error *err)
{
    struct slice key = {(const char *)&id, sizeof(id)};
    uint32_t at = map_get(&gathering->index, key);

    if (at != MAP_NONE) {
        if (first_ns < gathering->seen[at].first_ns)
            gathering->seen[at].first_ns = first_ns;
        return STATUS_OK;
    }
    if (gathering->count == gathering->capacity) {
        uint32_t capacity = gathering->capacity == 0 ? 256 : gathering->capacity * 2;
        struct template_seen *grown = realloc(gathering->seen, capacity * sizeof(*grown));

        if (grown == NULL)
            return no_memory(err);
        gathering->seen = grown;
        gathering->capacity = capacity;
    }
    key = arena_copy(&gathering->keys, key);
    if (key.data == NULL || !map_put(&gathering->index, key, gathering->count))
        return no_memory(err);
    gathering->seen[gathering->count++] = (struct template_seen){id, first_ns};
    return STATUS_OK;
}

/* Can the block tell anything new? Rows kept as text have no template to look up. */
static bool has_news(const struct gathering *gathering, uint32_t index)
{
    const struct segment *segment = gathering->segment;
    const struct segment_block_entry *block = &segment->blocks[index];

    for (uint32_t k = 0; k < block->section_count; k++) {
        const struct segment_family *family = &segment->families[block->sections[k].family];

        if (family->as_text)
            return true;
        for (uint32_t i = 0; i < family->template_count; i++) {
            uint32_t pattern = gathering->patterns->of_template[family->first_template + i];
            int64_t first;

            if (!registry_first(gathering->registry,
                                gathering->patterns->patterns[pattern].id, &first) ||
                first > block->time_min_ns)
                return true;
        }
    }
    return false;
}

static uint64_t id_of_digits(struct slice digits)
{
    uint64_t id = 0;

    for (size_t i = 0; i < digits.len; i++)
        id = id * 16 + (uint64_t)(digits.data[i] <= '9' ? digits.data[i] - '0'
                                                        : digits.data[i] - 'a' + 10);
    return id;
}

static enum status gather_block(struct gathering *gathering, uint32_t index, struct error *err)
{
    struct segment_block *block;
    struct column column = {0};
    const int64_t *times = NULL;
    int64_t *first;
    enum status status = segment_block_new(gathering->segment, index, &block, err);

    if (status != STATUS_OK)
        return status;
    status = block_column(&block->base, FIELD_ID_TEMPLATE, true, &column, err);
    if (status == STATUS_OK) {
        times = block_times(&block->base, err);
        status = times == NULL ? err->status : STATUS_OK;
    }
    first = arena_new(&block->base.arena, int64_t, (size_t)column.dict_count + 1);
    if (status == STATUS_OK && first == NULL)
        status = no_memory(err);
    for (uint32_t i = 0; status == STATUS_OK && i < column.dict_count; i++)
        first[i] = INT64_MAX;
    for (uint32_t row = 0; status == STATUS_OK && times != NULL && row < block->base.row_count;
         row++)
        if (times[row] < first[column.codes[row]])
            first[column.codes[row]] = times[row];
    for (uint32_t i = 0; status == STATUS_OK && i < column.dict_count; i++)
        if (first[i] != INT64_MAX) /* a family has templates that the block does not */
            status = note(gathering, id_of_digits(column.dict[i]), first[i], err);
    block_release(&block->base);
    return status;
}

static enum status gather(struct gathering *gathering, struct error *err)
{
    struct segment *segment = gathering->segment;
    enum status status = segment_patterns(segment, &gathering->patterns, err);

    for (uint32_t i = 0; i < segment->block_count && status == STATUS_OK; i++)
        if (!segment->blocks[i].samples && has_news(gathering, i))
            status = gather_block(gathering, i, err);
    return status;
}

static enum status add_segment(struct registry *registry, uint64_t generation,
                               struct segment_file *file, struct error *err)
{
    struct gathering gathering = {.registry = registry,
                                  .index = map_empty(REGISTRY_RECORD_MAX),
                                  .keys = arena_empty((size_t)REGISTRY_RECORD_MAX * 64)};
    bool was_open = segment_file_is_open(file);
    enum status status = segment_file_pin(file, &gathering.segment, err);

    if (status != STATUS_OK)
        return status;
    status = gather(&gathering, err);
    if (was_open)
        segment_file_unpin(file);
    else
        segment_file_unpin_and_close(file);
    if (status == STATUS_OK)
        status = registry_add(registry, generation, file->entry.number, gathering.seen,
                              gathering.count, err);
    free(gathering.seen);
    map_release(&gathering.index);
    arena_release(&gathering.keys);
    return status;
}

/* ---- the store's ---- */

/* Made at the first question, so that a store nobody asks does not read the file. */
static enum status registry_of(struct store *store, struct registry **out, struct error *err)
{
    struct registry *made = atomic_load(&store->registry), *none = NULL;
    enum status status = STATUS_OK;

    if (made == NULL) {
        status = registry_open(store->io, store->dir, &made, err);
        if (status == STATUS_OK &&
            !atomic_compare_exchange_strong(&store->registry, &none, made)) {
            registry_close(made); /* another thread was faster */
            made = none;
        }
    }
    *out = made;
    return status;
}

/* Twice as many dead segments as live ones: time to write the file again. */
static void roll_if_due(struct registry *registry, const struct catalog *catalog)
{
    struct registry_stats stats;
    struct error err = {0};
    uint64_t *numbers;

    registry_stats(registry, &stats);
    if (stats.segments < 2 * (uint64_t)catalog->count + 1024)
        return;
    numbers = calloc((size_t)catalog->count + 1, sizeof(*numbers));
    for (uint32_t i = 0; numbers != NULL && i < catalog->count; i++)
        numbers[i] = catalog->files[i]->entry.number;
    if (numbers != NULL && registry_roll(registry, numbers, catalog->count, &err) != STATUS_OK)
        diag_warn("store: templates: %s", err.message);
    free(numbers);
}

enum status store_templates_sync(struct store *store, uint32_t segments_max, uint32_t *left,
                                 struct error *err)
{
    struct registry *registry;
    struct catalog *catalog;
    uint64_t generation;
    uint32_t done = 0;
    bool forgotten = false; /* an erasure ended meanwhile: the list may name what it removed */
    enum status status = registry_of(store, &registry, err);

    *left = 0;
    if (status != STATUS_OK)
        return status;
    generation = registry_generation(registry);
    (void)pthread_mutex_lock(&store->state_lock);
    catalog = catalog_ref(store->catalog);
    (void)pthread_mutex_unlock(&store->state_lock);
    for (uint32_t i = 0; i < catalog->count && status == STATUS_OK; i++) {
        struct error problem = {0};

        if (registry_has_segment(registry, catalog->files[i]->entry.number))
            continue;
        if (done == segments_max || forgotten) {
            ++*left;
            continue;
        }
        done++;
        status = add_segment(registry, generation, catalog->files[i], &problem);
        forgotten = status == STATUS_AGAIN;
        if (status == STATUS_NO_MEMORY)
            status = error_set(err, status, "%s", problem.message);
        else
            status = STATUS_OK; /* damage: scrub and scans tell it, and the next sync tries again */
    }
    if (status == STATUS_OK)
        roll_if_due(registry, catalog);
    catalog_unref(catalog);
    return status;
}

bool store_template_seen(struct store *store, uint64_t id, struct template_seen *out)
{
    struct registry *registry;

    out->id = id;
    return registry_of(store, &registry, NULL) == STATUS_OK &&
           registry_first(registry, id, &out->first_ns);
}

enum status registry_rebuild(struct store *store, struct error *err)
{
    struct registry *registry;
    enum status status = registry_of(store, &registry, err);

    return status == STATUS_OK ? registry_forget(registry, err) : status;
}

void store_templates_stats(struct store *store, struct registry_stats *out)
{
    struct registry *registry;

    *out = (struct registry_stats){0};
    if (registry_of(store, &registry, NULL) == STATUS_OK)
        registry_stats(registry, out);
}
