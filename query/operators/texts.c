/* query/operators/texts.c -- extract, extract_regexp, format: new fields from texts. A row that does
 * not match keeps what it had; it is never an error. */
#include "query/operators/forms.h"
#include "query/operators/row_texts.h"

#include "query/limits.h"
#include "query/regex.h"

#include <stdlib.h>

enum { PARTS_MAX = 64 };

/* A pattern is text, then a field, then text, ...: "took <ms>ms" is "took ", <ms>, "ms". */
struct part {
    struct slice before; /* text in front of the field */
    field_id field;      /* FIELD_ID_NONE: "<>", or the text behind the last field */
    bool has_field;
};

struct texts_operator {
    struct operator base;
    field_id from, to;
    struct part parts[PARTS_MAX + 1];
    uint32_t part_count;
    struct regex *regex; /* extract_regexp */
    struct buf room;     /* format: the text of a row */
};

static struct texts_operator *of(struct operator *op)
{
    return (struct texts_operator *)op;
}

/* ---- columns of all parts ---- */

struct texts_columns {
    struct column from;
    struct row_texts made[PARTS_MAX + 1];
};

static enum status begin_columns(struct texts_operator *op, struct view *view,
                                 const field_id *fields, uint32_t count,
                                 struct texts_columns *columns, struct error *err)
{
    enum status status = view_column(view, op->from, true, &columns->from, err);

    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        if (fields[i] != FIELD_ID_NONE)
            status = row_texts_init(&columns->made[i], view, fields[i], true, err);
    return status;
}

static enum status show_columns(struct texts_operator *op, struct view *view,
                                const field_id *fields, uint32_t count,
                                struct texts_columns *columns, struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        if (fields[i] != FIELD_ID_NONE)
            status = row_texts_show(&columns->made[i], view, VALUE_TEXT, err);
    return status == STATUS_OK ? operator_push(op->base.next, view, err) : status;
}

/* ---- extract ---- */

/* The values between the texts of the pattern; false: the texts do not occur in this order. */
static bool extract_row(const struct texts_operator *op, struct slice text, struct slice *values)
{
    size_t at = slice_find(text, op->parts[0].before);

    if (at == SIZE_MAX)
        return false;
    text = slice_from(text, at + op->parts[0].before.len);
    for (uint32_t i = 0; i + 1 < op->part_count; i++) {
        struct slice behind = op->parts[i + 1].before;
        bool last = i + 2 == op->part_count && behind.len == 0;

        at = last ? text.len : slice_find(text, behind);
        if (at == SIZE_MAX)
            return false;
        values[i] = slice_first(text, at);
        text = slice_from(text, at + behind.len);
    }
    return true;
}

static enum status push_extract(struct operator *base, struct view *view, struct error *err)
{
    struct texts_operator *op = of(base);
    struct texts_columns columns;
    field_id fields[PARTS_MAX + 1];
    struct slice values[PARTS_MAX + 1];
    uint32_t count = op->part_count - 1;
    enum status status;

    for (uint32_t i = 0; i < count; i++)
        fields[i] = op->parts[i].field;
    status = begin_columns(op, view, fields, count, &columns, err);
    for (uint32_t row = 0; status == STATUS_OK && row < view_row_count(view); row++) {
        struct cell cell = cell_of(&columns.from, row);

        if (!bit_get(view->base.selected, row) || cell.kind != CELL_TEXT ||
            !extract_row(op, cell.text, values))
            continue;
        for (uint32_t i = 0; i < count; i++)
            if (fields[i] != FIELD_ID_NONE)
                row_texts_set(&columns.made[i], row, values[i]);
    }
    return status == STATUS_OK ? show_columns(op, view, fields, count, &columns, err) : status;
}

/* ---- extract_regexp ---- */

static enum status push_extract_regexp(struct operator *base, struct view *view,
                                       struct error *err)
{
    struct texts_operator *op = of(base);
    struct texts_columns columns;
    field_id fields[PARTS_MAX + 1];
    struct regex_span spans[PARTS_MAX + 1];
    uint32_t count = regex_group_count(op->regex);
    enum status status;

    for (uint32_t i = 0; i < count; i++)
        fields[i] = op->parts[i].field;
    status = begin_columns(op, view, fields, count, &columns, err);
    for (uint32_t row = 0; status == STATUS_OK && row < view_row_count(view); row++) {
        struct cell cell = cell_of(&columns.from, row);

        if (!bit_get(view->base.selected, row) || cell.kind != CELL_TEXT ||
            !regex_find(op->regex, cell.text, 0, spans, count + 1))
            continue;
        for (uint32_t i = 0; i < count; i++)
            if (fields[i] != FIELD_ID_NONE && spans[i + 1].start <= spans[i + 1].end)
                row_texts_set(&columns.made[i], row,
                              slice_sub(cell.text, spans[i + 1].start,
                                        spans[i + 1].end - spans[i + 1].start));
    }
    return status == STATUS_OK ? show_columns(op, view, fields, count, &columns, err) : status;
}

/* ---- format ---- */

static enum status push_format(struct operator *base, struct view *view, struct error *err)
{
    struct texts_operator *op = of(base);
    struct column columns[PARTS_MAX + 1];
    struct row_texts made;
    enum status status = row_texts_init(&made, view, op->to, false, err);

    for (uint32_t i = 0; status == STATUS_OK && i < op->part_count; i++) {
        columns[i] = (struct column){.kind = COLUMN_MISSING};
        if (op->parts[i].has_field && op->parts[i].field != FIELD_ID_NONE)
            status = view_column(view, op->parts[i].field, true, &columns[i], err);
    }
    for (uint32_t row = 0; status == STATUS_OK && row < view_row_count(view); row++) {
        if (!bit_get(view->base.selected, row))
            continue;
        buf_reset(&op->room);
        for (uint32_t i = 0; i < op->part_count; i++) {
            struct cell cell = cell_of(&columns[i], row);

            (void)buf_append_slice(&op->room, op->parts[i].before);
            (void)cell_print(&cell, &op->room);
        }
        if (!row_texts_copy(&made, view, row, &op->room))
            return memory_exceeded(&base->run->memory, err);
    }
    if (status == STATUS_OK)
        status = row_texts_show(&made, view, VALUE_TEXT, err);
    return status == STATUS_OK ? operator_push(base->next, view, err) : status;
}

/* ---- making ---- */

static void close_texts(struct operator *op)
{
    regex_free(of(op)->regex);
    buf_release(&of(op)->room);
    free(op);
}

static enum status make_texts(const struct operator *base, const struct operator_ops *ops,
                              struct operator **out, struct error *err)
{
    struct texts_operator *op = operator_new(base, ops, sizeof(*op));

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    op->room = buf_empty(base->run->memory.size_max);
    op->from = names_id(&base->run->names, base->pipe->from);
    if (base->pipe->as.len > 0)
        op->to = names_id(&base->run->names, base->pipe->as);
    *out = &op->base;
    return STATUS_OK;
}

/* Cut the pattern at <name>. The last part has no field. */
static enum status read_pattern(struct texts_operator *op, struct error *err)
{
    struct slice rest = op->base.pipe->text, before, name;

    while (slice_cut(&rest, '<', &before)) {
        struct part *part = &op->parts[op->part_count];

        if (!slice_cut(&rest, '>', &name))
            return error_set(err, STATUS_INVALID, "a < in the pattern has no >");
        if (++op->part_count > PARTS_MAX)
            return error_set(err, STATUS_TOO_LARGE, "more than %d fields in a pattern", PARTS_MAX);
        part->before = before;
        part->has_field = true;
        part->field = name.len == 0 || slice_is(name, "_")
                          ? FIELD_ID_NONE : names_id(&op->base.run->names, name);
    }
    op->parts[op->part_count++] = (struct part){.before = rest, .field = FIELD_ID_NONE};
    return STATUS_OK;
}

/* Two fields without text between them cannot be told apart. */
static enum status check_extract(const struct texts_operator *op, struct error *err)
{
    for (uint32_t i = 1; i + 1 < op->part_count; i++)
        if (op->parts[i].before.len == 0)
            return error_set(err, STATUS_INVALID,
                             "two fields of a pattern need text between them");
    if (op->part_count < 2)
        return error_set(err, STATUS_INVALID, "the pattern has no <field>");
    return STATUS_OK;
}

static enum status end_make(enum status status, struct operator **out)
{
    if (status != STATUS_OK)
        close_texts(*out);
    return status;
}

enum status extract_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_extract, .close = close_texts};
    enum status status = make_texts(base, &ops, out, err);

    if (status != STATUS_OK)
        return status;
    status = read_pattern(of(*out), err);
    if (status == STATUS_OK)
        status = check_extract(of(*out), err);
    return end_make(status, out);
}

enum status format_make(const struct operator *base, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_format, .close = close_texts};
    enum status status = make_texts(base, &ops, out, err);

    return status == STATUS_OK ? end_make(read_pattern(of(*out), err), out) : status;
}

enum status extract_regexp_make(const struct operator *base, struct operator **out,
                                struct error *err)
{
    static const struct operator_ops ops = {.push = push_extract_regexp, .close = close_texts};
    enum status status = make_texts(base, &ops, out, err);
    struct texts_operator *op;

    if (status != STATUS_OK)
        return status;
    op = of(*out);
    status = regex_new(base->pipe->text, 0, &op->regex, NULL, err);
    if (status == STATUS_OK)
        regex_belongs_to(op->regex, &base->run->compiler.query);
    for (uint32_t i = 1; status == STATUS_OK && i <= regex_group_count(op->regex); i++) {
        struct slice name = regex_group_name(op->regex, i);

        op->parts[i - 1].field = name.len == 0 ? FIELD_ID_NONE
                                               : names_id(&base->run->names, name);
    }
    return end_make(status, out);
}
