/* query/operators/rewrite_texts.c -- replace, replace_regexp, decolorize, collapse_nums: a text
 * becomes another text of the same field. Rows whose text does not change keep theirs. */
#include "query/operators/forms.h"
#include "query/operators/row_texts.h"

#include "query/regex.h"

#include <stdlib.h>

enum { GROUPS_MAX = 10 /* $0 to $9 */ };

struct rewrite_operator;

/* Append the new text; false: it is the old one (`out` does not matter then) or out->failed. */
typedef bool rewrite_text(const struct rewrite_operator *op, struct slice text, struct buf *out);

struct rewrite_operator {
    struct operator base;
    rewrite_text *rewrite;
    field_id field;
    struct regex *regex; /* replace_regexp */
    struct buf room;
};

static struct rewrite_operator *of(struct operator *op)
{
    return (struct rewrite_operator *)op;
}

/* ---- replace ---- */

static bool replace_all(const struct rewrite_operator *op, struct slice text, struct buf *out)
{
    struct slice what = op->base.pipe->text;
    size_t at = slice_find(text, what);

    if (at == SIZE_MAX)
        return false;
    for (; at != SIZE_MAX; at = slice_find(text, what)) {
        (void)buf_append_slice(out, slice_first(text, at));
        (void)buf_append_slice(out, op->base.pipe->new_text);
        text = slice_from(text, at + what.len);
    }
    (void)buf_append_slice(out, text);
    return true;
}

/* ---- replace_regexp ---- */

/* $0 is the match, $1 to $9 its groups, $$ a dollar sign; any other $ is itself. */
static void append_new(struct slice form, struct slice text, const struct regex_span *spans,
                       uint32_t span_count, struct buf *out)
{
    for (size_t i = 0; i < form.len; i++) {
        char next = i + 1 < form.len ? form.data[i + 1] : '\0';
        uint32_t group = (uint32_t)(next - '0');

        if (form.data[i] == '$' && next == '$') {
            (void)buf_append_byte(out, '$');
            i++;
        } else if (form.data[i] == '$' && next >= '0' && next <= '9') {
            if (group < span_count && spans[group].start <= spans[group].end &&
                spans[group].end <= text.len)
                (void)buf_append_slice(out, slice_sub(text, spans[group].start,
                                                      spans[group].end - spans[group].start));
            i++;
        } else {
            (void)buf_append_byte(out, form.data[i]);
        }
    }
}

static bool replace_matches(const struct rewrite_operator *op, struct slice text, struct buf *out)
{
    uint32_t count = regex_group_count(op->regex) + 1;
    struct regex_span spans[GROUPS_MAX] = {{0, 0}};
    size_t from = 0;
    bool any = false;

    if (count > GROUPS_MAX)
        count = GROUPS_MAX;
    while (from <= text.len && !out->failed && regex_find(op->regex, text, from, spans, count)) {
        any = true;
        (void)buf_append_slice(out, slice_sub(text, from, spans[0].start - from));
        append_new(op->base.pipe->new_text, text, spans, count, out);
        from = spans[0].end;
        if (spans[0].end == spans[0].start) { /* an empty match: go on behind one byte */
            if (from < text.len)
                (void)buf_append_byte(out, text.data[from]);
            from++;
        }
    }
    if (from < text.len)
        (void)buf_append_slice(out, slice_from(text, from));
    return any;
}

/* ---- decolorize ---- */

/* Length of the terminal sequence at the start of `text`: CSI (ECMA-48, 5.4: ESC [, parameter bytes
 * 0x30-0x3f, intermediate bytes 0x20-0x2f, a final byte 0x40-0x7e); 0: there is none. */
static size_t sequence_length(struct slice text)
{
    size_t at = 2;

    if (text.len < 3 || text.data[0] != '\x1b' || text.data[1] != '[')
        return 0;
    while (at < text.len && text.data[at] >= 0x30 && text.data[at] <= 0x3f)
        at++;
    while (at < text.len && text.data[at] >= 0x20 && text.data[at] <= 0x2f)
        at++;
    return at < text.len && text.data[at] >= 0x40 && text.data[at] <= 0x7e ? at + 1 : 0;
}

static bool drop_colors(const struct rewrite_operator *op, struct slice text, struct buf *out)
{
    bool any = false;

    (void)op;
    for (size_t at = 0; at < text.len;) {
        size_t length = sequence_length(slice_from(text, at));

        any = any || length > 0;
        if (length == 0)
            (void)buf_append_byte(out, text.data[at++]);
        at += length;
    }
    return any;
}

/* ---- collapse_nums ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

enum { HEX_SIZE_MIN = 4, UNIT_SIZE_MAX = 3 };

/* How much of the word is a number, 0: none. A number is all of the word: digits, perhaps with a unit
 * of up to 3 letters, which stays; 0x and hex digits; or 4 and more hex digits with a digit. */
static size_t number_length(struct slice word)
{
    size_t digits = 0, hex = 0, letters = 0;
    bool prefix = word.len > 2 && word.data[0] == '0' && (word.data[1] | 0x20) == 'x';
    bool has_digit = false;

    while (digits < word.len && is_digit(word.data[digits]))
        digits++;
    for (hex = prefix ? 2 : 0; hex < word.len && is_hex(word.data[hex]); hex++)
        has_digit = has_digit || is_digit(word.data[hex]);
    if (hex == word.len && (prefix || digits == word.len ||
                            (has_digit && word.len >= HEX_SIZE_MIN)))
        return word.len;
    while (digits + letters < word.len && is_letter(word.data[digits + letters]))
        letters++;
    return digits > 0 && digits + letters == word.len && letters <= UNIT_SIZE_MAX ? digits : 0;
}

static bool collapse_numbers(const struct rewrite_operator *op, struct slice text,
                             struct buf *out)
{
    bool any = false;

    (void)op;
    for (size_t at = 0; at < text.len;) {
        size_t end = at, number;

        while (end < text.len && is_word_byte(text.data[end]))
            end++;
        if (end == at) {
            (void)buf_append_byte(out, text.data[at++]);
            continue;
        }
        number = number_length(slice_sub(text, at, end - at));
        any = any || number > 0;
        if (number > 0)
            (void)buf_append_text(out, "<N>");
        (void)buf_append_slice(out, slice_sub(text, at + number, end - at - number));
        at = end;
    }
    return any;
}

/* ---- the operator ---- */

static enum status push_rewrite(struct operator *base, struct view *view, struct error *err)
{
    struct rewrite_operator *op = of(base);
    struct row_texts made;
    enum status status = row_texts_init(&made, view, op->field, true, err);

    for (uint32_t row = 0; status == STATUS_OK && row < view_row_count(view); row++) {
        struct cell cell = cell_of(&made.old, row);

        if (!bit_get(view->base.selected, row) || cell.kind != CELL_TEXT)
            continue;
        buf_reset(&op->room);
        if (!op->rewrite(op, cell.text, &op->room) && !op->room.failed)
            continue;
        if (!row_texts_copy(&made, view, row, &op->room))
            return memory_exceeded(&base->run->memory, err);
    }
    if (status == STATUS_OK)
        status = row_texts_show(&made, view, VALUE_TEXT, err);
    return status == STATUS_OK ? operator_push(base->next, view, err) : status;
}

static void close_rewrite(struct operator *base)
{
    regex_free(of(base)->regex);
    buf_release(&of(base)->room);
    free(base);
}

static enum status make(const struct operator *base, rewrite_text *rewrite, struct operator **out,
                        struct error *err)
{
    static const struct operator_ops ops = {.push = push_rewrite, .close = close_rewrite};
    struct rewrite_operator *op = operator_new(base, &ops, sizeof(*op));

    if (op == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    op->rewrite = rewrite;
    op->field = names_id(&base->run->names, base->pipe->from);
    op->room = buf_empty(base->run->memory.size_max);
    *out = &op->base;
    return STATUS_OK;
}

enum status replace_make(const struct operator *base, struct operator **out, struct error *err)
{
    return make(base, replace_all, out, err);
}

enum status replace_regexp_make(const struct operator *base, struct operator **out,
                                struct error *err)
{
    enum status status = make(base, replace_matches, out, err);

    if (status != STATUS_OK)
        return status;
    status = regex_new(base->pipe->text, 0, &of(*out)->regex, NULL, err);
    if (status == STATUS_OK)
        regex_belongs_to(of(*out)->regex, &base->run->compiler.query);
    else
        close_rewrite(*out);
    return status;
}

enum status decolorize_make(const struct operator *base, struct operator **out, struct error *err)
{
    return make(base, drop_colors, out, err);
}

enum status collapse_nums_make(const struct operator *base, struct operator **out,
                               struct error *err)
{
    return make(base, collapse_numbers, out, err);
}
