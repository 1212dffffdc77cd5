/* store/inspect.c -- add up the page entries of directories; no page of rows is read. */
#include "store/inspect.h"

#include "store/id_pool.h"
#include "store/name_table.h"
#include "store/paths.h"
#include "store/segment_format.h"

#include <stdio.h>
#include <stdlib.h>

#define INSPECT_ARENA_MAX ((size_t)256 << 20)

struct inspecting {
    struct inspection *out;
    struct io *io;
    struct name_table fields;
    char folder[PATH_SIZE_MAX];
    uint8_t *counted; /* page entries of the segment at hand that were added */
    enum status status;
    struct error *err;
};

const char *inspect_group_name(enum inspect_group group)
{
    static const char *const names[INSPECT_GROUP_COUNT] = {"row", "class", "shared", "field",
                                                           "format"};

    return names[group];
}

static const char *const page_names[BLOCK_PAGE_COUNT] = {"time",  "order", "source",  "rank",
                                                         "level", "flags", "template"};
static const char *const sample_page_names[BLOCK_PAGE_COUNT] = {
    "samples: time",   "samples: (no order)", "samples: source", "samples: sequence",
    "samples: series", "samples: scale",      "samples: value"};
static const char *const class_names[CLASS_COUNT] = {"numbers", "decimals", "ids", "codes",
                                                     "texts"};

/* ---- parts ---- */

static struct inspect_part *part_of(struct inspecting *at, enum inspect_group group,
                                    struct slice name)
{
    struct inspection *out = at->out;
    char key[300];
    int len = snprintf(key, sizeof(key), "%d %.*s", (int)group, SLICE_ARG(slice_first(name, 280)));
    uint32_t index = map_get(&out->index, slice_make(key, (size_t)len));
    struct slice copy;

    if (index != MAP_NONE)
        return &out->parts[index];
    if (out->part_count == out->part_capacity) {
        uint32_t capacity = out->part_capacity == 0 ? 64 : out->part_capacity * 2;
        struct inspect_part *grown = realloc(out->parts, capacity * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        out->parts = grown;
        out->part_capacity = capacity;
    }
    copy = arena_copy(&out->arena, slice_make(key, (size_t)len));
    if (copy.data == NULL || !map_put(&out->index, copy, out->part_count))
        return NULL;
    out->parts[out->part_count] = (struct inspect_part){.group = group,
                                                        .name = slice_from(copy, 2)};
    return &out->parts[out->part_count++];
}

static void add(struct inspecting *at, enum inspect_group group, struct slice name, uint64_t bytes,
                uint64_t pages, uint64_t rows)
{
    struct inspect_part *part = part_of(at, group, name);

    if (part == NULL) {
        at->status = error_set(at->err, STATUS_NO_MEMORY, "no memory to inspect a store");
        return;
    }
    part->bytes += bytes;
    part->pages += pages;
    part->rows += rows;
}

/* Stored bytes of a page that was not seen before: columns that are equal share one. */
static uint64_t take_page(struct inspecting *at, const struct page_ref *page)
{
    if (page->in_line != NULL || at->counted[page->entry])
        return 0;
    at->counted[page->entry] = 1;
    return page->size;
}

static uint64_t add_page(struct inspecting *at, enum inspect_group group, const char *name,
                         const struct page_ref *page)
{
    uint64_t bytes = take_page(at, page);

    add(at, group, slice_of(name), bytes, 1, 0);
    return bytes;
}

/* ---- one segment ---- */

/* The field that is all of a slot in the first template of the family, or a computed one. */
static struct slice field_of(struct inspecting *at, const struct segment *segment,
                             const struct segment_family *family, uint32_t column)
{
    for (uint32_t i = 0; i < family->field_count; i++) {
        const struct segment_field *field = &family->fields[i];
        const struct segment_template *template = &segment->templates[family->first_template];

        if (field->begin_gap != column)
            continue;
        if (field->computed ||
            (field->end_gap == column + 1 && template->field_offsets[2 * i + 1] == 0))
            return name_table_name(&at->fields, field->field);
    }
    return SLICE_LITERAL("(no field)");
}

static void add_section(struct inspecting *at, const struct segment *segment,
                        const struct segment_section *section)
{
    const struct segment_family *family = &segment->families[section->family];
    const struct page_ref *page = section->pages;
    uint64_t sum = 0, pages = 0;

    for (uint32_t c = 0; c < family->column_count; c++) {
        uint64_t bytes = 0;

        for (unsigned k = 0; k < class_page_count(family->columns[c].class); k++, pages++)
            bytes += take_page(at, page++);
        add(at, INSPECT_CLASS, slice_of(class_names[family->columns[c].class]), bytes, 1, 0);
        if (!family->as_text)
            add(at, INSPECT_FIELD, field_of(at, segment, family, c), bytes, 1, 0);
        else
            add(at, INSPECT_FIELD, SLICE_LITERAL("(lines kept as text)"), bytes, 1, 0);
        sum += bytes;
    }
    if (family->as_text)
        at->out->rows_as_text += section->row_count;
    add(at, INSPECT_FORMAT,
        family->as_text ? SLICE_LITERAL("(lines kept as text)") : segment->formats[family->format],
        sum, pages, section->row_count);
}

static void add_blocks(struct inspecting *at, const struct segment *segment)
{
    for (uint32_t i = 0; i < segment->block_count; i++) {
        const struct segment_block_entry *block = &segment->blocks[i];

        for (unsigned page = 0; page < BLOCK_PAGE_COUNT; page++)
            if (block->samples)
                (void)add_page(at, INSPECT_CLASS, sample_page_names[page], &block->pages[page]);
            else
                (void)add_page(at, INSPECT_ROWS, page_names[page], &block->pages[page]);
        for (uint32_t k = 0; k < block->section_count; k++)
            add_section(at, segment, &block->sections[k]);
    }
}

static void add_shared(struct inspecting *at, const struct segment *segment)
{
    for (uint32_t i = 0; i < segment->family_count; i++)
        for (uint32_t c = 0; c < segment->families[i].column_count; c++)
            if (segment->families[i].columns[c].class == CLASS_CODES)
                (void)add_page(at, INSPECT_SHARED, "lists of codes",
                               &segment->families[i].columns[c].list);
    for (uint32_t i = 0; i < segment->pool_page_count; i++) {
        (void)add_page(at, INSPECT_SHARED, "strings", &segment->pool[i].page);
        (void)add_page(at, INSPECT_SHARED, "grams of strings", &segment->pool[i].grams);
    }
    for (uint32_t i = 0; i < segment->ids_count; i++) {
        const struct segment_ids *ids = &segment->ids[i];

        (void)add_page(at, INSPECT_SHARED, "ids", &ids->heads);
        for (uint32_t k = 0; k < (ids->count + ID_PAGE_COUNT - 1) / ID_PAGE_COUNT; k++)
            if (slot_id_size(ids->kind) > ID_HEAD_SIZE)
                (void)add_page(at, INSPECT_SHARED, "ids", &ids->rest[k]);
        at->out->ids += ids->count;
    }
}

/* What a version does not have, or a segment does not keep, has no size. */
static void add_rollup(struct inspecting *at, const char *name, const struct page_ref *page)
{
    if (page->size > 0)
        (void)add_page(at, INSPECT_SHARED, name, page);
}

static void add_rollups(struct inspecting *at, const struct segment *segment)
{
    const struct segment_rollups *rollups = &segment->rollups;

    add_rollup(at, "rollups: rows", &rollups->counts);
    add_rollup(at, "rollups: sums by tenant", &rollups->sums);
    add_rollup(at, "rollups: cells of samples", &rollups->samples);
    for (uint32_t i = 0; i < rollups->field_count; i++)
        add_rollup(at, "rollups: values", &rollups->fields[i].page);
}

/* What is left of the file: directory, header and footer. */
static void add_rest(struct inspecting *at, const struct segment *segment)
{
    uint64_t pages = 0;

    for (uint32_t i = 0; i < segment->page_count; i++)
        if (segment->pages[i].in_line == NULL)
            pages += segment->pages[i].size;
    add(at, INSPECT_SHARED, SLICE_LITERAL("directory"), segment->summary.file_bytes - pages, 1, 0);
}

static void add_summary(struct inspection *out, const struct segment *segment)
{
    const struct segment_summary *summary = &segment->summary;

    if (out->segments == 0 || summary->time_min_ns < out->time_min_ns)
        out->time_min_ns = summary->time_min_ns;
    if (out->segments == 0 || summary->time_max_ns > out->time_max_ns)
        out->time_max_ns = summary->time_max_ns;
    out->segments++;
    out->rows += summary->rows;
    out->samples += summary->samples;
    out->raw_bytes += summary->raw_bytes;
    out->file_bytes += summary->file_bytes;
    out->blocks += segment->block_count;
    out->families += segment->family_count;
    out->templates += segment->template_count;
    out->strings += segment->pool_count;
    out->series += segment->series_count;
}

static field_id names_field(void *user, struct slice name)
{
    return name_table_get(&((struct inspecting *)user)->fields, name);
}

static struct slice names_field_name(void *user, field_id field)
{
    return name_table_name(&((struct inspecting *)user)->fields, field);
}

static uint32_t no_source(void *user, const struct event_source *source)
{
    (void)user;
    (void)source;
    return 0;
}

static enum status inspect_file(struct inspecting *at, const char *path)
{
    struct segment_names names = {names_field, names_field_name, no_source, at};
    struct segment *segment;
    enum status status = segment_open(at->io, path, &names, &segment, at->err);

    if (status != STATUS_OK)
        return status;
    at->counted = calloc((size_t)segment->page_count + 1, 1);
    if (at->counted == NULL) {
        at->status = error_set(at->err, STATUS_NO_MEMORY, "no memory to inspect a store");
    } else {
        add_summary(at->out, segment);
        add_blocks(at, segment);
        add_shared(at, segment);
        add_rollups(at, segment);
        add_rest(at, segment);
    }
    free(at->counted);
    segment_close(segment);
    return at->status;
}

/* ---- a whole store ---- */

static bool visit_file(void *user, const char *name)
{
    struct inspecting *at = user;
    char path[PATH_SIZE_MAX];
    enum status status;

    if (!slice_ends(slice_of(name), SLICE_LITERAL(".seg")))
        return true;
    path_join(path, at->folder, name);
    status = inspect_file(at, path);
    if (status != STATUS_OK && status != STATUS_NO_MEMORY)
        at->out->damaged++;
    return status != STATUS_NO_MEMORY;
}

static bool visit_day(void *user, const char *name)
{
    struct inspecting *at = user;
    char base[PATH_SIZE_MAX];

    (void)snprintf(base, sizeof(base), "%s", at->folder);
    path_join(at->folder, base, name);
    (void)at->io->path->list(at->io, at->folder, visit_file, at);
    (void)snprintf(at->folder, sizeof(at->folder), "%s", base);
    return at->status == STATUS_OK;
}

static int compare_parts(const void *a, const void *b)
{
    const struct inspect_part *left = a, *right = b;

    if (left->group != right->group)
        return left->group < right->group ? -1 : 1;
    if (left->bytes != right->bytes)
        return left->bytes > right->bytes ? -1 : 1;
    return slice_compare(left->name, right->name);
}

enum status store_inspect(struct io *io, const char *path, struct inspection *out,
                          struct error *err)
{
    struct error local = {0};
    struct inspecting at = {.out = out, .io = io, .err = err == NULL ? &local : err};
    int done;

    *out = (struct inspection){.arena = arena_empty(INSPECT_ARENA_MAX),
                               .index = map_empty(UINT32_MAX - 1)};
    at.status = name_table_init(&at.fields, at.err);
    if (at.status != STATUS_OK)
        return at.status;
    for (uint32_t i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        (void)name_table_get(&at.fields, slice_of(well_known_field_names[i]));
    if (slice_ends(slice_of(path), SLICE_LITERAL(".seg"))) {
        at.status = inspect_file(&at, path);
    } else {
        path_join(at.folder, path, "segments");
        done = io->path->list(io, at.folder, visit_day, &at);
        if (done < 0)
            at.status = error_set_errno(at.err, -done,
                                        "neither a segment (*.seg) nor a collector's data "
                                        "directory: cannot list %s",
                                        at.folder);
    }
    if (out->part_count > 0)
        qsort(out->parts, out->part_count, sizeof(*out->parts), compare_parts);
    name_table_release(&at.fields);
    return at.status;
}

void inspection_release(struct inspection *inspection)
{
    free(inspection->parts);
    map_release(&inspection->index);
    arena_release(&inspection->arena);
}
