/* store/segment_check.c -- the check at seal: every row is read back through the ordinary reader and
 * compared with what was to be stored. */
#include "store/segment_check.h"

#include "base/cpu_pace.h"
#include "store/segment_check_fields.h"
#include "store/segment_compare.h"
#include "store/segment_samples_check.h"

#include <inttypes.h>
#include <stdlib.h>

/* Fields are cut from bytes that were just compared: they are checked on a sample, which is the first
 * row of every template, and of each section one of so many. */
enum {
    FIELD_CHECK_STEP = 64,
    SAMPLES_AHEAD = 4, /* rows whose events are asked for before they are needed; rows: twice as many */
};
#define CHECK_ARENA_MAX ((size_t)1 << 30) /* for all ids of the segment */
#define BLOCK_ARENA_KEPT ((size_t)8 << 20) /* from block to block */

/* A row of a block whose fields are compared. */
struct sampled_row {
    const struct row_facts *row; /* of the content */
    uint32_t section, at;          /* of the block */
};

struct check {
    struct segment *segment;
    const struct segment_writer *writer; /* has what each row should be */
    const struct segment_content *content;
    uint32_t *next; /* per family: rows that were read back */
    uint64_t *templates_seen; /* whose fields are checked */
    struct sampled_row *samples; /* of the block at hand: room for BLOCK_ROWS_MAX */
    uint32_t sample_count;
    struct rollup_recount rollup;
    struct arena arena, block_arena;
    struct id_cache ids;
    struct field_order field_order;
    struct error *err;
};

static field_id plain_field(void *user, struct slice name)
{
    const struct segment_names *names = user;

    return names->field(names->user, name);
}

static struct slice plain_field_name(void *user, field_id field)
{
    const struct segment_names *names = user;

    return names->field_name(names->user, field);
}

/* Sources are compared by their place in the content. */
static uint32_t no_source(void *user, const struct event_source *source)
{
    (void)user;
    (void)source;
    return 0;
}

static enum status differs(const struct check *check, const char *what)
{
    return error_set(check->err, STATUS_CORRUPT, "a row reads back with another %s", what);
}

static enum status load(struct segment_block *block, struct segment_rows_expected *out,
                        struct error *err)
{
    enum status status = segment_block_page(block, PAGE_TIME, &out->times, err);

    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_ORDER, &out->orders, err);
    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_LEVEL, &out->levels, err);
    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_FLAGS, &out->flags, err);
    if (status == STATUS_OK)
        status = segment_block_sources(block, &out->sources, err);
    out->sequences = block_sequences(&block->base, err);
    return status == STATUS_OK && out->sequences == NULL ? err->status : status;
}

/* Note the rows of a section that are sampled: the first one of each template, since where a field is in a
 * line is the template's business, and each so many rows. */
static void sample_section(struct check *check, const struct segment_block *block, uint32_t number,
                           const uint32_t *rows)
{
    const struct segment_section *section = &block->entry->sections[number];
    const uint32_t *templates = block->templates + section->first_row;

    for (uint32_t i = 0; i < section->row_count; i++) {
        if (i % FIELD_CHECK_STEP != 0 && bit_get(check->templates_seen, templates[i]))
            continue;
        bit_set(check->templates_seen, templates[i]);
        check->samples[check->sample_count++] = (struct sampled_row){
            .row = &check->content->facts[rows[i]],
            .section = number,
            .at = section->first_row + i,
        };
    }
}

/* Sampled rows lie anywhere, and so does what they point to: each is asked for before the one that points
 * to it is read. */
static void ask_ahead(const struct check *check, uint32_t index)
{
    const struct segment_content *content = check->content;

    if (index + 2 * SAMPLES_AHEAD < check->sample_count)
        __builtin_prefetch(check->samples[index + 2 * SAMPLES_AHEAD].row);
    if (index + SAMPLES_AHEAD < check->sample_count && content->ask_fields != NULL)
        content->ask_fields(content->fields_user, check->samples[index + SAMPLES_AHEAD].row->place);
}

/* Fields of the sampled rows of a block, whose columns are loaded. */
static enum status check_fields(struct check *check, struct segment_block *block)
{
    struct event_field room[EVENT_FIELDS_MAX];
    enum status status = STATUS_OK;
    bool equal = true;

    for (uint32_t i = 0; i < check->sample_count && equal && status == STATUS_OK; i++) {
        const struct sampled_row *sample = &check->samples[i];
        struct event event = segment_row_event(check->content, sample->row, room);

        ask_ahead(check, i);
        status = segment_fields_equal(block, sample->section, sample->at, &event, event.fields,
                                      &check->field_order, &equal, check->err);
    }
    return status == STATUS_OK && !equal ? differs(check, "field") : status;
}

/* The rows that a section should have, in its order; NULL: it has more than are left. */
static const uint32_t *expect_rows(struct check *check, const struct segment_section *section)
{
    const struct shaped_rows *rows = &check->writer->rows;
    const uint64_t *start = &rows->family_start[section->family];
    uint32_t done;

    if (section->family > rows->set.family_count)
        return NULL;
    done = check->next[section->family];
    check->next[section->family] += section->row_count;
    return done + section->row_count > start[1] - start[0] ? NULL : rows->order + start[0] + done;
}

static enum status check_events(struct check *check, struct segment_block *block)
{
    struct segment_rows_expected expected = {.facts = check->writer->facts};
    enum status status = load(block, &expected, check->err);

    check->sample_count = 0;
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        const struct segment_section *section = &block->entry->sections[k];
        const uint32_t *rows = expect_rows(check, section);
        const char *what = NULL;

        if (rows == NULL)
            return differs(check, "count of rows");
        status = segment_block_load(block, k, check->err);
        if (status == STATUS_OK)
            status = segment_rows_compare(block, k, &expected, rows, &what, check->err);
        if (what != NULL)
            return differs(check, what);
        if (status == STATUS_OK)
            sample_section(check, block, k, rows);
    }
    return status == STATUS_OK ? check_fields(check, block) : status;
}

static enum status check_blocks(struct check *check)
{
    struct sample_place samples = {0};
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < check->segment->block_count && status == STATUS_OK; i++) {
        struct segment_block *block;

        status = segment_block_lend(check->segment, i, &check->block_arena, &block, check->err);
        if (status != STATUS_OK)
            return status;
        block->ids = &check->ids;
        status = rollup_recount_block(&check->rollup, block, check->err);
        if (status == STATUS_OK)
            status = block->base.samples
                         ? segment_samples_compare(check->content, block, &samples, check->err)
                         : check_events(check, block);
        block_release(&block->base);
        (void)cpu_pace_rest();
    }
    if (status == STATUS_OK && samples.sample != check->content->sample_count)
        return differs(check, "count of samples");
    for (uint32_t i = 0; i <= check->writer->rows.set.family_count && status == STATUS_OK; i++)
        if (check->next[i] != segment_family_rows(check->writer, i)) /* and none was read twice */
            status = differs(check, "count of rows");
    return status;
}

/* Anchors and lengths give the offsets: followed from row to row, without rendering again. */
static enum status check_offsets(const struct check *check)
{
    const struct segment_writer *writer = check->writer;
    const struct segment *segment = check->segment;
    uint64_t *expected = calloc(segment->source_count + 1, 3 * sizeof(*expected));
    enum status status = STATUS_OK;

    if (expected == NULL)
        return error_set(check->err, STATUS_NO_MEMORY, "no memory to check a segment");
    for (uint64_t i = 0; i < check->content->row_count && status == STATUS_OK; i++) {
        const struct row_facts *row = &writer->facts[i];
        const struct segment_source_entry *source = &segment->sources[row->source];
        uint64_t *offset = &expected[3 * (size_t)row->source], *rank = offset + 1,
                 *anchor = offset + 2;

        if (*anchor < source->anchor_count && source->anchors[*anchor].rank == *rank)
            *offset += source->anchors[(*anchor)++].offset;
        if (*offset != row->offset)
            status = differs(check, "offset");
        *offset += row->size + source->tail;
        ++*rank;
    }
    free(expected);
    return status;
}

enum status segment_check(const struct segment_writer *writer, struct error *err)
{
    const struct segment_content *content = writer->content;
    struct segment_names names = {
        .field = plain_field,
        .field_name = plain_field_name,
        .source = no_source,
        .user = (void *)(uintptr_t)content->names,
    };
    struct error local = {0};
    struct check check = {
        .writer = writer,
        .content = content,
        .arena = arena_empty(CHECK_ARENA_MAX),
        .block_arena = arena_empty(BLOCK_ARENA_SIZE_MAX),
        .err = err == NULL ? &local : err,
    };
    enum status status =
        segment_open(writer->io, writer->path, &names, &check.segment, check.err);

    if (status != STATUS_OK)
        return status;
    segment_read_ahead(check.segment);
    check.ids.arena = &check.arena;
    check.block_arena.kept_max = BLOCK_ARENA_KEPT;
    check.next = calloc(writer->rows.set.family_count + 1, sizeof(*check.next));
    check.templates_seen =
        calloc(bit_words(check.segment->template_count) + 1, sizeof(*check.templates_seen));
    check.samples = malloc(BLOCK_ROWS_MAX * sizeof(*check.samples));
    if (check.next == NULL || check.templates_seen == NULL || check.samples == NULL)
        status = error_set(check.err, STATUS_NO_MEMORY, "no memory to check a segment");
    else if (check.segment->source_count != content->source_count)
        status = differs(&check, "count of sources");
    if (status == STATUS_OK)
        status = rollup_recount_init(&check.rollup, check.segment, check.err);
    if (status == STATUS_OK)
        status = check_blocks(&check);
    if (status == STATUS_OK)
        status = rollup_recount_compare(&check.rollup, check.segment, check.err);
    if (status == STATUS_OK)
        status = check_offsets(&check);
    free(check.next);
    free(check.templates_seen);
    free(check.samples);
    rollup_recount_release(&check.rollup);
    arena_release(&check.arena);
    arena_release(&check.block_arena);
    segment_close(check.segment);
    return status;
}
