/* query/api/output.c -- the table of formats, and values as text. */
#include "query/api/output.h"

#include "base/hash.h"
#include "base/http_form.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>

const struct output_format *const output_formats[] = {
    &output_ndjson, &output_columns, &output_json, &output_csv,
    &output_tsv,    &output_logfmt,  &output_raw,  &output_framed,
};
const size_t output_format_count = COUNT_OF(output_formats);

const struct output_format *output_by_name(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(output_formats); i++)
        if (slice_is(name, output_formats[i]->name))
            return output_formats[i];
    return NULL;
}

const struct output_format *output_by_accept(struct slice accept)
{
    struct slice rest = accept, item;

    while (rest.len > 0) {
        if (!slice_cut(&rest, ',', &item)) {
            item = rest;
            rest = slice_from(rest, rest.len);
        }
        for (size_t i = 0; i < COUNT_OF(output_formats); i++)
            if (http_type_is(item, output_formats[i]->accept))
                return output_formats[i];
    }
    return &output_ndjson;
}

void output_release(struct output *output)
{
    arena_release(&output->arena);
}

enum status output_row_done(struct output *output)
{
    if (output->out->failed)
        return STATUS_TOO_LARGE;
    return output->out->len < OUTPUT_SPILL_SIZE ? STATUS_OK : output->spill(output);
}

uint64_t output_source_hash(const struct event_source *source)
{
    return source == NULL ? 0 : hash64(&source->id, sizeof(source->id));
}

/* A source's number is of this process, so the id carries a hash of what identifies it. The time
 * is there to find the row again without reading all of its source; 0 if it was projected away. */
size_t output_row_id(struct store *store, const struct result_chunk *chunk, uint32_t row,
                     char out[OUTPUT_ID_SIZE])
{
    const struct event_source *source = store_source(store, chunk->sources[row]);
    const struct result_column *times = output_column(chunk, "_time");
    bool has_time = times != NULL && times->kind == RESULT_INT && !result_is_null(times, row);

    return (size_t)snprintf(out, OUTPUT_ID_SIZE, "%016" PRIx64 "-%" PRIx64 "-%" PRIx64,
                            output_source_hash(source), chunk->offsets[row],
                            has_time ? (uint64_t)times->ints[row] : 0);
}

const struct result_column *output_column(const struct result_chunk *chunk, const char *name)
{
    for (uint32_t i = 0; i < chunk->column_count; i++)
        if (slice_is(chunk->columns[i].name, name))
            return &chunk->columns[i];
    return NULL;
}

/* ---- values ---- */

/* A JSON number, RFC 8259 section 6, so that text may stand as one; short enough to be exact. */
static bool is_json_number(struct slice text)
{
    size_t at = 0, digits_at;

    if (text.len == 0 || text.len > 15)
        return false;
    if (text.data[at] == '-')
        at++;
    digits_at = at;
    while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    if (at == digits_at || (text.data[digits_at] == '0' && at - digits_at > 1))
        return false;
    if (at == text.len)
        return true;
    if (text.data[at++] != '.' || at == text.len)
        return false;
    while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    return at == text.len;
}

static bool is_number_type(enum value_type type)
{
    return type == VALUE_INT || type == VALUE_FLOAT || type == VALUE_BYTES;
}

/* Nanoseconds as seconds, exactly: 216000000 is 0.216. */
static void append_seconds(struct buf *out, int64_t ns)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    uint32_t fraction = (uint32_t)(size % 1000000000);
    char digits[10] = ".";
    size_t length = sizeof(digits);

    if (ns < 0)
        output_put(out, '-');
    output_put_i64(out, (int64_t)(size / 1000000000));
    if (fraction == 0)
        return;
    for (size_t i = length; i-- > 1; fraction /= 10)
        digits[i] = (char)('0' + fraction % 10);
    while (digits[length - 1] == '0')
        length--;
    buf_append(out, digits, length);
}

static void append_number(struct buf *out, const struct result_column *column, uint32_t row)
{
    char text[STAMP_TEXT_SIZE];

    if (column->kind == RESULT_FLOAT) {
        double value = column->floats[row];

        buf_append(out, text,
                   jsonw_format_double(column->type == VALUE_DURATION ? value / 1e9 : value, text));
    } else if (column->type == VALUE_DURATION) {
        append_seconds(out, column->ints[row]);
    } else if (column->type == VALUE_TIME) {
        buf_append(out, text, jsonw_format_time(column->ints[row], text));
    } else {
        output_put_i64(out, column->ints[row]);
    }
}

void output_plain_value(struct buf *out, const struct result_column *column, uint32_t row)
{
    if (column->kind == RESULT_TEXT || column->kind == RESULT_DICT)
        buf_append_slice(out, output_text(column, row));
    else
        append_number(out, column, row);
}

void output_json_value(struct buf *out, const struct result_column *column, uint32_t row)
{
    bool quoted;

    if (column->kind == RESULT_TEXT || column->kind == RESULT_DICT) {
        struct slice text = output_text(column, row);

        quoted =
            column->type != VALUE_JSON && !(is_number_type(column->type) && is_json_number(text));
        if (!quoted) {
            buf_append_slice(out, text);
            return;
        }
        output_put(out, '"');
        jsonw_escape(out, text);
        output_put(out, '"');
        return;
    }
    quoted = column->type == VALUE_TIME && column->kind == RESULT_INT;
    if (quoted)
        output_put(out, '"');
    append_number(out, column, row);
    if (quoted)
        output_put(out, '"');
}

/* ---- rows as JSON objects ---- */

struct slice *output_json_keys(const struct result_chunk *chunk, struct arena *arena)
{
    struct slice *keys = arena_new(arena, struct slice, chunk->column_count + 1);
    struct buf text = buf_empty(OUTPUT_SIZE_MAX);

    for (uint32_t i = 0; i < chunk->column_count && keys != NULL; i++) {
        buf_reset(&text);
        buf_append(&text, ",\"", 2);
        jsonw_escape(&text, chunk->columns[i].name);
        buf_append(&text, "\":", 2);
        keys[i] = arena_copy(arena, buf_slice(&text));
    }
    if (text.failed || arena->failed)
        keys = NULL;
    buf_release(&text);
    return keys;
}

static void append_id(struct output *output, const struct result_chunk *chunk, uint32_t row)
{
    char id[OUTPUT_ID_SIZE];
    size_t length = output_row_id(output->store, chunk, row, id);

    buf_append_text(output->out, "\"_id\":\"");
    buf_append(output->out, id, length);
    buf_append_byte(output->out, '"');
}

void output_json_row(struct output *output, const struct result_chunk *chunk,
                     const struct slice *keys, uint32_t row)
{
    struct buf *out = output->out;
    bool filled = false;

    output_put(out, '{');
    if (output->ids && chunk->sources != NULL) {
        append_id(output, chunk, row);
        filled = true;
    }
    for (uint32_t i = 0; i < chunk->column_count; i++) {
        const struct result_column *column = &chunk->columns[i];

        if (result_is_null(column, row))
            continue;
        buf_append_slice(out, filled ? keys[i] : slice_from(keys[i], 1));
        filled = true;
        output_json_value(out, column, row);
        if (slice_is(column->name, "_msg") && column->kind <= RESULT_DICT &&
            !jsonw_utf8_valid(output_text(column, row))) {
            struct json_writer json;

            buf_append_text(out, ",\"_msg_b64\":");
            jsonw_begin(&json, out);
            jsonw_base64(&json, output_text(column, row));
        }
    }
    output_put(out, '}');
}
