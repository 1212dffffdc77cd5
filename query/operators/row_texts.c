/* query/operators/row_texts.c -- new text columns. */
#include "query/operators/row_texts.h"

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_TOO_LARGE,
                     "new fields need more memory than the query may use: narrow its filters");
}

enum status row_texts_init(struct row_texts *column, struct view *view, field_id field, bool keep,
                           struct error *err)
{
    uint32_t count = view_row_count(view);

    *column = (struct row_texts){.field = field, .old = {.kind = COLUMN_MISSING}};
    column->texts = arena_new(view_arena(view), struct slice, count + 1);
    column->present = arena_new(view_arena(view), uint64_t, bit_words(count) + 1);
    if (column->texts == NULL || column->present == NULL)
        return no_memory(err);
    return keep ? view_column(view, field, true, &column->old, err) : STATUS_OK;
}

bool row_texts_copy(struct row_texts *column, struct view *view, uint32_t row,
                    const struct buf *written)
{
    struct slice text = written->len == 0 ? SLICE_LITERAL("")
                                          : arena_copy(view_arena(view), buf_slice(written));

    if (written->failed || text.data == NULL)
        return false;
    row_texts_set(column, row, text);
    return true;
}

enum status row_texts_show(struct row_texts *column, struct view *view, enum value_type type,
                           struct error *err)
{
    struct column made = {.kind = COLUMN_TEXT,
                          .type = (enum field_type)type,
                          .present = column->present,
                          .texts = column->texts};

    if (!column->any && column->old.kind != COLUMN_MISSING)
        return STATUS_OK; /* nothing changes */
    for (uint32_t row = 0; column->old.kind != COLUMN_MISSING && row < view_row_count(view);
         row++) {
        struct cell cell = cell_of(&column->old, row);

        if (!bit_get(column->present, row) && cell.kind == CELL_TEXT) {
            column->texts[row] = cell.text;
            bit_set(column->present, row);
        }
    }
    return view_set(view, column->field, &made, err);
}
