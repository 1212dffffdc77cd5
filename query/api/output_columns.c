/* query/api/output_columns.c -- rows column by column: {"n":512,"c":{"name":values,...}}.
 *
 *   times     {"base":"1772459998104000000","unit":"us","d":[0,51,null]}   base + d * unit
 *   dict      {"dict":["info","error"],"i":[0,0,1,-1]}                     -1: null
 *   others    [200,null,404]
 * Nanoseconds exceed 2^53, hence the base as text; the unit is the largest that is exact. A chunk
 * parses several times faster in a browser than as many objects, at half the size. */
#include "query/api/output.h"

#include <inttypes.h>

/* Stamps of 1678 and 2261 in one chunk (hostile lines) are further apart than 64 bits of
 * nanoseconds: such a column is written as plain text. */
static bool fits_deltas(const struct result_column *column, uint32_t from, uint32_t to)
{
    int64_t low = INT64_MAX, high = INT64_MIN, distance;

    for (uint32_t row = from; row < to; row++) {
        if (result_is_null(column, row))
            continue;
        low = column->ints[row] < low ? column->ints[row] : low;
        high = column->ints[row] > high ? column->ints[row] : high;
    }
    return low > high || !__builtin_sub_overflow(high, low, &distance);
}

static void write_times(struct buf *out, const struct result_column *column, uint32_t from,
                        uint32_t to)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {
        {"s", NS_PER_SECOND},
        {"ms", NS_PER_MS},
        {"us", NS_PER_US},
        {"ns", 1},
    };
    size_t unit = 0;
    int64_t base = 0;
    bool has_base = false;

    for (uint32_t row = from; row < to; row++) {
        if (result_is_null(column, row))
            continue;
        if (!has_base)
            base = column->ints[row];
        has_base = true;
        while ((column->ints[row] - base) % units[unit].ns != 0)
            unit++;
    }
    buf_printf(out, "{\"base\":\"%" PRId64 "\",\"unit\":\"%s\",\"d\":[", base, units[unit].name);
    for (uint32_t row = from; row < to; row++) {
        if (row > from)
            output_put(out, ',');
        if (result_is_null(column, row))
            buf_append_text(out, "null");
        else
            output_put_i64(out, (column->ints[row] - base) / units[unit].ns);
    }
    buf_append_text(out, "]}");
}

/* Only the entries that the rows use, in order of first use: a dictionary may belong to a whole
 * block of which these rows are a few. */
static bool write_dict(struct output *output, const struct result_column *column, uint32_t from,
                       uint32_t to)
{
    struct buf *out = output->out;
    uint32_t *numbers = arena_new(&output->arena, uint32_t, column->dict_count + 1); /* 0: unused */
    uint32_t used = 0;

    if (numbers == NULL)
        return false;
    buf_append_text(out, "{\"dict\":[");
    for (uint32_t row = from; row < to; row++) {
        uint32_t code = column->codes[row];

        if (code == RESULT_NO_CODE || numbers[code] != 0)
            continue;
        if (used > 0)
            output_put(out, ',');
        output_json_value(out, column, row);
        numbers[code] = ++used;
    }
    buf_append_text(out, "],\"i\":[");
    for (uint32_t row = from; row < to; row++) {
        uint32_t code = column->codes[row];

        if (row > from)
            output_put(out, ',');
        output_put_i64(out, code == RESULT_NO_CODE ? -1 : (int64_t)numbers[code] - 1);
    }
    buf_append_text(out, "]}");
    return true;
}

static void write_plain(struct buf *out, const struct result_column *column, uint32_t from,
                        uint32_t to)
{
    output_put(out, '[');
    for (uint32_t row = from; row < to; row++) {
        if (row > from)
            output_put(out, ',');
        if (result_is_null(column, row))
            buf_append_text(out, "null");
        else
            output_json_value(out, column, row);
    }
    output_put(out, ']');
}

static void write_name(struct buf *out, struct slice name, bool *filled)
{
    buf_append_text(out, *filled ? ",\"" : "\"");
    *filled = true;
    jsonw_escape(out, name);
    buf_append_text(out, "\":");
}

static void write_ids(struct output *output, const struct result_chunk *chunk, uint32_t from,
                      uint32_t to, bool *filled)
{
    write_name(output->out, SLICE_LITERAL("_id"), filled);
    for (uint32_t row = from; row < to; row++) {
        char id[OUTPUT_ID_SIZE];
        size_t length = output_row_id(output->store, chunk, row, id);

        buf_append_text(output->out, row == from ? "[\"" : ",\"");
        buf_append(output->out, id, length);
        output_put(output->out, '"');
    }
    output_put(output->out, ']');
}

static bool is_utf8(const struct result_column *column, uint32_t row)
{
    return result_is_null(column, row) || jsonw_utf8_valid(output_text(column, row));
}

/* "_msg_b64" beside "_msg", if any line is not UTF-8: null for those that are. */
static void write_bytes(struct buf *out, const struct result_column *column, uint32_t from,
                        uint32_t to, bool *filled)
{
    uint32_t row = from;

    if (!slice_is(column->name, "_msg") || column->kind > RESULT_DICT)
        return;
    while (row < to && is_utf8(column, row))
        row++;
    if (row == to)
        return;
    write_name(out, SLICE_LITERAL("_msg_b64"), filled);
    for (row = from; row < to; row++) {
        struct json_writer json;

        output_put(out, row == from ? '[' : ',');
        jsonw_begin(&json, out);
        if (is_utf8(column, row))
            jsonw_null(&json);
        else
            jsonw_base64(&json, output_text(column, row));
    }
    output_put(out, ']');
}

void output_columns_rows(struct output *output, const struct result_chunk *chunk, uint32_t from,
                         uint32_t to)
{
    struct buf *out = output->out;
    bool filled = false;

    arena_reset(&output->arena);
    buf_printf(out, "{\"n\":%u,\"c\":{", to - from);
    if (output->ids && chunk->sources != NULL)
        write_ids(output, chunk, from, to, &filled);
    for (uint32_t i = 0; i < chunk->column_count; i++) {
        const struct result_column *column = &chunk->columns[i];

        write_name(out, column->name, &filled);
        if (column->type == VALUE_TIME && column->kind == RESULT_INT &&
            fits_deltas(column, from, to))
            write_times(out, column, from, to);
        else if (column->kind != RESULT_DICT || !write_dict(output, column, from, to))
            write_plain(out, column, from, to);
        write_bytes(out, column, from, to, &filled);
    }
    buf_append_text(out, "}}");
}

uint32_t output_rows_within(const struct result_chunk *chunk, uint32_t from, size_t size)
{
    size_t sum = 0;
    uint32_t row = from;

    while (row < chunk->row_count && (row == from || sum < size)) {
        for (uint32_t i = 0; i < chunk->column_count; i++)
            if (chunk->columns[i].kind == RESULT_TEXT && !result_is_null(&chunk->columns[i], row))
                sum += chunk->columns[i].texts[row].len;
        row++;
    }
    return row - from;
}
