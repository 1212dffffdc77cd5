/* store/segment_plan.c -- a filter tree against the templates, dictionaries and sources of a segment. */
#include "store/segment_plan.h"

#include "store/kernels/kernels.h"
#include "store/predicate_eval.h"
#include "store/sample_plan.h"
#include "store/segment_rollup.h"
#include "store/segment_pattern.h"

#include <stdlib.h>

enum { IN_NEEDLES_MAX = 16, PLAN_ARENA_MAX = 64 << 20 };

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "planning a filter needs too much memory");
}

uint32_t segment_find_field(const struct segment_family *family, field_id field)
{
    uint32_t found = UINT32_MAX;

    for (uint32_t i = 0; i < family->field_count; i++)
        if (family->fields[i].field == field &&
            (found == UINT32_MAX || family->fields[i].place < family->fields[found].place))
            found = i;
    return found;
}

/* ---- other leaves ---- */

static bool is_text_test(enum predicate_kind kind)
{
    return kind == PRED_TEXT || kind == PRED_IN || kind == PRED_EXISTS || kind == PRED_LENGTH ||
           kind == PRED_SEQUENCE || kind == PRED_CALL;
}

bool segment_tests_source(const struct predicate *predicate)
{
    return is_text_test(predicate->kind) && field_is_of_source(predicate->field);
}

/* One verdict for all families, from the segment's sources. */
static enum node_verdict source_verdict(const struct segment *segment,
                                        const struct predicate *predicate)
{
    bool any = false, all = true;

    for (uint32_t i = 0; i < segment->source_count; i++) {
        const struct segment_source *source = &segment->sources[i].info;
        bool pass;

        if (source->rows == 0)
            continue;
        pass = predicate_match_text(predicate,
                                    event_source_text(&source->source, predicate->field));
        any = any || pass;
        all = all && pass;
    }
    return !any ? VERDICT_NONE : all ? VERDICT_ALL : VERDICT_SOME;
}

/* By the patterns of the family's templates; without memory for them the rows are looked at. */
static enum node_verdict template_verdict(struct segment *segment,
                                          const struct segment_family *family, uint64_t id)
{
    const struct segment_patterns *patterns;
    bool any = false, all = true;

    if (family->as_text || segment_patterns(segment, &patterns, NULL) != STATUS_OK)
        return VERDICT_SOME;
    for (uint32_t i = 0; i < family->template_count; i++) {
        uint32_t pattern = patterns->of_template[family->first_template + i];
        bool same = patterns->patterns[pattern].id == id;

        any = any || same;
        all = all && same;
    }
    return !any ? VERDICT_NONE : all ? VERDICT_ALL : VERDICT_SOME;
}

/* Numbers, ids and stamps have at least one byte each; texts may be empty. */
static bool never_empty(const struct segment_family *family, uint32_t field)
{
    const struct segment_field *at = &family->fields[field];

    if (at->computed)
        return false;
    for (uint32_t gap = at->begin_gap; gap < at->end_gap; gap++)
        if (family->columns[gap].kind.type != SLOT_TEXT)
            return true;
    return false;
}

static enum node_verdict generic_verdict(struct segment *segment,
                                         const struct segment_family *family,
                                         const struct predicate *predicate)
{
    field_id field = predicate->field;

    switch (predicate->kind) {
    case PRED_ALL:
        return VERDICT_ALL;
    case PRED_NONE:
        return VERDICT_NONE;
    case PRED_TEMPLATE:
        return template_verdict(segment, family, predicate->number);
    default:
        break;
    }
    if (is_text_test(predicate->kind) && field == FIELD_ID_FORMAT && !family->as_text)
        return predicate_match_text(predicate, segment->formats[family->format]) ? VERDICT_ALL
                                                                                 : VERDICT_NONE;
    if (field < FIELD_ID_FIRST_SPAN || family->as_text)
        return VERDICT_SOME;
    if (segment_find_field(family, field) == UINT32_MAX)
        return VERDICT_NONE;
    if (predicate->kind == PRED_EXISTS && never_empty(family, segment_find_field(family, field)))
        return VERDICT_ALL;
    if (predicate->kind == PRED_FIELDS && predicate->other_field >= FIELD_ID_FIRST_SPAN &&
        segment_find_field(family, predicate->other_field) == UINT32_MAX)
        return VERDICT_NONE;
    return VERDICT_SOME;
}

/* A leaf whose field is the same in all rows of the unit, or else the verdict of the family. */
static enum node_verdict unit_leaf(const struct segment_plan *plan, const struct plan_node *node,
                                   const struct rollup_unit *unit)
{
    const struct predicate *predicate = node->predicate;
    const struct segment *segment = plan->segment;
    struct slice text;

    if (node->kind != NODE_GENERIC || node->verdicts[unit->family] != VERDICT_SOME)
        return (enum node_verdict)node->verdicts[unit->family];
    if (predicate->kind == PRED_RANGE && predicate->field == FIELD_ID_LEVEL)
        return predicate_in_range(predicate, (double)unit->level) ? VERDICT_ALL : VERDICT_NONE;
    if (!is_text_test(predicate->kind))
        return VERDICT_SOME;
    if (predicate->field == FIELD_ID_LEVEL)
        text = slice_of(level_name((enum level)unit->level));
    else if (predicate->field == FIELD_ID_FORMAT)
        text = segment->formats[unit->format];
    else if (field_is_of_source(predicate->field) && predicate->field != FIELD_ID_SOURCE)
        text = event_source_text(&segment->sources[unit->origin].info.source, predicate->field);
    else
        return VERDICT_SOME;
    return predicate_match_text(predicate, text) ? VERDICT_ALL : VERDICT_NONE;
}

/* The rollup knows which origins and levels the rows of a family have: most families are of one role. */
static enum status judge_units(struct segment_plan *plan, struct plan_node *node,
                               struct error *err)
{
    uint32_t families = plan->segment->family_count;
    const struct rollup_counts *counts;
    uint8_t *any, *all;
    enum status status;

    if (!field_is_of_source(node->predicate->field) && node->predicate->field != FIELD_ID_LEVEL)
        return STATUS_OK;
    status = segment_rollup_counts(plan->segment, &plan->arena, &counts, err);
    if (status != STATUS_OK || counts == NULL)
        return status == STATUS_CORRUPT ? STATUS_OK : status; /* the rows are looked at instead */
    any = arena_new(&plan->arena, uint8_t, (size_t)families + 1);
    all = arena_new(&plan->arena, uint8_t, (size_t)families + 1);
    if (any == NULL || all == NULL)
        return no_memory(err);
    memset(all, VERDICT_ALL, (size_t)families + 1);
    for (uint32_t i = 0; i < counts->unit_count; i++) {
        uint8_t verdict = (uint8_t)unit_leaf(plan, node, &counts->units[i]);
        uint32_t family = counts->units[i].family;

        any[family] = 1 | (any[family] | (verdict != VERDICT_NONE ? 2 : 0));
        all[family] = verdict < all[family] ? verdict : all[family];
    }
    for (uint32_t i = 0; i < families; i++) {
        if (node->verdicts[i] != VERDICT_SOME || any[i] == 0)
            continue;
        if (any[i] == 1)
            node->verdicts[i] = VERDICT_NONE;
        else if (all[i] == VERDICT_ALL)
            node->verdicts[i] = VERDICT_ALL;
    }
    return STATUS_OK;
}

/* Families in which the field is a slot of whole numbers. */
static enum status find_ranges(struct segment_plan *plan, struct plan_node *node,
                               struct error *err)
{
    const struct segment *segment = plan->segment;

    if (node->predicate->kind != PRED_RANGE || node->predicate->field < FIELD_ID_FIRST_SPAN)
        return STATUS_OK;
    node->kind = NODE_RANGE;
    node->ranges = arena_new(&plan->arena, struct segment_range, (size_t)segment->family_count + 1);
    if (node->ranges == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < segment->family_count; i++)
        if (node->verdicts[i] == VERDICT_SOME)
            node->ranges[i] = segment_range_of(segment, &segment->families[i], node->predicate);
    return STATUS_OK;
}

static void judge_generic(struct segment_plan *plan, struct plan_node *node)
{
    struct segment *segment = plan->segment;
    bool by_source = segment_tests_source(node->predicate);
    enum node_verdict all = by_source ? source_verdict(segment, node->predicate) : VERDICT_SOME;

    for (uint32_t i = 0; i < segment->family_count; i++)
        node->verdicts[i] =
            (uint8_t)(by_source ? all
                                : generic_verdict(segment, &segment->families[i],
                                                  node->predicate));
}

/* ---- the tree ---- */

static enum status make_node(struct segment_plan *plan, const struct predicate *predicate,
                             struct plan_node **out, struct error *err);

static struct plan_node *new_node(struct segment_plan *plan, const struct predicate *predicate,
                                  enum node_kind kind, uint32_t child_count)
{
    struct plan_node *node = arena_new(&plan->arena, struct plan_node, 1);

    if (node == NULL)
        return NULL;
    node->kind = kind;
    node->predicate = predicate;
    node->verdicts =
        arena_new(&plan->arena, uint8_t, (size_t)plan->segment->family_count + 1);
    node->children = arena_alloc(&plan->arena, sizeof(*node->children), 8, child_count + 1u);
    return plan->arena.failed ? NULL : node;
}

/* AND: NONE wins over SOME over ALL. OR is the other way round, NOT swaps. */
static void judge_children(struct segment_plan *plan, struct plan_node *node)
{
    for (uint32_t i = 0; i < plan->segment->family_count; i++) {
        uint8_t verdict = node->kind == NODE_OR ? VERDICT_NONE : VERDICT_ALL;

        for (uint32_t k = 0; k < node->child_count; k++) {
            uint8_t child = node->children[k]->verdicts[i];

            if (node->kind == NODE_NOT)
                verdict = (uint8_t)(VERDICT_ALL - child);
            else if (node->kind == NODE_AND ? child < verdict : child > verdict)
                verdict = child;
        }
        node->verdicts[i] = verdict;
    }
}

static enum status make_branch(struct segment_plan *plan, const struct predicate *predicate,
                               enum node_kind kind, struct plan_node **out, struct error *err)
{
    struct plan_node *node = new_node(plan, predicate, kind, predicate->child_count);
    enum status status = STATUS_OK;

    if (node == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < predicate->child_count && status == STATUS_OK; i++) {
        status = make_node(plan, predicate->children[i], &node->children[i], err);
        node->child_count = i + 1;
    }
    if (status == STATUS_OK)
        judge_children(plan, node);
    *out = node;
    return status;
}

static enum status make_needle(struct segment_plan *plan, const struct predicate *predicate,
                               struct slice text, enum text_match match, struct plan_node **out,
                               struct error *err)
{
    struct plan_node *node = new_node(plan, predicate, NODE_NEEDLE, 0);
    char *lower;

    if (node == NULL)
        return no_memory(err);
    node->needle = (struct needle){.text = text, .fold = predicate->fold_case, .match = match};
    if (predicate->fold_case) {
        lower = arena_alloc(&plan->arena, 1, 1, text.len + 1);
        if (lower == NULL)
            return no_memory(err);
        for (size_t i = 0; i < text.len; i++)
            lower[i] = fold_byte(text.data[i]);
        node->needle.text.data = lower;
    }
    needle_prepare(&node->needle);
    *out = node;
    return segment_plan_needle(plan, node, err);
}

static bool fits_needle(struct slice text)
{
    return text.len > 0 && text.len <= NEEDLE_SIZE_MAX;
}

/* A small IN is an OR of exact texts. */
static enum status make_in(struct segment_plan *plan, const struct predicate *predicate,
                           struct plan_node **out, struct error *err)
{
    struct plan_node *node = new_node(plan, predicate, NODE_OR, predicate->text_count);
    enum status status = STATUS_OK;

    if (node == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < predicate->text_count && status == STATUS_OK; i++) {
        struct predicate *one = arena_new(&plan->arena, struct predicate, 1);

        if (one == NULL)
            return no_memory(err);
        *one = *predicate;
        one->kind = PRED_TEXT;
        one->match = TEXT_EXACT;
        one->text = predicate->texts[i];
        status = make_needle(plan, one, one->text, TEXT_EXACT, &node->children[i], err);
        node->child_count = i + 1;
    }
    if (status == STATUS_OK)
        judge_children(plan, node);
    *out = node;
    return status;
}

static bool in_fits(const struct predicate *predicate)
{
    for (uint32_t i = 0; i < predicate->text_count; i++)
        if (!fits_needle(predicate->texts[i]))
            return false;
    return predicate->text_count <= IN_NEEDLES_MAX;
}

/* All phrases of a sequence, in any order: the superset of it. */
static enum status make_phrases(struct segment_plan *plan, const struct predicate *predicate,
                                struct plan_node **out, struct error *err)
{
    struct plan_node *node = new_node(plan, predicate, NODE_AND, predicate->text_count);
    enum status status = STATUS_OK;

    if (node == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < predicate->text_count && status == STATUS_OK; i++) {
        if (!fits_needle(predicate->texts[i]))
            continue;
        status = make_needle(plan, predicate, predicate->texts[i], TEXT_PHRASE,
                             &node->children[node->child_count], err);
        node->child_count++;
    }
    if (status == STATUS_OK)
        judge_children(plan, node);
    *out = node;
    return status;
}

/* A test on the line that needs its bytes, after a superset where there is one. */
static enum status make_render(struct segment_plan *plan, const struct predicate *predicate,
                               struct plan_node **out, struct error *err)
{
    struct plan_node *node = new_node(plan, predicate, NODE_RENDER, 1);
    enum status status = STATUS_OK;

    if (node == NULL)
        return no_memory(err);
    if (predicate->kind == PRED_CALL && predicate->superset != NULL)
        status = make_node(plan, predicate->superset, &node->children[0], err);
    else if (predicate->kind == PRED_SEQUENCE)
        status = make_phrases(plan, predicate, &node->children[0], err);
    node->child_count = node->children[0] != NULL;
    for (uint32_t i = 0; i < plan->segment->family_count && status == STATUS_OK; i++)
        node->verdicts[i] =
            node->child_count > 0 && node->children[0]->verdicts[i] == VERDICT_NONE
                ? VERDICT_NONE
                : VERDICT_SOME;
    *out = node;
    return status;
}

static bool is_line_test(const struct predicate *predicate)
{
    return predicate->field == FIELD_ID_MSG && is_text_test(predicate->kind);
}

static enum status make_node(struct segment_plan *plan, const struct predicate *predicate,
                             struct plan_node **out, struct error *err)
{
    bool is_event_field =
        predicate->field == FIELD_ID_MSG || predicate->field >= FIELD_ID_FIRST_SPAN;
    enum status status;

    switch (predicate->kind) {
    case PRED_AND:
        return make_branch(plan, predicate, NODE_AND, out, err);
    case PRED_OR:
        return make_branch(plan, predicate, NODE_OR, out, err);
    case PRED_NOT:
        return make_branch(plan, predicate, NODE_NOT, out, err);
    case PRED_TEXT:
        if (is_event_field && fits_needle(predicate->text))
            return make_needle(plan, predicate, predicate->text, predicate->match, out, err);
        break;
    case PRED_IN:
        if (is_event_field && in_fits(predicate))
            return make_in(plan, predicate, out, err);
        break;
    default:
        break;
    }
    if (is_line_test(predicate))
        return make_render(plan, predicate, out, err);
    *out = new_node(plan, predicate, NODE_GENERIC, 0);
    if (*out == NULL)
        return no_memory(err);
    judge_generic(plan, *out);
    status = find_ranges(plan, *out, err);
    return status == STATUS_OK ? judge_units(plan, *out, err) : status;
}

/* ---- units of a rollup as a whole ---- */

static enum node_verdict unit_node(const struct segment_plan *plan, const struct plan_node *node,
                                   const struct rollup_unit *unit)
{
    enum node_verdict verdict = node->kind == NODE_OR ? VERDICT_NONE : VERDICT_ALL;

    if (node->kind == NODE_NEEDLE || node->kind == NODE_RENDER || node->kind == NODE_RANGE ||
        node->kind == NODE_GENERIC)
        return unit_leaf(plan, node, unit);
    for (uint32_t i = 0; i < node->child_count; i++) {
        enum node_verdict child = unit_node(plan, node->children[i], unit);

        if (node->kind == NODE_NOT)
            verdict = VERDICT_ALL - child;
        else if (node->kind == NODE_AND ? child < verdict : child > verdict)
            verdict = child;
    }
    return verdict;
}

enum node_verdict segment_plan_unit_verdict(const struct segment_plan *plan,
                                           const struct rollup_unit *unit)
{
    if (plan->filter == NULL)
        return VERDICT_ALL;
    return plan->root == NULL ? VERDICT_SOME : unit_node(plan, plan->root, unit);
}

static bool nothing_matches(const struct segment_plan *plan)
{
    for (uint32_t i = 0; plan->root != NULL && i < plan->segment->family_count; i++)
        if (plan->root->verdicts[i] != VERDICT_NONE)
            return false;
    return plan->root != NULL;
}

enum status segment_plan_make(struct segment *segment,
                                     const struct scan_options *options, struct segment_plan **out,
                                     struct error *err)
{
    const struct segment_summary *summary = &segment->summary;
    bool samples = options->table == SCAN_SAMPLES, any = true;
    struct segment_plan *plan;
    enum status status = STATUS_OK;

    if (summary->time_max_ns < options->time_min_ns ||
        summary->time_min_ns >= options->time_max_ns ||
        (samples ? summary->samples : summary->rows) == 0)
        return STATUS_END;
    plan = calloc(1, sizeof(*plan));
    if (plan == NULL)
        return no_memory(err);
    *plan = (struct segment_plan){.segment = segment,
                                 .time_min_ns = options->time_min_ns,
                                 .time_max_ns = options->time_max_ns,
                                 .samples = samples,
                                 .filter = options->filter,
                                 .arena = arena_empty(PLAN_ARENA_MAX)};
    plan->uses.arena = &plan->arena;
    if (samples)
        status = sample_plan_make(plan, &any, err);
    else if (plan->filter != NULL)
        status = make_node(plan, plan->filter, &plan->root, err);
    if (status == STATUS_CORRUPT) { /* blocks that need the damaged page will say so one by one */
        plan->root = NULL;
        status = STATUS_OK;
    }
    if (status == STATUS_OK && (!any || nothing_matches(plan)))
        status = STATUS_END;
    if (status == STATUS_OK)
        *out = plan;
    else
        segment_plan_free(plan);
    return status;
}

void segment_plan_free(struct segment_plan *plan)
{
    if (plan == NULL)
        return;
    pool_hold_release(&plan->hold);
    page_uses_end(&plan->uses);
    arena_release(&plan->arena);
    free(plan);
}
