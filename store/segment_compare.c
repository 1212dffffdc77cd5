/* store/segment_compare.c -- lines are compared where they are, column by column.
 *
 * Writing each line from its template and values, to compare it as a whole, costs several times
 * more than walking along the original bytes: for a few hundred rows at a time, whose bytes stay in
 * the nearest cache, one column after the other moves all rows past a literal and a value, or finds
 * the difference. What kind of value it is, is then decided once per column. */
#include "store/segment_compare.h"

#include "store/kernels/kernels.h"
#include "store/slot_match.h"

enum {
    TILE_ROWS = 256,
    LINE_BYTES = 64, /* of the processor's cache */
    PREFETCH_SIZE_MAX = 512,
};

/* Rows whose lines are compared together: where each has got to. */
struct tile {
    const char *at[TILE_ROWS], *end[TILE_ROWS];
    const struct segment_template *templates[TILE_ROWS];
    uint32_t count;
    uint32_t first;      /* row of the section */
    bool one_template;
    bool differs;        /* a row; its place does not matter any more */
};

/* Where a line goes on; it stays where it is when it differs, so that it never leaves its bytes.
 * `differs` is a variable of the loop: the tile's own would be written for every row. */
static inline const char *step(const char *at, const char *next, bool *differs)
{
    *differs |= next == NULL;
    return next == NULL ? at : next;
}

/* The lines of a family lie anywhere: ask for all of a tile before the first is needed. */
static void prefetch_line(const char *bytes, uint32_t size)
{
    for (uint32_t at = 0; at < size && at < PREFETCH_SIZE_MAX; at += LINE_BYTES)
        __builtin_prefetch(bytes + at);
}

static void open_tile(struct tile *tile, const struct segment_block *block, uint32_t section,
                      const struct row_facts *facts, const uint32_t *rows)
{
    const uint32_t *codes =
        block->templates + block->entry->sections[section].first_row + tile->first;

    tile->one_template = true;
    for (uint32_t i = 0; i < tile->count; i++) {
        const struct row_facts *row = &facts[rows[tile->first + i]];

        tile->at[i] = row->bytes;
        tile->end[i] = row->bytes + row->size;
        prefetch_line(row->bytes, row->size);
        tile->templates[i] = &block->segment->templates[codes[i]];
        tile->one_template = tile->one_template && codes[i] == codes[0];
    }
}

static inline struct slice gap_of(const struct segment_template *template, uint32_t gap)
{
    uint32_t start = gap == 0 ? 0 : template->gap_ends[gap - 1];

    return (struct slice){template->literals + start, template->gap_ends[gap] - start};
}

/* A literal of up to eight bytes, most often a space or a quote, that all rows have. */
static void pass_word(struct tile *tile, struct slice literal)
{
    unsigned shift = 64 - 8 * (unsigned)literal.len;
    uint64_t word = 0, difference = 0;
    bool differs = false;

    memcpy(&word, literal.data, literal.len);
    for (uint32_t i = 0; i < tile->count; i++) {
        const char *at = tile->at[i];
        uint64_t got;

        if (tile->end[i] - at < (ptrdiff_t)sizeof(got)) {
            tile->at[i] = step(at, match_bytes(at, tile->end[i], literal.data, literal.len), &differs);
            continue;
        }
        memcpy(&got, at, sizeof(got));
        difference |= (got ^ word) << shift;
        tile->at[i] = at + literal.len;
    }
    tile->differs |= differs || difference != 0;
}

static void pass_gap(struct tile *tile, uint32_t gap)
{
    struct slice literal = gap_of(tile->templates[0], gap);
    bool differs = false;

    if (tile->one_template && literal.len <= sizeof(uint64_t)) {
        if (literal.len > 0)
            pass_word(tile, literal);
        return;
    }
    for (uint32_t i = 0; i < tile->count; i++) {
        if (!tile->one_template)
            literal = gap_of(tile->templates[i], gap);
        tile->at[i] = step(tile->at[i],
                           match_bytes(tile->at[i], tile->end[i], literal.data, literal.len),
                           &differs);
    }
    tile->differs |= differs;
}

static void pass_codes(struct tile *tile, const struct segment_values *values)
{
    const uint32_t *codes = values->codes + tile->first;
    bool differs = false;

    for (uint32_t i = 0; i < tile->count; i++) {
        struct slice text = values->dict[codes[i]];

        tile->at[i] = step(tile->at[i],
                           match_bytes(tile->at[i], tile->end[i], text.data, text.len), &differs);
    }
    tile->differs |= differs;
}

static void pass_texts(struct tile *tile, const struct segment_values *values)
{
    const struct slice *texts = values->texts + tile->first;
    bool differs = false;

    for (uint32_t i = 0; i < tile->count; i++)
        tile->at[i] = step(tile->at[i],
                           match_bytes(tile->at[i], tile->end[i], texts[i].data, texts[i].len),
                           &differs);
    tile->differs |= differs;
}

/* The digits of a tile are made at once. */
static void pass_ids(struct tile *tile, struct slot_kind kind, const struct segment_values *values)
{
    unsigned size = slot_id_size(kind);
    char digits[TILE_ROWS * 2 * HEX_BYTES_MAX];
    bool differs = size == 0 || size > HEX_BYTES_MAX; /* not a kind of id */

    if (!differs)
        kernels()->hex(values->ids + (size_t)tile->first * size, (size_t)tile->count * size,
                       (kind.param & SLOT_UPPER) != 0, digits);
    for (uint32_t i = 0; i < tile->count && !differs; i++)
        tile->at[i] = step(tile->at[i],
                           match_id_digits(tile->at[i], tile->end[i], kind,
                                           digits + (size_t)2 * size * i),
                           &differs);
    tile->differs |= differs;
}

static void pass_decimals(struct tile *tile, unsigned padded, const struct segment_values *values)
{
    const int64_t *mantissas = values->numbers + tile->first;
    const int64_t *scales = values->scales + tile->first;
    bool differs = false;

    for (uint32_t i = 0; i < tile->count; i++) {
        uint64_t value = decimal_make((uint64_t)mantissas[i], (unsigned)scales[i] & 31);

        tile->at[i] =
            step(tile->at[i], match_decimal(tile->at[i], tile->end[i], value, padded), &differs);
    }
    tile->differs |= differs;
}

static void pass_ints(struct tile *tile, const int64_t *values)
{
    bool differs = false;

    for (uint32_t i = 0; i < tile->count; i++)
        tile->at[i] = step(tile->at[i], match_int(tile->at[i], tile->end[i], values[i]), &differs);
    tile->differs |= differs;
}

static void pass_padded(struct tile *tile, unsigned digits, const int64_t *values)
{
    bool differs = false;

    for (uint32_t i = 0; i < tile->count; i++)
        tile->at[i] =
            step(tile->at[i], match_padded(tile->at[i], tile->end[i], (uint64_t)values[i], digits),
                 &differs);
    tile->differs |= differs;
}

static void pass_addresses(struct tile *tile, const int64_t *values)
{
    bool differs = false;

    for (uint32_t i = 0; i < tile->count; i++)
        tile->at[i] = step(tile->at[i],
                           match_ipv4(tile->at[i], tile->end[i], (uint32_t)values[i]), &differs);
    tile->differs |= differs;
}

/* Rows are in time order: the cache knows the second most often. */
static void pass_stamps(struct tile *tile, uint8_t layout, const int64_t *values,
                        struct stamp_cache *cache)
{
    bool differs = false;

    for (uint32_t i = 0; i < tile->count; i++)
        tile->at[i] = step(tile->at[i],
                           stamp_match(cache, layout, values[i], tile->at[i], tile->end[i]),
                           &differs);
    tile->differs |= differs;
}

static void pass_numbers(struct tile *tile, struct slot_kind kind, const int64_t *numbers,
                         struct stamp_cache *cache)
{
    switch (kind.type) {
    case SLOT_INT:
        pass_ints(tile, numbers);
        break;
    case SLOT_PADDED:
        pass_padded(tile, kind.param, numbers);
        break;
    case SLOT_IPV4:
        pass_addresses(tile, numbers);
        break;
    case SLOT_STAMP:
        pass_stamps(tile, kind.param, numbers, cache);
        break;
    default:
        tile->differs = true; /* no other type is kept as a number */
        break;
    }
}

static void pass_column(struct tile *tile, const struct segment_column *column,
                        const struct segment_values *values, struct stamp_cache *cache)
{
    switch (column->class) {
    case CLASS_CODES:
        pass_codes(tile, values);
        break;
    case CLASS_TEXTS:
        pass_texts(tile, values);
        break;
    case CLASS_IDS:
        pass_ids(tile, column->kind, values);
        break;
    case CLASS_DECIMALS:
        pass_decimals(tile, column->kind.param, values);
        break;
    default:
        pass_numbers(tile, column->kind, values->numbers + tile->first, cache);
        break;
    }
}

static bool tile_ends(const struct tile *tile)
{
    bool differs = tile->differs;

    for (uint32_t i = 0; i < tile->count; i++)
        differs |= tile->at[i] != tile->end[i];
    return !differs;
}

bool segment_lines_equal(struct segment_block *block, uint32_t section,
                         const struct row_facts *facts, const uint32_t *rows)
{
    const struct segment_family *family = segment_family_of(block, section);
    const struct segment_values *values = block->values[section];
    uint32_t count = block->entry->sections[section].row_count;
    struct tile tile;

    for (uint32_t first = 0; first < count; first += TILE_ROWS) {
        tile.count = count - first < TILE_ROWS ? count - first : TILE_ROWS;
        tile.first = first;
        tile.differs = false;
        open_tile(&tile, block, section, facts, rows);
        for (uint32_t slot = 0; slot < family->slot_count && !tile.differs; slot++) {
            pass_gap(&tile, slot);
            pass_column(&tile, &family->columns[slot], &values[slot], &block->stamps);
        }
        pass_gap(&tile, family->slot_count);
        if (!tile_ends(&tile))
            return false;
    }
    return true;
}
