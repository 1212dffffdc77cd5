/* query/operators/unpack.c -- unpack_json, unpack_logfmt, unpack_syslog: fields out of a text. A text
 * that is not of the form gives no fields and is never an error. */
#include "query/operators/forms.h"
#include "query/operators/unpack.h"

#include <jansson.h>
#include <stdlib.h>

enum { JSON_DEPTH_READ_MAX = 16 };

static struct unpack_operator *of(struct operator *op)
{
    return (struct unpack_operator *)op;
}

enum status unpack_set(struct unpack_operator *op, struct view *view, uint32_t row,
                       struct slice text, struct error *err)
{
    field_id field = names_id(&op->base.run->names, buf_slice(&op->name));
    struct slice own = arena_copy(view_arena(view), text);
    uint32_t at = 0;

    if (own.data == NULL && text.len > 0)
        return memory_exceeded(&op->base.run->memory, err);
    while (at < op->column_count && op->columns[at].field != field)
        at++;
    if (at == UNPACK_COLUMNS_MAX || field == FIELD_ID_NONE) {
        run_warn(op->base.run, "%s: more than %d fields; the others were left out",
                 pipe_names[op->base.pipe->kind], UNPACK_COLUMNS_MAX);
        return STATUS_OK;
    }
    if (at == op->column_count) {
        enum status status = row_texts_init(&op->columns[at], view, field, true, err);

        if (status != STATUS_OK)
            return status;
        op->column_count++;
    }
    row_texts_set(&op->columns[at], row, own);
    return STATUS_OK;
}

/* ---- JSON ---- */

static enum status set_json(struct unpack_operator *op, struct view *view, uint32_t row,
                            const json_t *value, struct error *err)
{
    char *text;
    enum status status;

    if (json_is_null(value))
        return STATUS_OK;
    if (json_is_string(value))
        return unpack_set(op, view, row,
                         (struct slice){json_string_value(value), json_string_length(value)}, err);
    text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    status = unpack_set(op, view, row, slice_of(text), err);
    free(text);
    return status;
}

/* Members of objects within objects are named outer.inner. */
static enum status walk_json(struct unpack_operator *op, struct view *view, uint32_t row,
                             json_t *object, unsigned depth, struct error *err)
{
    size_t prefix = op->name.len;
    enum status status = STATUS_OK;
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value) {
        op->name.len = prefix;
        if (!buf_append_text(&op->name, key)) {
            op->name.failed = false; /* a name that is too long is left out */
            continue;
        }
        if (json_is_object(value) && depth < JSON_DEPTH_READ_MAX) {
            if (buf_append_byte(&op->name, '.'))
                status = walk_json(op, view, row, value, depth + 1, err);
        } else {
            status = set_json(op, view, row, value, err);
        }
        if (status != STATUS_OK)
            break;
    }
    op->name.len = prefix;
    return status;
}

static enum status unpack_json(struct unpack_operator *op, struct view *view, uint32_t row,
                               struct slice text, struct error *err)
{
    enum status status = STATUS_OK;
    json_t *root;

    if (text.len == 0 || text.data[0] != '{')
        return STATUS_OK;
    root = json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
    if (json_is_object(root))
        status = walk_json(op, view, row, root, 1, err);
    json_decref(root);
    return status;
}

/* ---- logfmt ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A value in quotes: the text between them, \" and \\ undone. Eats it. */
static bool take_quoted(struct slice *rest, struct buf *out)
{
    size_t at = 1;

    buf_reset(out);
    for (; at < rest->len && rest->data[at] != '"'; at++) {
        if (rest->data[at] == '\\' && at + 1 < rest->len)
            at++;
        if (!buf_append_byte(out, rest->data[at]))
            return false;
    }
    *rest = slice_from(*rest, at + 1);
    return true;
}

static struct slice take_bare(struct slice *rest)
{
    size_t end = 0;
    struct slice taken;

    while (end < rest->len && !is_blank(rest->data[end]))
        end++;
    taken = slice_first(*rest, end);
    *rest = slice_from(*rest, end);
    return taken;
}

static enum status unpack_logfmt(struct unpack_operator *op, struct view *view, uint32_t row,
                                 struct slice text, struct error *err)
{
    struct buf value = buf_empty(op->base.run->memory.size_max);
    size_t prefix = op->name.len;
    enum status status = STATUS_OK;

    while (status == STATUS_OK && text.len > 0) {
        size_t end = 0;
        struct slice name, bare;

        while (end < text.len && !is_blank(text.data[end]) && text.data[end] != '=')
            end++;
        name = slice_first(text, end);
        text = slice_from(text, end);
        if (name.len == 0 || text.len == 0 || text.data[0] != '=') {
            text = slice_from(text, 1); /* a word, not a pair */
            continue;
        }
        text = slice_from(text, 1);
        op->name.len = prefix;
        if (text.len > 0 && text.data[0] == '"') {
            if (!take_quoted(&text, &value))
                status = memory_exceeded(&op->base.run->memory, err);
            bare = buf_slice(&value);
        } else {
            bare = take_bare(&text);
        }
        if (status == STATUS_OK && buf_append_slice(&op->name, name))
            status = unpack_set(op, view, row, bare, err);
        op->name.failed = false;
    }
    op->name.len = prefix;
    buf_release(&value);
    return status;
}

/* ---- the operator ---- */

static enum status push_unpack(struct operator *base, struct view *view, struct error *err)
{
    struct unpack_operator *op = of(base);
    struct column from;
    enum status status = view_column(view, op->from, true, &from, err);

    op->column_count = 0;
    buf_reset(&op->name);
    if (!buf_append_slice(&op->name, base->pipe->text))
        return error_set(err, STATUS_TOO_LARGE, "a prefix longer than %d bytes",
                         UNPACK_NAME_SIZE_MAX);
    for (uint32_t row = 0; status == STATUS_OK && row < view_row_count(view); row++) {
        struct cell cell;

        if (!bit_get(view->base.selected, row))
            continue;
        cell = cell_of(&from, row);
        if (cell.kind == CELL_TEXT)
            status = op->unpack(op, view, row, cell.text, err);
    }
    for (uint32_t i = 0; status == STATUS_OK && i < op->column_count; i++)
        status = row_texts_show(&op->columns[i], view, VALUE_TEXT, err);
    return status == STATUS_OK ? operator_push(base->next, view, err) : status;
}

static void close_unpack(struct operator *op)
{
    buf_release(&of(op)->name);
    free(op);
}

static enum status make(const struct operator *base, unpack_text *unpack, struct operator **out,
                        struct error *err)
{
    static const struct operator_ops ops = {.push = push_unpack, .close = close_unpack};
    struct unpack_operator *op = operator_new(base, &ops, sizeof(*op));

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    op->unpack = unpack;
    op->from = names_id(&base->run->names, base->pipe->from);
    op->name = buf_empty(UNPACK_NAME_SIZE_MAX);
    *out = &op->base;
    return STATUS_OK;
}

enum status unpack_json_make(const struct operator *base, struct operator **out,
                             struct error *err)
{
    return make(base, unpack_json, out, err);
}

enum status unpack_logfmt_make(const struct operator *base, struct operator **out,
                               struct error *err)
{
    return make(base, unpack_logfmt, out, err);
}

enum status unpack_syslog_make(const struct operator *base, struct operator **out,
                               struct error *err)
{
    return make(base, unpack_syslog, out, err);
}
