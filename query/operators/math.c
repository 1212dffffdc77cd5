/* query/operators/math.c -- new numbers from numbers. A missing operand, x/0 and whatever is not
 * finite give null. The type of a result follows its operands: durations stay durations under +
 * and -, and when multiplied or divided by plain numbers; two durations divided are a number. */
#include "query/operators/forms.h"

#include <math.h>
#include <stdlib.h>

/* A number with its type; NaN is null. */
struct typed {
    double value;
    enum value_type type;
};

/* The columns of one view, by field; few, so a list. */
struct math_columns {
    struct { struct slice name; struct column column; } items[64];
    uint32_t count;
};

static bool is_plain(enum value_type type)
{
    return type == VALUE_INT || type == VALUE_FLOAT || type == VALUE_TEXT;
}

static enum value_type sum_type(enum value_type a, enum value_type b)
{
    if (is_plain(a) && is_plain(b))
        return VALUE_FLOAT;
    if (a == VALUE_TIME && b == VALUE_TIME)
        return VALUE_DURATION; /* of a difference */
    return is_plain(a) || b == VALUE_TIME ? b : a;
}

static enum value_type product_type(enum value_type a, enum value_type b, bool divides)
{
    if (is_plain(a) && is_plain(b))
        return VALUE_FLOAT;
    if (is_plain(b))
        return a;
    return is_plain(a) && !divides ? b : VALUE_FLOAT;
}

static double round_to(double value, double step)
{
    return step > 0 ? round(value / step) * step : (double)NAN;
}

/* The least or greatest of those that are not null. */
static struct typed extreme(const struct typed *args, uint32_t count, int sign)
{
    struct typed best = args[0];

    for (uint32_t i = 1; i < count; i++)
        if (isnan(best.value) || (args[i].value - best.value) * sign > 0)
            best = args[i];
    return best;
}

static struct typed apply_operator(uint32_t function, struct typed a, struct typed b)
{
    switch (function) {
    case MATH_ADD:
        return (struct typed){a.value + b.value, sum_type(a.type, b.type)};
    case MATH_SUBTRACT:
        return (struct typed){a.value - b.value, sum_type(a.type, b.type)};
    case MATH_MULTIPLY:
        return (struct typed){a.value * b.value, product_type(a.type, b.type, false)};
    case MATH_DIVIDE:
        return (struct typed){b.value == 0 ? (double)NAN : a.value / b.value,
                              product_type(a.type, b.type, true)};
    case MATH_REMAINDER:
        return (struct typed){b.value == 0 ? (double)NAN : fmod(a.value, b.value), a.type};
    default:
        return (struct typed){pow(a.value, b.value), VALUE_FLOAT};
    }
}

static struct typed apply(const struct run *run, uint32_t function, const struct typed *args,
                          uint32_t count)
{
    double x = count > 0 ? args[0].value : 0;
    enum value_type type = count > 0 ? args[0].type : VALUE_FLOAT;

    switch (function) {
    case MATH_NEGATE:
        return (struct typed){-x, type};
    case MATH_ABS:
        return (struct typed){fabs(x), type};
    case MATH_CEIL:
        return (struct typed){ceil(x), type};
    case MATH_FLOOR:
        return (struct typed){floor(x), type};
    case MATH_ROUND:
        return (struct typed){count == 2 ? round_to(x, args[1].value) : round(x), type};
    case MATH_LN:
        return (struct typed){x > 0 ? log(x) : (double)NAN, VALUE_FLOAT};
    case MATH_EXP:
        return (struct typed){exp(x), VALUE_FLOAT};
    case MATH_MIN:
        return extreme(args, count, -1);
    case MATH_MAX:
        return extreme(args, count, 1);
    case MATH_NOW:
        return (struct typed){(double)run->now_ns, VALUE_TIME};
    case MATH_DEFAULT:
        return isnan(x) ? args[1] : args[0];
    default:
        return apply_operator(function, args[0], args[1]);
    }
}

static struct typed field_value(const struct math_columns *columns, struct slice name,
                                uint32_t row)
{
    struct typed null = {(double)NAN, VALUE_FLOAT};

    for (uint32_t i = 0; i < columns->count; i++) {
        struct cell cell;
        double number;

        if (!slice_equal(columns->items[i].name, name))
            continue;
        cell = cell_of(&columns->items[i].column, row);
        if (!cell_number(&cell, &number))
            return null;
        return (struct typed){number, (enum value_type)cell.type};
    }
    return null;
}

static struct typed evaluate(const struct run *run, const struct math_columns *columns,
                             const struct math_node *node, uint32_t row)
{
    struct typed args[16] = {{0}};

    switch (node->kind) {
    case MATH_NUMBER:
        return (struct typed){node->number.number,
                              node->number.kind == LITERAL_DURATION ? VALUE_DURATION
                                                                    : VALUE_FLOAT};
    case MATH_FIELD:
        return field_value(columns, node->field, row);
    case MATH_CALL:
        break;
    }
    for (uint32_t i = 0; i < node->child_count; i++)
        args[i] = evaluate(run, columns, node->children[i], row);
    return apply(run, node->function, args, node->child_count);
}

/* Load the columns that an expression reads. */
static enum status load_columns(struct operator *op, struct view *view,
                                const struct math_node *node, struct math_columns *columns,
                                struct error *err)
{
    enum status status = STATUS_OK;

    if (node->kind == MATH_FIELD) {
        field_id field = names_id(&op->run->names, node->field);

        if (columns->count == COUNT_OF(columns->items))
            return error_set(err, STATUS_TOO_LARGE, "an expression of more than %zu fields",
                             COUNT_OF(columns->items));
        columns->items[columns->count].name = node->field;
        return view_column(view, field, false, &columns->items[columns->count++].column, err);
    }
    for (uint32_t i = 0; status == STATUS_OK && i < node->child_count; i++)
        status = load_columns(op, view, node->children[i], columns, err);
    return status;
}

/* Whole results are whole numbers: sums of counts stay counts. */
static struct cell result_cell(struct typed result)
{
    bool whole = result.value == floor(result.value) && fabs(result.value) < 9e15;
    enum value_type type = is_plain(result.type) ? VALUE_FLOAT : result.type;

    if (!isfinite(result.value))
        return cell_null();
    if (type == VALUE_TIME || type == VALUE_DURATION || type == VALUE_BYTES)
        return fabs(result.value) < 9.2e18 ? cell_int(llround(result.value), type) : cell_null();
    return whole ? cell_int((int64_t)result.value, VALUE_INT) : cell_float(result.value, type);
}

static enum status push_term(struct operator *op, struct view *view, const struct math_term *term,
                             struct error *err)
{
    uint32_t count = view_row_count(view);
    struct cell *cells = arena_new(view_arena(view), struct cell, count + 1);
    struct math_columns columns = {.count = 0};
    struct column column;
    enum status status = load_columns(op, view, term->node, &columns, err);

    if (status == STATUS_OK && cells == NULL)
        status = memory_exceeded(&op->run->memory, err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t row = 0; row < count; row++)
        if (bit_get(view->base.selected, row))
            cells[row] = result_cell(evaluate(op->run, &columns, term->node, row));
    status = column_of_cells(cells, count, view_arena(view), &column, err);
    if (status != STATUS_OK)
        return status;
    return column.kind == COLUMN_MISSING
               ? view_hide(view, names_id(&op->run->names, term->as), err)
               : view_set(view, names_id(&op->run->names, term->as), &column, err);
}

static enum status push_math(struct operator *op, struct view *view, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < op->pipe->term_count; i++)
        status = push_term(op, view, &op->pipe->terms[i], err);
    return status == STATUS_OK ? operator_push(op->next, view, err) : status;
}

static void close_math(struct operator *op)
{
    free(op);
}

enum status math_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_math, .close = close_math};

    *out = operator_new(base, &ops, sizeof(**out));
    return *out == NULL ? error_set(err, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
}
