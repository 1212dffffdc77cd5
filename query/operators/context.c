/* query/operators/context.c -- the rows around each match, as grep -B and -A: of its file, of all
 * files of its host, or with the same value of a field.
 *
 * The matches come first and are remembered by their place. Then each group (file, host, value) is
 * read again in order of time over the range of its matches and a window around it; overlapping
 * contexts come out once. Rows of a match have _match=true. */
#include "query/operators/forms.h"
#include "query/operators/group.h"
#include "query/operators/kept_rows.h"
#include "query/operators/merge.h"

#include "base/time_stamp.h"
#include "query/limits.h"
#include "query/plan.h"
#include "query/query_impl.h"

#include <math.h>
#include <stdlib.h>

enum { CONTEXT_GROUPS_MAX = 1000 };
#define WINDOW_DEFAULT_NS NS_PER_HOUR

/* What identifies a row. */
struct place {
    uint32_t source;
    uint64_t sequence;
};

struct match_group {
    int64_t first_ns, last_ns; /* of its matches */
};

struct context_operator {
    struct operator base;
    struct grouper grouper;    /* of host and source, of host, or of the field */
    struct match_group *groups;
    uint32_t group_capacity;
    struct pool pool;
    struct map matches;        /* places */
    size_t map_size;
    /* While one group is read: */
    struct operator reader;    /* gets its rows in order */
    struct kept_rows kept;
    struct kept_row **before;  /* the last rows, oldest first; at most pipe->count */
    uint32_t before_count, before_capacity;
    uint64_t after_left;       /* rows still to show behind the last match */
};

static struct context_operator *of(struct operator *op)
{
    return (struct context_operator *)op;
}

/* ---- matches ---- */

static struct slice place_key(const struct place *place)
{
    return (struct slice){(const char *)place, sizeof(*place)};
}

static enum status add_match(struct context_operator *op, uint32_t source, uint64_t sequence,
                             struct error *err)
{
    struct place *place = pool_new(&op->pool, struct place, 1, err);
    size_t size;

    if (place == NULL)
        return STATUS_TOO_LARGE;
    place->source = source; /* padding is zero, as the pool's memory */
    place->sequence = sequence;
    if (!map_put(&op->matches, place_key(place), 0))
        return memory_exceeded(&op->base.run->memory, err);
    size = (size_t)op->matches.capacity * sizeof(struct map_entry);
    if (size > op->map_size) {
        enum status status = memory_take(&op->base.run->memory, size - op->map_size, err);

        if (status != STATUS_OK)
            return status;
        op->map_size = size;
    }
    return STATUS_OK;
}

static bool is_match(const struct context_operator *op, uint32_t source, uint64_t sequence)
{
    struct place place;

    memset(&place, 0, sizeof(place)); /* the padding is part of the key */
    place.source = source;
    place.sequence = sequence;
    return map_get(&op->matches, place_key(&place)) != MAP_NONE;
}

static void widen(struct match_group *group, bool is_new, int64_t at_ns)
{
    if (is_new || at_ns < group->first_ns)
        group->first_ns = at_ns;
    if (is_new || at_ns > group->last_ns)
        group->last_ns = at_ns;
}

static enum status push_context(struct operator *base, struct view *view, struct error *err)
{
    struct context_operator *op = of(base);
    uint32_t known = op->grouper.group_count;
    const uint32_t *sources = block_source_numbers(view_block(view), err);
    const uint64_t *sequences = sources == NULL ? NULL : block_sequences(view_block(view), err);
    struct column times;
    struct grouped rows;
    enum status status;

    if (sequences == NULL)
        return err->status;
    status = view_column(view, FIELD_ID_TIME, false, &times, err);
    if (status == STATUS_OK)
        status = grouper_assign(&op->grouper, view, &rows, err);
    if (status == STATUS_OK)
        status = memory_grow(&base->run->memory, (void **)&op->groups, &op->group_capacity,
                             op->grouper.group_count, sizeof(*op->groups), err);
    for (uint32_t i = 0; status == STATUS_OK && i < rows.count; i++) {
        uint32_t group = rows.groups == NULL ? rows.single : rows.groups[i], row = rows.rows[i];
        struct cell time = cell_of(&times, row);

        if (time.kind != CELL_INT)
            continue;
        widen(&op->groups[group], group >= known && op->groups[group].last_ns == 0, time.whole);
        status = add_match(op, sources[row], sequences[row], err);
    }
    return status;
}

/* ---- reading a group again ---- */

/* Show the rows that are set, with _match where it is one. */
static enum status show_rows(struct context_operator *op, struct view *view, const uint64_t *shown,
                             const uint64_t *matched, struct error *err)
{
    uint32_t count = view_row_count(view);
    uint32_t *codes = arena_new(view_arena(view), uint32_t, count + 1);
    struct slice *dict = arena_new(view_arena(view), struct slice, 1);
    struct column column = {.kind = COLUMN_DICT, .type = FIELD_TEXT, .dict_count = 1};
    enum status status;

    if (codes == NULL || dict == NULL)
        return memory_exceeded(&op->base.run->memory, err);
    for (uint32_t row = 0; row < count; row++)
        codes[row] = bit_get(matched, row) ? 0 : COLUMN_NO_CODE;
    dict[0] = SLICE_LITERAL("true");
    column.codes = codes;
    column.dict = dict;
    status = view_set(view, names_id(&op->base.run->names, SLICE_LITERAL("_match")), &column, err);
    if (status != STATUS_OK)
        return status;
    view_keep(view, shown);
    return operator_push(op->base.next, view, err);
}

/* Rows of earlier views that stand right before a match. */
static enum status show_before(struct context_operator *op, uint32_t count, struct error *err)
{
    uint32_t from = op->before_count > count ? op->before_count - count : 0;
    enum status status = kept_rows_push(op->base.run, op->before + from, op->before_count - from,
                                        op->base.next, err);

    op->before_count = 0;
    return status;
}

/* Keep the last rows that were not shown: a match at the front of the next view needs them. */
static enum status keep_tail(struct context_operator *op, struct view *view, const uint32_t *rows,
                             uint32_t from, uint32_t count, struct error *err)
{
    uint32_t wanted = (uint32_t)op->base.pipe->count;
    struct kept_columns columns;
    enum status status;

    if (count - from > wanted)
        from = count - wanted;
    if (count - from + op->before_count > wanted) { /* drop the oldest */
        uint32_t drop = count - from + op->before_count - wanted;

        op->before_count -= drop;
        memmove(op->before, op->before + drop, op->before_count * sizeof(struct kept_row *));
    }
    if (op->before_count == 0)
        pool_reset(&op->kept.pool);
    status = kept_columns_make(view, op->base.needed, &columns, err);
    if (status == STATUS_OK)
        status = memory_grow(&op->base.run->memory, (void **)&op->before, &op->before_capacity,
                             wanted + 1, sizeof(struct kept_row *), err);
    for (uint32_t i = from; status == STATUS_OK && i < count; i++)
        status = kept_rows_add(&op->kept, &columns, rows[i], NULL, &op->before[op->before_count++],
                               err);
    return status;
}

/* Which rows of the view to show. `unshown` gets the index of the first row behind the last one
 * that is shown; `reach` how many rows of earlier views the first match reaches back to. */
static void mark_rows(struct context_operator *op, const uint32_t *rows, uint32_t count,
                      const uint64_t *matched, uint64_t *shown, uint32_t *unshown,
                      uint32_t *reach)
{
    uint32_t before = (uint32_t)op->base.pipe->count;

    *unshown = 0;
    *reach = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (bit_get(matched, rows[i])) {
            uint32_t from = i > before ? i - before : 0;

            if (*unshown == 0 && before > i)
                *reach = before - i;
            for (uint32_t at = from > *unshown ? from : *unshown; at <= i; at++)
                bit_set(shown, rows[at]);
            op->after_left = op->base.pipe->offset;
            *unshown = i + 1;
        } else if (op->after_left > 0) {
            bit_set(shown, rows[i]);
            op->after_left--;
            *unshown = i + 1;
        }
    }
}

static enum status push_reader(struct operator *reader, struct view *view, struct error *err)
{
    struct context_operator *op = of(reader->next);
    const uint32_t *sources = block_source_numbers(view_block(view), err);
    const uint64_t *sequences = sources == NULL ? NULL : block_sequences(view_block(view), err);
    size_t words = bit_words(view_row_count(view)) + 1;
    uint64_t *matched = arena_new(view_arena(view), uint64_t, words);
    uint64_t *shown = arena_new(view_arena(view), uint64_t, words);
    uint32_t count = view_selected_count(view), unshown, reach;
    const uint32_t *rows;
    enum status status = view_rows(view, &rows, err);

    if (sequences == NULL)
        return err->status;
    if (matched == NULL || shown == NULL)
        return memory_exceeded(&reader->run->memory, err);
    for (uint32_t i = 0; i < count; i++)
        if (is_match(op, sources[rows[i]], sequences[rows[i]]))
            bit_set(matched, rows[i]);
    mark_rows(op, rows, count, matched, shown, &unshown, &reach);
    if (status == STATUS_OK && unshown > 0)
        status = show_before(op, reach, err);
    if (status == STATUS_OK && op->base.pipe->count > 0 && unshown < count)
        status = keep_tail(op, view, rows, unshown, count, err);
    return status == STATUS_OK ? show_rows(op, view, shown, matched, err) : status;
}

static enum status finish_nothing(struct operator *op, struct error *err)
{
    (void)op;
    (void)err;
    return STATUS_OK;
}

static void close_nothing(struct operator *op)
{
    (void)op;
}

/* The rows that have the key's value. A number is compared as one: the text of the line may have
 * zeros in front of it. */
static struct predicate key_test(field_id field, const struct cell *cell)
{
    double number;

    if (cell->kind == CELL_TEXT)
        return (struct predicate){
            .kind = PRED_TEXT, .field = field, .match = TEXT_EXACT, .text = cell->text};
    if (!cell_number(cell, &number))
        return (struct predicate){.kind = PRED_NONE};
    return (struct predicate){
        .kind = PRED_RANGE, .field = field, .low = number, .high = number};
}

/* Matches that lack the field: nothing is around them but themselves. */
static enum status lacking_filter(const struct context_operator *op, field_id field,
                                  const struct predicate **out, struct error *err)
{
    struct run *run = op->base.run;
    struct predicate *test = arena_new(&run->arena, struct predicate, 2);
    const struct predicate **child = arena_alloc(&run->arena, sizeof(*child), 8, 1);

    if (test == NULL || child == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    test[0] = (struct predicate){
        .kind = PRED_LENGTH, .field = field, .low = 0, .high = (double)INFINITY};
    child[0] = &test[0];
    test[1] = (struct predicate){.kind = PRED_NOT, .children = child, .child_count = 1};
    *out = predicate_and(&run->arena, op->base.plan->filter, &test[1]);
    return *out == NULL ? error_set(err, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
}

/* All rows of the group: each key field has exactly its value. */
static enum status group_filter(const struct context_operator *op, uint32_t group,
                                const struct predicate **out, struct error *err)
{
    struct run *run = op->base.run;
    const struct cell *cells = grouper_cells(&op->grouper, group);
    const struct predicate *filter = op->base.plan->scope;

    if (op->base.pipe->from.len > 0 && cells[0].kind == CELL_NULL)
        return lacking_filter(op, op->grouper.fields[0], out, err);
    for (uint32_t i = 0; i < op->grouper.key_count; i++) {
        struct predicate *test = arena_new(&run->arena, struct predicate, 1);

        if (test == NULL)
            return error_set(err, STATUS_NO_MEMORY, "out of memory");
        *test = key_test(op->grouper.fields[i], &cells[i]);
        filter = predicate_and(&run->arena, filter, test);
        if (filter == NULL)
            return error_set(err, STATUS_NO_MEMORY, "out of memory");
    }
    *out = filter;
    return STATUS_OK;
}

static enum status read_group(struct context_operator *op, uint32_t group, struct error *err)
{
    int64_t window_ns = op->base.pipe->duration_ns > 0 ? op->base.pipe->duration_ns
                                                       : WINDOW_DEFAULT_NS;
    struct plan plan = *op->base.plan;
    static const struct query_tree no_pipes = {0};
    enum status status;

    plan.tree = &no_pipes;
    plan.pipe_first = 0;
    plan.ordered = true;
    plan.newest_first = false;
    plan.range = (struct time_range){op->groups[group].first_ns - window_ns,
                                     op->groups[group].last_ns + window_ns};
    plan.scanned = *op->base.needed;
    op->before_count = 0;
    op->after_left = 0;
    status = group_filter(op, group, &plan.filter, err);
    return status == STATUS_OK ? plan_run(&plan, &op->reader, err) : status;
}

static enum status finish_context(struct operator *base, struct error *err)
{
    struct context_operator *op = of(base);
    uint32_t count = op->grouper.group_count, *order;
    enum status status = grouper_sorted(&op->grouper, &order, err);

    if (count > CONTEXT_GROUPS_MAX) {
        run_warn(base->run, "context of the first %d of %u files or values only",
                 CONTEXT_GROUPS_MAX, count);
        count = CONTEXT_GROUPS_MAX;
    }
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        status = read_group(op, order[i], err);
    if (status == STATUS_END)
        status = STATUS_OK;
    return status == STATUS_OK ? operator_finish(base->next, err) : status;
}

static void close_context(struct operator *base)
{
    struct context_operator *op = of(base);
    struct memory *memory = &base->run->memory;

    memory_free(memory, (void **)&op->groups, &op->group_capacity, sizeof(*op->groups));
    memory_free(memory, (void **)&op->before, &op->before_capacity, sizeof(struct kept_row *));
    memory_give(memory, op->map_size);
    map_release(&op->matches);
    grouper_release(&op->grouper);
    kept_rows_release(&op->kept);
    pool_release(&op->pool);
    free(op);
}

enum status context_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {
        .push = push_context, .finish = finish_context, .close = close_context};
    static const struct operator_ops reader_ops = {
        .push = push_reader, .finish = finish_nothing, .close = close_nothing};
    struct slice names[2] = {SLICE_LITERAL("host"), SLICE_LITERAL("source")};
    struct name_list keys = {names, base->pipe->flag ? 1 : 2};
    struct context_operator *op = operator_new(base, &ops, sizeof(*op));
    enum status status;

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    if (base->pipe->from.len > 0)
        keys = (struct name_list){&base->pipe->from, 1};
    pool_init(&op->pool, &base->run->memory);
    kept_rows_init(&op->kept, base->run, 0);
    op->matches = map_empty(QUERY_GROUPS_MAX);
    op->reader = (struct operator){.ops = &reader_ops, .next = &op->base, .run = base->run};
    status = grouper_init_names(&op->grouper, base->run, &keys, err);
    if (status == STATUS_OK && (base->pipe < base->plan->tree->pipes ||
                                base->pipe - base->plan->tree->pipes != base->plan->pipe_first))
        status = error_set(err, STATUS_INVALID, "context stands directly behind the filters");
    if (status != STATUS_OK)
        close_context(&op->base);
    else
        *out = &op->base;
    return status;
}
