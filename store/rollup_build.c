/* store/rollup_build.c -- rows and values of a family into sums, sums into columns, columns into
 * pages. Keys order by origin, format, level and slot, so that sorting them gives units and cells. */
#include "store/rollup_build.h"

#include "base/byteorder.h"
#include "base/map.h"
#include "store/sketch_bucket.h"
#include "store/zstd_context.h"

#include <stdlib.h>

static_assert((int)ROLLUP_BUCKETS_MAX == (int)SKETCH_BUCKET_COUNT, "a key has 16 bits for a bucket");

enum {
    PAGE_LEVEL_OF_ZSTD = 3,
    /* A family whose cells have fewer rows than this on average is not worth its bytes: its columns
     * are read almost as fast. */
    ROWS_PER_CELL_MIN = 4,
    VALUES_PER_BUCKET_MIN = 2,
    SMALL_FAMILY = 64, /* of which everything may be kept: rows shared with others cost a block */
};

/* ---- origins ---- */

static bool append_text(struct buf *out, struct slice text)
{
    return buf_append_varint(out, text.len) && buf_append_slice(out, text);
}

uint32_t *rollup_origins(const struct event_source *const *sources, uint32_t count)
{
    uint32_t *origins = malloc(((size_t)count + 1) * sizeof(*origins));
    struct arena arena = arena_empty((size_t)64 << 20);
    struct map map = map_empty(count + 1);
    struct buf key = buf_empty(1 << 20);
    bool fine = origins != NULL;

    for (uint32_t i = 0; i < count && fine; i++) {
        buf_reset(&key);
        fine = append_text(&key, sources[i]->geo) && append_text(&key, sources[i]->host) &&
               append_text(&key, sources[i]->role);
        origins[i] = fine ? map_get(&map, buf_slice(&key)) : 0;
        if (fine && origins[i] == MAP_NONE) {
            origins[i] = i;
            fine = map_put(&map, arena_copy(&arena, buf_slice(&key)), i) && !arena.failed;
        }
    }
    map_release(&map);
    arena_release(&arena);
    buf_release(&key);
    if (fine)
        return origins;
    free(origins);
    return NULL;
}

/* ---- life ---- */

void rollup_builder_init(struct rollup_builder *builder, const uint32_t *origins,
                         int64_t time_min_ns, int64_t time_max_ns)
{
    *builder = (struct rollup_builder){
        .origins = origins,
        .first_count_slot = rollup_slot(time_min_ns, ROLLUP_COUNT_NS),
        .first_value_slot = rollup_slot(time_min_ns, ROLLUP_VALUE_NS),
        .given_up = origins == NULL || time_max_ns < time_min_ns ||
                    rollup_slot(time_max_ns, ROLLUP_COUNT_NS) -
                            rollup_slot(time_min_ns, ROLLUP_COUNT_NS) >=
                        ROLLUP_SLOTS_MAX,
    };
    for (size_t i = 0; i < COUNT_OF(builder->unit_columns); i++)
        builder->unit_columns[i] = buf_empty(ROLLUP_PAGE_MAX);
    for (size_t i = 0; i < COUNT_OF(builder->cell_columns); i++)
        builder->cell_columns[i] = buf_empty(ROLLUP_PAGE_MAX);
}

static void release_pages(struct rollup_field_pages *pages)
{
    buf_release(&pages->families);
    buf_release(&pages->family_cells);
    for (size_t i = 0; i < COUNT_OF(pages->cell_columns); i++)
        buf_release(&pages->cell_columns[i]);
    for (size_t i = 0; i < COUNT_OF(pages->bucket_columns); i++)
        buf_release(&pages->bucket_columns[i]);
}

void rollup_builder_release(struct rollup_builder *builder)
{
    rollup_tally_release(&builder->rows);
    for (size_t i = 0; i < COUNT_OF(builder->fields); i++) {
        rollup_tally_release(&builder->fields[i].cells);
        rollup_tally_release(&builder->fields[i].buckets);
        free(builder->fields[i].sums);
    }
    for (size_t i = 0; i < COUNT_OF(builder->unit_columns); i++)
        buf_release(&builder->unit_columns[i]);
    for (size_t i = 0; i < COUNT_OF(builder->cell_columns); i++)
        buf_release(&builder->cell_columns[i]);
    for (uint32_t i = 0; i < builder->name_count; i++)
        release_pages(&builder->names[i]);
    free(builder->names);
    free(builder->scratch);
    *builder = (struct rollup_builder){.given_up = true};
}

/* ---- one family ---- */

void rollup_begin_family(struct rollup_builder *builder, uint32_t family, const field_id *fields,
                         uint32_t field_count)
{
    builder->family = family;
    builder->family_rows = 0;
    builder->field_count = field_count < ROLLUP_FIELDS_MAX ? field_count : (uint32_t)ROLLUP_FIELDS_MAX;
    rollup_tally_reset(&builder->rows);
    for (uint32_t i = 0; i < builder->field_count; i++) {
        builder->fields[i].field = fields[i];
        builder->fields[i].given_up = false;
        rollup_tally_reset(&builder->fields[i].cells);
        rollup_tally_reset(&builder->fields[i].buckets);
    }
}

/* The sums of a key; NULL: given up. */
static struct rollup_value *sums_of(struct rollup_field_build *field, uint64_t key,
                                    uint32_t *number)
{
    struct rollup_tally *cells = &field->cells;

    rollup_tally_add(cells, key, 0);
    if (cells->full)
        return NULL;
    if (cells->sums[cells->last_place] == 0) {
        if (cells->count > field->sum_capacity) {
            uint32_t capacity = field->sum_capacity == 0 ? 256 : field->sum_capacity * 2;
            struct rollup_value *grown = realloc(field->sums, capacity * sizeof(*grown));

            if (grown == NULL)
                return NULL;
            field->sums = grown;
            field->sum_capacity = capacity;
        }
        field->sums[cells->count - 1] = (struct rollup_value){.min = INT64_MAX};
        cells->sums[cells->last_place] = cells->count;
    }
    *number = (uint32_t)cells->sums[cells->last_place] - 1;
    return &field->sums[*number];
}

void rollup_add_value(struct rollup_builder *builder, uint32_t index, uint32_t source,
                      int64_t time_ns, int64_t value)
{
    struct rollup_field_build *field = &builder->fields[index];
    struct rollup_value *sums;
    uint64_t slot;
    uint32_t number, bucket = 0;

    if (builder->given_up || field->given_up)
        return;
    slot = (uint64_t)(rollup_slot(time_ns, ROLLUP_VALUE_NS) - builder->first_value_slot);
    sums = sums_of(field, (uint64_t)builder->origins[source] << 16 | slot, &number);
    if (sums == NULL || value < 0 || __builtin_add_overflow(sums->sum, value, &sums->sum)) {
        field->given_up = true;
        return;
    }
    sums->values++;
    sums->min = value < sums->min ? value : sums->min;
    sums->max = value > sums->max ? value : sums->max;
    if (value > 0)
        bucket = (uint32_t)sketch_bucket_of((double)value);
    rollup_tally_add(&field->buckets, (uint64_t)number << 16 | bucket, 1);
}

static bool reserve_scratch(struct rollup_builder *builder, uint32_t count)
{
    uint64_t *grown;

    if (count * 2 <= builder->scratch_capacity)
        return true;
    grown = realloc(builder->scratch, (size_t)count * 2 * sizeof(*grown));
    if (grown == NULL)
        return false;
    builder->scratch = grown;
    builder->scratch_capacity = count * 2;
    return true;
}

static bool put_distance(struct buf *out, uint32_t value, uint32_t *before)
{
    bool fine = buf_append_varint(out, zigzag((int64_t)value - (int64_t)*before));

    *before = value;
    return fine;
}

static bool put_unit(struct rollup_builder *builder, uint64_t key, uint32_t cells)
{
    struct buf *out = builder->unit_columns;

    builder->unit_count++;
    return put_distance(&out[0], builder->family, &builder->last_family) &&
           put_distance(&out[1], (uint32_t)(key >> 36), &builder->last_origin) &&
           buf_append_varint(&out[2], key >> 20 & 0xffff) &&
           buf_append_varint(&out[3], key >> 16 & 15) && buf_append_varint(&out[4], cells);
}

static bool put_counts(struct rollup_builder *builder)
{
    struct rollup_tally *rows = &builder->rows;
    uint32_t count = rows->count;
    bool fine = !rows->full && reserve_scratch(builder, count);

    if (fine && count > SMALL_FAMILY && (uint64_t)count * ROWS_PER_CELL_MIN > builder->family_rows)
        return true;
    if (fine)
        rollup_tally_sort(rows, builder->scratch);
    for (uint32_t i = 0, first = 0; i < count && fine; i++) {
        uint64_t slot = rows->keys[i] & 0xffff;

        fine = buf_append_varint(&builder->cell_columns[0],
                                 i == first ? slot : slot - (rows->keys[i - 1] & 0xffff)) &&
               buf_append_varint(&builder->cell_columns[1], rows->sums[i]);
        if (i + 1 < count && rows->keys[i] >> 16 == rows->keys[i + 1] >> 16)
            continue;
        fine = fine && put_unit(builder, rows->keys[i], i + 1 - first);
        first = i + 1;
    }
    builder->cell_count += count;
    return fine;
}

static struct rollup_field_pages *pages_of(struct rollup_builder *builder, field_id field)
{
    struct rollup_field_pages *grown, *made;

    for (uint32_t i = 0; i < builder->name_count; i++)
        if (builder->names[i].field == field)
            return &builder->names[i];
    grown = builder->name_count == ROLLUP_NAMES_MAX
                ? NULL
                : realloc(builder->names, (builder->name_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    builder->names = grown;
    made = &grown[builder->name_count++];
    *made = (struct rollup_field_pages){.field = field,
                                         .families = buf_empty(ROLLUP_PAGE_MAX),
                                         .family_cells = buf_empty(ROLLUP_PAGE_MAX)};
    for (size_t i = 0; i < COUNT_OF(made->cell_columns); i++)
        made->cell_columns[i] = buf_empty(ROLLUP_PAGE_MAX);
    for (size_t i = 0; i < COUNT_OF(made->bucket_columns); i++)
        made->bucket_columns[i] = buf_empty(ROLLUP_PAGE_MAX);
    return made;
}

static bool put_cell(struct rollup_field_pages *pages, uint64_t key,
                     const struct rollup_value *sums)
{
    struct buf *out = pages->cell_columns;

    return put_distance(&out[0], (uint32_t)(key >> 16), &pages->last_origin) &&
           buf_append_varint(&out[1], key & 0xffff) && buf_append_varint(&out[2], sums->values) &&
           buf_append_varint(&out[3], (uint64_t)sums->sum) &&
           buf_append_varint(&out[4], (uint64_t)sums->min) &&
           buf_append_varint(&out[5], (uint64_t)(sums->max - sums->min)) &&
           buf_append_varint(&out[6], sums->bucket_count);
}

/* Buckets are sorted by the number of their cell: where each cell's begin. */
static void find_buckets(struct rollup_field_build *field)
{
    for (uint32_t i = 0; i < field->buckets.count; i++) {
        struct rollup_value *sums = &field->sums[field->buckets.keys[i] >> 16];

        if (sums->bucket_count++ == 0)
            sums->first_bucket = i;
    }
}

static bool put_values(struct rollup_builder *builder, struct rollup_field_build *field)
{
    struct rollup_tally *cells = &field->cells, *buckets = &field->buckets;
    struct rollup_field_pages *pages;
    bool fine;

    if (field->given_up || cells->full || buckets->full || cells->count == 0 ||
        (buckets->count > SMALL_FAMILY &&
         (uint64_t)buckets->count * VALUES_PER_BUCKET_MIN > builder->family_rows))
        return true;
    pages = pages_of(builder, field->field);
    if (pages == NULL)
        return builder->name_count == ROLLUP_NAMES_MAX;
    fine = reserve_scratch(builder, buckets->count + cells->count);
    if (fine) {
        rollup_tally_sort(cells, builder->scratch);
        rollup_tally_sort(buckets, builder->scratch);
        find_buckets(field);
    }
    for (uint32_t i = 0; i < cells->count && fine; i++) {
        const struct rollup_value *sums = &field->sums[cells->sums[i] - 1];
        uint64_t before = 0;

        fine = put_cell(pages, cells->keys[i], sums);
        for (uint32_t k = sums->first_bucket; k < sums->first_bucket + sums->bucket_count && fine;
             k++) {
            uint64_t bucket = buckets->keys[k] & 0xffff;

            fine = buf_append_varint(&pages->bucket_columns[0], bucket - before) &&
                   buf_append_varint(&pages->bucket_columns[1], buckets->sums[k]);
            before = bucket;
        }
    }
    pages->family_count++;
    pages->cell_count += cells->count;
    pages->bucket_count += buckets->count;
    return fine && put_distance(&pages->families, builder->family, &pages->last_family) &&
           buf_append_varint(&pages->family_cells, cells->count);
}

void rollup_end_family(struct rollup_builder *builder)
{
    bool fine = true;

    if (builder->given_up)
        return;
    if (builder->rows.count > 0)
        fine = put_counts(builder);
    for (uint32_t i = 0; i < builder->field_count && fine; i++)
        fine = put_values(builder, &builder->fields[i]);
    builder->given_up = !fine;
}

/* ---- pages ---- */

static bool put_page(struct buf *raw, struct buf *out)
{
    bool fine = !raw->failed && buf_append_varint(out, raw->len) &&
                zstd_append(out, buf_slice(raw), PAGE_LEVEL_OF_ZSTD);

    buf_release(raw);
    return fine;
}

bool rollup_counts_encode(const struct rollup_builder *builder, struct buf *out)
{
    struct buf raw = buf_empty(ROLLUP_PAGE_MAX);

    if (builder->given_up || builder->unit_count == 0)
        return true;
    (void)buf_append_varint(&raw, builder->unit_count);
    (void)buf_append_varint(&raw, builder->cell_count);
    (void)buf_append_varint(&raw, zigzag(builder->first_count_slot));
    for (size_t i = 0; i < COUNT_OF(builder->unit_columns); i++)
        (void)buf_append_slice(&raw, buf_slice(&builder->unit_columns[i]));
    for (size_t i = 0; i < COUNT_OF(builder->cell_columns); i++)
        (void)buf_append_slice(&raw, buf_slice(&builder->cell_columns[i]));
    return put_page(&raw, out);
}

bool rollup_values_encode(const struct rollup_builder *builder, uint32_t index, struct buf *out)
{
    const struct rollup_field_pages *pages = &builder->names[index];
    struct buf raw = buf_empty(ROLLUP_PAGE_MAX);

    (void)buf_append_varint(&raw, pages->family_count);
    (void)buf_append_varint(&raw, pages->cell_count);
    (void)buf_append_varint(&raw, pages->bucket_count);
    (void)buf_append_varint(&raw, zigzag(builder->first_value_slot));
    (void)buf_append_slice(&raw, buf_slice(&pages->families));
    (void)buf_append_slice(&raw, buf_slice(&pages->family_cells));
    for (size_t i = 0; i < COUNT_OF(pages->cell_columns); i++)
        (void)buf_append_slice(&raw, buf_slice(&pages->cell_columns[i]));
    for (size_t i = 0; i < COUNT_OF(pages->bucket_columns); i++)
        (void)buf_append_slice(&raw, buf_slice(&pages->bucket_columns[i]));
    return put_page(&raw, out);
}
