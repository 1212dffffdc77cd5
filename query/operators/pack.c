/* query/operators/pack.c -- pack_json and pack_logfmt: the fields of a row as one text, in the order of
 * the list, or of the columns. A field without a value is left out. Values look as in answers of
 * that form: durations are seconds, times RFC 3339. */
#include "query/operators/forms.h"
#include "query/operators/row_texts.h"

#include "base/json_writer.h"
#include "query/logfmt.h"

#include <stdlib.h>

struct pack_operator;
/* Append one pair. `first`: nothing stands before it. */
typedef void put_pair(struct buf *out, bool first, struct slice name, const struct cell *cell);

struct pack_operator {
    struct operator base;
    put_pair *put;
    const char *begin, *end; /* around the pairs */
    field_id to;
    struct buf room;
};

static struct pack_operator *of(struct operator *op)
{
    return (struct pack_operator *)op;
}

/* ---- values ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number of JSON (RFC 8259, section 6) without an exponent. */
static bool is_number(struct slice text)
{
    size_t at = text.len > 0 && text.data[0] == '-', from = at;

    while (at < text.len && is_digit(text.data[at]))
        at++;
    if (at == from || (at - from > 1 && text.data[from] == '0'))
        return false;
    if (at == text.len)
        return true;
    from = ++at;
    while (at < text.len && is_digit(text.data[at]))
        at++;
    return text.data[from - 1] == '.' && at > from && at == text.len;
}

static bool is_number_type(unsigned type)
{
    return type == VALUE_INT || type == VALUE_FLOAT || type == VALUE_BYTES;
}

/* What stands in JSON without quotes; false: it is a text, in `out`. */
static bool put_plain(const struct cell *cell, struct buf *out)
{
    char text[STAMP_TEXT_SIZE > 32 ? STAMP_TEXT_SIZE : 32];

    if (cell->kind == CELL_TEXT) {
        (void)buf_append_slice(out, cell->text);
        return cell->type == VALUE_JSON || (is_number_type(cell->type) && is_number(cell->text));
    }
    if (cell->kind == CELL_INT && cell->type == VALUE_TIME) {
        (void)buf_append(out, text, jsonw_format_time(cell->whole, text));
        return false;
    }
    if (cell->kind == CELL_INT && cell->type != VALUE_DURATION) {
        (void)buf_append(out, text, jsonw_format_i64(cell->whole, text));
        return true;
    }
    (void)buf_append(out, text,
                     jsonw_format_double((cell->kind == CELL_INT ? (double)cell->whole
                                                                 : cell->fraction) /
                                             (cell->type == VALUE_DURATION ? 1e9 : 1),
                                         text));
    return true;
}

static void put_quoted(struct buf *out, struct slice text)
{
    (void)buf_append_byte(out, '"');
    jsonw_escape(out, text);
    (void)buf_append_byte(out, '"');
}

static void put_json(struct buf *out, bool first, struct slice name, const struct cell *cell)
{
    struct buf value = buf_empty(out->size_max);

    if (!first)
        (void)buf_append_byte(out, ',');
    put_quoted(out, name);
    (void)buf_append_byte(out, ':');
    if (put_plain(cell, &value))
        (void)buf_append_slice(out, buf_slice(&value));
    else
        put_quoted(out, buf_slice(&value));
    out->failed = out->failed || value.failed;
    buf_release(&value);
}

static void put_logfmt(struct buf *out, bool first, struct slice name, const struct cell *cell)
{
    struct buf value = buf_empty(out->size_max);

    if (!first)
        (void)buf_append_byte(out, ' ');
    logfmt_append(out, name);
    (void)buf_append_byte(out, '=');
    (void)put_plain(cell, &value);
    logfmt_append(out, buf_slice(&value));
    out->failed = out->failed || value.failed;
    buf_release(&value);
}

/* ---- the operator ---- */

struct packed {
    const field_id *fields;
    struct column *columns;
    uint32_t count;
};

static enum status begin(struct pack_operator *op, struct view *view, struct packed *out,
                         struct error *err)
{
    const struct name_list *list = &op->base.pipe->fields;
    const field_id *seen;
    field_id *fields;
    enum status status = STATUS_OK;

    out->count = list->count;
    if (list->count == 0)
        status = view_fields(view, &seen, &out->count, err);
    if (status != STATUS_OK)
        return status;
    fields = arena_new(view_arena(view), field_id, out->count + 1);
    out->columns = arena_new(view_arena(view), struct column, out->count + 1);
    if (fields == NULL || out->columns == NULL) {
        out->count = 0;
        return memory_exceeded(&op->base.run->memory, err);
    }
    out->fields = fields;
    for (uint32_t i = 0; i < out->count && status == STATUS_OK; i++) {
        fields[i] = list->count == 0 ? seen[i] : names_id(&op->base.run->names, list->items[i]);
        status = view_column(view, fields[i], false, &out->columns[i], err);
    }
    return status;
}

static void pack_row(struct pack_operator *op, const struct packed *packed, uint32_t row)
{
    bool first = true;

    buf_reset(&op->room);
    (void)buf_append_text(&op->room, op->begin);
    for (uint32_t i = 0; i < packed->count; i++) {
        struct cell cell = cell_of(&packed->columns[i], row);

        if (cell.kind == CELL_NULL)
            continue;
        op->put(&op->room, first, names_text(&op->base.run->names, packed->fields[i]), &cell);
        first = false;
    }
    (void)buf_append_text(&op->room, op->end);
}

static enum status push_pack(struct operator *base, struct view *view, struct error *err)
{
    struct pack_operator *op = of(base);
    struct row_texts made;
    struct packed packed = {0};
    enum status status = begin(op, view, &packed, err);

    if (status == STATUS_OK)
        status = row_texts_init(&made, view, op->to, false, err);
    for (uint32_t row = 0; status == STATUS_OK && row < view_row_count(view); row++) {
        if (!bit_get(view->base.selected, row))
            continue;
        pack_row(op, &packed, row);
        if (!row_texts_copy(&made, view, row, &op->room))
            return memory_exceeded(&base->run->memory, err);
    }
    if (status == STATUS_OK)
        status = row_texts_show(&made, view, VALUE_TEXT, err);
    return status == STATUS_OK ? operator_push(base->next, view, err) : status;
}

static void close_pack(struct operator *base)
{
    buf_release(&of(base)->room);
    free(base);
}

static enum status make(const struct operator *base, put_pair *put, const char *begin_text,
                        const char *end_text, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_pack, .close = close_pack};
    struct pack_operator *op = operator_new(base, &ops, sizeof(*op));

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    op->put = put;
    op->begin = begin_text;
    op->end = end_text;
    op->to = names_id(&base->run->names, base->pipe->as);
    op->room = buf_empty(base->run->memory.size_max);
    *out = &op->base;
    return STATUS_OK;
}

enum status pack_json_make(const struct operator *base, struct operator **out, struct error *err)
{
    return make(base, put_json, "{", "}", out, err);
}

enum status pack_logfmt_make(const struct operator *base, struct operator **out,
                             struct error *err)
{
    return make(base, put_logfmt, "", "", out, err);
}
