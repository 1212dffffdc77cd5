/* query/operators/unroll.c -- a row per element of JSON arrays: the other fields are repeated. Several
 * fields are unrolled side by side; a shorter one has no value in the rows behind its end. A value
 * that is no array stays as it is, so a row never gets lost: only an empty array leaves one row
 * without the field. */
#include "query/operators/forms.h"

#include <jansson.h>
#include <stdlib.h>

enum {
    UNROLL_CELLS_PER_PUSH = 1 << 16,  /* gathered before they are pushed on: 2 MB */
    UNROLL_ELEMENTS_MAX = 1 << 20,    /* of one array: a text of 1 MiB has half as many */
    UNROLL_FIELDS_MAX = 256,
    UNROLL_CHECK_EVERY = 1024,
};

struct unroll_operator {
    struct operator base;
    field_id fields[UNROLL_FIELDS_MAX];
    uint32_t count;
};

/* The rows that come out of one view. */
struct unrolling {
    struct unroll_operator *op;
    const field_id *fields; /* of the view */
    struct column *columns;
    uint32_t field_count;
    struct pool pool;
    struct cell *cells;
    uint32_t row_count, row_count_max;
};

static struct unroll_operator *of(struct operator *op)
{
    return (struct unroll_operator *)op;
}

static enum status flush(struct unrolling *unrolling, struct error *err)
{
    struct operator *base = &unrolling->op->base;
    enum status status = STATUS_OK;

    if (unrolling->row_count > 0)
        status = push_cells(base->next, base->run,
                            &(struct cell_table){unrolling->fields, unrolling->field_count,
                                                 unrolling->cells, unrolling->row_count},
                            err);
    unrolling->row_count = 0;
    pool_reset(&unrolling->pool);
    unrolling->cells = pool_new(&unrolling->pool, struct cell,
                                (size_t)unrolling->row_count_max * unrolling->field_count + 1, err);
    return status == STATUS_OK && unrolling->cells == NULL ? STATUS_TOO_LARGE : status;
}

/* Texts are their bytes, null is none, everything else is its JSON text. */
static enum status element_cell(struct unrolling *unrolling, const json_t *element,
                                struct cell *out, struct error *err)
{
    struct slice own;
    enum status status;
    char *text;

    *out = cell_null();
    if (element == NULL || json_is_null(element))
        return STATUS_OK;
    if (json_is_string(element)) {
        status = pool_copy(&unrolling->pool, (struct slice){json_string_value(element),
                                                            json_string_length(element)},
                           &own, err);
    } else {
        text = json_dumps(element, JSON_COMPACT | JSON_ENCODE_ANY);
        if (text == NULL)
            return error_set(err, STATUS_NO_MEMORY, "out of memory");
        status = pool_copy(&unrolling->pool, slice_of(text), &own, err);
        free(text);
    }
    *out = cell_text(own, VALUE_TEXT);
    return status;
}

/* The array that a cell is the text of; NULL: it is none. */
static json_t *array_of(const struct cell *cell)
{
    json_t *root;

    if (cell->kind != CELL_TEXT || cell->text.len == 0 || cell->text.data[0] != '[')
        return NULL;
    root = json_loadb(cell->text.data, cell->text.len, JSON_ALLOW_NUL, NULL);
    if (json_is_array(root) && json_array_size(root) <= UNROLL_ELEMENTS_MAX)
        return root;
    json_decref(root);
    return NULL;
}

/* One row of the answer: element `at` of the arrays, which stand by column. */
static enum status put_row(struct unrolling *unrolling, uint32_t row, json_t *const *arrays,
                           size_t at, struct error *err)
{
    struct cell *out = unrolling->cells + (size_t)unrolling->row_count * unrolling->field_count;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < unrolling->field_count; i++) {
        struct cell cell = cell_of(&unrolling->columns[i], row);

        status = arrays[i] != NULL
                     ? element_cell(unrolling, json_array_get(arrays[i], at), &out[i], err)
                     : cell_copy(&cell, &unrolling->pool, &out[i], err);
    }
    if (status == STATUS_OK && ++unrolling->row_count == unrolling->row_count_max)
        status = flush(unrolling, err);
    return status;
}

static bool is_unrolled(const struct unroll_operator *op, field_id field)
{
    for (uint32_t i = 0; i < op->count; i++)
        if (op->fields[i] == field)
            return true;
    return false;
}

static enum status unroll_row(struct unrolling *unrolling, uint32_t row, json_t **arrays,
                              struct error *err)
{
    size_t rows = 1;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < unrolling->field_count; i++) {
        struct cell cell = cell_of(&unrolling->columns[i], row);

        arrays[i] = is_unrolled(unrolling->op, unrolling->fields[i]) ? array_of(&cell) : NULL;
        if (arrays[i] != NULL && json_array_size(arrays[i]) > rows)
            rows = json_array_size(arrays[i]);
    }
    for (size_t at = 0; status == STATUS_OK && at < rows; at++) {
        status = put_row(unrolling, row, arrays, at, err);
        if (status == STATUS_OK && at % UNROLL_CHECK_EVERY == 0)
            status = run_check(unrolling->op->base.run, err);
    }
    for (uint32_t i = 0; i < unrolling->field_count; i++)
        json_decref(arrays[i]);
    return status;
}

/* Columns of the fields that the view shows, as far as somebody behind needs them. */
static enum status take_columns(struct unrolling *unrolling, struct view *view, struct error *err)
{
    const struct field_set *needed = unrolling->op->base.needed;
    const field_id *fields;
    field_id *kept;
    uint32_t count;
    enum status status = view_fields(view, &fields, &count, err);

    if (status != STATUS_OK)
        return status;
    kept = arena_new(view_arena(view), field_id, (size_t)count + 1);
    unrolling->columns = arena_new(view_arena(view), struct column, (size_t)count + 1);
    if (kept == NULL || unrolling->columns == NULL)
        return memory_exceeded(&unrolling->op->base.run->memory, err);
    for (uint32_t i = 0; i < count; i++)
        if (needed == NULL || needed->all || field_set_has(needed, fields[i]) ||
            is_unrolled(unrolling->op, fields[i]))
            kept[unrolling->field_count++] = fields[i];
    unrolling->fields = kept;
    unrolling->row_count_max = UNROLL_CELLS_PER_PUSH / (unrolling->field_count + 1) + 1;
    for (uint32_t i = 0; status == STATUS_OK && i < unrolling->field_count; i++)
        status = view_column(view, kept[i], is_unrolled(unrolling->op, kept[i]),
                             &unrolling->columns[i], err);
    return status;
}

static enum status push_unroll(struct operator *base, struct view *view, struct error *err)
{
    struct unrolling unrolling = {.op = of(base)};
    json_t **arrays;
    enum status status = take_columns(&unrolling, view, err);

    pool_init(&unrolling.pool, &base->run->memory);
    arrays = calloc((size_t)unrolling.field_count + 1, sizeof(json_t *));
    if (status == STATUS_OK && arrays == NULL)
        status = error_set(err, STATUS_NO_MEMORY, "out of memory");
    if (status == STATUS_OK)
        status = flush(&unrolling, err);
    for (uint32_t row = 0; status == STATUS_OK && row < view_row_count(view); row++)
        if (bit_get(view->base.selected, row))
            status = unroll_row(&unrolling, row, arrays, err);
    if (status == STATUS_OK)
        status = flush(&unrolling, err);
    pool_release(&unrolling.pool);
    free(arrays);
    return status;
}

static void close_unroll(struct operator *base)
{
    free(of(base));
}

enum status unroll_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_unroll, .close = close_unroll};
    struct unroll_operator *op = operator_new(base, &ops, sizeof(*op));

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    for (; op->count < base->pipe->fields.count && op->count < UNROLL_FIELDS_MAX; op->count++)
        op->fields[op->count] = names_id(&base->run->names, base->pipe->fields.items[op->count]);
    *out = &op->base;
    return STATUS_OK;
}
