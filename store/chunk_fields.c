/* store/chunk_fields.c -- the fields of a row of a chunk, and the row as an event. */
#include "store/chunk_impl.h"

#include "store/text_hash.h"

#include <stddef.h>

/* A number of the fields section; chunk_check_rows() has read it once, or it is our own. */
static inline uint64_t next_number(const char **at)
{
    const unsigned char *byte = (const unsigned char *)*at;
    uint64_t value = *byte++;

    if (value >= 0x80) {
        value &= 0x7f;
        for (unsigned shift = 7;; shift += 7) {
            value |= (uint64_t)(*byte & 0x7f) << shift;
            if (*byte++ < 0x80)
                break;
        }
    }
    *at = (const char *)byte;
    return value;
}

static inline struct slice value_at(const struct chunk *chunk, uint64_t number)
{
    const struct chunk_column *column = &chunk->columns[CHUNK_VALUES];
    uint64_t from = chunk_column_at(column, (uint32_t)number);

    return (struct slice){chunk->values.data + from,
                          chunk_column_at(column, (uint32_t)number + 1) - from};
}

void chunk_fields_begin(const struct chunk *chunk, const struct chunk_row *row,
                        struct chunk_fields *walk)
{
    struct chunk_places places;

    walk->chunk = chunk;
    walk->text = chunk_row_text(chunk, row);
    walk->at = chunk->fields.data + row->fields_at;
    walk->end = 0;
    places = chunk_places_of(chunk, next_number(&walk->at));
    walk->place = places.at;
    walk->left = places.count;
}

bool chunk_fields_next(struct chunk_fields *walk, const struct chunk_binding **binding,
                       struct slice *value)
{
    uint64_t number, len;

    if (walk->left == 0)
        return false;
    *binding = chunk_binding_at(walk->chunk, walk->place);
    walk->place += CHUNK_PLACE_SIZE;
    walk->left--;
    number = next_number(&walk->at);
    if ((*binding)->computed) {
        *value = value_at(walk->chunk, number);
        return true;
    }
    number = walk->end + (uint64_t)unzigzag(number);
    len = next_number(&walk->at);
    *value = slice_sub(walk->text, number, len);
    walk->end = number + len;
    return true;
}

bool chunk_row_has_field(const struct chunk *chunk, const struct chunk_row *row, field_id field)
{
    const char *at = chunk->fields.data + row->fields_at;
    struct chunk_places places = chunk_places_of(chunk, next_number(&at));

    for (uint32_t i = 0; i < places.count; i++)
        if (chunk_binding_at(chunk, places.at + (size_t)i * CHUNK_PLACE_SIZE)->field == field)
            return true;
    return false;
}

/* Where the next span begins, and its length; `after`: the end of the one before it. The two bytes that
 * most take are read as one number; behind them stand other sections. */
static inline uint32_t next_span(const char **at, uint32_t after, uint32_t *len)
{
    uint32_t both = get_le16(*at), start;

    if ((both & 0x8080) == 0) {
        *len = both >> 8;
        *at += 2;
        return after + (uint32_t)unzigzag(both & 0x7f);
    }
    start = after + (uint32_t)unzigzag(next_number(at));
    *len = (uint32_t)next_number(at);
    return start;
}

static_assert(offsetof(struct chunk_binding, type) == offsetof(struct event_field, type) &&
                  offsetof(struct chunk_binding, unit) == offsetof(struct event_field, unit) &&
                  sizeof(struct chunk_binding) <= offsetof(struct event_field, start),
              "a binding is copied as the first bytes of a field");

/* Rows are read one after the other, most often. */
enum { PREFETCH_FIELDS = 256 };

uint32_t chunk_event_fields(const struct chunk *chunk, uint32_t fields_at, struct event_field *out)
{
    const char *at = chunk->fields.data + fields_at;
    struct chunk_places places = chunk_places_of(chunk, next_number(&at));
    const char *end = places.at + (out == NULL ? 0 : (size_t)places.count * CHUNK_PLACE_SIZE);
    uint32_t span_end = 0;

    __builtin_prefetch(at + PREFETCH_FIELDS);
    for (const char *place = places.at; place < end; place += CHUNK_PLACE_SIZE, out++) {
        const struct chunk_binding *binding = chunk_binding_at(chunk, place);

        memcpy(out, binding, sizeof(*binding));
        if (binding->computed) {
            out->start = out->len = 0;
            out->text = value_at(chunk, next_number(&at));
        } else {
            out->start = next_span(&at, span_end, &out->len);
            out->text = (struct slice){NULL, 0};
            span_end = out->start + out->len;
        }
    }
    return places.count;
}

void chunk_hash_values(const struct chunk *chunk, uint64_t *out)
{
    for (uint32_t i = 0; i < chunk->value_count; i++) {
        struct slice text = value_at(chunk, i);

        out[i] = text_hash(text.data, text.len);
    }
}

uint32_t chunk_event_spans(const struct chunk *chunk, uint32_t fields_at, const uint64_t *hashes,
                           struct event_spans *out)
{
    const char *at = chunk->fields.data + fields_at;
    uint32_t shape = (uint32_t)next_number(&at), end = 0, *ends = out->ends;
    struct chunk_places places = chunk_places_of(chunk, shape);
    const char *last = places.at + (size_t)places.count * CHUNK_PLACE_SIZE;

    __builtin_prefetch(at + PREFETCH_FIELDS);
    for (const char *place = places.at; place < last; place += CHUNK_PLACE_SIZE, ends += 2) {
        if (chunk_binding_at(chunk, place)->computed) {
            ends[0] = ends[1] = 0;
            out->hashes[(ends - out->ends) / 2] = hashes[next_number(&at)];
        } else {
            uint32_t len;

            ends[0] = next_span(&at, end, &len);
            ends[1] = end = ends[0] + len;
        }
    }
    return shape;
}

void chunk_event(const struct chunk *chunk, const struct chunk_row *row, struct event_field *fields,
                 struct event *out)
{
    *out = (struct event){
        .time_ns = row->time_ns,
        .bytes = chunk_row_text(chunk, row),
        .offset = row->offset,
        .source = row->source,
        .source_len = row->source_len,
        .format = row->format,
        .level = row->level,
        .flags = row->flags,
        .field_count = chunk_event_fields(chunk, row->fields_at, fields),
        .fields = fields,
    };
}
