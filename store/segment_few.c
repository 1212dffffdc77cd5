/* store/segment_few.c -- pick values of selected rows from pages.
 *
 * A page of a block decompresses in microseconds; what takes the time is to make, check and look up
 * thousands of values of which a handful is printed. Values are checked against their pools as they
 * are picked, like those of whole columns. */
#include "store/segment_few.h"

#include "store/encoding/int_page.h"

/* So many rows of the section per selected one, or its columns are loaded as a whole. */
enum { FEW_SHARE = 4 };

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "a block of a segment needs too much memory");
}

/* ---- which rows ---- */

/* Stands in block->few for sections whose columns are loaded as a whole. */
static struct segment_few whole_section;

/* Selected rows of the section, at most `most` of them, to `rows`. */
static uint32_t selected_in(const struct segment_block *block,
                            const struct segment_section *section, uint32_t *rows, uint32_t most)
{
    uint32_t end = section->first_row + section->row_count, count = 0;

    for (uint32_t at = section->first_row; at < end && count < most; at = (at | 63) + 1) {
        uint64_t word = block->base.selected[at >> 6] >> (at & 63);

        for (; word != 0 && count < most; word &= word - 1) {
            uint32_t row = at + (uint32_t)__builtin_ctzll(word);

            if (row < end)
                rows[count++] = row - section->first_row;
        }
    }
    return count;
}

static enum status read_page(struct segment_block *block, const struct page_ref *page,
                             struct slice *out, struct error *err)
{
    return segment_page_read(block->segment, page, &block->base.arena, out, &block->bytes_read,
                             err);
}

/* Values to pick from a page. */
struct pick {
    const struct page_ref *page;
    uint32_t value_count; /* of the page */
    const uint32_t *places;
    uint32_t count; /* of `places`, which stand in any order */
};

static enum status pick_numbers(struct segment_block *block, const struct pick *pick,
                                int64_t **out, struct error *err)
{
    struct slice bytes;
    const int64_t *kept;
    enum status status = segment_block_kept(block, pick->page, pick->value_count, &kept, err);

    if (status != STATUS_OK)
        return status;
    *out = arena_take(&block->base.arena, sizeof(**out), _Alignof(int64_t),
                      (size_t)pick->count + 1);
    if (*out == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < pick->count && kept != NULL; i++)
        (*out)[i] = kept[pick->places[i]];
    if (kept != NULL)
        return STATUS_OK;
    status = read_page(block, pick->page, &bytes, err);
    if (status != STATUS_OK)
        return status;
    return int_page_pick(bytes, pick->value_count, pick->places, pick->count, *out)
               ? STATUS_OK
               : segment_corrupt(block->segment, "page of numbers", err);
}

/* Codes to `out`; all are less than `below`, or the page is damaged. */
static enum status pick_kept(struct segment_block *block, const struct pick *pick,
                             const uint32_t *kept, uint32_t below, uint32_t *out,
                             struct error *err)
{
    uint32_t largest = 0;

    for (uint32_t i = 0; i < pick->count; i++) {
        out[i] = kept[pick->places[i]];
        largest = out[i] > largest ? out[i] : largest;
    }
    return pick->count > 0 && largest >= below ? segment_corrupt(block->segment, "code", err)
                                               : STATUS_OK;
}

static enum status pick_read(struct segment_block *block, const struct pick *pick, uint32_t below,
                             uint32_t *out, struct error *err)
{
    struct slice bytes;
    int64_t *numbers = arena_take(&block->base.arena, sizeof(*numbers), _Alignof(int64_t),
                                  (size_t)pick->count + 1);
    enum status status = numbers == NULL ? no_memory(err)
                                         : read_page(block, pick->page, &bytes, err);

    if (status != STATUS_OK)
        return status;
    if (!int_page_pick(bytes, pick->value_count, pick->places, pick->count, numbers))
        return segment_corrupt(block->segment, "page of codes", err);
    for (uint32_t i = 0; i < pick->count; i++) {
        if ((uint64_t)numbers[i] >= below)
            return segment_corrupt(block->segment, "code", err);
        out[i] = (uint32_t)numbers[i];
    }
    return STATUS_OK;
}

static enum status pick_codes(struct segment_block *block, const struct pick *pick, uint32_t below,
                              uint32_t **out, struct error *err)
{
    const uint32_t *kept; /* of other families, too, with bounds of their own */
    enum status status =
        segment_block_kept_codes(block, pick->page, pick->value_count, CODES_ANY, &kept, err);

    if (status != STATUS_OK)
        return status;
    *out = arena_take(&block->base.arena, sizeof(**out), _Alignof(uint32_t),
                      (size_t)pick->count + 1);
    if (*out == NULL)
        return no_memory(err);
    return kept != NULL ? pick_kept(block, pick, kept, below, *out, err)
                        : pick_read(block, pick, below, *out, err);
}

static enum status pick_templates(struct segment_block *block, uint32_t section,
                                  struct segment_few *few, struct error *err)
{
    const struct segment_section *entry = &block->entry->sections[section];
    const struct segment_family *family = segment_family_of(block, section);
    uint32_t *places = arena_take(&block->base.arena, sizeof(*places), _Alignof(uint32_t),
                                  (size_t)few->count + 1);
    uint32_t *templates;
    enum status status;

    if (places == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < few->count; i++)
        places[i] = entry->first_row + few->rows[i];
    status = pick_codes(block,
                        &(struct pick){&block->entry->pages[PAGE_TEMPLATE], block->base.row_count,
                                       places, few->count},
                        family->template_count, &templates, err);
    for (uint32_t i = 0; i < few->count && status == STATUS_OK; i++)
        templates[i] += family->first_template;
    few->templates = status == STATUS_OK ? templates : NULL;
    return status;
}

enum status segment_few_get(struct segment_block *block, uint32_t section,
                            struct segment_few **out, struct error *err)
{
    const struct segment_section *entry = &block->entry->sections[section];
    struct arena *arena = &block->base.arena;
    uint32_t most = entry->row_count / FEW_SHARE, *rows;
    struct segment_few *few;

    if (block->few == NULL)
        block->few = arena_alloc(arena, sizeof(struct segment_few *), 8,
                                 (size_t)block->entry->section_count + 1);
    if (block->few == NULL)
        return no_memory(err);
    *out = block->few[section] == &whole_section ? NULL : block->few[section];
    if (block->few[section] != NULL ||
        (block->entry->section_count == 1 && block->base.selected_count > most))
        return STATUS_OK;
    few = arena_new(arena, struct segment_few, 1);
    rows = arena_take(arena, sizeof(*rows), _Alignof(uint32_t), (size_t)most + 1);
    if (few == NULL || rows == NULL)
        return no_memory(err);
    few->count = selected_in(block, entry, rows, most + 1);
    if (few->count > most)
        return STATUS_OK;
    few->rows = rows;
    few->places = arena_new(arena, uint32_t, (size_t)few->count + 1);
    few->values = arena_new(arena, struct segment_values,
                            segment_family_of(block, section)->column_count + 1u);
    if (few->places == NULL || few->values == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < few->count; i++)
        few->places[i] = i;
    *out = block->few[section] = few;
    return STATUS_OK;
}

/* ---- their values ---- */

/* The filter has read the whole column already. */
static enum status gather_loaded(struct segment_block *block, const struct segment_few *few,
                                 const struct segment_values *whole, struct segment_values *out,
                                 struct error *err)
{
    struct arena *arena = &block->base.arena;
    size_t room = (size_t)few->count + 1;
    int64_t *numbers = arena_new(arena, int64_t, room), *scales = arena_new(arena, int64_t, room);
    uint32_t *codes = arena_new(arena, uint32_t, room);
    struct slice *texts = arena_new(arena, struct slice, room);

    if (numbers == NULL || scales == NULL || codes == NULL || texts == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < few->count; i++) {
        uint32_t row = few->rows[i];

        numbers[i] = whole->numbers != NULL ? whole->numbers[row] : 0;
        scales[i] = whole->scales != NULL ? whole->scales[row] : 0;
        codes[i] = whole->codes != NULL ? whole->codes[row] : 0;
        if (whole->texts != NULL)
            texts[i] = whole->texts[row];
    }
    *out = (struct segment_values){
        .numbers = numbers, .scales = scales, .codes = codes, .texts = texts};
    return STATUS_OK;
}

static enum status pick_texts(struct segment_block *block, uint32_t section,
                              const struct segment_few *few, uint32_t column,
                              struct segment_values *out, struct error *err)
{
    const struct segment_values *whole;
    enum status status = segment_block_values(block, section, column, &whole, err);

    return status == STATUS_OK ? gather_loaded(block, few, whole, out, err) : status;
}

static enum status add_times(struct segment_block *block, uint32_t section,
                             const struct segment_few *few, int64_t *numbers, struct error *err)
{
    uint32_t first_row = block->entry->sections[section].first_row;
    const int64_t *times;
    enum status status = segment_block_page(block, PAGE_TIME, &times, err);

    for (uint32_t i = 0; i < few->count && status == STATUS_OK; i++)
        numbers[i] = (int64_t)((uint64_t)numbers[i] + (uint64_t)times[first_row + few->rows[i]]);
    return status;
}

static enum status pick_values(struct segment_block *block, uint32_t section,
                               const struct segment_few *few, uint32_t number,
                               struct segment_values *out, struct error *err)
{
    const struct segment_column *column = &segment_family_of(block, section)->columns[number];
    struct pick pick = {segment_column_pages(block, section, number),
                        block->entry->sections[section].row_count, few->rows, few->count};
    uint32_t *codes = NULL;
    int64_t *numbers = NULL, *scales = NULL;
    enum status status;

    if (column->class == CLASS_TEXTS)
        return pick_texts(block, section, few, number, out, err);
    if (column->class == CLASS_CODES) {
        status = pick_codes(block, &pick, column->dict_count, &codes, err);
        out->codes = codes;
        return status;
    }
    status = pick_numbers(block, &pick, &numbers, err);
    out->numbers = numbers;
    if (status == STATUS_OK && column->class == CLASS_DECIMALS) {
        pick.page++; /* the scales stand behind the numbers */
        status = pick_numbers(block, &pick, &scales, err);
        out->scales = scales;
    } else if (status == STATUS_OK && column->kind.type == SLOT_STAMP) {
        status = add_times(block, section, few, numbers, err);
    }
    return status;
}

/* The string of each row's code; the codes become places in this list. */
static enum status look_up(struct segment_block *block, const struct segment_column *column,
                           const struct segment_few *few, struct segment_values *values,
                           struct error *err)
{
    struct slice *dict = arena_new(&block->base.arena, struct slice, (size_t)few->count + 1);
    uint32_t *strings;
    struct pick pick = {&column->list, column->dict_count, values->codes, few->count};
    enum status status =
        pick_codes(block, &pick, block->segment->pool_count, &strings, err);

    if (status == STATUS_OK && dict == NULL)
        status = no_memory(err);
    for (uint32_t i = 0; i < few->count && status == STATUS_OK; i++)
        status = segment_pool_string(block->segment, strings[i], &block->hold, &dict[i], err);
    values->dict = dict;
    values->codes = few->places;
    return status;
}

enum status segment_few_values(struct segment_block *block, uint32_t section,
                               struct segment_few *few, uint32_t number,
                               const struct segment_values **out, struct error *err)
{
    const struct segment_column *column = &segment_family_of(block, section)->columns[number];
    const struct segment_values *whole = block->values[section];
    struct segment_values made = {0};
    enum status status;

    *out = &few->values[number];
    if ((*out)->printable)
        return STATUS_OK;
    status = whole != NULL && whole[number].loaded
                 ? gather_loaded(block, few, &whole[number], &made, err)
                 : pick_values(block, section, few, number, &made, err);
    if (status == STATUS_OK && column->class == CLASS_CODES)
        status = look_up(block, column, few, &made, err);
    else if (status == STATUS_OK && column->class == CLASS_IDS)
        status = segment_block_ids(block, column->kind, made.numbers, few->count, &made.ids, err);
    made.loaded = made.printable = status == STATUS_OK;
    if (status == STATUS_OK)
        few->values[number] = made;
    return status;
}

/* ---- lines ---- */

enum status segment_lines_open(struct segment_block *block, uint32_t section,
                               struct segment_lines *out, struct error *err)
{
    const struct segment_values *values;
    enum status status;

    *out = (struct segment_lines){.block = block, .section = section};
    if (block->few != NULL && block->few[section] == &whole_section)
        return STATUS_OK;
    status = segment_few_get(block, section, &out->few, err);
    if (status == STATUS_OK && out->few == NULL) {
        status = segment_block_load(block, section, err);
        if (status == STATUS_OK)
            block->few[section] = &whole_section;
        return status;
    }
    if (status != STATUS_OK || out->few->has_line)
        return status;
    status = pick_templates(block, section, out->few, err);
    for (uint32_t i = 0; i < segment_family_of(block, section)->slot_count && status == STATUS_OK;
         i++)
        status = segment_few_values(block, section, out->few, i, &values, err);
    out->few->has_line = status == STATUS_OK;
    return status;
}

/* Place of a row of the section among the few. */
static uint32_t place_of(const struct segment_few *few, uint32_t row)
{
    uint32_t low = 0, high = few->count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (few->rows[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void find_row(const struct segment_lines *lines, uint32_t row, struct line_row *out)
{
    struct segment_block *block = lines->block;
    uint32_t local = row - block->entry->sections[lines->section].first_row;

    *out = (struct line_row){.section = lines->section};
    if (lines->few == NULL) {
        out->template = block->templates[row];
        out->values = block->values[lines->section];
        out->index = local;
        return;
    }
    out->index = place_of(lines->few, local);
    out->template = lines->few->templates[out->index];
    out->values = lines->few->values;
}

bool segment_lines_append(const struct segment_lines *lines, uint32_t row,
                          const struct line_part *part, struct buf *out)
{
    struct line_part whole;
    struct line_row at;

    find_row(lines, row, &at);
    if (part == NULL)
        whole = segment_whole_line(lines->block, lines->section, at.template);
    return segment_append_values(lines->block, &at, part == NULL ? &whole : part, out);
}

struct line_part segment_lines_field(const struct segment_lines *lines, uint32_t row,
                                     uint32_t index)
{
    struct line_row at;

    find_row(lines, row, &at);
    return segment_field_part(lines->block, lines->section, at.template, index);
}
