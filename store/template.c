/* store/template.c -- a hash table of templates.
 *
 * The hash looks at the length, the first and the last eight bytes of each gap and at the kinds;
 * templates that differ only elsewhere meet in one chain, and the comparison of all bytes decides.
 * That keeps the cost of a hit at about two loads and a compare per slot. */
#include "store/template.h"

#include <stdlib.h>

enum { ARENA_SIZE_MAX = 256 << 20, PLACES_FIRST = 1024 };

#define MIX_A 0x9e3779b97f4a7c15u /* 2^64 / golden ratio */
#define MIX_B 0xd6e8feb86659fd93u /* an odd number with half of its bits set */

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)(a ^ MIX_A) * (b ^ MIX_B);

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* First and last eight bytes of a short text as two numbers; they overlap, or are 0 padded. */
static inline void ends_of(const char *data, size_t len, uint64_t *first, uint64_t *last)
{
    *first = *last = 0;
    if (len >= 8) {
        memcpy(first, data, 8);
        memcpy(last, data + len - 8, 8);
    } else if (len >= 4) {
        uint32_t low, high;

        memcpy(&low, data, 4);
        memcpy(&high, data + len - 4, 4);
        *first = low;
        *last = high;
    } else if (len > 0) {
        *first = (unsigned char)data[0] | (uint64_t)(unsigned char)data[len / 2] << 8 |
                 (uint64_t)(unsigned char)data[len - 1] << 16;
    }
}

static inline bool same_bytes(const char *a, const char *b, size_t len)
{
    uint64_t a_first, a_last, b_first, b_last;

    if (len > 16)
        return memcmp(a, b, len) == 0;
    ends_of(a, len, &a_first, &a_last);
    ends_of(b, len, &b_first, &b_last);
    return a_first == b_first && a_last == b_last;
}

static uint64_t shape_hash(const struct line_shape *shape, struct slice bytes, uint32_t format)
{
    uint64_t hash = mix(format, ((uint64_t)shape->slot_count << 32) | shape->field_count);
    uint32_t at = 0;

    for (uint32_t gap = 0; gap <= shape->slot_count; gap++) {
        const struct shape_slot *slot = &shape->slots[gap];
        uint32_t end = gap == shape->slot_count ? (uint32_t)bytes.len : slot->start;
        uint32_t len = end - at;
        uint64_t first, last, kind = 0;

        ends_of(bytes.data + at, len, &first, &last);
        if (gap < shape->slot_count) {
            kind = (uint64_t)slot->kind.type << 8 | slot->kind.param;
            at = slot->start + slot->len;
        }
        hash = mix(hash ^ first, last ^ (kind << 32 | len) ^ hash >> 29);
    }
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct shape_field *field = &shape->fields[i];

        hash = mix(hash ^ ((uint64_t)field->field << 32 | field->begin_offset),
                   (uint64_t)field->begin_gap << 48 | (uint64_t)field->end_gap << 32 |
                       field->end_offset);
    }
    return hash;
}

static bool shape_equal(const struct template *template, const struct line_shape *shape,
                        struct slice bytes)
{
    uint32_t at = 0, literal = 0;

    for (uint32_t gap = 0; gap <= shape->slot_count; gap++) {
        const struct shape_slot *slot = &shape->slots[gap];
        uint32_t end = gap == shape->slot_count ? (uint32_t)bytes.len : slot->start;

        if (template->gap_ends[gap] - literal != end - at ||
            !same_bytes(template->literals + literal, bytes.data + at, end - at))
            return false;
        literal = template->gap_ends[gap];
        if (gap == shape->slot_count)
            break;
        if (!slot_kind_equal(template->kinds[gap], slot->kind))
            return false;
        at = slot->start + slot->len;
    }
    return shape->field_count == 0 || memcmp(template->fields, shape->fields,
                                             shape->field_count * sizeof(shape->fields[0])) == 0;
}

void template_table_init(struct template_table *table)
{
    *table = (struct template_table){.arena = arena_empty(ARENA_SIZE_MAX)};
}

void template_table_release(struct template_table *table)
{
    free(table->templates);
    free(table->places);
    arena_release(&table->arena);
    template_table_init(table);
}

/* Twice the places, at most half of them used. */
static bool grow(struct template_table *table)
{
    uint32_t place_count = table->place_count == 0 ? PLACES_FIRST : table->place_count * 2;
    uint32_t *places = malloc(place_count * sizeof(*places));
    struct template **templates =
        realloc(table->templates, place_count / 2 * sizeof(struct template *));

    if (templates != NULL)
        table->templates = templates;
    if (places == NULL || templates == NULL) {
        free(places);
        return false;
    }
    memset(places, 0xff, place_count * sizeof(*places));
    for (uint32_t i = 0; i < table->count; i++) {
        uint32_t place = (uint32_t)table->templates[i]->hash & (place_count - 1);

        while (places[place] != TEMPLATE_NONE)
            place = (place + 1) & (place_count - 1);
        places[place] = i;
    }
    free(table->places);
    table->places = places;
    table->place_count = place_count;
    table->capacity = place_count / 2;
    return true;
}

static struct template *make_template(struct arena *arena, const struct line_shape *shape,
                                      struct slice bytes, uint32_t format, uint64_t hash)
{
    struct template *template = arena_new(arena, struct template, 1);
    uint32_t *gap_ends = arena_new(arena, uint32_t, shape->slot_count + 1);
    struct slot_kind *kinds = arena_new(arena, struct slot_kind, shape->slot_count + 1);
    struct shape_field *fields = arena_new(arena, struct shape_field, shape->field_count + 1);
    char *literals = arena_new(arena, char, bytes.len + 1);
    uint32_t len = 0;

    if (template == NULL || gap_ends == NULL || kinds == NULL || fields == NULL ||
        literals == NULL)
        return NULL;
    for (uint32_t gap = 0; gap <= shape->slot_count; gap++) {
        uint32_t start = shape_gap_start(shape, gap);
        uint32_t end = shape_gap_end(shape, gap, (uint32_t)bytes.len);

        if (end > start)
            memcpy(literals + len, bytes.data + start, end - start);
        len += end - start;
        gap_ends[gap] = len;
        if (gap < shape->slot_count)
            kinds[gap] = shape->slots[gap].kind;
    }
    memcpy(fields, shape->fields, shape->field_count * sizeof(*fields));
    *template = (struct template){.hash = hash,
                                  .literals = literals,
                                  .gap_ends = gap_ends,
                                  .kinds = kinds,
                                  .fields = fields,
                                  .format = format,
                                  .slot_count = (uint16_t)shape->slot_count,
                                  .field_count = (uint16_t)shape->field_count};
    for (uint32_t i = 0; i < shape->field_count; i++)
        template->computed_count += fields[i].computed;
    return template;
}

static bool is_template(const struct template *template, const struct line_shape *shape,
                        struct slice bytes, uint32_t format)
{
    return template->slot_count == shape->slot_count &&
           template->field_count == shape->field_count && template->format == format &&
           shape_equal(template, shape, bytes);
}

uint32_t template_table_get(struct template_table *table, const struct line_shape *shape,
                            struct slice bytes, uint32_t format)
{
    uint64_t hash;
    uint32_t place;

    if (table->count >= table->capacity && !grow(table))
        return TEMPLATE_NONE;
    hash = shape_hash(shape, bytes, format);
    for (place = (uint32_t)hash & (table->place_count - 1); table->places[place] != TEMPLATE_NONE;
         place = (place + 1) & (table->place_count - 1)) {
        struct template *template = table->templates[table->places[place]];

        if (template->hash == hash && is_template(template, shape, bytes, format)) {
            template->row_count++;
            return table->places[place];
        }
    }
    if (table->count == TEMPLATE_COUNT_MAX)
        return TEMPLATE_NONE;
    table->templates[table->count] =
        make_template(&table->arena, shape, bytes, format, hash);
    if (table->templates[table->count] == NULL)
        return TEMPLATE_NONE;
    table->templates[table->count]->row_count = 1;
    table->places[place] = table->count;
    return table->count++;
}

bool template_table_renumber(struct template_table *table, const uint32_t *numbers)
{
    struct template **moved = malloc(((size_t)table->capacity + 1) * sizeof(*moved));

    if (moved == NULL)
        return false;
    for (uint32_t i = 0; i < table->count; i++) {
        assert(numbers[i] < table->count);
        moved[numbers[i]] = table->templates[i];
    }
    for (uint32_t i = 0; i < table->place_count; i++)
        if (table->places[i] != TEMPLATE_NONE)
            table->places[i] = numbers[table->places[i]];
    free(table->templates);
    table->templates = moved;
    return true;
}
