/* query/operators/derived.c -- hash, len, unpack_words: one value made of one text, row by row. A row
 * without the text gets no value. */
#include "query/operators/forms.h"

#include "base/hash.h"
#include "base/json_writer.h"
#include "base/map.h"

#include <stdlib.h>

enum { HASH_BITS = 53 /* what every reader of JSON keeps exactly */, WORDS_MAX = 1 << 16 };

struct derived_operator;
typedef enum status derive_cell(struct derived_operator *op, struct view *view, struct slice text,
                                struct cell *out, struct error *err);

struct derived_operator {
    struct operator base;
    derive_cell *derive;
    field_id from, to;
    struct buf room;
};

static struct derived_operator *of(struct operator *op)
{
    return (struct derived_operator *)op;
}

static enum status take_length(struct derived_operator *op, struct view *view, struct slice text,
                               struct cell *out, struct error *err)
{
    (void)op;
    (void)view;
    (void)err;
    *out = cell_int((int64_t)text.len, VALUE_INT);
    return STATUS_OK;
}

/* XXH3-64 of the bytes, its upper bits. */
static enum status take_hash(struct derived_operator *op, struct view *view, struct slice text,
                             struct cell *out, struct error *err)
{
    (void)op;
    (void)view;
    (void)err;
    *out = cell_int((int64_t)(hash64(text.data, text.len) >> (64 - HASH_BITS)), VALUE_INT);
    return STATUS_OK;
}

/* ---- words ---- */

static struct slice next_word(struct slice *rest)
{
    size_t from = 0, end;

    while (from < rest->len && !is_word_byte(rest->data[from]))
        from++;
    for (end = from; end < rest->len && is_word_byte(rest->data[end]);)
        end++;
    *rest = slice_from(*rest, end);
    return (struct slice){rest->data - (end - from), end - from};
}

/* A JSON array, in their order; `once`: each where it comes first. */
static bool write_words(struct slice text, bool once, struct buf *out)
{
    struct map seen = map_empty(WORDS_MAX);
    struct json_writer json;
    bool fine = true;

    jsonw_begin(&json, out);
    jsonw_array(&json);
    for (struct slice word = next_word(&text); word.len > 0 && fine; word = next_word(&text)) {
        if (once && map_get(&seen, word) != MAP_NONE)
            continue;
        fine = !once || map_put(&seen, word, 0);
        jsonw_text(&json, word);
    }
    jsonw_end_array(&json);
    map_release(&seen);
    return fine && !out->failed;
}

static enum status take_words(struct derived_operator *op, struct view *view, struct slice text,
                              struct cell *out, struct error *err)
{
    struct slice words;

    buf_reset(&op->room);
    if (!write_words(text, op->base.pipe->flag, &op->room))
        return memory_exceeded(&op->base.run->memory, err);
    words = arena_copy(view_arena(view), buf_slice(&op->room));
    *out = cell_text(words, VALUE_JSON);
    return words.data == NULL ? memory_exceeded(&op->base.run->memory, err) : STATUS_OK;
}

/* ---- the operator ---- */

static enum status push_derived(struct operator *base, struct view *view, struct error *err)
{
    struct derived_operator *op = of(base);
    struct cell *cells = arena_new(view_arena(view), struct cell, view_row_count(view) + 1);
    struct column column;
    enum status status = cells == NULL ? memory_exceeded(&base->run->memory, err)
                                       : view_column(view, op->from, true, &column, err);

    for (uint32_t row = 0; status == STATUS_OK && row < view_row_count(view); row++) {
        struct cell cell = cell_of(&column, row);

        if (bit_get(view->base.selected, row) && cell.kind == CELL_TEXT)
            status = op->derive(op, view, cell.text, &cells[row], err);
    }
    if (status == STATUS_OK)
        status = column_of_cells(cells, view_row_count(view), view_arena(view), &column, err);
    if (status == STATUS_OK)
        status = view_set(view, op->to, &column, err);
    return status == STATUS_OK ? operator_push(base->next, view, err) : status;
}

static void close_derived(struct operator *base)
{
    buf_release(&of(base)->room);
    free(base);
}

static enum status make(const struct operator *base, derive_cell *derive, struct operator **out,
                        struct error *err)
{
    static const struct operator_ops ops = {.push = push_derived, .close = close_derived};
    struct derived_operator *op = operator_new(base, &ops, sizeof(*op));

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    op->derive = derive;
    op->from = names_id(&base->run->names, base->pipe->from);
    op->to = names_id(&base->run->names, base->pipe->as);
    op->room = buf_empty(base->run->memory.size_max);
    *out = &op->base;
    return STATUS_OK;
}

enum status len_make(const struct operator *base, struct operator **out, struct error *err)
{
    return make(base, take_length, out, err);
}

enum status hash_make(const struct operator *base, struct operator **out, struct error *err)
{
    return make(base, take_hash, out, err);
}

enum status unpack_words_make(const struct operator *base, struct operator **out,
                              struct error *err)
{
    return make(base, take_words, out, err);
}
