/* query/operators/drop_empty.c -- drop_empty_fields: an empty text is no value. Only columns that somebody
 * behind looks at are touched; the line itself stays, since every row has one. */
#include "query/operators/forms.h"

#include <stdlib.h>

static enum status drop_codes(struct view *view, struct column *column, bool *changed,
                              struct error *err)
{
    uint32_t count = view_row_count(view), *codes;

    for (uint32_t i = 0; i < column->dict_count; i++)
        *changed = *changed || column->dict[i].len == 0;
    if (!*changed)
        return STATUS_OK;
    codes = arena_new(view_arena(view), uint32_t, count + 1);
    if (codes == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    for (uint32_t row = 0; row < count; row++) {
        uint32_t code = column->codes[row];

        codes[row] = code != COLUMN_NO_CODE && column->dict[code].len == 0 ? COLUMN_NO_CODE : code;
    }
    column->codes = codes;
    return STATUS_OK;
}

static enum status drop_texts(struct view *view, struct column *column, bool *changed,
                              struct error *err)
{
    uint32_t count = view_row_count(view);
    uint64_t *present = arena_new(view_arena(view), uint64_t, bit_words(count) + 1);

    if (present == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    for (uint32_t row = 0; row < count; row++) {
        struct cell cell = cell_of(column, row);

        if (cell.kind == CELL_TEXT && cell.text.len > 0)
            bit_set(present, row);
        else
            *changed = *changed || cell.kind == CELL_TEXT;
    }
    column->present = present;
    return STATUS_OK;
}

static enum status drop_from(struct view *view, field_id field, struct error *err)
{
    struct column column;
    bool changed = false;
    enum status status = view_column(view, field, false, &column, err);

    if (status == STATUS_OK && column.kind == COLUMN_DICT)
        status = drop_codes(view, &column, &changed, err);
    else if (status == STATUS_OK && column.kind == COLUMN_TEXT)
        status = drop_texts(view, &column, &changed, err);
    return status == STATUS_OK && changed ? view_set(view, field, &column, err) : status;
}

static enum status push_drop(struct operator *op, struct view *view, struct error *err)
{
    const field_id *fields = op->needed->fields;
    uint32_t count = op->needed->count;
    field_id *own;
    enum status status = STATUS_OK;

    if (op->needed->all)
        status = view_fields(view, &fields, &count, err);
    if (status != STATUS_OK)
        return status;
    own = arena_new(view_arena(view), field_id, count + 1); /* the list changes on the way */
    if (own == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    if (count > 0)
        memcpy(own, fields, count * sizeof(*own));
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        if (own[i] != FIELD_ID_MSG)
            status = drop_from(view, own[i], err);
    return status == STATUS_OK ? operator_push(op->next, view, err) : status;
}

static void close_drop(struct operator *op)
{
    free(op);
}

enum status drop_empty_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_drop, .close = close_drop};

    *out = operator_new(base, &ops, sizeof(**out));
    return *out == NULL ? error_set(err, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
}
