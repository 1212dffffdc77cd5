/* store/segment_render.c -- lines are written out one by one and tested, but those that their template
 * decides. */
#include "store/segment_render.h"

enum template_state { TEMPLATE_UNKNOWN, TEMPLATE_PASSES, TEMPLATE_OPEN };

/* The rows of one section. */
struct render_test {
    struct segment_block *block;
    const struct predicate *predicate;
    struct buf *line;
    uint32_t section;
    const uint32_t *codes; /* templates of its rows, from the first of the family; NULL: all are that */
    uint8_t *states;       /* enum template_state by template of the family; NULL: nothing is known of any */
    bool loaded;
};

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "testing lines needs too much memory");
}

/* The values of such slots have no newline. */
static bool is_token(const struct segment_column *column)
{
    return column->class != CLASS_TEXTS &&
           !(column->kind.type == SLOT_TEXT && column->kind.param == TEXT_FREE);
}

/* Does a text between slots pass, or one with slots in it? Then every line of the template does. */
static bool literal_passes(struct render_test *test, const struct segment_family *family,
                           const struct segment_template *template)
{
    struct buf *text = test->line;
    uint32_t start = 0;

    buf_reset(text);
    for (uint32_t gap = 0; gap <= family->slot_count; start = template->gap_ends[gap++]) {
        bool last = gap == family->slot_count;

        (void)buf_append(text, template->literals + start, template->gap_ends[gap] - start);
        if (!last && test->predicate->parts == PARTS_WITH_GAPS && is_token(&family->columns[gap])) {
            (void)buf_append_byte(text, '\x01');
            continue;
        }
        if (text->failed ||
            (text->len > 0 && predicate_match_text(test->predicate, buf_slice(text))))
            break;
        buf_reset(text);
    }
    return !text->failed && text->len > 0;
}

static bool passes_by_template(struct render_test *test, uint32_t local)
{
    const struct segment_family *family = segment_family_of(test->block, test->section);
    uint32_t code = test->codes == NULL ? 0 : test->codes[local];
    uint8_t *state;

    if (test->states == NULL)
        return false;
    state = &test->states[code];
    if (*state == TEMPLATE_UNKNOWN)
        *state = literal_passes(test, family,
                                &test->block->segment->templates[family->first_template + code])
                     ? TEMPLATE_PASSES : TEMPLATE_OPEN;
    return *state == TEMPLATE_PASSES;
}

static enum status test_row(struct render_test *test, uint32_t row, uint64_t *rows,
                            struct error *err)
{
    enum status status = STATUS_OK;

    if (!test->loaded)
        status = segment_block_load(test->block, test->section, err);
    if (status != STATUS_OK)
        return status;
    test->loaded = true;
    buf_reset(test->line);
    if (!segment_append_line(test->block, test->section, row, test->line))
        return no_memory(err);
    if (!predicate_match_text(test->predicate, buf_slice(test->line)))
        bit_clear(rows, row);
    return STATUS_OK;
}

static enum status test_section(struct render_test *test, uint64_t *rows, struct error *err)
{
    struct segment_block *block = test->block;
    const struct segment_section *section = &block->entry->sections[test->section];
    const struct segment_family *family = segment_family_of(block, test->section);
    uint32_t end = section->first_row + section->row_count;
    uint32_t row = bits_next(rows, section->first_row, end);
    enum status status = STATUS_OK;

    if (row == end)
        return STATUS_OK;
    if (test->predicate->parts != PARTS_SAY_NOTHING && !family->as_text) {
        test->states = arena_new(&block->base.arena, uint8_t, (size_t)family->template_count + 1);
        if (test->states == NULL)
            return no_memory(err);
        if (family->template_count > 1)
            status = segment_block_template_codes(block, test->section, &test->codes, err);
    }
    for (; row < end && status == STATUS_OK; row = bits_next(rows, row + 1, end))
        if (!passes_by_template(test, row - section->first_row))
            status = test_row(test, row, rows, err);
    return status;
}

enum status segment_render_filter(struct segment_block *block, const struct predicate *predicate,
                                  uint64_t *rows, struct error *err)
{
    struct buf line = buf_empty(SEGMENT_PAGE_SIZE_MAX);
    enum status status = STATUS_OK;

    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        struct render_test test = {
            .block = block, .predicate = predicate, .line = &line, .section = k};

        status = test_section(&test, rows, err);
    }
    buf_release(&line);
    return status;
}
