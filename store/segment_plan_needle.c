/* store/segment_plan_needle.c -- a needle against the templates and dictionaries of a segment.
 *
 * In the whole line, most templates are settled together: the index of gaps says which of them the
 * needle can touch outside of values, and those are planned one by one. In all others it can only lie
 * inside a value, so one way per column that may hold it serves a whole family. */
#include "store/segment_plan.h"

#include "store/gap_index.h"
#include "store/gram_filter.h"
#include "store/kernels/kernels.h"

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "planning a filter needs too much memory");
}

/* ---- ways of a family ---- */

static void add_literal(const struct segment_template *template, uint32_t from, uint32_t to,
                        struct needle_part *parts, uint32_t *count)
{
    if (to > from)
        parts[(*count)++] = (struct needle_part){
            .literal = {template->literals + from, to - from}};
}

/* The parts of a line, or of a field of it, in one template. */
static uint32_t make_parts(const struct segment_family *family,
                           const struct segment_template *template, uint32_t field,
                           struct needle_part *parts)
{
    const struct segment_field *at = field == UINT32_MAX ? NULL : &family->fields[field];
    uint32_t first = at == NULL ? 0 : at->begin_gap;
    uint32_t last = at == NULL ? family->slot_count : at->end_gap, count = 0;

    if (at != NULL && at->computed) {
        parts[0] = (struct needle_part){
            .is_slot = true, .kind = {SLOT_TEXT, TEXT_FREE}, .column = at->begin_gap};
        return 1;
    }
    for (uint32_t gap = first; gap <= last; gap++) {
        uint32_t start = gap > 0 ? template->gap_ends[gap - 1] : 0, end = template->gap_ends[gap];
        uint32_t from = start, to = end;

        if (at != NULL && gap == first)
            from = start + template->field_offsets[2 * field];
        if (at != NULL && gap == last)
            to = start + template->field_offsets[2 * field + 1];
        add_literal(template, from, to, parts, &count);
        if (gap < last)
            parts[count++] = (struct needle_part){.is_slot = true,
                                                  .kind = family->columns[gap].kind,
                                                  .column = (uint16_t)gap};
    }
    return count;
}

static bool same_way(const struct needle_way *a, const struct needle_way *b)
{
    return a->term_count == b->term_count &&
           memcmp(a->terms, b->terms, a->term_count * sizeof(a->terms[0])) == 0;
}

/* The family's own copy of a way: NULL without memory. */
static struct plan_way *family_way(struct segment_plan *plan, const struct segment_family *family,
                                   struct family_needle *out, uint32_t *capacity,
                                   const struct needle_way *way)
{
    struct plan_way *added;

    for (uint32_t i = 0; i < out->way_count; i++)
        if (same_way(&out->ways[i].way, way))
            return &out->ways[i];
    if (out->way_count == *capacity) {
        uint32_t grown = *capacity == 0 ? 8 : *capacity * 2;
        struct plan_way *ways = arena_new(&plan->arena, struct plan_way, grown);

        if (ways == NULL)
            return NULL;
        if (out->way_count > 0)
            memcpy(ways, out->ways, out->way_count * sizeof(*ways));
        out->ways = ways;
        *capacity = grown;
    }
    added = &out->ways[out->way_count];
    added->templates = arena_new(&plan->arena, uint8_t, (size_t)family->template_count + 1);
    if (added->templates == NULL)
        return NULL;
    added->way = *way;
    out->way_count++;
    return added;
}

/* Drop the ways of which no value can pass a term. */
static enum status drop_dead_ways(struct term_search *search, uint32_t family,
                                  struct family_needle *out, struct error *err)
{
    enum status status = STATUS_OK;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < out->way_count && status == STATUS_OK; i++) {
        struct plan_way *way = &out->ways[i];
        bool alive = true;

        for (uint32_t k = 0; k < way->way.term_count && alive && status == STATUS_OK; k++)
            status = segment_term_table(search, family, &way->way.terms[k], &way->tables[k],
                                        &alive, err);
        if (alive)
            out->ways[kept++] = *way;
    }
    out->way_count = kept;
    return status;
}

static enum node_verdict sum_verdicts(const struct segment_family *family,
                                      const struct family_needle *needle)
{
    bool all = true;

    for (uint32_t i = 0; i < family->template_count; i++)
        all = all && needle->verdicts[i] == NEEDLE_ALL;
    if (all)
        return VERDICT_ALL;
    return needle->has_all || needle->has_render || needle->way_count > 0 ? VERDICT_SOME
                                                                          : VERDICT_NONE;
}

static struct family_needle *new_family(struct segment_plan *plan,
                                        const struct segment_family *family, uint32_t field)
{
    struct family_needle *out = arena_new(&plan->arena, struct family_needle, 1);

    if (out == NULL)
        return NULL;
    out->field = field;
    out->verdicts = arena_new(&plan->arena, uint8_t, (size_t)family->template_count + 1);
    return out->verdicts == NULL ? NULL : out;
}

/* ---- templates one by one ---- */

struct family_plan {
    struct term_search *search;
    struct plan_node *node;
    const struct segment_family *family;
    uint32_t number;
    struct family_needle *out;
    uint32_t way_capacity;
};

/* Template `index` of the family. */
static enum status plan_template(struct family_plan *plan, uint32_t index, struct error *err)
{
    const struct segment *segment = plan->search->plan->segment;
    const struct segment_template *template =
        &segment->templates[plan->family->first_template + index];
    struct family_needle *out = plan->out;
    struct needle_part parts[NEEDLE_PARTS_MAX];
    struct needle_plan made;

    needle_plan_make(&plan->node->needle, parts,
                     make_parts(plan->family, template, out->field, parts), &made);
    out->verdicts[index] = (uint8_t)made.verdict;
    out->has_all |= made.verdict == NEEDLE_ALL;
    out->has_render |= made.verdict == NEEDLE_RENDER;
    for (uint32_t k = 0; made.verdict == NEEDLE_SOME && k < made.way_count; k++) {
        struct plan_way *way = family_way(plan->search->plan, plan->family, out,
                                          &plan->way_capacity, &made.ways[k]);

        if (way == NULL)
            return no_memory(err);
        way->templates[index] = 1;
    }
    return STATUS_OK;
}

static enum status finish_family(struct family_plan *plan, struct error *err)
{
    enum status status = drop_dead_ways(plan->search, plan->number, plan->out, err);

    plan->node->verdicts[plan->number] = (uint8_t)sum_verdicts(plan->family, plan->out);
    plan->node->families[plan->number] = plan->out;
    return status;
}

static enum status plan_family(struct term_search *search, struct plan_node *node, uint32_t number,
                               uint32_t field, struct error *err)
{
    const struct segment_family *family = &search->plan->segment->families[number];
    struct family_plan plan = {.search = search,
                               .node = node,
                               .family = family,
                               .number = number,
                               .out = new_family(search->plan, family, field)};
    enum status status = plan.out == NULL ? no_memory(err) : STATUS_OK;

    for (uint32_t i = 0; i < family->template_count && status == STATUS_OK; i++)
        status = plan_template(&plan, i, err);
    return status == STATUS_OK ? finish_family(&plan, err) : status;
}

static enum status plan_families(struct term_search *search, struct plan_node *node,
                                 struct error *err)
{
    const struct segment *segment = search->plan->segment;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < segment->family_count && status == STATUS_OK; i++) {
        const struct segment_family *family = &segment->families[i];
        uint32_t field = UINT32_MAX;

        if (node->predicate->field != FIELD_ID_MSG) {
            field = segment_find_field(family, node->predicate->field);
            node->verdicts[i] = family->as_text ? VERDICT_SOME : VERDICT_NONE;
            if (field == UINT32_MAX)
                continue;
        }
        status = plan_family(search, node, i, field, err);
    }
    return status;
}

/* ---- by the index of gaps ---- */

struct indexed {
    const struct gap_index *gaps;
    struct needle_term inside; /* the whole needle in a value; the column is open */
    struct gap_question question;
    uint8_t *touched; /* enum gap_touch by template */
    uint8_t *alive;   /* by kind of the index: a value may hold the whole needle */
};

/* Can a value of a slot that is not wide pass the term, on a run of token bytes? The pool of strings is
 * asked too. */
static enum status value_may_pass(struct term_search *search, const struct gap_index *gaps,
                                  const struct needle_term *term, bool *out, struct error *err)
{
    struct slice text = needle_term_text(search->needle, term);
    enum status status = STATUS_OK;

    *out = false;
    for (uint32_t i = 0; i < gaps->kind_count && !*out && status == STATUS_OK; i++) {
        const struct gap_kind *kind = &gaps->kinds[i];

        if (kind->wide || !slot_may_contain(kind->kind, text, search->needle->fold))
            continue;
        *out = true;
        if (kind->class == CLASS_CODES && term->len >= GRAM_SIZE) /* others are in many strings */
            status = segment_term_alive(search, kind->kind, kind->class, term, out, err);
    }
    return status;
}

/* Where the needle can be cut between a gap and an ordinary slot: behind its first run of token bytes,
 * and before the others, if a value can pass the run. */
static enum status find_cuts(struct term_search *search, const struct gap_index *gaps,
                             uint8_t *cuts, struct error *err)
{
    struct slice text = search->needle->text;
    enum status status = STATUS_OK;

    for (size_t at = 0, end; at < text.len && status == STATUS_OK; at = end) {
        struct needle_term term;
        bool possible;

        for (end = at; end < text.len && is_token_byte(text.data[end]); end++)
            continue;
        if (end == at || (at == 0 && end == text.len)) {
            end += end == at;
            continue;
        }
        term = (struct needle_term){.test = at == 0          ? TEST_SUFFIX
                                            : end < text.len ? TEST_EQUAL
                                                             : TEST_PREFIX,
                                    .start = (uint16_t)at,
                                    .len = (uint16_t)(end - at)};
        status = value_may_pass(search, gaps, &term, &possible, err);
        if (status != STATUS_OK || !possible)
            continue;
        if (at > 0)
            cuts[at] |= CUT_VALUE_BEGINS;
        if (at == 0)
            cuts[end] |= CUT_VALUE_ENDS;
    }
    return status;
}

static enum status judge_kinds(struct term_search *search, struct indexed *indexed, bool *any,
                               struct error *err)
{
    const struct gap_index *gaps = indexed->gaps;
    enum status status = STATUS_OK;

    *any = false;
    for (uint32_t i = 0; i < gaps->kind_count && status == STATUS_OK; i++) {
        bool alive;

        if (!slot_may_contain(gaps->kinds[i].kind, search->needle->text, search->needle->fold))
            continue;
        status = segment_term_alive(search, gaps->kinds[i].kind, gaps->kinds[i].class,
                                    &indexed->inside, &alive, err);
        indexed->alive[i] = alive;
        *any = *any || alive;
    }
    return status;
}

/* Is the template planned on its own? Words beside a slot decide on the ends of a word in it. */
static bool stands_alone(const struct indexed *indexed, uint32_t template, bool inside)
{
    return indexed->touched[template] != GAPS_UNTOUCHED ||
           (inside && (indexed->question.left || indexed->question.right) &&
            (indexed->gaps->templates[template] & TEMPLATE_WORD_GLUE) != 0);
}

/* The other templates of the family: one way per column. */
static enum status plan_inside(struct family_plan *plan, const struct indexed *indexed,
                               uint32_t column_count, struct error *err)
{
    const struct segment_family *family = plan->family;
    const uint16_t *kinds = indexed->gaps->column_kinds + indexed->gaps->column_first[plan->number];
    bool render = column_count > NEEDLE_WAYS_MAX;
    struct needle_way one = {.term_count = 1, .terms = {indexed->inside}};

    for (uint32_t i = 0; i < family->template_count; i++) {
        if (stands_alone(indexed, family->first_template + i, true))
            continue;
        plan->out->verdicts[i] = render ? NEEDLE_RENDER : NEEDLE_SOME;
        plan->out->has_render |= render;
    }
    for (uint16_t slot = 0; slot < family->slot_count && !render; slot++) {
        struct plan_way *way;

        if (!indexed->alive[kinds[slot]])
            continue;
        one.terms[0].column = slot;
        way = family_way(plan->search->plan, family, plan->out, &plan->way_capacity, &one);
        if (way == NULL)
            return no_memory(err);
        for (uint32_t i = 0; i < family->template_count; i++)
            way->templates[i] |= !stands_alone(indexed, family->first_template + i, true);
    }
    return STATUS_OK;
}

static bool any_touched(const uint8_t *touched, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (touched[i] != GAPS_UNTOUCHED)
            return true;
    return false;
}

static void set_all(struct family_needle *out, uint32_t template)
{
    out->verdicts[template] = NEEDLE_ALL;
    out->has_all = true;
}

static enum status plan_indexed_family(struct term_search *search, struct plan_node *node,
                                       const struct indexed *indexed, uint32_t number,
                                       struct error *err)
{
    const struct segment_family *family = &search->plan->segment->families[number];
    const uint16_t *kinds = indexed->gaps->column_kinds + indexed->gaps->column_first[number];
    const uint8_t *touched = indexed->touched + family->first_template;
    struct family_plan plan = {
        .search = search, .node = node, .family = family, .number = number};
    uint32_t column_count = 0;
    enum status status = STATUS_OK;

    for (uint32_t slot = 0; slot < family->slot_count; slot++)
        column_count += indexed->alive[kinds[slot]];
    if (column_count == 0 && !any_touched(touched, family->template_count))
        return STATUS_OK; /* no row of the family */
    plan.out = new_family(search->plan, family, UINT32_MAX);
    if (plan.out == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < family->template_count && status == STATUS_OK; i++)
        if (touched[i] == GAPS_HOLD)
            set_all(plan.out, i);
        else if (stands_alone(indexed, family->first_template + i, column_count > 0))
            status = plan_template(&plan, i, err);
    if (status == STATUS_OK && column_count > 0)
        status = plan_inside(&plan, indexed, column_count, err);
    return status == STATUS_OK ? finish_family(&plan, err) : status;
}

static enum status plan_indexed(struct term_search *search, struct plan_node *node,
                                struct indexed *indexed, struct error *err)
{
    const struct segment *segment = search->plan->segment;
    struct slice text = node->needle.text;
    uint8_t *cuts = arena_new(&search->plan->arena, uint8_t, text.len + 1);
    bool any_inside = false, touches;
    enum status status;

    indexed->touched =
        arena_new(&search->plan->arena, uint8_t, (size_t)segment->template_count + 1);
    indexed->alive =
        arena_new(&search->plan->arena, uint8_t, (size_t)indexed->gaps->kind_count + 1);
    if (cuts == NULL || indexed->touched == NULL || indexed->alive == NULL)
        return no_memory(err);
    status = find_cuts(search, indexed->gaps, cuts, err);
    if (status == STATUS_OK)
        status = judge_kinds(search, indexed, &any_inside, err);
    if (status != STATUS_OK)
        return status;
    indexed->question.cuts = cuts;
    touches = gap_index_search(indexed->gaps, &indexed->question, indexed->touched);
    for (uint32_t i = 0;
         i < segment->family_count && (any_inside || touches) && status == STATUS_OK; i++)
        status = plan_indexed_family(search, node, indexed, i, err);
    return status;
}

enum status segment_plan_needle(struct segment_plan *plan, struct plan_node *node,
                                struct error *err)
{
    const struct needle *needle = &node->needle;
    struct term_search search = {.plan = plan, .needle = needle};
    bool phrase = needle->match == TEXT_PHRASE, prefix = phrase || needle->match == TEXT_PREFIX;
    bool left = prefix && is_word_byte(needle->text.data[0]);
    bool right = phrase && is_word_byte(needle->text.data[needle->text.len - 1]);
    struct indexed indexed = {
        .question = {.needle = needle, .left = left, .right = right},
        .inside = {.test = TEST_CONTAINS,
                   .left = left ? EDGE_GOOD : EDGE_ANY,
                   .right = right ? EDGE_GOOD : EDGE_ANY,
                   .len = (uint16_t)needle->text.len}};
    enum status status = STATUS_OK;

    node->families = arena_alloc(&plan->arena, sizeof(*node->families), 8,
                                 (size_t)plan->segment->family_count + 1);
    if (node->families == NULL)
        return no_memory(err);
    if (node->predicate->field == FIELD_ID_MSG && needle->match != TEXT_EXACT &&
        needle->match != TEXT_EXACT_PREFIX)
        status = gap_index_get(plan->segment, &indexed.gaps, err);
    if (status != STATUS_OK)
        return status;
    return indexed.gaps != NULL ? plan_indexed(&search, node, &indexed, err)
                                : plan_families(&search, node, err);
}
