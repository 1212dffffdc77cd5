/* store/chunk_check.c -- bytes of a chunk that come from a disk, checked once and wholly. */
#include "store/chunk_impl.h"

enum status chunk_bad(struct error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "batch in the WAL: bad %s", what);
}

static bool shapes_are_whole(const struct chunk *chunk)
{
    uint32_t first = 0;

    for (uint32_t i = 0; i <= chunk->shape_count; i++) {
        uint32_t next = get_le32(chunk->shapes + (size_t)i * CHUNK_SHAPE_SIZE);

        if (next < first || next > chunk->place_count || next - first > EVENT_FIELDS_MAX)
            return false;
        first = next;
    }
    for (uint32_t i = 0; i < chunk->place_count; i++)
        if (get_le16(chunk->places + (size_t)i * CHUNK_PLACE_SIZE) >= chunk->binding_count)
            return false;
    return true;
}

static bool values_are_whole(const struct chunk *chunk)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i <= chunk->value_count; i++) {
        uint64_t next = chunk_column_at(&chunk->columns[CHUNK_VALUES], i);

        if (next < at || next > chunk->values.len)
            return false;
        at = next;
    }
    return true;
}

/* Eats the fields of the row, which must stand at the front of `rest`. */
static bool take_fields(const struct chunk *chunk, uint64_t text_len, struct slice *rest)
{
    uint64_t shape, number, len, end = 0;
    struct chunk_places places;

    if (!take_varint(rest, &shape) || shape >= chunk->shape_count)
        return false;
    places = chunk_places_of(chunk, shape);
    for (uint32_t i = 0; i < places.count; i++) {
        if (!take_varint(rest, &number))
            return false;
        if (chunk_binding_at(chunk, places.at + (size_t)i * CHUNK_PLACE_SIZE)->computed) {
            if (number >= chunk->value_count)
                return false;
            continue;
        }
        end += (uint64_t)unzigzag(number);
        if (!take_varint(rest, &len) || end > text_len || len > text_len - end)
            return false;
        end += len;
    }
    return true;
}

static bool take_row(const struct chunk *chunk, uint32_t i, struct slice *fields)
{
    const struct chunk_column *columns = chunk->columns;
    uint64_t text_at = chunk_column_at(&columns[CHUNK_TEXTS], i);
    uint64_t text_end = chunk_column_at(&columns[CHUNK_TEXTS], i + 1);
    uint64_t fields_at = chunk_column_at(&columns[CHUNK_FIELDS], i);

    return text_at <= text_end && text_end <= chunk->text.len &&
           chunk_column_at(&columns[CHUNK_SOURCES], i) < chunk->source_count &&
           chunk_column_at(&columns[CHUNK_FORMATS], i) < chunk->format_count &&
           chunk_column_at(&columns[CHUNK_LEVELS], i) < LEVEL_COUNT &&
           fields_at == chunk->fields.len - fields->len &&
           take_fields(chunk, text_end - text_at, fields);
}

enum status chunk_check_rows(const struct chunk *chunk, struct error *err)
{
    uint32_t total = chunk->row_count + chunk->open_count;
    struct slice fields = chunk->fields;
    enum status status = STATUS_OK;

    if (!shapes_are_whole(chunk))
        return chunk_bad(err, "list of fields");
    if (!values_are_whole(chunk))
        return chunk_bad(err, "value");
    for (uint32_t i = 0; i < total; i++)
        if (!take_row(chunk, i, &fields))
            return chunk_bad(err, "row");
    for (uint32_t i = 0; i < chunk->sample_count && status == STATUS_OK; i++)
        if (chunk->samples[i].source >= chunk->source_count ||
            chunk->samples[i].series >= chunk->series_count)
            status = chunk_bad(err, "sample");
    return status;
}
