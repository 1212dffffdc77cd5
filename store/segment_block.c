/* store/segment_block.c -- load pages of a block, and write lines from their values. */
#include "store/segment_block.h"

#include "base/byteorder.h"
#include "store/block_sources.h"
#include "store/id_pool.h"
#include "store/zstd_context.h"

#include <stdlib.h>

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "a block of a segment needs too much memory");
}

enum status segment_block_new(struct segment *segment, uint32_t index,
                             struct segment_block **out, struct error *err)
{
    return segment_block_lend(segment, index, NULL, out, err);
}

enum status segment_block_lend(struct segment *segment, uint32_t index, struct arena *arena,
                               struct segment_block **out, struct error *err)
{
    const struct segment_block_entry *entry = &segment->blocks[index];
    struct segment_block *block = calloc(1, sizeof(*block));

    if (block == NULL)
        return no_memory(err);
    block->base = (struct block){
        .ops = &segment_block_ops,
        .row_count = entry->row_count,
        .selected_count = entry->row_count,
        .samples = entry->samples,
        .time_min_ns = entry->time_min_ns,
        .time_max_ns = entry->time_max_ns,
        .order_min_ns = entry->order_min_ns,
        .order_max_ns = entry->order_max_ns,
        .arena = arena != NULL ? *arena : arena_empty(BLOCK_ARENA_SIZE_MAX),
        .lender = arena,
    };
    block->segment = segment;
    block->entry = entry;
    block->own_ids.arena = &block->base.arena;
    block->ids = &block->own_ids;
    block->uses.arena = &block->base.arena;
    block->base.selected =
        arena_new(&block->base.arena, uint64_t, bit_words(entry->row_count) + 1);
    block->values = arena_alloc(&block->base.arena, sizeof(*block->values), 8,
                                (size_t)entry->section_count + 1);
    if (block->base.selected == NULL || block->values == NULL) {
        block_release(&block->base);
        return no_memory(err);
    }
    bits_fill(block->base.selected, entry->row_count);
    *out = block;
    return STATUS_OK;
}

static enum status read_page(struct segment_block *block, const struct page_ref *page,
                             struct slice *out, struct error *err)
{
    return segment_page_read(block->segment, page, &block->base.arena, out, &block->bytes_read,
                            err);
}

/* Decode a page into `values`, which has room. */
static enum status decode_numbers(struct segment_block *block, const struct page_ref *page,
                                  uint32_t count, int64_t *values, struct error *err)
{
    struct slice bytes;
    enum status status = read_page(block, page, &bytes, err);

    if (status == STATUS_OK && !int_page_decode(bytes, count, values))
        status = segment_corrupt(block->segment, "page of numbers", err);
    return status;
}

/* Are all codes less than `below`? Two at a time: each is taken from below - 1, where one that is too
 * large leaves the highest bit set, or has it set itself. */
static bool are_below(const uint32_t *codes, uint32_t count, uint64_t below)
{
    const uint64_t high = 0x8000000080000000u;
    uint64_t last, lasts, found = 0, two;
    uint32_t i = 0;

    if (below == 0 || below > INT32_MAX) {
        while (i < count && codes[i] < below)
            i++;
        return i == count;
    }
    last = below - 1;
    lasts = last << 32 | last;
    for (; i + 2 <= count; i += 2) {
        memcpy(&two, &codes[i], sizeof(two));
        found |= two | (lasts - two);
    }
    return (found & high) == 0 && (i == count || codes[i] < below);
}

static enum status decode_codes(struct segment_block *block, const struct page_ref *page,
                                uint32_t count, uint32_t *codes, struct error *err)
{
    struct slice bytes;
    enum status status = read_page(block, page, &bytes, err);

    if (status != STATUS_OK)
        return status;
    if (!int_page_decode32(bytes, count, codes))
        return segment_corrupt(block->segment, "page of codes", err);
    return STATUS_OK;
}

enum status segment_block_kept(struct segment_block *block, const struct page_ref *page,
                               uint32_t count, const int64_t **out, struct error *err)
{
    bool wanted;
    struct kept_page *kept = page_cache_get(block->segment, page, PAGE_FORM_NUMBERS, count,
                                            &block->uses, &wanted);
    enum status status = STATUS_OK;

    if (wanted) {
        kept = page_cache_new(PAGE_FORM_NUMBERS, count, 0, &block->uses);
        if (kept != NULL) {
            status = decode_numbers(block, page, count, kept->numbers, err);
            page_cache_put(block->segment, page, kept, status == STATUS_OK);
        }
    }
    *out = kept == NULL ? NULL : kept->numbers;
    return status;
}

static uint32_t largest_code(const uint32_t *codes, uint32_t count)
{
    uint32_t largest = 0;

    for (uint32_t i = 0; i < count; i++)
        largest = codes[i] > largest ? codes[i] : largest;
    return largest;
}

enum status segment_block_kept_codes(struct segment_block *block, const struct page_ref *page,
                                     uint32_t count, uint64_t below, const uint32_t **out,
                                     struct error *err)
{
    bool wanted;
    struct kept_page *kept =
        page_cache_get(block->segment, page, PAGE_FORM_CODES, count, &block->uses, &wanted);
    enum status status = STATUS_OK;

    if (wanted) {
        kept = page_cache_new(PAGE_FORM_CODES, count, 0, &block->uses);
        if (kept != NULL) {
            status = decode_codes(block, page, count, kept->codes, err);
            kept->largest = status == STATUS_OK ? largest_code(kept->codes, count) : 0;
            page_cache_put(block->segment, page, kept, status == STATUS_OK);
        }
    }
    *out = kept == NULL ? NULL : kept->codes;
    if (kept == NULL)
        return status;
    return status == STATUS_OK && kept->largest >= below
               ? segment_corrupt(block->segment, "code", err)
               : status;
}

static enum status read_numbers(struct segment_block *block, const struct page_ref *page,
                                uint32_t count, const int64_t **out, struct error *err)
{
    enum status status = segment_block_kept(block, page, count, out, err);
    int64_t *values;

    if (status != STATUS_OK || *out != NULL)
        return status;
    values = arena_take(&block->base.arena, sizeof(*values), _Alignof(int64_t), count);
    if (values == NULL)
        return no_memory(err);
    *out = values;
    return decode_numbers(block, page, count, values, err);
}

static enum status read_codes(struct segment_block *block, const struct page_ref *page,
                              uint32_t count, uint64_t below, const uint32_t **out,
                              struct error *err)
{
    enum status status = segment_block_kept_codes(block, page, count, below, out, err);
    uint32_t *codes;

    if (status != STATUS_OK || *out != NULL)
        return status;
    codes = arena_take(&block->base.arena, sizeof(*codes), _Alignof(uint32_t), count);
    if (codes == NULL)
        return no_memory(err);
    *out = codes;
    status = decode_codes(block, page, count, codes, err);
    return status == STATUS_OK && below < CODES_ANY && !are_below(codes, count, below)
               ? segment_corrupt(block->segment, "code", err)
               : status;
}

/* numbers[i] + times[i]: times of order and stamps are stored as what they are above the times. */
static enum status add_times(struct segment_block *block, const int64_t *numbers,
                             const int64_t *times, uint32_t count, const int64_t **out,
                             struct error *err)
{
    int64_t *sums = arena_take(&block->base.arena, sizeof(*sums), _Alignof(int64_t),
                               (size_t)count + 1);

    if (sums == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        sums[i] = (int64_t)((uint64_t)numbers[i] + (uint64_t)times[i]);
    *out = sums;
    return STATUS_OK;
}

bool segment_block_constant(const struct segment_block *block, enum block_page page, int64_t *value)
{
    const struct page_ref *at = &block->entry->pages[page];

    return at->in_line != NULL && int_page_constant((struct slice){at->in_line, at->size}, value);
}

/* Mostly nothing above the times. */
static enum status read_order(struct segment_block *block, const int64_t **out, struct error *err)
{
    const int64_t *times, *numbers;
    int64_t above;
    enum status status = segment_block_page(block, PAGE_TIME, &times, err);

    *out = times;
    if (status != STATUS_OK || (segment_block_constant(block, PAGE_ORDER, &above) && above == 0))
        return status;
    status = read_numbers(block, &block->entry->pages[PAGE_ORDER], block->base.row_count, &numbers,
                          err);
    return status == STATUS_OK
               ? add_times(block, numbers, times, block->base.row_count, out, err)
               : status;
}

enum status segment_block_page(struct segment_block *block, enum block_page page,
                              const int64_t **out, struct error *err)
{
    enum status status;

    *out = block->pages[page];
    if (*out != NULL)
        return STATUS_OK;
    status = page == PAGE_ORDER ? read_order(block, out, err)
                                : read_numbers(block, &block->entry->pages[page],
                                               block->base.row_count, out, err);
    if (status == STATUS_OK)
        block->pages[page] = *out;
    return status;
}

enum status segment_block_sources(struct segment_block *block, const uint32_t **out,
                                 struct error *err)
{
    const uint32_t *numbers;
    enum status status = STATUS_OK;

    if (block->sources == NULL) {
        status = read_codes(block, &block->entry->pages[PAGE_SOURCE], block->base.row_count,
                            block->segment->source_count, &numbers, err);
        if (status == STATUS_OK) {
            block->sources = numbers;
            block_sources_note(block->segment, (uint32_t)(block->entry - block->segment->blocks),
                               numbers, block->base.row_count);
        }
    }
    *out = block->sources;
    return status;
}

/* The page of codes; those of each section must be below the number of its templates. */
static enum status load_template_codes(struct segment_block *block, struct error *err)
{
    const uint32_t *codes;
    enum status status;

    if (block->template_codes != NULL)
        return STATUS_OK;
    status = read_codes(block, &block->entry->pages[PAGE_TEMPLATE], block->base.row_count,
                        CODES_ANY, &codes, err);
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        const struct segment_section *section = &block->entry->sections[k];

        if (!are_below(codes + section->first_row, section->row_count,
                       segment_family_of(block, k)->template_count))
            status = segment_corrupt(block->segment, "template code", err);
    }
    if (status == STATUS_OK)
        block->template_codes = codes;
    return status;
}

enum status segment_block_template_codes(struct segment_block *block, uint32_t section,
                                         const uint32_t **out, struct error *err)
{
    enum status status = load_template_codes(block, err);

    if (status == STATUS_OK)
        *out = block->template_codes + block->entry->sections[section].first_row;
    return status;
}

enum status segment_block_templates(struct segment_block *block, const uint32_t **out,
                                   struct error *err)
{
    uint32_t *numbers;
    enum status status;

    *out = block->templates;
    if (*out != NULL)
        return STATUS_OK;
    status = load_template_codes(block, err);
    numbers = arena_take(&block->base.arena, sizeof(*numbers), _Alignof(uint32_t),
                         (size_t)block->base.row_count + 1);
    if (status == STATUS_OK && numbers == NULL)
        return no_memory(err);
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        const struct segment_section *section = &block->entry->sections[k];
        const struct segment_family *family = segment_family_of(block, k);

        for (uint32_t i = section->first_row; i < section->first_row + section->row_count; i++)
            numbers[i] = block->template_codes[i] + family->first_template;
    }
    if (status == STATUS_OK)
        *out = block->templates = numbers;
    return status;
}

/* Strings of a dictionary column by code. */
static enum status read_dict(struct segment_block *block, const struct segment_column *column,
                             struct slice **out, struct error *err)
{
    struct slice *dict =
        arena_new(&block->base.arena, struct slice, (size_t)column->dict_count + 1);
    const uint32_t *numbers;
    enum status status = read_codes(block, &column->list, column->dict_count,
                                    block->segment->pool_count, &numbers, err);

    if (status == STATUS_OK && dict == NULL)
        status = no_memory(err);
    for (uint32_t i = 0; i < column->dict_count && status == STATUS_OK; i++)
        status = segment_pool_string(block->segment, numbers[i], &block->hold, &dict[i], err);
    *out = dict;
    return status;
}

enum status segment_block_list(struct segment_block *block, uint32_t section, uint32_t column,
                               const uint32_t **out, struct error *err)
{
    const struct segment_column *entry = &segment_family_of(block, section)->columns[column];

    return read_codes(block, &entry->list, entry->dict_count, block->segment->pool_count, out,
                      err);
}

/* A slice for each text in `room`, and the texts behind the slices; NULL: there is no room. */
static struct slice *place_texts(const struct text_page *decoded, uint32_t count, void *room)
{
    struct slice *texts = room;
    char *bytes = (char *)(texts + count);

    if (room == NULL)
        return NULL;
    if (decoded->text.len > 0)
        memcpy(bytes, decoded->text.data, decoded->text.len);
    for (uint32_t i = 0, start = 0; i < count; start = decoded->ends[i++])
        texts[i] = (struct slice){bytes + start, decoded->ends[i] - start};
    return texts;
}

static enum status read_texts(struct segment_block *block, const struct page_ref *page,
                              uint32_t count, const struct slice **out, struct error *err)
{
    struct text_page decoded;
    struct slice bytes;
    uint64_t raw_size;
    bool wanted;
    struct kept_page *kept =
        page_cache_get(block->segment, page, PAGE_FORM_TEXTS, count, &block->uses, &wanted);
    enum status status;

    *out = kept == NULL ? NULL : kept->texts;
    if (kept != NULL)
        return STATUS_OK;
    status = read_page(block, page, &bytes, err);
    if (status != STATUS_OK)
        return status;
    if (!take_varint(&bytes, &raw_size) || raw_size > SEGMENT_PAGE_SIZE_MAX ||
        !text_page_decode(bytes, (size_t)raw_size, count, &decoded))
        return segment_corrupt(block->segment, "page of texts", err);
    if (wanted)
        kept = page_cache_new(PAGE_FORM_TEXTS, count, decoded.text.len, &block->uses);
    *out = place_texts(&decoded, count,
                       kept != NULL ? kept->texts
                                    : arena_take(&block->base.arena, 1, _Alignof(struct slice),
                                                 (size_t)count * sizeof(struct slice) +
                                                     decoded.text.len + 1));
    if (kept != NULL)
        page_cache_put(block->segment, page, kept, true);
    text_page_release(&decoded);
    return *out == NULL ? no_memory(err) : STATUS_OK;
}

static const struct segment_ids *ids_of_kind(const struct segment *segment,
                                            struct slot_kind kind)
{
    for (uint32_t i = 0; i < segment->ids_count; i++)
        if (slot_kind_equal(segment->ids[i].kind, kind))
            return &segment->ids[i];
    return NULL;
}

/* A page of ids, read once for all that share `ids`; `size` bytes are expected. */
static enum status read_id_page(struct segment_block *block, const struct page_ref *page,
                                size_t size, struct slice *kept, struct error *err)
{
    struct kept_page *found = NULL;
    bool wanted = false;
    enum status status;

    if (kept->data != NULL || size == 0)
        return STATUS_OK;
    if (block->ids == &block->own_ids && size <= UINT32_MAX) /* others outlive the block */
        found = page_cache_get(block->segment, page, PAGE_FORM_BYTES, (uint32_t)size, &block->uses,
                               &wanted);
    if (found != NULL) {
        *kept = slice_make(found->bytes, size);
        return STATUS_OK;
    }
    status = segment_page_read(block->segment, page, block->ids->arena, kept, &block->bytes_read,
                               err);
    if (status == STATUS_OK && kept->len != size) {
        kept->data = NULL;
        return segment_corrupt(block->segment, "page of ids", err);
    }
    if (status == STATUS_OK && wanted)
        found = page_cache_new(PAGE_FORM_BYTES, (uint32_t)size, 0, &block->uses);
    if (found != NULL) {
        memcpy(found->bytes, kept->data, size);
        page_cache_put(block->segment, page, found, true);
    }
    return status;
}

/* Heads of all ids of a pool, and bytes behind the heads of those of one page. */
static enum status read_heads(struct segment_block *block, const struct segment_ids *ids,
                              struct id_pages *pages, struct error *err)
{
    return read_id_page(block, &ids->heads, (size_t)ids->count * ID_HEAD_SIZE, &pages->heads, err);
}

static enum status read_rest(struct segment_block *block, const struct segment_ids *ids,
                             uint32_t page, struct id_pages *pages, struct error *err)
{
    unsigned size = slot_id_size(ids->kind) - ID_HEAD_SIZE;
    uint32_t first = page * ID_PAGE_COUNT;
    uint32_t count = ids->count - first < ID_PAGE_COUNT ? ids->count - first : ID_PAGE_COUNT;

    return read_id_page(block, &ids->rest[page], (size_t)count * size, &pages->rest[page], err);
}

/* Pages of one pool; NULL without memory. */
static struct id_pages *pages_of_pool(struct segment_block *block, const struct segment_ids *ids)
{
    uint32_t page_count = (ids->count + ID_PAGE_COUNT - 1) / ID_PAGE_COUNT;
    struct id_cache *cache = block->ids;
    struct id_pages *pages;

    if (cache->pools == NULL)
        cache->pools = arena_new(cache->arena, struct id_pages, block->segment->ids_count + 1u);
    if (cache->pools == NULL)
        return NULL;
    pages = &cache->pools[ids - block->segment->ids];
    if (pages->rest == NULL)
        pages->rest = arena_new(cache->arena, struct slice, page_count + 1u);
    return pages->rest == NULL ? NULL : pages;
}

static enum status check_ids(struct segment_block *block, struct slot_kind kind,
                             const int64_t *numbers, uint32_t count, struct error *err)
{
    const struct segment_ids *ids = ids_of_kind(block->segment, kind);

    for (uint32_t i = 0; i < count; i++)
        if (ids == NULL || (uint64_t)numbers[i] >= ids->count)
            return segment_corrupt(block->segment, "number of an id", err);
    return STATUS_OK;
}

/* Bytes of ids whose numbers are checked. */
static enum status read_ids(struct segment_block *block, struct slot_kind kind,
                            const int64_t *numbers, uint32_t count, const uint8_t **out,
                            struct error *err)
{
    const struct segment_ids *ids = ids_of_kind(block->segment, kind);
    unsigned size = slot_id_size(kind), rest_size = size - ID_HEAD_SIZE;
    uint8_t *bytes = arena_take(&block->base.arena, size, 8, (size_t)count + 1);
    struct id_pages *pages = pages_of_pool(block, ids);
    enum status status;

    if (bytes == NULL || pages == NULL)
        return no_memory(err);
    status = read_heads(block, ids, pages, err);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        uint64_t number = (uint64_t)numbers[i];
        uint32_t page = (uint32_t)(number / ID_PAGE_COUNT);

        if (pages->rest[page].data == NULL && rest_size > 0)
            status = read_rest(block, ids, page, pages, err);
        if (status != STATUS_OK)
            break;
        memcpy(bytes + (size_t)i * size, pages->heads.data + number * ID_HEAD_SIZE, ID_HEAD_SIZE);
        if (rest_size > 0)
            memcpy(bytes + (size_t)i * size + ID_HEAD_SIZE,
                   pages->rest[page].data + number % ID_PAGE_COUNT * rest_size, rest_size);
    }
    *out = bytes;
    return status;
}

enum status segment_block_ids(struct segment_block *block, struct slot_kind kind,
                             const int64_t *numbers, uint32_t count, const uint8_t **out,
                             struct error *err)
{
    enum status status = check_ids(block, kind, numbers, count, err);

    *out = NULL;
    return status == STATUS_OK && count > 0 ? read_ids(block, kind, numbers, count, out, err)
                                            : status;
}

static enum status load_values(struct segment_block *block, const struct segment_section *section,
                               const struct segment_column *column, const struct page_ref *pages,
                               struct segment_values *out, struct error *err)
{
    uint32_t count = section->row_count;
    const int64_t *times;
    enum status status;

    if (column->class == CLASS_TEXTS)
        return read_texts(block, pages, count, &out->texts, err);
    if (column->class == CLASS_CODES)
        return read_codes(block, pages, count, column->dict_count, &out->codes, err);
    status = read_numbers(block, pages, count, &out->numbers, err);
    if (status != STATUS_OK)
        return status;
    if (column->class == CLASS_DECIMALS)
        return read_numbers(block, pages + 1, count, &out->scales, err);
    if (column->class == CLASS_IDS)
        return check_ids(block, column->kind, out->numbers, count, err);
    if (column->kind.type != SLOT_STAMP)
        return STATUS_OK;
    status = segment_block_page(block, PAGE_TIME, &times, err);
    return status == STATUS_OK ? add_times(block, out->numbers, times + section->first_row, count,
                                           &out->numbers, err)
                               : status;
}

const struct page_ref *segment_column_pages(const struct segment_block *block, uint32_t section,
                                           uint32_t column)
{
    const struct page_ref *pages = block->entry->sections[section].pages;

    for (uint32_t i = 0; i < column; i++)
        pages += class_page_count(segment_family_of(block, section)->columns[i].class);
    return pages;
}

bool segment_column_constant(const struct segment_block *block, uint32_t section, uint32_t column)
{
    const struct segment_column *at = &segment_family_of(block, section)->columns[column];
    const struct page_ref *pages = segment_column_pages(block, section, column);
    bool constant = at->class != CLASS_TEXTS && at->kind.type != SLOT_STAMP; /* relative to times */
    int64_t value;

    for (unsigned i = 0; i < class_page_count(at->class) && constant; i++)
        constant = pages[i].in_line != NULL &&
                   int_page_constant((struct slice){pages[i].in_line, pages[i].size}, &value);
    return constant;
}

enum status segment_block_addresses(struct segment_block *block, uint32_t section,
                                    uint32_t column, const uint32_t **out, struct error *err)
{
    return read_codes(block, segment_column_pages(block, section, column),
                      block->entry->sections[section].row_count, CODES_ANY, out, err);
}

enum status segment_block_values(struct segment_block *block, uint32_t section, uint32_t column,
                                const struct segment_values **out, struct error *err)
{
    const struct segment_section *entry = &block->entry->sections[section];
    const struct segment_family *family = segment_family_of(block, section);
    struct segment_values *values = block->values[section];
    enum status status = STATUS_OK;

    if (values == NULL) {
        values = block->values[section] =
            arena_new(&block->base.arena, struct segment_values, family->column_count + 1u);
        if (values == NULL)
            return no_memory(err);
    }
    *out = &values[column];
    if (values[column].loaded)
        return STATUS_OK;
    status = load_values(block, entry, &family->columns[column],
                         segment_column_pages(block, section, column), &values[column], err);
    values[column].loaded = status == STATUS_OK;
    return status;
}

enum status segment_block_printable(struct segment_block *block, uint32_t section, uint32_t column,
                                   const struct segment_values **out, struct error *err)
{
    const struct segment_column *of = &segment_family_of(block, section)->columns[column];
    enum status status = segment_block_values(block, section, column, out, err);
    struct segment_values *values;
    struct slice *dict;

    if (status != STATUS_OK || (*out)->printable)
        return status;
    values = &block->values[section][column];
    if (of->class == CLASS_CODES) {
        status = read_dict(block, of, &dict, err);
        values->dict = dict;
    } else if (of->class == CLASS_IDS) {
        status = read_ids(block, of->kind, values->numbers,
                          block->entry->sections[section].row_count, &values->ids, err);
    }
    values->printable = status == STATUS_OK;
    return status;
}

enum status segment_block_load(struct segment_block *block, uint32_t section, struct error *err)
{
    const struct segment_family *family = segment_family_of(block, section);
    const struct segment_values *values;
    const uint32_t *templates;
    enum status status = segment_block_templates(block, &templates, err);

    for (uint32_t i = 0; i < family->slot_count && status == STATUS_OK; i++)
        status = segment_block_printable(block, section, i, &values, err);
    return status;
}

struct slice segment_value_text(struct segment_block *block, const struct segment_column *column,
                               const struct segment_values *values, uint32_t row, char *scratch)
{
    uint64_t value;

    switch (column->class) {
    case CLASS_CODES:
        return values->dict[values->codes[row]];
    case CLASS_TEXTS:
        return values->texts[row];
    case CLASS_IDS:
        return (struct slice){
            scratch, slot_id_write(column->kind,
                                   values->ids + (size_t)row * slot_id_size(column->kind),
                                   scratch)};
    case CLASS_DECIMALS:
        value = decimal_make((uint64_t)values->numbers[row], (unsigned)values->scales[row] & 31);
        break;
    default:
        value = (uint64_t)values->numbers[row];
        break;
    }
    return (struct slice){scratch, slot_write(&block->stamps, column->kind, value, scratch)};
}

static bool append_literal(struct buf *out, const char *data, uint32_t len)
{
    if (out->capacity - out->len < (size_t)len + SLOT_WRITE_MAX &&
        !buf_reserve(out, (size_t)len + SLOT_WRITE_MAX))
        return false;
    memcpy(out->data + out->len, data, len);
    out->len += len;
    return true;
}

/* The value of a slot; append_literal() before it left room for what is not text. */
static bool append_value(struct segment_block *block, const struct segment_column *column,
                         const struct segment_values *values, uint32_t row, struct buf *out)
{
    struct slice text;

    if (column->class == CLASS_CODES || column->class == CLASS_TEXTS) {
        text = segment_value_text(block, column, values, row, NULL);
        return append_literal(out, text.data, (uint32_t)text.len);
    }
    if (out->capacity - out->len < SLOT_WRITE_MAX && !buf_reserve(out, SLOT_WRITE_MAX))
        return false;
    text = segment_value_text(block, column, values, row, out->data + out->len);
    out->len += text.len;
    return true;
}

bool segment_append_values(struct segment_block *block, const struct line_row *row,
                          const struct line_part *part, struct buf *out)
{
    const struct segment_family *family = segment_family_of(block, row->section);
    const struct segment_template *template = &block->segment->templates[row->template];
    uint32_t gap = part->begin_gap;
    uint32_t at = (gap > 0 ? template->gap_ends[gap - 1] : 0) + part->begin_offset;

    for (;; gap++) {
        uint32_t end = template->gap_ends[gap];

        if (gap == part->end_gap)
            end = (gap > 0 ? template->gap_ends[gap - 1] : 0) + part->end_offset;
        if (!append_literal(out, template->literals + at, end - at))
            return false;
        if (gap == part->end_gap)
            return true;
        if (!append_value(block, &family->columns[gap], &row->values[gap], row->index, out))
            return false;
        at = template->gap_ends[gap];
    }
}

bool segment_append_part(struct segment_block *block, uint32_t section, uint32_t row,
                        const struct line_part *part, struct buf *out)
{
    struct line_row at = {section, block->templates[row], block->values[section],
                          row - block->entry->sections[section].first_row};

    return segment_append_values(block, &at, part, out);
}

struct line_part segment_whole_line(const struct segment_block *block, uint32_t section,
                                   uint32_t template)
{
    const uint32_t *ends = block->segment->templates[template].gap_ends;
    uint32_t last = segment_family_of(block, section)->slot_count;

    return (struct line_part){.end_gap = last,
                              .end_offset = ends[last] - (last > 0 ? ends[last - 1] : 0)};
}

bool segment_append_line(struct segment_block *block, uint32_t section, uint32_t row,
                        struct buf *out)
{
    struct line_part whole = segment_whole_line(block, section, block->templates[row]);

    return segment_append_part(block, section, row, &whole, out);
}

uint32_t segment_section_of(const struct segment_block *block, uint32_t row)
{
    uint32_t low = 0, high = block->entry->section_count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (block->entry->sections[middle].first_row <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct line_part segment_field_part(const struct segment_block *block, uint32_t section,
                                   uint32_t template, uint32_t index)
{
    const struct segment_field *field = &segment_family_of(block, section)->fields[index];
    const uint32_t *offsets = block->segment->templates[template].field_offsets + 2 * index;

    return (struct line_part){field->begin_gap, offsets[0], field->end_gap, offsets[1]};
}
