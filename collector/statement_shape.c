/* collector/statement_shape.c -- a small cache of sets by a hash of the first bytes.
 *
 * Why what is found is right: pieces between values are the same bytes, so the lexer goes through
 * them in the same steps, if it comes to each in the same state. It does so behind a plain value: a
 * string ends at its first quote that has none behind it, digits at a byte that belongs to no
 * number, and a value of the same kind is replaced by the same mark. */
#include "collector/statement_shape.h"

#include <assert.h>
#include <string.h>

enum { KEY_SIZE = 48 }; /* bytes that are hashed: a verb, columns, a table */

static bool is_digit_byte(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static bool goes_on_number(char c)
{
    unsigned char folded = (unsigned char)(c | 0x20);

    return (unsigned char)(folded - 'a') <= 25 || c == '_' || c == '.' || (unsigned char)c >= 0x80;
}

size_t statement_value_len(struct slice rest)
{
    size_t len = 0;
    const char *end;

    if (rest.len >= 2 && rest.data[0] == '\'') {
        end = memchr(rest.data + 1, '\'', rest.len - 1);
        if (end == NULL)
            return 0;
        len = (size_t)(end - rest.data) + 1;
        return len < rest.len && rest.data[len] == '\'' ? 0 : len;
    }
    while (len < rest.len && is_digit_byte(rest.data[len]))
        len++;
    return len < rest.len && goes_on_number(rest.data[len]) ? 0 : len;
}

/* Of the first bytes, up to a string, by eight: the few that are left over are left out. So is what
 * tells digits apart, as of all bytes that are no letters. */
static uint64_t key_of(struct slice sql)
{
    static const uint64_t odd = 0x9e3779b97f4a7c15;
    struct slice front = slice_first(sql, KEY_SIZE);
    const char *quote = front.len == 0 ? NULL : memchr(front.data, '\'', front.len);
    size_t len = quote == NULL ? front.len : (size_t)(quote - front.data);
    uint64_t key = odd;

    for (size_t at = 0; at + 8 <= len; at += 8) {
        uint64_t bytes, letters;

        memcpy(&bytes, front.data + at, 8);
        letters = bytes >> 6 & 0x0101010101010101; /* and a few others */
        bytes &= letters * 0x0f | 0xf0f0f0f0f0f0f0f0;
        key = (key ^ bytes) * odd;
        key ^= key >> 32;
    }
    return key;
}

static bool takes_piece(struct slice *rest, const char *piece, size_t len)
{
    if (rest->len < len || memcmp(rest->data, piece, len) != 0)
        return false;
    *rest = slice_from(*rest, len);
    return true;
}

static bool has_shape(struct slice sql, const struct statement_shape *shape)
{
    struct slice rest = sql;
    size_t from = 0;

    for (unsigned i = 0; i < shape->values.count; i++) {
        size_t start = shape->values.at[i].start, len;

        if (!takes_piece(&rest, shape->sql + from, start - from) || rest.len == 0 ||
            (rest.data[0] == '\'') != (shape->sql[start] == '\''))
            return false;
        len = statement_value_len(rest);
        if (len == 0)
            return false;
        rest = slice_from(rest, len);
        from = start + shape->values.at[i].len;
    }
    return rest.len == shape->sql_len - from && takes_piece(&rest, shape->sql + from, rest.len);
}

bool statement_shapes_find(const struct statement_shapes *shapes, struct slice sql,
                           struct slice *fingerprint, struct slice *hint)
{
    uint64_t key = key_of(sql);
    const struct statement_shape *set = shapes->shapes[key % STATEMENT_SHAPE_SETS];

    for (unsigned i = 0; i < STATEMENT_SHAPE_WAYS; i++) {
        const struct statement_shape *shape = &set[i];

        if (shape->key != key || shape->sql_len == 0 || !has_shape(sql, shape))
            continue;
        *fingerprint = (struct slice){shape->fingerprint, shape->fingerprint_len};
        *hint = shape->hint_len == 0 ? (struct slice){NULL, 0}
                                     : slice_sub(sql, shape->hint_start, shape->hint_len);
        return true;
    }
    return false;
}

void statement_shapes_learn(struct statement_shapes *shapes, struct slice sql,
                            const struct statement_values *values, struct slice fingerprint,
                            struct slice hint)
{
    uint64_t key = key_of(sql), set = key % STATEMENT_SHAPE_SETS;
    struct statement_shape *shape = &shapes->shapes[set][shapes->oldest[set]];

    if (sql.len == 0 || sql.len > STATEMENT_SHAPE_SIZE ||
        fingerprint.len > STATEMENT_SHAPE_SIZE || values->count > STATEMENT_VALUES_MAX)
        return;
    assert(hint.len == 0 || values->count == 0 ||
           (size_t)(hint.data - sql.data) + hint.len <= values->at[0].start);
    shapes->oldest[set] = (uint8_t)((shapes->oldest[set] + 1) % STATEMENT_SHAPE_WAYS);
    shape->key = key;
    shape->sql_len = (uint16_t)sql.len;
    shape->fingerprint_len = (uint16_t)fingerprint.len;
    shape->hint_len = (uint16_t)hint.len;
    shape->hint_start = hint.len == 0 ? 0 : (uint16_t)(hint.data - sql.data);
    shape->values = *values;
    memcpy(shape->sql, sql.data, sql.len);
    if (fingerprint.len > 0)
        memcpy(shape->fingerprint, fingerprint.data, fingerprint.len);
}
