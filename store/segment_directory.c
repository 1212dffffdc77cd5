/* store/segment_directory.c -- parse the directory of a segment (layout: segment_format.h).
 * Every byte may be damaged or hostile: all counts and sums are checked against what is there, so
 * that the rest of the reader can trust the structures. */
#include "store/segment_format.h"

#include "base/byteorder.h"
#include "store/id_pool.h"
#include "store/source_table.h"
#include "store/tokenizer.h"

struct parser {
    struct segment *segment;
    struct arena *arena;
    struct slice rest;
    struct page_ref *pages; /* all entries so far */
    uint32_t page_count, page_capacity;
    uint64_t region_at[REGION_COUNT], region_end[REGION_COUNT];
    bool no_memory;
};

/* `count` zeroed objects; NULL also sets no_memory. */
#define parser_new(parser, type, count) ((type *)parser_alloc((parser), sizeof(type), (count)))
static void *parser_alloc(struct parser *parser, size_t size, size_t count)
{
    void *memory = arena_alloc(parser->arena, size, 8, count + 1);

    parser->no_memory = parser->no_memory || memory == NULL;
    return memory;
}

/* A count of things that take at least one byte each. */
static bool take_count(struct parser *parser, uint32_t *out)
{
    uint64_t count;

    if (!take_varint(&parser->rest, &count) || count > parser->rest.len)
        return false;
    *out = (uint32_t)count;
    return true;
}

static bool take_below(struct parser *parser, uint64_t below, uint32_t *out)
{
    uint64_t value;

    if (!take_varint(&parser->rest, &value) || value >= below)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool take_signed(struct parser *parser, int64_t *out)
{
    uint64_t raw;

    if (!take_varint(&parser->rest, &raw))
        return false;
    *out = unzigzag(raw);
    return true;
}

static bool remember_page(struct parser *parser, struct page_ref *page)
{
    if (parser->page_count == parser->page_capacity) {
        uint32_t capacity = parser->page_capacity == 0 ? 1024 : parser->page_capacity * 2;
        struct page_ref *grown = parser_new(parser, struct page_ref, capacity);

        if (grown == NULL)
            return false;
        if (parser->page_count > 0)
            memcpy(grown, parser->pages, parser->page_count * sizeof(*grown));
        parser->pages = grown;
        parser->page_capacity = capacity;
    }
    page->entry = parser->page_count;
    parser->pages[parser->page_count++] = *page;
    return true;
}

static bool take_page(struct parser *parser, struct page_ref *out)
{
    uint64_t tag, size;
    unsigned kind;
    struct slice bytes;

    if (!take_varint(&parser->rest, &tag))
        return false;
    size = tag >> 4;
    kind = tag >> 1 & 7;
    *out = (struct page_ref){.region = (uint8_t)kind};
    if ((tag & 1) != 0) {
        if (size > parser->rest.len || !take_bytes(&parser->rest, (size_t)size, &bytes))
            return false;
        out->in_line = bytes.data;
        out->size = (uint32_t)size;
    } else if (kind == PAGE_AGAIN) {
        if (size >= parser->page_count)
            return false;
        *out = parser->pages[size];
        return true;
    } else {
        if (kind >= REGION_COUNT || size > SEGMENT_PAGE_SIZE_MAX ||
            size > parser->region_end[kind] - parser->region_at[kind] ||
            !take_u32(&parser->rest, &out->hash))
            return false;
        out->size = (uint32_t)size;
        out->offset = parser->region_at[kind];
        parser->region_at[kind] += size;
    }
    return remember_page(parser, out);
}

static bool take_summary(struct parser *parser)
{
    struct segment_summary *out = &parser->segment->summary;
    struct slice *rest = &parser->rest;
    uint64_t times[4];
    bool fine = take_varint(rest, &out->rows) && take_varint(rest, &out->samples) &&
                take_varint(rest, &out->raw_bytes);

    for (unsigned i = 0; i < COUNT_OF(times); i++)
        fine = fine && take_u64(rest, &times[i]);
    if (!fine)
        return false;
    out->time_min_ns = (int64_t)times[0];
    out->time_max_ns = (int64_t)times[1];
    out->order_min_ns = (int64_t)times[2];
    out->order_max_ns = (int64_t)times[3];
    return take_u64(rest, &out->sequence_min) && take_u64(rest, &out->sequence_max);
}

static bool take_names(struct parser *parser)
{
    struct segment *segment = parser->segment;
    struct slice name;

    if (!take_count(parser, &segment->field_count))
        return false;
    segment->fields = parser_new(parser, field_id, segment->field_count);
    for (uint32_t i = 0; i < segment->field_count && segment->fields != NULL; i++) {
        if (!take_text(&parser->rest, &name))
            return false;
        segment->fields[i] = segment->names->field(segment->names->user, name);
    }
    if (segment->fields == NULL || !take_count(parser, &segment->format_count))
        return false;
    segment->formats = parser_new(parser, struct slice, segment->format_count);
    for (uint32_t i = 0; i < segment->format_count && segment->formats != NULL; i++)
        if (!take_text(&parser->rest, &segment->formats[i]))
            return false;
    return segment->formats != NULL;
}

static bool take_runs(struct parser *parser, struct segment_source_entry *source)
{
    struct segment_run *runs;
    uint64_t rank = 0, expected = 0;

    if (!take_count(parser, &source->run_count))
        return false;
    source->runs = runs = parser_new(parser, struct segment_run, source->run_count);
    for (uint32_t i = 0; i < source->run_count && runs != NULL; i++) {
        uint64_t rows;
        int64_t distance;

        if (!take_varint(&parser->rest, &rows) || rows == 0 ||
            rows > source->info.rows - rank || !take_signed(parser, &distance))
            return false;
        runs[i] = (struct segment_run){rank, expected + (uint64_t)distance};
        rank += rows;
        expected = runs[i].first_sequence + rows;
    }
    return runs != NULL && rank == source->info.rows;
}

static bool take_anchors(struct parser *parser, struct segment_source_entry *source)
{
    struct segment_anchor *anchors;
    uint64_t rank = 0;

    if (!take_count(parser, &source->anchor_count))
        return false;
    source->anchors = anchors = parser_new(parser, struct segment_anchor, source->anchor_count);
    for (uint32_t i = 0; i < source->anchor_count && anchors != NULL; i++) {
        uint64_t rows;
        int64_t distance;

        if (!take_varint(&parser->rest, &rows) || rows > source->info.rows ||
            !take_signed(parser, &distance))
            return false;
        rank += rows;
        anchors[i] = (struct segment_anchor){rank, (uint64_t)distance};
    }
    return anchors != NULL;
}

static bool take_sources(struct parser *parser)
{
    struct segment *segment = parser->segment;

    if (!take_count(parser, &segment->source_count))
        return false;
    segment->sources = parser_new(parser, struct segment_source_entry, segment->source_count);
    for (uint32_t i = 0; i < segment->source_count && segment->sources != NULL; i++) {
        struct segment_source_entry *source = &segment->sources[i];
        struct segment_source *info = &source->info;
        int64_t tail;

        if (!source_take(&parser->rest, &info->source) ||
            !take_varint(&parser->rest, &info->rows) || info->rows > segment->summary.rows ||
            !take_varint(&parser->rest, &info->from_offset) ||
            !take_varint(&parser->rest, &info->to_offset) ||
            !take_signed(parser, &tail) || !take_runs(parser, source) ||
            !take_anchors(parser, source))
            return false;
        source->tail = (uint64_t)tail;
        source->number = segment->names->source(segment->names->user, &info->source);
    }
    return segment->sources != NULL;
}

static bool kind_is_valid(struct slot_kind kind)
{
    switch (kind.type) {
    case SLOT_TEXT:
        return kind.param <= TEXT_FREE;
    case SLOT_INT:
    case SLOT_IPV4:
        return kind.param == 0;
    case SLOT_PADDED:
    case SLOT_DECIMAL:
        return kind.param <= 18;
    case SLOT_UUID:
        return kind.param == 0 || kind.param == SLOT_UPPER;
    case SLOT_HEX:
        return (kind.param & 0x7f) >= HEX_BYTES_MIN && (kind.param & 0x7f) <= HEX_BYTES_MAX;
    case SLOT_STAMP:
        return kind.param < stamp_layout_count();
    default:
        return false;
    }
}

static bool class_fits(struct slot_kind kind, unsigned class)
{
    switch (kind.type) {
    case SLOT_TEXT:
        return class == CLASS_CODES || class == CLASS_TEXTS;
    case SLOT_DECIMAL:
        return class == CLASS_DECIMALS;
    case SLOT_UUID:
    case SLOT_HEX:
        return class == CLASS_IDS;
    default:
        return class == CLASS_NUMBERS;
    }
}

static bool take_family_field(struct parser *parser, struct segment_family *family,
                              struct segment_field *out)
{
    uint32_t field, begin, end, place;

    if (!take_below(parser, (uint64_t)parser->segment->field_count * 2, &field) ||
        !take_u8(&parser->rest, &out->type) || !take_u8(&parser->rest, &out->unit) ||
        !take_below(parser, (uint64_t)family->slot_count + 1, &begin) ||
        !take_below(parser, (uint64_t)family->slot_count + 1, &end) ||
        !take_below(parser, SHAPE_FIELDS_MAX, &place) || begin > end)
        return false;
    out->field = parser->segment->fields[field >> 1];
    out->computed = field & 1;
    out->begin_gap = (uint16_t)begin;
    out->end_gap = (uint16_t)end;
    out->place = (uint16_t)place;
    if (out->computed)
        out->begin_gap = family->column_count++;
    return true;
}

/* Slots, fields and classes of columns. */
static bool take_family_table(struct parser *parser, struct segment_family *family)
{
    uint32_t slots, fields;
    struct slice kinds;

    if (!take_below(parser, SHAPE_SLOTS_MAX + 1, &slots) ||
        !take_bytes(&parser->rest, (size_t)slots * 2, &kinds) ||
        !take_below(parser, SHAPE_FIELDS_MAX + 1, &fields))
        return false;
    family->slot_count = family->column_count = (uint16_t)slots;
    family->field_count = (uint16_t)fields;
    family->fields = parser_new(parser, struct segment_field, fields);
    family->columns = parser_new(parser, struct segment_column, (size_t)slots + fields + 1);
    if (family->fields == NULL || family->columns == NULL || (family->as_text && slots != 1))
        return false;
    for (uint32_t i = 0; i < fields; i++)
        if (!take_family_field(parser, family, &family->fields[i]))
            return false;
    family->column_count = (uint16_t)(family->column_count + family->as_text);
    for (uint32_t i = 0; i < family->column_count; i++) {
        struct segment_column *column = &family->columns[i];

        column->kind = (struct slot_kind){SLOT_TEXT, TEXT_FREE};
        if (i < slots)
            column->kind = (struct slot_kind){(uint8_t)kinds.data[(size_t)2 * i],
                                              (uint8_t)kinds.data[(size_t)2 * i + 1]};
        if (!take_u8(&parser->rest, &column->class) || !kind_is_valid(column->kind) ||
            !class_fits(column->kind, column->class))
            return false;
    }
    return true;
}

/* Both ends of each span must lie in their gaps, begin before end. */
static bool take_offsets(struct parser *parser, const struct segment_family *family,
                         const uint32_t *gap_ends, uint32_t *offsets)
{
    for (uint32_t i = 0; i < family->field_count; i++) {
        const struct segment_field *field = &family->fields[i];
        uint32_t *ends = offsets + (size_t)2 * i;
        uint32_t begin_len, end_len;

        if (field->computed)
            continue;
        begin_len = gap_ends[field->begin_gap] -
                    (field->begin_gap > 0 ? gap_ends[field->begin_gap - 1] : 0);
        end_len =
            gap_ends[field->end_gap] - (field->end_gap > 0 ? gap_ends[field->end_gap - 1] : 0);
        if (!take_below(parser, (uint64_t)begin_len + 1, &ends[0]) ||
            !take_below(parser, (uint64_t)end_len + 1, &ends[1]) ||
            (field->begin_gap == field->end_gap && ends[0] > ends[1]))
            return false;
    }
    return true;
}

static bool take_templates(struct parser *parser, const struct segment_family *family,
                           struct segment_template *templates)
{
    uint64_t literal_size = 0, at = 0;
    struct slice literals;

    for (uint32_t i = 0; i < family->template_count; i++) {
        uint32_t *gap_ends = parser_new(parser, uint32_t, family->slot_count + 1u);
        uint32_t *offsets = parser_new(parser, uint32_t, (size_t)2 * family->field_count);
        uint64_t sum = 0;

        if (gap_ends == NULL || offsets == NULL)
            return false;
        for (uint32_t gap = 0; gap <= family->slot_count; gap++) {
            uint32_t len;

            if (!take_below(parser, SHAPE_SIZE_MAX + 1, &len))
                return false;
            sum += len;
            gap_ends[gap] = (uint32_t)sum;
        }
        if (sum > SHAPE_SIZE_MAX || !take_offsets(parser, family, gap_ends, offsets))
            return false;
        templates[i].gap_ends = gap_ends;
        templates[i].field_offsets = offsets;
        literal_size += sum;
    }
    if (literal_size > parser->rest.len ||
        !take_bytes(&parser->rest, (size_t)literal_size, &literals))
        return false;
    for (uint32_t i = 0; i < family->template_count; i++) {
        templates[i].literals = literals.data == NULL ? "" : literals.data + at;
        at += templates[i].gap_ends[family->slot_count];
    }
    return true;
}

static bool take_families(struct parser *parser)
{
    struct segment *segment = parser->segment;

    if (!take_count(parser, &segment->family_count) ||
        !take_count(parser, &segment->template_count))
        return false;
    segment->families = parser_new(parser, struct segment_family, segment->family_count);
    segment->templates = parser_new(parser, struct segment_template, segment->template_count);
    if (segment->families == NULL || segment->templates == NULL)
        return false;
    for (uint32_t i = 0, first = 0; i < segment->family_count; i++) {
        struct segment_family *family = &segment->families[i];
        uint32_t format;

        if (!take_below(parser, (uint64_t)segment->format_count * 2, &format))
            return false;
        family->format = format >> 1;
        family->as_text = format & 1;
        family->first_template = first;
        if (!take_family_table(parser, family) ||
            !take_below(parser, (uint64_t)segment->template_count - first + 1,
                        &family->template_count) ||
            family->template_count == 0 ||
            !take_templates(parser, family, segment->templates + first))
            return false;
        first += family->template_count;
    }
    return true;
}

static bool take_section(struct parser *parser, struct segment_section *out, uint32_t first_row,
                         uint32_t rows_left)
{
    struct segment *segment = parser->segment;
    const struct segment_family *family;
    struct page_ref *pages;
    unsigned count = 0;

    if (!take_below(parser, segment->family_count, &out->family) ||
        !take_below(parser, (uint64_t)rows_left + 1, &out->row_count) || out->row_count == 0)
        return false;
    out->first_row = first_row;
    family = &segment->families[out->family];
    for (uint32_t i = 0; i < family->column_count; i++)
        count += class_page_count(family->columns[i].class);
    out->pages = pages = parser_new(parser, struct page_ref, count);
    for (unsigned i = 0; i < count && pages != NULL; i++)
        if (!take_page(parser, &pages[i]))
            return false;
    return pages != NULL;
}

static bool take_block_times(struct parser *parser, struct segment_block_entry *block)
{
    int64_t parts[4];

    for (unsigned i = 0; i < COUNT_OF(parts); i++)
        if (!take_signed(parser, &parts[i]))
            return false;
    block->time_min_ns = parts[0];
    block->time_max_ns = (int64_t)((uint64_t)parts[0] + (uint64_t)parts[1]);
    block->order_min_ns = (int64_t)((uint64_t)parts[0] + (uint64_t)parts[2]);
    block->order_max_ns = (int64_t)((uint64_t)block->order_min_ns + (uint64_t)parts[3]);
    return true;
}

static bool take_block(struct parser *parser, struct segment_block_entry *block)
{
    struct segment_section *sections;
    uint32_t row = 0;
    uint8_t flags;

    if (!take_u8(&parser->rest, &flags) || flags > 1 ||
        !take_below(parser, BLOCK_ROWS_MAX + 1, &block->row_count) || block->row_count == 0 ||
        !take_block_times(parser, block))
        return false;
    block->samples = flags == 1;
    for (unsigned i = 0; i < BLOCK_PAGE_COUNT; i++)
        if (!take_page(parser, &block->pages[i]))
            return false;
    if (!take_below(parser, (uint64_t)block->row_count + 1, &block->section_count))
        return false;
    block->sections = sections = parser_new(parser, struct segment_section, block->section_count);
    for (uint32_t i = 0; i < block->section_count && sections != NULL; i++) {
        if (!take_section(parser, &sections[i], row, block->row_count - row))
            return false;
        row += sections[i].row_count;
    }
    return sections != NULL && (block->samples ? row == 0 : row == block->row_count);
}

static bool take_blocks(struct parser *parser)
{
    struct segment *segment = parser->segment;

    if (!take_count(parser, &segment->block_count))
        return false;
    segment->blocks = parser_new(parser, struct segment_block_entry, segment->block_count);
    segment->block_sources = arena_alloc(parser->arena, sizeof(*segment->block_sources), 8,
                                         (size_t)segment->block_count + 1);
    for (uint32_t i = 0; i < segment->block_count && segment->blocks != NULL; i++)
        if (!take_block(parser, &segment->blocks[i]))
            return false;
    return segment->blocks != NULL && segment->block_sources != NULL;
}

static bool take_lists(struct parser *parser)
{
    struct segment *segment = parser->segment;

    for (uint32_t i = 0; i < segment->family_count; i++)
        for (uint32_t k = 0; k < segment->families[i].column_count; k++) {
            struct segment_column *column = &segment->families[i].columns[k];

            if (column->class == CLASS_CODES &&
                (!take_below(parser, INT_PAGE_COUNT_MAX + 1, &column->dict_count) ||
                 column->dict_count == 0 || !take_page(parser, &column->list)))
                return false;
        }
    return true;
}

static bool take_pool(struct parser *parser)
{
    struct segment *segment = parser->segment;
    uint32_t strings = 0;

    if (!take_below(parser, TEXT_POOL_COUNT_MAX + 1, &segment->pool_count) ||
        !take_count(parser, &segment->pool_page_count))
        return false;
    segment->pool = parser_new(parser, struct segment_pool_page, segment->pool_page_count);
    segment->pool_pages = arena_alloc(parser->arena, sizeof(*segment->pool_pages), 8,
                                      (size_t)segment->pool_page_count + 1);
    if (segment->pool == NULL || segment->pool_pages == NULL)
        return false;
    for (uint32_t i = 0; i < segment->pool_page_count; i++) {
        struct segment_pool_page *page = &segment->pool[i];

        page->first = strings;
        if (!take_below(parser, (uint64_t)segment->pool_count - strings + 1, &page->count) ||
            page->count == 0 || !take_below(parser, SEGMENT_PAGE_SIZE_MAX, &page->raw_size) ||
            !take_page(parser, &page->page) || !take_page(parser, &page->grams))
            return false;
        strings += page->count;
    }
    return strings == segment->pool_count;
}

static bool take_ids(struct parser *parser)
{
    struct segment *segment = parser->segment;

    if (!take_count(parser, &segment->ids_count))
        return false;
    segment->ids = parser_new(parser, struct segment_ids, segment->ids_count);
    for (uint32_t i = 0; i < segment->ids_count && segment->ids != NULL; i++) {
        struct segment_ids *ids = &segment->ids[i];
        struct page_ref *rest;
        uint32_t pages;

        if (!take_u8(&parser->rest, &ids->kind.type) || !take_u8(&parser->rest, &ids->kind.param) ||
            !kind_is_valid(ids->kind) || slot_id_size(ids->kind) == 0 ||
            !take_below(parser, (uint64_t)1 << 31, &ids->count) || ids->count == 0)
            return false;
        pages = (ids->count + ID_PAGE_COUNT - 1) / ID_PAGE_COUNT;
        if (pages > parser->rest.len || !take_page(parser, &ids->heads))
            return false;
        ids->rest = rest = parser_new(parser, struct page_ref, pages);
        for (uint32_t k = 0; k < pages && rest != NULL; k++)
            if (!take_page(parser, &rest[k]))
                return false;
    }
    return segment->ids != NULL;
}

static bool take_one_series(struct parser *parser, struct segment_series *out)
{
    struct label *labels;

    if (!take_below(parser, parser->segment->source_count, &out->source) ||
        !take_text(&parser->rest, &out->metric) || !take_count(parser, &out->label_count))
        return false;
    out->labels = labels = parser_new(parser, struct label, out->label_count);
    for (uint32_t i = 0; i < out->label_count && labels != NULL; i++)
        if (!take_text(&parser->rest, &labels[i].name) ||
            !take_text(&parser->rest, &labels[i].value))
            return false;
    return labels != NULL;
}

static bool take_series(struct parser *parser)
{
    struct segment *segment = parser->segment;
    uint64_t first = 0, count = 0, all = segment->summary.samples;

    if (!take_count(parser, &segment->series_count))
        return false;
    segment->series = parser_new(parser, struct segment_series, segment->series_count);
    for (uint32_t i = 0; i < segment->series_count && segment->series != NULL;
         i++, first += count) {
        segment->series[i].first_sample = first;
        if (!take_one_series(parser, &segment->series[i]) ||
            (segment_counts_samples(segment) &&
             (!take_varint(&parser->rest, &count) || count == 0 || count > all - first)))
            return false;
    }
    return segment->series != NULL && (!segment_counts_samples(segment) || first == all);
}

/* Samples of a block are behind those of the blocks before it. */
static bool number_samples(struct segment *segment)
{
    uint64_t first = 0;

    for (uint32_t i = 0; i < segment->block_count; i++) {
        segment->blocks[i].first_sample = first;
        first += segment->blocks[i].samples ? segment->blocks[i].row_count : 0;
    }
    return first == segment->summary.samples;
}

/* Segments of version 2 end before it. */
static bool take_rollups(struct parser *parser)
{
    struct segment_rollups *rollups = &parser->segment->rollups;
    uint32_t count, number;

    rollups->kept = parser->segment->version > 2;
    if (!rollups->kept)
        return true;
    if (!take_page(parser, &rollups->counts) || !take_count(parser, &count))
        return false;
    rollups->fields = parser_new(parser, struct segment_rollup_field, count);
    if (rollups->fields == NULL)
        return false;
    rollups->field_count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (!take_below(parser, parser->segment->field_count, &number) ||
            !take_page(parser, &rollups->fields[i].page))
            return false;
        rollups->fields[i].field = parser->segment->fields[number];
    }
    if (parser->segment->version >= 4 && !take_page(parser, &rollups->sums))
        return false;
    return !segment_counts_samples(parser->segment) || take_page(parser, &rollups->samples);
}

enum status segment_directory_parse(struct segment *segment, struct slice directory,
                                   const uint64_t region_size[REGION_COUNT], struct error *err)
{
    struct parser parser = {.segment = segment, .arena = &segment->arena, .rest = directory};

    for (unsigned i = 0; i < REGION_COUNT; i++) {
        parser.region_at[i] = segment->region_start[i];
        parser.region_end[i] = segment->region_start[i] + region_size[i];
    }
    if (take_summary(&parser) && take_names(&parser) && take_sources(&parser) &&
        take_families(&parser) && take_blocks(&parser) && take_lists(&parser) &&
        take_pool(&parser) && take_ids(&parser) && take_series(&parser) &&
        number_samples(segment) && take_rollups(&parser) && parser.rest.len == 0) {
        segment->pages = parser.pages;
        segment->page_count = parser.page_count;
        segment->pages_checked = parser_new(&parser, atomic_uchar, parser.page_count);
        segment->blocks_checked = parser_new(&parser, atomic_uchar, segment->block_count);
        segment->kept_pages = arena_alloc(&segment->arena, sizeof(*segment->kept_pages), 8,
                                          (size_t)parser.page_count + 1);
        if (segment->pages_checked != NULL && segment->blocks_checked != NULL &&
            segment->kept_pages != NULL)
            return STATUS_OK;
    }
    if (parser.no_memory || segment->arena.failed)
        return error_set(err, STATUS_NO_MEMORY, "no memory to open segment %s", segment->path);
    return segment_corrupt(segment, "directory", err);
}
