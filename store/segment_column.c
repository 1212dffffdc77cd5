/* store/segment_column.c -- columns of one block into pages and back. Plain encodings; zstd behind
 * them takes the redundancy out. */
#include "store/segment_column.h"

#include "base/byteorder.h"
#include "base/map.h"
#include "store/value.h"

#include <stdlib.h>

enum { NUMBER_DIGITS_MAX = 20 };

static bool append_deltas(const uint64_t *numbers, uint32_t count, struct buf *out)
{
    uint64_t previous = 0;
    char *at;

    if (!buf_reserve(out, (size_t)count * VARINT_SIZE_MAX))
        return false;
    at = out->data + out->len;
    for (uint32_t i = 0; i < count; i++) {
        at += put_varint(at, zigzag((int64_t)(numbers[i] - previous)));
        previous = numbers[i];
    }
    buf_commit(out, (size_t)(at - (out->data + out->len)));
    return true;
}

bool column_encode_numbers(const uint64_t *numbers, uint32_t count, struct segment_column *column,
                           struct buf *out)
{
    bool constant = true;

    for (uint32_t i = 1; i < count && constant; i++)
        constant = numbers[i] == numbers[0];
    column->encoding = constant ? ENCODING_CONST : ENCODING_DELTA;
    column->value = constant && count > 0 ? numbers[0] : 0;
    return constant || append_deltas(numbers, count, out);
}

/* The number whose decimal text is exactly `text`. */
static bool canonical_number(struct slice text, int64_t *out)
{
    struct slice digits = text;

    if (text.len == 0 || text.len >= NUMBER_DIGITS_MAX)
        return false;
    if (digits.data[0] == '-')
        digits = slice_from(digits, 1);
    if (digits.len == 0 || (digits.data[0] == '0' && text.len > 1))
        return false;
    return slice_to_i64(text, out);
}

static bool encode_ints(const struct field_value *values, uint32_t count, uint32_t row_count,
                        struct segment_column *column, struct buf *out)
{
    size_t words = bit_words(row_count);
    uint64_t *present = calloc(words + 1, sizeof(*present));
    uint64_t *numbers = malloc(((size_t)count + 1) * sizeof(*numbers));
    bool fine = present != NULL && numbers != NULL;

    for (uint32_t i = 0; i < count && fine; i++) {
        int64_t number;

        fine = canonical_number(values[i].text, &number);
        numbers[i] = fine ? (uint64_t)number : 0;
        bit_set(present, values[i].row);
    }
    column->encoding = ENCODING_INT;
    fine = fine && buf_append(out, present, words * sizeof(*present)) &&
           append_deltas(numbers, count, out);
    free(present);
    free(numbers);
    return fine;
}

/* Dictionary of the values if it pays: few distinct ones. */
static bool encode_dict(const struct field_value *values, uint32_t count, uint32_t row_count,
                        struct segment_column *column, struct buf *out)
{
    uint32_t most = count / 4 < SEGMENT_DICT_MAX ? count / 4 + 1 : SEGMENT_DICT_MAX;
    struct map seen = map_empty(most);
    uint32_t *codes = calloc((size_t)row_count + 1, sizeof(*codes));
    uint32_t *first = calloc((size_t)most + 1, sizeof(*first));
    bool fine = codes != NULL && first != NULL;

    for (uint32_t i = 0; i < count && fine; i++) {
        uint32_t code = map_get(&seen, values[i].text);

        if (code == MAP_NONE) {
            code = seen.count;
            fine = map_put(&seen, values[i].text, code); /* false: too many distinct ones */
            if (fine)
                first[code] = i;
        }
        codes[values[i].row] = code + 1;
    }
    fine = fine && buf_append_varint(out, seen.count);
    for (uint32_t code = 0; code < seen.count && fine; code++)
        fine = buf_append_varint(out, values[first[code]].text.len) &&
               buf_append_slice(out, values[first[code]].text);
    for (uint32_t row = 0; row < row_count && fine; row++)
        fine = buf_append_varint(out, codes[row]);
    column->encoding = ENCODING_DICT;
    map_release(&seen);
    free(codes);
    free(first);
    return fine;
}

static bool encode_places(const struct field_value *values, uint32_t count, uint32_t row_count,
                          bool computed, struct segment_column *column, struct buf *out)
{
    uint32_t next = 0;
    bool fine = true;

    column->encoding = computed ? ENCODING_TEXT : ENCODING_SPAN;
    for (uint32_t row = 0; row < row_count && fine; row++) {
        const struct field_value *value = &values[next];

        if (next == count || value->row != row) {
            fine = buf_append_varint(out, 0);
            continue;
        }
        next++;
        if (computed)
            fine = buf_append_varint(out, value->text.len + 1) &&
                   buf_append_slice(out, value->text);
        else
            fine = buf_append_varint(out, (uint64_t)value->start + 1) &&
                   buf_append_varint(out, value->text.len);
    }
    return fine;
}

bool column_encode_field(const struct field_value *values, uint32_t count, uint32_t row_count,
                         bool computed, struct segment_column *column, struct buf *out)
{
    size_t start = out->len;

    if (field_type_is_number(column->type) &&
        encode_ints(values, count, row_count, column, out))
        return true;
    out->len = start;
    if (encode_dict(values, count, row_count, column, out))
        return true;
    out->len = start;
    return encode_places(values, count, row_count, computed, column, out);
}

bool column_encode_texts(const struct slice *texts, uint32_t row_count,
                         struct segment_column *column, struct buf *out)
{
    struct map seen = map_empty(row_count + 1);
    uint32_t *codes = calloc((size_t)row_count + 1, sizeof(*codes));
    size_t count_at = out->len;
    bool fine = codes != NULL && buf_append_u32(out, 0);

    for (uint32_t row = 0; row < row_count && fine; row++) {
        uint32_t code = map_get(&seen, texts[row]);

        if (code == MAP_NONE) {
            code = seen.count;
            fine = map_put(&seen, texts[row], code) && buf_append_varint(out, texts[row].len) &&
                   buf_append_slice(out, texts[row]);
        }
        codes[row] = code + 1;
    }
    for (uint32_t row = 0; row < row_count && fine; row++)
        fine = buf_append_varint(out, codes[row]);
    if (fine)
        put_le32(out->data + count_at, seen.count);
    column->encoding = ENCODING_BYTES; /* its count is fixed in size, unlike a field's */
    map_release(&seen);
    free(codes);
    return fine;
}

static enum status bad_page(const struct segment_column *column, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "page of column %u: bad content", column->id);
}

static bool take_deltas(struct slice *page, uint32_t count, uint64_t *out)
{
    uint64_t previous = 0, delta;

    for (uint32_t i = 0; i < count; i++) {
        if (!take_varint(page, &delta))
            return false;
        previous += (uint64_t)unzigzag(delta);
        out[i] = previous;
    }
    return true;
}

enum status column_decode_numbers(const struct segment_column *column, struct slice page,
                                  uint32_t row_count, uint64_t *out, struct error *err)
{
    if (column->encoding == ENCODING_CONST) {
        for (uint32_t row = 0; row < row_count; row++)
            out[row] = column->value;
        return STATUS_OK;
    }
    if (column->encoding != ENCODING_DELTA || !take_deltas(&page, row_count, out) || page.len > 0)
        return bad_page(column, err);
    return STATUS_OK;
}

static bool decode_ints(struct slice page, uint32_t row_count, struct arena *arena,
                        struct field_page *out)
{
    size_t words = bit_words(row_count);
    struct slice present;
    uint64_t *numbers;
    uint32_t count, next = 0;

    if (!take_bytes(&page, words * sizeof(uint64_t), &present))
        return false;
    memcpy(out->present, present.data, present.len);
    if (row_count % 64 != 0 && (out->present[words - 1] >> (row_count % 64)) != 0)
        return false;
    count = bits_count(out->present, row_count);
    numbers = arena_new(arena, uint64_t, (size_t)count + 1);
    out->ints = arena_new(arena, int64_t, (size_t)row_count + 1);
    if (numbers == NULL || out->ints == NULL || !take_deltas(&page, count, numbers))
        return false;
    for (uint32_t row = 0; row < row_count; row++)
        if (bit_get(out->present, row))
            out->ints[row] = (int64_t)numbers[next++];
    return page.len == 0;
}

/* The texts and codes behind the count of a dictionary. */
static bool decode_dict(struct slice page, uint64_t count, uint32_t row_count, struct arena *arena,
                        struct field_page *out)
{
    uint64_t code;

    if (count > row_count)
        return false;
    out->dict_count = (uint32_t)count;
    out->dict = arena_new(arena, struct slice, (size_t)count + 1);
    out->codes = arena_new(arena, uint32_t, (size_t)row_count + 1);
    if (out->dict == NULL || out->codes == NULL)
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (!take_text(&page, &out->dict[i]))
            return false;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!take_varint(&page, &code) || code > count)
            return false;
        out->codes[row] = code == 0 ? COLUMN_NO_CODE : (uint32_t)code - 1;
        if (code != 0)
            bit_set(out->present, row);
    }
    return page.len == 0;
}

static bool decode_places(struct slice page, uint32_t row_count, const struct slice *lines,
                          struct arena *arena, struct field_page *out)
{
    uint64_t first, len;

    out->texts = arena_new(arena, struct slice, (size_t)row_count + 1);
    if (out->texts == NULL)
        return false;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!take_varint(&page, &first))
            return false;
        if (first == 0)
            continue;
        bit_set(out->present, row);
        if (lines == NULL) {
            if (first - 1 > page.len || !take_bytes(&page, (size_t)first - 1, &out->texts[row]))
                return false;
        } else {
            if (!take_varint(&page, &len) || first - 1 > lines[row].len ||
                len > lines[row].len - (first - 1))
                return false;
            out->texts[row] = slice_sub(lines[row], (size_t)first - 1, (size_t)len);
        }
    }
    return page.len == 0;
}

enum status column_decode_field(const struct segment_column *column, struct slice page,
                                uint32_t row_count, const struct slice *lines,
                                struct arena *arena, struct field_page *out, struct error *err)
{
    uint64_t count = 0;
    uint32_t count32 = 0;
    bool fine = false;

    *out = (struct field_page){.present = arena_new(arena, uint64_t, bit_words(row_count) + 1)};
    if (out->present == NULL)
        return error_set(err, STATUS_NO_MEMORY, "a column of a block needs too much memory");
    switch (column->encoding) {
    case ENCODING_INT:
        fine = decode_ints(page, row_count, arena, out);
        break;
    case ENCODING_DICT:
        fine = take_varint(&page, &count) && decode_dict(page, count, row_count, arena, out);
        break;
    case ENCODING_BYTES:
        fine = take_u32(&page, &count32) && decode_dict(page, count32, row_count, arena, out);
        break;
    case ENCODING_SPAN:
        fine = lines != NULL && decode_places(page, row_count, lines, arena, out);
        break;
    case ENCODING_TEXT:
        fine = decode_places(page, row_count, NULL, arena, out);
        break;
    default:
        break;
    }
    if (!fine && arena->failed)
        return error_set(err, STATUS_NO_MEMORY, "a column of a block needs too much memory");
    return fine ? STATUS_OK : bad_page(column, err);
}
