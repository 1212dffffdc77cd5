/* query/operators/context.c -- the rows around each match, as grep -B and -A: of its file, of all
 * files of its host, or with the same value of a field.
 *
 * The matches come first and are remembered by their place. Then each group (file, host, value) is
 * read twice, each time only as far as its rows are wanted: from its first match back, without
 * columns, to find where the rows before it begin; and from there on, in order of time, until the
 * rows behind its last match are out. Both stay in the range of the matches and a window around it.
 * Overlapping contexts come out once. Rows of a match have _match=true. */
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

/* Contexts of so few matches end after a few blocks. */
enum { CONTEXT_GROUPS_MAX = 1000, BRIEF_MATCHES_MAX = 16 };
#define WINDOW_DEFAULT_NS NS_PER_HOUR

/* What identifies a row. */
struct place {
    uint32_t source;
    uint64_t sequence;
};

/* Where a row stands in the order of rows. */
struct rank {
    int64_t order_ns;
    struct place place;
};

struct match_group {
    int64_t first_ns, last_ns; /* of its matches */
    struct rank first;         /* match */
    uint64_t match_count;
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
    const struct match_group *group;
    struct operator finder;    /* gets the rows before its first match, newest first */
    uint64_t found_count;      /* of them so far */
    int64_t found_ns;          /* order time of the last of them */
    struct operator reader;    /* gets its rows in order */
    uint64_t matches_left;     /* that have not come yet */
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

static bool stands_before(const struct rank *a, const struct rank *b)
{
    if (a->order_ns != b->order_ns)
        return a->order_ns < b->order_ns;
    if (a->place.source != b->place.source)
        return a->place.source < b->place.source;
    return a->place.sequence < b->place.sequence;
}

/* Groups are zeroed when they are made. */
static void widen(struct match_group *group, int64_t at_ns, struct rank rank)
{
    bool is_new = group->match_count++ == 0;

    if (is_new || at_ns < group->first_ns)
        group->first_ns = at_ns;
    if (is_new || at_ns > group->last_ns)
        group->last_ns = at_ns;
    if (is_new || stands_before(&rank, &group->first))
        group->first = rank;
}

static enum status push_context(struct operator *base, struct view *view, struct error *err)
{
    struct context_operator *op = of(base);
    const uint32_t *sources = block_source_numbers(view_block(view), err);
    const uint64_t *sequences = sources == NULL ? NULL : block_sequences(view_block(view), err);
    const int64_t *orders = sequences == NULL ? NULL : block_order_times(view_block(view), err);
    struct column times;
    struct grouped rows;
    enum status status;

    if (orders == NULL)
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
        widen(&op->groups[group], time.whole,
              (struct rank){orders[row], {.source = sources[row], .sequence = sequences[row]}});
        status = add_match(op, sources[row], sequences[row], err);
    }
    return status;
}

/* ---- reading a group again ---- */

/* What is to be seen of the selected rows of a view. */
struct marks {
    uint64_t *matched, *shown; /* bit per row of the view, in its arena */
    uint32_t unshown;          /* index of the first row behind the last one that is shown */
    uint32_t reach; /* so many rows of earlier views the first match reaches back to */
};

/* Show the rows that are marked, with _match where it is one. */
static enum status show_rows(struct context_operator *op, struct view *view,
                             const struct marks *marks, struct error *err)
{
    uint32_t count = view_row_count(view);
    uint32_t *codes = arena_new(view_arena(view), uint32_t, count + 1);
    struct slice *dict = arena_new(view_arena(view), struct slice, 1);
    struct column column = {.kind = COLUMN_DICT, .type = FIELD_TEXT, .dict_count = 1};
    enum status status;

    if (codes == NULL || dict == NULL)
        return memory_exceeded(&op->base.run->memory, err);
    for (uint32_t row = 0; row < count; row++)
        codes[row] = bit_get(marks->matched, row) ? 0 : COLUMN_NO_CODE;
    dict[0] = SLICE_LITERAL("true");
    column.codes = codes;
    column.dict = dict;
    status = view_set(view, names_id(&op->base.run->names, SLICE_LITERAL("_match")), &column, err);
    if (status != STATUS_OK)
        return status;
    view_keep(view, marks->shown);
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

/* Show the matches with the rows around them. */
static void mark_shown(struct context_operator *op, const uint32_t *rows, uint32_t count,
                       struct marks *marks)
{
    uint32_t before = (uint32_t)op->base.pipe->count;

    for (uint32_t i = 0; i < count; i++) {
        if (bit_get(marks->matched, rows[i])) {
            uint32_t from = i > before ? i - before : 0;

            if (marks->unshown == 0 && before > i)
                marks->reach = before - i;
            for (uint32_t at = from > marks->unshown ? from : marks->unshown; at <= i; at++)
                bit_set(marks->shown, rows[at]);
            op->after_left = op->base.pipe->offset;
            marks->unshown = i + 1;
        } else if (op->after_left > 0) {
            bit_set(marks->shown, rows[i]);
            op->after_left--;
            marks->unshown = i + 1;
        }
    }
}

/* Count the rows before the first match. END: as many as are wanted. */
static enum status push_finder(struct operator *finder, struct view *view, struct error *err)
{
    struct context_operator *op = of(finder->next);
    const uint32_t *sources = block_source_numbers(view_block(view), err);
    const uint64_t *sequences = sources == NULL ? NULL : block_sequences(view_block(view), err);
    const int64_t *orders = sequences == NULL ? NULL : block_order_times(view_block(view), err);
    const uint32_t *rows;
    enum status status = view_rows(view, &rows, err);

    if (orders == NULL)
        return err->status;
    for (uint32_t i = 0; status == STATUS_OK && i < view_selected_count(view); i++) {
        struct rank rank = {orders[rows[i]],
                            {.source = sources[rows[i]], .sequence = sequences[rows[i]]}};

        if (!stands_before(&rank, &op->group->first))
            continue;
        op->found_ns = rank.order_ns;
        if (++op->found_count == op->base.pipe->count)
            return STATUS_END;
    }
    return status;
}

static enum status push_reader(struct operator *reader, struct view *view, struct error *err)
{
    struct context_operator *op = of(reader->next);
    const uint32_t *sources = block_source_numbers(view_block(view), err);
    const uint64_t *sequences = sources == NULL ? NULL : block_sequences(view_block(view), err);
    size_t words = bit_words(view_row_count(view)) + 1;
    struct marks marks = {.matched = arena_new(view_arena(view), uint64_t, words),
                          .shown = arena_new(view_arena(view), uint64_t, words)};
    uint32_t count = view_selected_count(view);
    const uint32_t *rows;
    enum status status = sequences == NULL ? err->status : view_rows(view, &rows, err);

    if (status == STATUS_OK && (marks.matched == NULL || marks.shown == NULL))
        status = memory_exceeded(&reader->run->memory, err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        if (is_match(op, sources[rows[i]], sequences[rows[i]])) {
            bit_set(marks.matched, rows[i]);
            op->matches_left -= op->matches_left > 0;
        }
    mark_shown(op, rows, count, &marks);
    if (marks.unshown > 0)
        status = show_before(op, marks.reach, err);
    if (status == STATUS_OK && op->base.pipe->count > 0 && marks.unshown < count)
        status = keep_tail(op, view, rows, marks.unshown, count, err);
    if (status == STATUS_OK)
        status = show_rows(op, view, &marks, err);
    return status == STATUS_OK && op->matches_left == 0 && op->after_left == 0 ? STATUS_END
                                                                                : status;
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

/* The order time from which on rows of the group are wanted. */
static enum status find_begin(struct context_operator *op, const struct plan *of_group,
                              int64_t *out, struct error *err)
{
    struct plan plan = *of_group;
    enum status status;

    *out = op->group->first.order_ns;
    if (op->base.pipe->count == 0)
        return STATUS_OK;
    plan.newest_first = true;
    plan.brief = true;
    plan.scanned = (struct field_set){0};
    plan.order_first_ns = INT64_MIN;
    plan.order_last_ns = op->group->first.order_ns;
    op->found_count = 0;
    status = plan_run(&plan, &op->finder, err);
    if (op->found_count > 0)
        *out = op->found_ns;
    return status;
}

static enum status read_group(struct context_operator *op, uint32_t group, struct error *err)
{
    int64_t window_ns = op->base.pipe->duration_ns > 0 ? op->base.pipe->duration_ns
                                                       : WINDOW_DEFAULT_NS;
    struct plan plan = *op->base.plan;
    static const struct query_tree no_pipes = {0};
    enum status status;

    op->group = &op->groups[group];
    plan.tree = &no_pipes;
    plan.pipe_first = 0;
    plan.ordered = true;
    plan.newest_first = false;
    plan.range = (struct time_range){op->group->first_ns - window_ns,
                                     op->group->last_ns + window_ns};
    plan.scanned = *op->base.needed;
    plan.inner = true;
    plan.brief = op->group->match_count <= BRIEF_MATCHES_MAX;
    plan.order_bounded = true;
    plan.order_last_ns = INT64_MAX;
    op->before_count = 0;
    op->after_left = 0;
    op->matches_left = op->group->match_count;
    status = group_filter(op, group, &plan.filter, err);
    if (status == STATUS_OK)
        status = find_begin(op, &plan, &plan.order_first_ns, err);
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
    static const struct operator_ops finder_ops = {
        .push = push_finder, .finish = operator_part_finish, .close = operator_part_close};
    static const struct operator_ops reader_ops = {
        .push = push_reader, .finish = operator_part_finish, .close = operator_part_close};
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
    op->finder = (struct operator){.ops = &finder_ops, .next = &op->base, .run = base->run};
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
