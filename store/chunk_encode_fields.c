/* store/chunk_encode_fields.c -- each field is a number or two in its row; what it is called, and
 * the texts beside the line, stand once in the chunk. */
#include "store/chunk_encode_fields.h"

#include "base/hash.h"
#include "store/chunk_impl.h"
#include "store/field_order.h"
#include "store/name_table.h"

#include <stdlib.h>

enum {
    NUMBER_SIZE_MAX = 5, /* a varint below 2^35: spans that are refused, once written, are below 2^34 */
    FIELD_SIZE_MAX = 2 * NUMBER_SIZE_MAX,
    LIST_CAPACITY_MIN = 64,
    KIND_SLOTS_MIN = 128,
    VALUE_SHORT = 16, /* up to this two loads are a hash */
    OUT_KEPT_MAX = 1 << 20,
};
#define SLOT_NONE UINT32_MAX
#define MIX       UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio: Knuth, TAOCP 3, 6.4 */

static_assert(offsetof(struct event_field, field) == 0 && sizeof(field_id) == 4 &&
                  offsetof(struct event_field, type) == 4 &&
                  offsetof(struct event_field, unit) == 5,
              "kind_of() reads the three as one number");

/* What fields of one binding have in common, as a number: above the two bytes that are no part of a
 * field, whether it is computed. */
static inline uint64_t kind_of_span(const struct event_field *field)
{
    return get_le64(field) << 16;
}

static inline uint64_t kind_of(const struct event_field *field)
{
    return kind_of_span(field) | (field->text.data != NULL);
}

static inline field_id kind_field(uint64_t kind)
{
    return (field_id)(kind >> 16);
}

static inline uint8_t kind_type(uint64_t kind)
{
    return (uint8_t)(kind >> 48);
}

static inline uint8_t kind_unit(uint64_t kind)
{
    return (uint8_t)(kind >> 56);
}

static inline bool kind_computed(uint64_t kind)
{
    return kind & 1;
}

/* The field that comes at `i`. */
static inline const struct event_field *field_at(const struct event *event, const uint8_t *places,
                                                 uint32_t i)
{
    return &event->fields[places == NULL ? i : places[i]];
}

void field_encoder_init(struct field_encoder *encoder)
{
    memset(encoder, 0, sizeof(*encoder));
    encoder->out = buf_empty_spare(CHUNK_SIZE_MAX);
}

void field_encoder_reset(struct field_encoder *encoder)
{
    if (encoder->out.capacity > OUT_KEPT_MAX)
        buf_release(&encoder->out);
    buf_reset(&encoder->out);
    encoder->kinds.count = encoder->starts.count = encoder->places.count = 0;
    encoder->numbers.count = encoder->values.count = 0;
    encoder->values_size = 0;
    memset(encoder->guesses, 0, sizeof(encoder->guesses));
    memset(encoder->shape_slots, 0, sizeof(encoder->shape_slots));
    memset(encoder->value_slots, 0, sizeof(encoder->value_slots));
    if (encoder->kind_slot_count > 0)
        memset(encoder->kind_slots, 0, encoder->kind_slot_count * sizeof(*encoder->kind_slots));
}

void field_encoder_cut(struct field_encoder *encoder, uint32_t fields_at)
{
    assert(fields_at <= encoder->out.len);
    encoder->out.len = fields_at;
}

void field_encoder_release(struct field_encoder *encoder)
{
    buf_release(&encoder->out);
    free(encoder->kinds.items);
    free(encoder->kind_slots);
    free(encoder->starts.items);
    free(encoder->places.items);
    free(encoder->numbers.items);
    free(encoder->values.items);
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a batch");
}

/* Room for `more` items of `size` bytes; a place even for none, or the first shape of no fields would be
 * counted from NULL, which is undefined. */
static bool list_room(struct field_list *list, size_t size, uint32_t more)
{
    uint32_t capacity = list->capacity == 0 ? LIST_CAPACITY_MIN : list->capacity;
    void *grown;

    if (list->items != NULL && list->capacity - list->count >= more)
        return true;
    while (capacity - list->count < more) {
        if (capacity > UINT32_MAX / 2)
            return false;
        capacity *= 2;
    }
    grown = realloc(list->items, capacity * size);
    if (grown == NULL)
        return false;
    list->items = grown;
    list->capacity = capacity;
    return true;
}

/* ---- bindings and shapes ---- */

/* The slot that holds the binding of `kind`, or the empty one where it belongs. */
static uint32_t *kind_slot(const struct field_encoder *encoder, uint64_t kind)
{
    const uint64_t *kinds = encoder->kinds.items;
    uint32_t mask = encoder->kind_slot_count - 1, at = (uint32_t)(kind * MIX >> 32) & mask;

    while (encoder->kind_slots[at] != 0 && kinds[encoder->kind_slots[at] - 1] != kind)
        at = (at + 1) & mask;
    return &encoder->kind_slots[at];
}

static bool kind_room(struct field_encoder *encoder)
{
    const uint64_t *kinds = encoder->kinds.items;
    uint32_t count = encoder->kind_slot_count == 0 ? KIND_SLOTS_MIN : encoder->kind_slot_count * 2;
    uint32_t *slots;

    if (!list_room(&encoder->kinds, sizeof(*kinds), 1))
        return false;
    if (encoder->kinds.count < encoder->kind_slot_count / 2)
        return true;
    slots = calloc(count, sizeof(*slots));
    if (slots == NULL)
        return false;
    free(encoder->kind_slots);
    encoder->kind_slots = slots;
    encoder->kind_slot_count = count;
    kinds = encoder->kinds.items;
    for (uint32_t i = 0; i < encoder->kinds.count; i++)
        *kind_slot(encoder, kinds[i]) = i + 1;
    return true;
}

static enum status find_binding(struct field_encoder *encoder, uint64_t kind, uint16_t *out,
                                struct error *err)
{
    uint32_t *slot;

    if (!kind_room(encoder))
        return no_memory(err);
    slot = kind_slot(encoder, kind);
    if (*slot == 0) {
        if (kind_type(kind) > FIELD_LEVEL || kind_unit(kind) > UNIT_KIBIBYTES)
            return error_set(err, STATUS_INVALID, "a field has an unknown type or unit");
        if (encoder->kinds.count >= CHUNK_TABLE_COUNT_MAX)
            return error_set(err, STATUS_TOO_LARGE, "a batch with too many fields");
        ((uint64_t *)encoder->kinds.items)[encoder->kinds.count++] = kind;
        *slot = encoder->kinds.count;
    }
    *out = (uint16_t)(*slot - 1);
    return STATUS_OK;
}

static enum status add_shape(struct field_encoder *encoder, const struct event *event,
                             const uint8_t *field_places, struct error *err)
{
    uint32_t first = encoder->places.count;
    enum status status = STATUS_OK;

    if (!list_room(&encoder->starts, sizeof(uint32_t), 1) ||
        !list_room(&encoder->places, sizeof(uint64_t), event->field_count) ||
        !list_room(&encoder->numbers, sizeof(uint16_t), event->field_count))
        return no_memory(err);
    for (uint32_t i = 0; i < event->field_count && status == STATUS_OK; i++) {
        uint64_t kind = kind_of(field_at(event, field_places, i));

        ((uint64_t *)encoder->places.items)[first + i] = kind;
        status = find_binding(encoder, kind, &((uint16_t *)encoder->numbers.items)[first + i], err);
    }
    if (status != STATUS_OK)
        return status;
    encoder->places.count = encoder->numbers.count = first + event->field_count;
    ((uint32_t *)encoder->starts.items)[encoder->starts.count++] = first;
    return STATUS_OK;
}

static inline const uint64_t *shape_kinds(const struct field_encoder *encoder, uint32_t shape)
{
    const uint32_t *starts = encoder->starts.items;

    return (const uint64_t *)encoder->places.items + starts[shape];
}

static inline bool is_shape_of(const struct field_encoder *encoder, uint32_t shape,
                               const struct event *event, const uint8_t *field_places)
{
    const uint32_t *starts = encoder->starts.items;
    uint32_t first = starts[shape];
    uint32_t end = shape + 1 < encoder->starts.count ? starts[shape + 1] : encoder->places.count;
    const uint64_t *places = encoder->places.items;

    if (end - first != event->field_count)
        return false;
    for (uint32_t i = 0; i < event->field_count; i++)
        if (places[first + i] != kind_of(field_at(event, field_places, i)))
            return false;
    return true;
}

static uint32_t shape_slot(const struct event *event, const uint8_t *places)
{
    uint64_t hash = event->field_count;

    for (uint32_t i = 0; i < event->field_count; i++) {
        uint64_t kind = kind_of(field_at(event, places, i));

        hash = (hash ^ (kind >> 16 | kind << 48)) * MIX; /* bits that differ are worth most below */
    }
    return (uint32_t)(hash >> (64 - FIELD_SHAPE_SLOTS_LOG));
}

static enum status find_shape(struct field_encoder *encoder, const struct event *event,
                              const uint8_t *places, uint32_t *out, struct error *err)
{
    uint32_t *slot = &encoder->shape_slots[shape_slot(event, places)];

    if (*slot == 0 || !is_shape_of(encoder, *slot - 1, event, places)) {
        enum status status = add_shape(encoder, event, places, err);

        if (status != STATUS_OK)
            return status;
        *slot = encoder->starts.count;
    }
    *out = *slot - 1;
    return STATUS_OK;
}

/* ---- guesses ---- */

/* Events of one format with as many fields, of which some are the same, mostly have the same ones. */
static inline struct field_guess *guess_of(struct field_encoder *encoder, const struct event *event)
{
    const struct event_field *fields = event->fields;
    uint32_t count = event->field_count, kind = event->format * 8U + count;

    if (count > 0)
        kind += fields[0].field + 5 * fields[count / 2].field + 11 * fields[count / 4].field;
    return &encoder->guesses[kind % FIELD_GUESSES];
}

/* ---- values ---- */

static inline uint64_t value_hash(struct slice text)
{
    uint64_t low = 0, high = 0;

    if (text.len > VALUE_SHORT)
        return hash64(text.data, text.len);
    if (text.len >= 8) {
        low = get_le64(text.data);
        high = get_le64(text.data + text.len - 8);
    } else if (text.len >= 4) {
        low = get_le32(text.data);
        high = get_le32(text.data + text.len - 4);
    } else if (text.len > 0) {
        low = (unsigned char)text.data[0];
        high = (uint64_t)(unsigned char)text.data[text.len / 2] << 8 |
               (unsigned char)text.data[text.len - 1];
    }
    return ((low * MIX) ^ high ^ text.len << 56) * MIX;
}

/* Its number; SLOT_NONE without memory, or when there is too much. */
static inline uint32_t find_value(struct field_encoder *encoder, struct slice text)
{
    uint32_t *slot = &encoder->value_slots[value_hash(text) >> (64 - FIELD_VALUE_SLOTS_LOG)];

    if (*slot != 0) {
        struct slice known = ((const struct slice *)encoder->values.items)[*slot - 1];

        if (known.len == text.len &&
            (known.data == text.data || memcmp(known.data, text.data, text.len) == 0))
            return *slot - 1;
    }
    if (!list_room(&encoder->values, sizeof(struct slice), 1) ||
        encoder->values_size + text.len > CHUNK_SIZE_MAX)
        return SLOT_NONE;
    ((struct slice *)encoder->values.items)[encoder->values.count++] = text;
    encoder->values_size += text.len;
    return (*slot = encoder->values.count) - 1;
}

/* ---- rows ---- */

/* As put_varint(), for the numbers of a field: nearly all take a byte or two. */
static inline char *put_small(char *at, uint64_t value)
{
    if (value < 0x80) {
        *at = (char)value;
        return at + 1;
    }
    if (value < 0x4000) {
        put_le16(at, (uint16_t)(value >> 7 << 8 | 0x80 | (value & 0x7f)));
        return at + 2;
    }
    return at + put_varint(at, value);
}

static inline char *put_span(char *at, uint64_t from, uint64_t len)
{
    if ((from | len) < 0x80) {
        put_le16(at, (uint16_t)(from | len << 8));
        return at + 2;
    }
    return put_small(put_small(at, from), len);
}

/* NULL: there is no number for it. Apart from the loop of spans, which needs the registers. */
static __attribute__((noinline)) char *put_value(struct field_encoder *encoder, char *at,
                                                 struct slice text)
{
    uint32_t value = find_value(encoder, text);

    return value == SLOT_NONE ? NULL : put_small(at, value);
}

static inline size_t row_size_max(const struct event *event)
{
    return NUMBER_SIZE_MAX + event->field_count * (size_t)FIELD_SIZE_MAX;
}

static bool row_room(struct buf *out, const struct event *event)
{
    return out->capacity - out->len >= row_size_max(event) || buf_reserve(out, row_size_max(event));
}

/* The event as a row of `shape`, its fields in the order of `places`. AGAIN: it has other fields, or
 * this is not their order; both are asked while the fields are written, and most rows are as guessed. */
__attribute__((always_inline)) static inline enum status
put_row(struct field_encoder *encoder, const struct event *event, uint32_t shape,
        const uint8_t *places, struct error *err)
{
    const struct event_field *fields = event->fields;
    const uint64_t *kinds = shape_kinds(encoder, shape);
    struct buf *out = &encoder->out;
    uint64_t last = 0, end = 0; /* where the span before it ends, and any of them */
    uint64_t before = 0, different = 0;
    char *at;

    if (!row_room(out, event)) {
        enum status status = buf_check(out, "a batch", err);

        out->failed = false;
        return status;
    }
    at = put_small(out->data + out->len, shape);
    for (uint32_t i = 0, count = event->field_count; i < count; i++) {
        const struct event_field *field = &fields[places == NULL ? i : places[i]];
        uint64_t start = field->start, len = field->len, other;

        if (places != NULL) {
            uint64_t key = start << 32 | places[i];

            if (key < before)
                return STATUS_AGAIN;
            before = key;
        }
        other = kind_of_span(field) ^ kinds[i];
        if (field->text.data != NULL) {
            different |= other ^ 1;
            at = put_value(encoder, at, field->text);
            if (at == NULL)
                return error_set(err, STATUS_TOO_LARGE, "a batch with too many computed texts");
            continue;
        }
        different |= other;
        at = put_span(at, zigzag((int64_t)(start - last)), len);
        last = start + len;
        end = last > end ? last : end;
    }
    if (different != 0)
        return STATUS_AGAIN;
    if (end > event->bytes.len)
        return error_set(err, STATUS_INVALID, "a span ends behind its event");
    out->len = (size_t)(at - out->data);
    return STATUS_OK;
}

enum status field_encoder_add(struct field_encoder *encoder, const struct event *event,
                              struct error *err)
{
    uint32_t shape;
    enum status status;

    if (event->field_count > EVENT_FIELDS_MAX)
        return error_set(err, STATUS_INVALID, "an event has %u fields", event->field_count);
    status = find_shape(encoder, event, NULL, &shape, err);
    return status == STATUS_OK ? put_row(encoder, event, shape, NULL, err) : status;
}

/* The order goes to `places`. */
static enum status add_anew(struct field_encoder *encoder, const struct event *event,
                            uint8_t *places, uint32_t *shape, struct error *err)
{
    enum status status;

    field_order_find(event->fields, event->field_count, places);
    status = find_shape(encoder, event, places, shape, err);
    return status == STATUS_OK ? put_row(encoder, event, *shape, places, err) : status;
}

/* These two are not part of their caller, which hardly ever comes here. */
static __attribute__((noinline)) enum status guess_anew(struct field_encoder *encoder,
                                                        const struct event *event,
                                                        struct field_guess *guess,
                                                        struct error *err)
{
    uint32_t shape;
    enum status status;

    guess->shape = 0;
    status = add_anew(encoder, event, guess->places, &shape, err);
    if (status != STATUS_OK)
        return status;
    guess->shape = shape + 1;
    guess->count = (uint8_t)event->field_count;
    return STATUS_OK;
}

static __attribute__((noinline)) enum status add_many(struct field_encoder *encoder,
                                                      const struct event *event, struct error *err)
{
    uint8_t places[FOUND_FIELDS_MAX];
    uint32_t shape;

    return add_anew(encoder, event, places, &shape, err);
}

enum status field_encoder_add_found(struct field_encoder *encoder, const struct event *event,
                                    struct error *err)
{
    struct field_guess *guess = guess_of(encoder, event);
    enum status status = STATUS_AGAIN;

    if (event->field_count > FIELD_GUESS_COUNT_MAX)
        return add_many(encoder, event, err);
    if (guess->shape != 0 && guess->count == event->field_count)
        status = put_row(encoder, event, guess->shape - 1, guess->places, err);
    return status == STATUS_AGAIN ? guess_anew(encoder, event, guess, err) : status;
}

/* ---- sections ---- */

void field_encoder_put_values(const struct field_encoder *encoder, char *at)
{
    const struct slice *values = encoder->values.items;

    for (uint32_t i = 0; i < encoder->values.count; i++) {
        memcpy(at, values[i].data, values[i].len);
        at += values[i].len;
    }
}

size_t field_encoder_shapes_size(const struct field_encoder *encoder)
{
    return ((size_t)encoder->starts.count + 1) * CHUNK_SHAPE_SIZE +
           (size_t)encoder->places.count * CHUNK_PLACE_SIZE;
}

void field_encoder_put_shapes(const struct field_encoder *encoder, char *at)
{
    const uint32_t *starts = encoder->starts.items;
    const uint16_t *numbers = encoder->numbers.items;

    for (uint32_t i = 0; i < encoder->starts.count; i++, at += CHUNK_SHAPE_SIZE)
        put_le32(at, starts[i]);
    put_le32(at, encoder->places.count);
    at += CHUNK_SHAPE_SIZE;
    for (uint32_t i = 0; i < encoder->places.count; i++, at += CHUNK_PLACE_SIZE)
        put_le16(at, numbers[i]);
}

static struct slice kind_name(const struct field_encoder *encoder, struct name_table *names,
                              uint32_t binding)
{
    const uint64_t *kinds = encoder->kinds.items;

    return name_table_name(names, kind_field(kinds[binding]));
}

bool field_encoder_is_named(const struct field_encoder *encoder, struct name_table *names)
{
    for (uint32_t i = 0; i < encoder->kinds.count; i++)
        if (kind_name(encoder, names, i).len == 0)
            return false;
    return true;
}

size_t field_encoder_bindings_size(const struct field_encoder *encoder, struct name_table *names)
{
    char number[VARINT_SIZE_MAX];
    size_t size = 0;

    for (uint32_t i = 0; i < encoder->kinds.count; i++) {
        size_t len = kind_name(encoder, names, i).len;

        size += put_varint(number, len) + len + 1;
    }
    return size;
}

void field_encoder_put_bindings(const struct field_encoder *encoder, struct name_table *names,
                                char *at)
{
    const uint64_t *kinds = encoder->kinds.items;

    for (uint32_t i = 0; i < encoder->kinds.count; i++) {
        struct slice name = kind_name(encoder, names, i);

        at += put_varint(at, name.len);
        memcpy(at, name.data, name.len);
        at += name.len;
        *at++ =
            (char)(kind_type(kinds[i]) << 4 | kind_unit(kinds[i]) << 1 | kind_computed(kinds[i]));
    }
}
