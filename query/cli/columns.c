/* query/cli/columns.c -- a value by column and row, whatever form the column has. */
#include "query/cli/columns.h"

#include "base/json_writer.h"

#include <stdio.h>

bool columns_of(const json_t *object, struct columns *out)
{
    const json_t *count = json_object_get(object, "n");

    out->members = json_object_get(object, "c");
    out->row_count = (size_t)json_integer_value(count);
    return json_is_integer(count) && json_integer_value(count) >= 0 && json_is_object(out->members);
}

static bool put_value(const json_t *value, struct buf *out)
{
    char text[64];

    switch (value == NULL ? JSON_NULL : json_typeof(value)) {
    case JSON_STRING:
        return buf_append(out, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        return buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        return buf_append(out, text, jsonw_format_double(json_real_value(value), text));
    case JSON_TRUE:
    case JSON_FALSE:
        return buf_append_text(out, json_is_true(value) ? "true" : "false");
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return false;
}

/* base + d * unit */
static bool put_time(const json_t *column, size_t row, struct buf *out)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
    const char *base = json_string_value(json_object_get(column, "base"));
    const char *unit = json_string_value(json_object_get(column, "unit"));
    const json_t *delta = json_array_get(json_object_get(column, "d"), row);
    char text[STAMP_TEXT_SIZE];
    int64_t time_ns;

    if (base == NULL || unit == NULL || !json_is_integer(delta) ||
        !slice_to_i64(slice_of(base), &time_ns))
        return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        int64_t distance_ns;

        if (strcmp(unit, units[i].name) == 0 &&
            !__builtin_mul_overflow((int64_t)json_integer_value(delta), units[i].ns,
                                    &distance_ns) &&
            !__builtin_add_overflow(time_ns, distance_ns, &time_ns))
            return buf_append(out, text, jsonw_format_time(time_ns, text));
    }
    return false;
}

bool columns_text(const struct columns *columns, const char *name, size_t row, struct buf *out)
{
    const json_t *column = json_object_get(columns->members, name);
    const json_t *dict = json_object_get(column, "dict");

    if (json_is_array(column))
        return put_value(json_array_get(column, row), out);
    if (dict != NULL) {
        const json_t *code = json_array_get(json_object_get(column, "i"), row);

        return json_is_integer(code) && json_integer_value(code) >= 0 &&
               put_value(json_array_get(dict, (size_t)json_integer_value(code)), out);
    }
    return column != NULL && put_time(column, row, out);
}

bool columns_line(const struct columns *columns, size_t row, struct buf *out)
{
    const json_t *bytes = json_array_get(json_object_get(columns->members, "_msg_b64"), row);

    if (json_is_string(bytes))
        return base64_decode(slice_make(json_string_value(bytes), json_string_length(bytes)), out);
    return columns_text(columns, "_msg", row, out);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct slice text, struct buf *out)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;

    while (text.len > 0 && text.data[text.len - 1] == '=')
        text.len--;
    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = base64_digit(text.data[i]);

        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            buf_append_byte(out, (char)(bits >> bit_count));
        }
    }
    return !out->failed;
}
