/* store/segment_filter.c -- rows of a block that pass a plan.
 *
 * Sections whose family is out or wholly in are settled from the plan. For the others the ways of
 * each needle are tried on codes and numbers; values are written as text only where a test needs it,
 * and whole lines only where the plan says so. */
#include "store/segment_plan.h"

#include "store/block_sources.h"
#include "store/kernels/kernels.h"
#include "store/predicate_eval.h"
#include "store/sample_plan.h"
#include "store/segment_render.h"
#include "store/segment_rollup.h"
#include "store/segment_term.h"
#include "store/slot.h"

struct filtering {
    struct segment_block *block;
    const struct segment_plan *plan;
    struct error *err;
};

static enum status eval_node(const struct filtering *filtering, const struct plan_node *node,
                             uint64_t *rows);

static enum status no_memory(const struct filtering *filtering)
{
    return error_set(filtering->err, STATUS_NO_MEMORY, "a filter needs too much memory");
}

static uint64_t *new_bits(const struct filtering *filtering)
{
    return arena_new(&filtering->block->base.arena, uint64_t,
                     bit_words(filtering->block->base.row_count) + 1);
}

static void clear_range(uint64_t *bits, uint32_t first, uint32_t end)
{
    for (uint32_t at = first; at < end; at = (at | 63) + 1) {
        uint64_t mask = UINT64_MAX << (at & 63);

        if (end - (at & ~63u) < 64)
            mask &= ((uint64_t)1 << (end & 63)) - 1;
        bits[at >> 6] &= ~mask;
    }
}

/* ---- one needle on one section ---- */

/* Bitmaps of the section's rows, which begin anywhere in those of the block. */
struct section_bits {
    uint64_t *wanted;  /* rows that are asked about */
    uint64_t *found;
    uint64_t *active, *scratch;
    uint32_t first, count;
};

/* Sections of large families begin at row 0 of their block: whole words can be moved. */
static void take_wanted(struct section_bits *bits, const uint64_t *rows)
{
    size_t words = bit_words(bits->count);

    memset(bits->found, 0, words * sizeof(*bits->found));
    if (bits->first % 64 == 0) {
        memcpy(bits->wanted, rows + bits->first / 64, words * sizeof(*bits->wanted));
        if (bits->count % 64 != 0)
            bits->wanted[words - 1] &= ((uint64_t)1 << (bits->count % 64)) - 1;
        return;
    }
    memset(bits->wanted, 0, words * sizeof(*bits->wanted));
    for (uint32_t row = bits_next(rows, bits->first, bits->first + bits->count);
         row < bits->first + bits->count;
         row = bits_next(rows, row + 1, bits->first + bits->count))
        bit_set(bits->wanted, row - bits->first);
}

/* Rows that were wanted and not found leave. */
static void give_found(const struct section_bits *bits, uint64_t *rows)
{
    for (size_t word = 0; word < bit_words(bits->count) && bits->first % 64 == 0; word++)
        rows[bits->first / 64 + word] &= ~(bits->wanted[word] & ~bits->found[word]);
    if (bits->first % 64 == 0)
        return;
    for (uint32_t i = bits_next(bits->wanted, 0, bits->count); i < bits->count;
         i = bits_next(bits->wanted, i + 1, bits->count))
        if (!bit_get(bits->found, i))
            bit_clear(rows, bits->first + i);
}

/* Templates of the rows of a section, counted from the first of the family; `codes` NULL: there is
 * one. */
struct section_templates {
    const uint32_t *codes;
    uint8_t *pass; /* room for a verdict per template */
    uint32_t count;
};

/* Rows whose template has the verdict. */
static void take_verdict(const struct section_bits *bits, const struct section_templates *templates,
                         const uint8_t *verdicts, uint8_t verdict, uint64_t *out)
{
    size_t words = bit_words(bits->count);
    bool any = false, all = true;

    for (uint32_t i = 0; i < templates->count; i++) {
        templates->pass[i] = verdicts[i] == verdict;
        any = any || templates->pass[i];
        all = all && templates->pass[i];
    }
    if (!any)
        return;
    if (!all)
        kernels()->table32(templates->codes, bits->count, templates->pass, bits->scratch);
    for (size_t word = 0; word < words; word++)
        out[word] |= bits->wanted[word] & (all ? UINT64_MAX : bits->scratch[word]);
}

static enum status load_templates(const struct filtering *filtering, uint32_t section,
                                  struct section_templates *out)
{
    struct segment_block *block = filtering->block;
    const struct segment_family *family = segment_family_of(block, section);

    out->count = family->template_count;
    out->pass = arena_new(&block->base.arena, uint8_t, (size_t)family->template_count + 1);
    if (out->pass == NULL)
        return no_memory(filtering);
    return family->template_count > 1
               ? segment_block_template_codes(block, section, &out->codes, filtering->err)
               : STATUS_OK;
}

static enum status render_and_test(const struct filtering *filtering,
                                   const struct plan_node *node,
                                   const struct family_needle *needle, uint32_t section,
                                   const struct section_bits *bits)
{
    struct predicate test = {.kind = PRED_TEXT,
                             .match = node->needle.match,
                             .text = node->needle.text,
                             .fold_case = node->needle.fold};
    struct segment_block *block = filtering->block;
    struct buf text = buf_empty(SEGMENT_PAGE_SIZE_MAX);
    enum status status = segment_block_load(block, section, filtering->err);

    for (uint32_t i = bits_next(bits->active, 0, bits->count);
         i < bits->count && status == STATUS_OK; i = bits_next(bits->active, i + 1, bits->count)) {
        uint32_t row = bits->first + i;
        struct line_part part;
        bool fine;

        buf_reset(&text);
        if (needle->field == UINT32_MAX) {
            fine = segment_append_line(block, section, row, &text);
        } else {
            part = segment_field_part(block, section, block->templates[row], needle->field);
            fine = segment_append_part(block, section, row, &part, &text);
        }
        if (!fine)
            status = no_memory(filtering);
        else if (predicate_match_text(&test, buf_slice(&text)))
            bit_set(bits->found, i);
    }
    buf_release(&text);
    return status;
}

static enum status try_way(const struct filtering *filtering, const struct plan_node *node,
                           const struct plan_way *way, uint32_t section,
                           const struct section_templates *templates,
                           const struct section_bits *bits)
{
    struct term_test test = {.block = filtering->block,
                             .needle = &node->needle,
                             .section = section,
                             .row_count = bits->count};
    enum status status = STATUS_OK;

    memset(bits->active, 0, bit_words(bits->count) * sizeof(*bits->active));
    take_verdict(bits, templates, way->templates, 1, bits->active);
    bits_drop(bits->active, bits->found, bits->count);
    for (uint32_t k = 0; k < way->way.term_count && status == STATUS_OK; k++) {
        if (!bits_any(bits->active, 0, bits->count))
            return STATUS_OK;
        test.term = &way->way.terms[k];
        status = term_test_rows(&test, &way->tables[k], bits->active, bits->scratch,
                                filtering->err);
    }
    for (size_t i = 0; i < bit_words(bits->count); i++)
        bits->found[i] |= bits->active[i];
    return status;
}

static enum status eval_section(const struct filtering *filtering, const struct plan_node *node,
                                uint32_t section, struct section_bits *bits, uint64_t *rows)
{
    struct segment_block *block = filtering->block;
    const struct segment_section *entry = &block->entry->sections[section];
    const struct family_needle *needle = node->families[entry->family];
    struct section_templates templates = {0};
    enum status status = load_templates(filtering, section, &templates);

    bits->first = entry->first_row;
    bits->count = entry->row_count;
    take_wanted(bits, rows);
    if (needle->has_all && status == STATUS_OK)
        take_verdict(bits, &templates, needle->verdicts, NEEDLE_ALL, bits->found);
    for (uint32_t i = 0; i < needle->way_count && status == STATUS_OK; i++)
        status = try_way(filtering, node, &needle->ways[i], section, &templates, bits);
    if (needle->has_render && status == STATUS_OK) {
        memset(bits->active, 0, bit_words(bits->count) * sizeof(*bits->active));
        take_verdict(bits, &templates, needle->verdicts, NEEDLE_RENDER, bits->active);
        status = render_and_test(filtering, node, needle, section, bits);
    }
    if (status == STATUS_OK)
        give_found(bits, rows);
    return status;
}

static enum status eval_needle(const struct filtering *filtering, const struct plan_node *node,
                               uint64_t *rows)
{
    struct segment_block *block = filtering->block;
    struct section_bits bits = {.wanted = new_bits(filtering),
                                .found = new_bits(filtering),
                                .active = new_bits(filtering),
                                .scratch = new_bits(filtering)};
    enum status status = STATUS_OK;

    if (block->base.arena.failed)
        return no_memory(filtering);
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        uint32_t family = block->entry->sections[k].family;

        if (node->verdicts[family] != VERDICT_SOME)
            continue;
        if (node->families[family] == NULL) /* a field of lines kept as text: alone in its block */
            return predicate_eval(node->predicate, &block->base, rows, filtering->err);
        status = eval_section(filtering, node, k, &bits, rows);
    }
    return status;
}

/* ---- the tree ---- */

static enum status eval_render(const struct filtering *filtering, const struct plan_node *node,
                               uint64_t *rows)
{
    enum status status = STATUS_OK;

    if (node->child_count > 0)
        status = eval_node(filtering, node->children[0], rows);
    return status == STATUS_OK ? segment_render_filter(filtering->block, node->predicate, rows,
                                                       filtering->err)
                               : status;
}

static enum status eval_or(const struct filtering *filtering, const struct plan_node *node,
                           uint64_t *rows)
{
    uint32_t count = filtering->block->base.row_count;
    size_t words = bit_words(count);
    uint64_t *left = new_bits(filtering), *found = new_bits(filtering);
    enum status status = STATUS_OK;

    if (left == NULL || found == NULL)
        return no_memory(filtering);
    memcpy(left, rows, words * sizeof(*rows));
    memset(rows, 0, words * sizeof(*rows));
    for (uint32_t i = 0; i < node->child_count && status == STATUS_OK; i++) {
        if (!bits_any(left, 0, count))
            break;
        memcpy(found, left, words * sizeof(*rows));
        status = eval_node(filtering, node->children[i], found);
        for (size_t word = 0; word < words; word++) {
            rows[word] |= found[word];
            left[word] &= ~found[word];
        }
    }
    return status;
}

static enum status eval_not(const struct filtering *filtering, const struct plan_node *node,
                            uint64_t *rows)
{
    size_t words = bit_words(filtering->block->base.row_count);
    uint64_t *found = new_bits(filtering);
    enum status status;

    if (found == NULL)
        return no_memory(filtering);
    memcpy(found, rows, words * sizeof(*rows));
    status = eval_node(filtering, node->children[0], found);
    for (size_t word = 0; word < words; word++)
        rows[word] &= ~found[word];
    return status;
}

static enum status eval_and(const struct filtering *filtering, const struct plan_node *node,
                            uint64_t *rows)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < node->child_count && status == STATUS_OK; i++) {
        if (!bits_any(rows, 0, filtering->block->base.row_count))
            break;
        status = eval_node(filtering, node->children[i], rows);
    }
    return status;
}

/* Does the node decide about a row of the section that no other node has ruled out? */
static bool is_asked(const struct segment_block *block, const struct plan_node *node,
                     uint32_t section, const uint64_t *rows)
{
    const struct segment_section *entry = &block->entry->sections[section];

    return node->verdicts[entry->family] == VERDICT_SOME &&
           bits_any(rows, entry->first_row, entry->row_count);
}

/* On the numbers of slots if the field is one in all sections that are left. */
static enum status eval_range(const struct filtering *filtering, const struct plan_node *node,
                              uint64_t *rows)
{
    struct segment_block *block = filtering->block;
    const struct segment_block_entry *entry = block->entry;
    enum status status = STATUS_OK;

    for (uint32_t k = 0; k < entry->section_count; k++)
        if (node->ranges[entry->sections[k].family].column == RANGE_NO_COLUMN &&
            is_asked(block, node, k, rows))
            return predicate_eval(node->predicate, &block->base, rows, filtering->err);
    for (uint32_t k = 0; k < entry->section_count && status == STATUS_OK; k++)
        if (is_asked(block, node, k, rows))
            status = segment_range_filter(block, k, &node->ranges[entry->sections[k].family], rows,
                                          filtering->err);
    return status;
}

/* Clear the rows of sections that are out; true if any section is left to look at. */
static bool settle_sections(const struct segment_block *block, const struct plan_node *node,
                            uint64_t *rows)
{
    bool open = false;

    for (uint32_t k = 0; k < block->entry->section_count; k++) {
        const struct segment_section *section = &block->entry->sections[k];
        uint32_t end = section->first_row + section->row_count;

        open = open || node->verdicts[section->family] == VERDICT_SOME;
        if (node->verdicts[section->family] != VERDICT_NONE)
            continue;
        clear_range(rows, section->first_row, end);
    }
    return open;
}

static enum status eval_node(const struct filtering *filtering, const struct plan_node *node,
                             uint64_t *rows)
{
    if (!settle_sections(filtering->block, node, rows) ||
        !bits_any(rows, 0, filtering->block->base.row_count))
        return STATUS_OK;
    switch (node->kind) {
    case NODE_AND:
        return eval_and(filtering, node, rows);
    case NODE_OR:
        return eval_or(filtering, node, rows);
    case NODE_NOT:
        return eval_not(filtering, node, rows);
    case NODE_NEEDLE:
        return eval_needle(filtering, node, rows);
    case NODE_RENDER:
        return eval_render(filtering, node, rows);
    case NODE_RANGE:
        return eval_range(filtering, node, rows);
    case NODE_GENERIC:
        break;
    }
    return predicate_eval(node->predicate, &filtering->block->base, rows, filtering->err);
}

/* Rows that a rollup has answered are not looked at again. */
static enum status drop_answered(struct segment_block *block, const struct rollup_answer *answer,
                                 struct error *err)
{
    const int64_t *times = NULL;

    if (answer == NULL)
        return STATUS_OK;
    if (block->base.time_min_ns < answer->time_min_ns ||
        block->base.time_max_ns >= answer->time_max_ns) {
        times = block_times(&block->base, err);
        if (times == NULL)
            return err->status;
    }
    for (uint32_t k = 0; k < block->entry->section_count; k++) {
        const struct segment_section *section = &block->entry->sections[k];
        uint32_t end = section->first_row + section->row_count;

        if (!answer->families[section->family])
            continue;
        if (times == NULL) {
            clear_range(block->base.selected, section->first_row, end);
            continue;
        }
        for (uint32_t row = bits_next(block->base.selected, section->first_row, end); row < end;
             row = bits_next(block->base.selected, row + 1, end))
            if (times[row] >= answer->time_min_ns && times[row] < answer->time_max_ns)
                bit_clear(block->base.selected, row);
    }
    block->base.selected_count = bits_count(block->base.selected, block->base.row_count);
    return STATUS_OK;
}

/* Keep the rows that pass the plan's filter. It works on a copy of the bits: columns that it asks for
 * are made for the rows that are selected, and must hold for all branches of the tree. */
static enum status filter_block(struct segment_block *block, const struct segment_plan *plan,
                                struct error *err)
{
    struct error local = {0};
    struct filtering filtering = {block, plan, err == NULL ? &local : err};
    size_t size = bit_words(block->base.row_count) * sizeof(uint64_t);
    enum status status =
        block_filter(&block->base, NULL, plan->time_min_ns, plan->time_max_ns, filtering.err);
    uint64_t *rows;

    if (status == STATUS_OK && plan->samples)
        return sample_filter(block, plan, filtering.err);
    if (status == STATUS_OK)
        status = drop_answered(block, plan->answer, filtering.err);
    if (status != STATUS_OK || plan->filter == NULL || block->base.selected_count == 0)
        return status;
    rows = new_bits(&filtering);
    if (rows == NULL)
        return no_memory(&filtering);
    memcpy(rows, block->base.selected, size);
    status = plan->root != NULL
                 ? eval_node(&filtering, plan->root, rows)
                 : predicate_eval(plan->filter, &block->base, rows, filtering.err);
    if (status != STATUS_OK)
        return status;
    memcpy(block->base.selected, rows, size);
    block->base.selected_count = bits_count(rows, block->base.row_count);
    return STATUS_OK;
}

/* Every family of the block is out, or answered: nothing is read. */
static bool is_out(const struct segment *segment, const struct segment_plan *plan,
                   uint32_t index)
{
    const struct segment_block_entry *entry = &segment->blocks[index];
    const struct rollup_answer *answer = plan->answer;
    bool covered = answer != NULL && entry->time_min_ns >= answer->time_min_ns &&
                   entry->time_max_ns < answer->time_max_ns;

    if (plan->samples)
        return sample_block_is_out(plan, index);
    if (plan->root == NULL && !covered)
        return false;
    for (uint32_t i = 0; i < entry->section_count; i++) {
        uint32_t family = entry->sections[i].family;

        if (!(covered && answer->families[family]) &&
            (plan->root == NULL || plan->root->verdicts[family] != VERDICT_NONE))
            return false;
    }
    return entry->section_count > 0;
}

enum status segment_block(struct segment *segment, const struct segment_plan *plan, uint32_t index,
                          struct scan_cost *cost, struct block **out, struct error *err)
{
    const struct segment_block_entry *entry = &segment->blocks[index];
    struct segment_block *block;
    enum status status;

    if (entry->samples != plan->samples || entry->time_max_ns < plan->time_min_ns ||
        entry->time_min_ns >= plan->time_max_ns || is_out(segment, plan, index) ||
        !block_sources_may_pass(segment, plan->root, index)) {
        cost->blocks_skipped++;
        return STATUS_END;
    }
    status = segment_block_new(segment, index, &block, err);
    if (status != STATUS_OK)
        return status;
    status = filter_block(block, plan, err);
    cost->blocks_read++;
    cost->rows_scanned += entry->row_count;
    cost->bytes_read += block->bytes_read;
    if (status == STATUS_OK && block->base.selected_count == 0)
        status = STATUS_END;
    if (status == STATUS_OK)
        status = segment_block_check(segment, index, &cost->bytes_read, err);
    if (status == STATUS_OK)
        *out = &block->base;
    else
        block_release(&block->base);
    return status;
}
