/* query/operators/diff.c -- the same rows of an earlier range beside those of this one. The pipes
 * before it run again over the shifted range; their rows are found by the keys of the last stats.
 * Each number x gets x_prev, x_delta and x_ratio. */
#include "query/operators/forms.h"
#include "query/limits.h"
#include "query/operators/join.h"
#include "query/plan.h"

#include <math.h>
#include <stdlib.h>

enum { NEW_COLUMNS = 3 };

struct diff_operator {
    struct operator base;
    struct operator shift;      /* moves _time forward before the right side sees a row */
    struct right_side right;
    struct query_tree earlier;  /* the pipes before */
    const struct pipe *stats;
    bool ready;
};

static struct diff_operator *of(struct operator *op)
{
    return (struct diff_operator *)op;
}

/* ---- the earlier range ---- */

static enum status push_shift(struct operator *op, struct view *view, struct error *err)
{
    struct column times;
    int64_t *shifted;
    enum status status = view_column(view, FIELD_ID_TIME, false, &times, err);

    if (status == STATUS_OK && times.kind == COLUMN_INT) {
        shifted = arena_new(view_arena(view), int64_t, view_row_count(view) + 1);
        if (shifted == NULL)
            return memory_exceeded(&op->run->memory, err);
        for (uint32_t row = 0; row < view_row_count(view); row++)
            shifted[row] = times.ints[row] + op->pipe->duration_ns;
        times.ints = shifted;
        status = view_set(view, FIELD_ID_TIME, &times, err);
    }
    return status == STATUS_OK ? operator_push(op->next, view, err) : status;
}

/* ---- new columns ---- */

static field_id suffixed(struct run *run, field_id field, const char *suffix)
{
    struct slice name = names_text(&run->names, field);
    struct buf text = buf_empty(1 << 16);
    field_id made = FIELD_ID_NONE;

    if (buf_append_slice(&text, name) && buf_append_text(&text, suffix))
        made = names_id(&run->names, buf_slice(&text));
    buf_release(&text);
    return made;
}

static struct cell difference(const struct cell *now, const struct cell *before)
{
    double a, b;

    if (!cell_number(now, &a) || !cell_number(before, &b))
        return cell_null();
    if (now->kind == CELL_INT && before->kind == CELL_INT)
        return cell_int((int64_t)((uint64_t)now->whole - (uint64_t)before->whole),
                        (enum value_type)now->type);
    return cell_float(a - b, (enum value_type)now->type);
}

static struct cell ratio(const struct cell *now, const struct cell *before)
{
    double a, b;

    if (!cell_number(now, &a) || !cell_number(before, &b) || b == 0)
        return cell_null();
    return cell_float(a / b, VALUE_FLOAT);
}

static bool is_number_column(const struct column *column)
{
    return (column->kind == COLUMN_INT || column->kind == COLUMN_FLOAT) &&
           column_type(column) != VALUE_TIME;
}

static enum status add_columns(struct diff_operator *diff, struct view *view, field_id field,
                               const struct grouped *rows, struct error *err)
{
    static const char *const suffixes[NEW_COLUMNS] = {"_prev", "_delta", "_ratio"};
    uint32_t count = view_row_count(view);
    struct cell *cells[NEW_COLUMNS];
    struct column column;
    enum status status = view_column(view, field, false, &column, err);

    if (status != STATUS_OK || !is_number_column(&column))
        return status;
    for (int i = 0; i < NEW_COLUMNS; i++) {
        cells[i] = arena_new(view_arena(view), struct cell, count + 1);
        if (cells[i] == NULL)
            return memory_exceeded(&diff->base.run->memory, err);
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = rows->rows[i];
        uint32_t group = rows->groups == NULL ? rows->single : rows->groups[i];
        struct cell now = cell_of(&column, row);

        cells[0][row] = kept_row_cell(right_side_row(&diff->right, group), field);
        cells[1][row] = difference(&now, &cells[0][row]);
        cells[2][row] = ratio(&now, &cells[0][row]);
    }
    for (int i = 0; status == STATUS_OK && i < NEW_COLUMNS; i++) {
        status = column_of_cells(cells[i], count, view_arena(view), &column, err);
        if (status == STATUS_OK)
            status = view_set(view, suffixed(diff->base.run, field, suffixes[i]), &column, err);
    }
    return status;
}

static bool is_key(const struct diff_operator *diff, field_id field)
{
    for (uint32_t i = 0; i < diff->right.grouper.key_count; i++)
        if (diff->right.grouper.fields[i] == field)
            return true;
    return false;
}

static enum status push_diff(struct operator *op, struct view *view, struct error *err)
{
    struct diff_operator *diff = of(op);
    const field_id *fields;
    field_id *own;
    uint32_t count;
    struct grouped rows;
    enum status status = STATUS_OK;

    if (!diff->ready) {
        diff->ready = true;
        status = plan_run_sub(op->plan, &diff->earlier, op->pipe->duration_ns, &diff->shift, err);
    }
    if (status == STATUS_OK)
        status = grouper_assign(&diff->right.grouper, view, &rows, err);
    if (status == STATUS_OK)
        status = view_fields(view, &fields, &count, err);
    if (status != STATUS_OK)
        return status;
    own = arena_new(view_arena(view), field_id, count + 1); /* new columns change the list */
    if (own == NULL)
        return memory_exceeded(&op->run->memory, err);
    memcpy(own, fields, count * sizeof(*own));
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        if (!is_key(diff, own[i]))
            status = add_columns(diff, view, own[i], &rows, err);
    return status == STATUS_OK ? operator_push(op->next, view, err) : status;
}

static void close_diff(struct operator *op)
{
    right_side_release(&of(op)->right);
    free(op);
}

/* Keys of the last stats before the pipe. */
static enum status find_keys(struct diff_operator *diff, struct error *err)
{
    const struct operator *op = &diff->base;
    const struct query_tree *tree = op->plan->tree;
    uint32_t own = (uint32_t)(op->pipe - tree->pipes);
    struct slice names[QUERY_NAMES_MAX];
    struct name_list list = {names, 0};

    diff->earlier = (struct query_tree){
        .filter = tree->filter, .pipes = tree->pipes, .pipe_count = own};
    for (uint32_t i = own; i > 0 && diff->stats == NULL; i--)
        if (tree->pipes[i - 1].kind == PIPE_STATS)
            diff->stats = &tree->pipes[i - 1];
    if (diff->stats == NULL)
        return error_set(err, STATUS_INVALID, "diff offset stands behind stats");
    for (uint32_t i = 0; i < diff->stats->key_count; i++)
        names[list.count++] = diff->stats->keys[i].field;
    return right_side_init(&diff->right, op->run, &list, err);
}

enum status diff_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_diff, .close = close_diff};
    static const struct operator_ops shift_ops = {
        .push = push_shift, .finish = operator_part_finish, .close = operator_part_close};
    struct diff_operator *diff = operator_new(base, &ops, sizeof(*diff));
    enum status status;

    if (diff == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    diff->shift = (struct operator){
        .ops = &shift_ops, .next = &diff->right.sink, .run = base->run, .pipe = base->pipe};
    status = find_keys(diff, err);
    if (status != STATUS_OK)
        close_diff(&diff->base);
    else
        *out = &diff->base;
    return status;
}
