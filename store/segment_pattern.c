/* store/segment_pattern.c -- templates of the directory -> patterns; codes of a block -> a column. */
#include "store/segment_pattern.h"

#include "store/segment_fields.h"

#include <stdlib.h>

enum { PATTERNS_ARENA_MAX = 128 << 20 }; /* 65,536 templates of 2,048 bytes each */

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "the patterns of a segment need too much memory");
}

/* What is being made. `described` is room for one template. */
struct making {
    const struct segment *segment;
    struct pattern_column distinct; /* only its dictionary is used */
    uint32_t *of_template;
    struct arena scratch;
};

/* What all templates of a family share: kinds, and names of fields. */
static bool begin_family(struct making *making, const struct segment_family *family,
                         struct slice **gaps, struct slot_kind **kinds,
                         struct pattern_field **fields)
{
    arena_reset(&making->scratch);
    *gaps = arena_new(&making->scratch, struct slice, family->slot_count + 1u);
    *kinds = arena_new(&making->scratch, struct slot_kind, family->slot_count + 1u);
    *fields = arena_new(&making->scratch, struct pattern_field, family->field_count + 1u);
    if (*gaps == NULL || *kinds == NULL || *fields == NULL)
        return false;
    for (uint32_t i = 0; i < family->slot_count; i++)
        (*kinds)[i] = family->columns[i].kind;
    return true;
}

static void describe(const struct making *making, const struct segment_family *family,
                     const struct segment_template *template, struct slice *gaps,
                     struct pattern_field *fields, struct pattern_source *source)
{
    const struct segment_names *names = making->segment->names;

    for (uint32_t gap = 0; gap <= family->slot_count; gap++) {
        uint32_t start = gap > 0 ? template->gap_ends[gap - 1] : 0;

        gaps[gap] = (struct slice){template->literals + start, template->gap_ends[gap] - start};
    }
    source->field_count = 0;
    for (uint32_t i = 0; i < family->field_count; i++) {
        const struct segment_field *field = &family->fields[i];

        if (!field->computed)
            fields[source->field_count++] = (struct pattern_field){
                names->field_name(names->user, field->field), field->begin_gap,
                template->field_offsets[2 * i], field->end_gap,
                template->field_offsets[2 * i + 1]};
    }
}

static enum status add_family(struct making *making, const struct segment_family *family,
                              struct error *err)
{
    const struct segment *segment = making->segment;
    struct pattern_source source = {.slot_count = family->slot_count};
    struct pattern_field *fields;
    struct slot_kind *kinds;
    struct pattern pattern;
    struct slice *gaps;
    enum status status = STATUS_OK;

    if (!begin_family(making, family, &gaps, &kinds, &fields))
        return no_memory(err);
    source.gaps = gaps;
    source.kinds = kinds;
    source.fields = fields;
    for (uint32_t i = 0; i < family->template_count && status == STATUS_OK; i++) {
        uint32_t number = family->first_template + i;

        describe(making, family, &segment->templates[number], gaps, fields, &source);
        if (!pattern_make(&source, segment->formats[family->format], &making->distinct.scratch,
                          &pattern))
            return no_memory(err);
        status = pattern_column_code(&making->distinct, &pattern, false,
                                     &making->of_template[number], err);
    }
    return status;
}

static enum status add_families(struct making *making, struct error *err)
{
    const struct segment *segment = making->segment;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < segment->family_count && status == STATUS_OK; i++) {
        const struct segment_family *family = &segment->families[i];

        if (!family->as_text)
            status = add_family(making, family, err);
    }
    return status;
}

static enum status make(const struct segment *segment, struct segment_patterns *out,
                        struct error *err)
{
    struct making making = {.segment = segment, .scratch = arena_empty(PATTERNS_ARENA_MAX)};
    enum status status = pattern_column_init(&making.distinct, &out->arena, 0, err);

    making.of_template = arena_new(&out->arena, uint32_t, (size_t)segment->template_count + 1);
    if (status == STATUS_OK && making.of_template == NULL)
        status = no_memory(err);
    if (status == STATUS_OK) {
        memset(making.of_template, 0xff, segment->template_count * sizeof(uint32_t));
        status = add_families(&making, err);
    }
    out->count = making.distinct.count;
    out->patterns = making.distinct.patterns;
    out->of_template = making.of_template;
    pattern_column_release(&making.distinct);
    arena_release(&making.scratch);
    return status;
}

void segment_patterns_free(struct segment_patterns *patterns)
{
    if (patterns == NULL)
        return;
    arena_release(&patterns->arena);
    free(patterns);
}

enum status segment_patterns(struct segment *segment, const struct segment_patterns **out,
                             struct error *err)
{
    struct segment_patterns *made = atomic_load(&segment->patterns), *none = NULL;
    enum status status;

    if (made == NULL) {
        made = calloc(1, sizeof(*made));
        if (made == NULL)
            return no_memory(err);
        made->arena = arena_empty(PATTERNS_ARENA_MAX);
        status = make(segment, made, err);
        if (status != STATUS_OK) {
            segment_patterns_free(made);
            return status;
        }
        if (!atomic_compare_exchange_strong(&segment->patterns, &none, made)) {
            segment_patterns_free(made); /* another thread was faster */
            made = none;
        }
    }
    *out = made;
    return STATUS_OK;
}

/* ---- columns ---- */

static struct slice name_of(void *user, field_id field)
{
    const struct segment_names *names = user;

    return names->field_name(names->user, field);
}

static enum status text_rows(struct segment_block *block, uint32_t section,
                             struct pattern_column *column, struct error *err)
{
    const struct segment *segment = block->segment;
    const struct segment_section *entry = &block->entry->sections[section];
    const struct segment_family *family = segment_family_of(block, section);
    const struct segment_values *lines, *blobs;
    enum status status = segment_block_values(block, section, 0, &lines, err);

    if (status == STATUS_OK)
        status = segment_block_values(block, section, family->slot_count, &blobs, err);
    for (uint32_t i = 0; i < entry->row_count && status == STATUS_OK; i++) {
        uint32_t row = entry->first_row + i;
        struct event_field fields[SHAPE_FIELDS_MAX];
        struct event event = {.bytes = lines->texts[i],
                              .time_ns = block->pages[PAGE_TIME][row],
                              .fields = fields};
        struct slice rest = blobs->texts[i];

        if (!bit_get(block->base.selected, row))
            continue;
        while (rest.len > 0 && event.field_count < SHAPE_FIELDS_MAX) {
            struct event_field *field = &fields[event.field_count++];

            if (!segment_field_take(&rest, event.bytes.len, segment->field_count, field))
                return segment_corrupt(segment, "fields of a line", err);
            field->field = segment->fields[field->field];
        }
        status = pattern_column_line(column, row, &event,
                                     segment->formats[block->templates[row] -
                                                      family->first_template],
                                     err);
    }
    return status;
}

static enum status table_rows(struct segment_block *block, uint32_t section,
                              const struct segment_patterns *patterns,
                              struct pattern_column *column, struct error *err)
{
    const struct segment_section *entry = &block->entry->sections[section];
    const struct segment_family *family = segment_family_of(block, section);
    uint32_t *codes = arena_new(&block->base.arena, uint32_t, (size_t)family->template_count + 1);
    enum status status = codes == NULL ? no_memory(err) : STATUS_OK;

    for (uint32_t i = 0; i < family->template_count && status == STATUS_OK; i++) {
        uint32_t pattern = patterns->of_template[family->first_template + i];

        status = pattern_column_code(column, &patterns->patterns[pattern], true, &codes[i], err);
    }
    for (uint32_t i = 0; i < entry->row_count && status == STATUS_OK; i++) {
        uint32_t row = entry->first_row + i;

        column->codes[row] = codes[block->templates[row] - family->first_template];
    }
    return status;
}

enum status segment_pattern_column(struct segment_block *block, field_id field, struct column *out,
                                   struct error *err)
{
    const struct segment_patterns *patterns;
    const uint32_t *templates;
    const int64_t *times;
    struct pattern_column column = {0};
    enum status status = segment_patterns(block->segment, &patterns, err);

    if (status == STATUS_OK)
        status = segment_block_templates(block, &templates, err);
    if (status == STATUS_OK)
        status = segment_block_page(block, PAGE_TIME, &times, err);
    if (status == STATUS_OK)
        status = pattern_column_init(&column, &block->base.arena, block->base.row_count, err);
    column.field_name = name_of;
    column.user = (void *)(uintptr_t)block->segment->names; /* only read */
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++)
        status = segment_family_of(block, k)->as_text
                     ? text_rows(block, k, &column, err)
                     : table_rows(block, k, patterns, &column, err);
    if (status == STATUS_OK)
        status = pattern_column_finish(&column, field, out, err);
    pattern_column_release(&column);
    return status;
}
