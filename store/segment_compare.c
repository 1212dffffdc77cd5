/* store/segment_compare.c -- lines are compared where they are, column by column.
 *
 * Writing each line from its template and values, to compare it as a whole, costs several times
 * more than walking along the original bytes: for a few hundred rows at a time, whose bytes stay in
 * the nearest cache, one column after the other moves all rows past a literal and a value, or finds
 * the difference. What kind of value it is, is then decided once per column. */
#include "store/segment_compare.h"

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

static inline void advance(struct tile *tile, uint32_t i, const char *next)
{
    tile->differs |= next == NULL;
    tile->at[i] = next == NULL ? tile->at[i] : next;
}

/* The lines of a family lie anywhere: ask for all of a tile before the first is needed. */
static void prefetch_line(const char *bytes, uint32_t size)
{
    for (uint32_t at = 0; at < size && at < PREFETCH_SIZE_MAX; at += LINE_BYTES)
        __builtin_prefetch(bytes + at);
}

static void open_tile(struct tile *tile, const struct segment_block *block, uint32_t section,
                      const struct line_list *lines, const uint32_t *rows)
{
    const uint32_t *codes =
        block->templates + block->entry->sections[section].first_row + tile->first;

    tile->one_template = true;
    for (uint32_t i = 0; i < tile->count; i++) {
        uint32_t row = rows[tile->first + i];

        tile->at[i] = lines->bytes[row];
        tile->end[i] = tile->at[i] + lines->sizes[row];
        prefetch_line(tile->at[i], lines->sizes[row]);
        tile->templates[i] = &block->segment->templates[codes[i]];
        tile->one_template = tile->one_template && codes[i] == codes[0];
    }
}

static inline struct slice gap_of(const struct segment_template *template, uint32_t gap)
{
    uint32_t start = gap == 0 ? 0 : template->gap_ends[gap - 1];

    return (struct slice){template->literals + start, template->gap_ends[gap] - start};
}

static void pass_gap(struct tile *tile, uint32_t gap)
{
    struct slice literal = gap_of(tile->templates[0], gap);

    if (tile->one_template && literal.len == 0)
        return;
    for (uint32_t i = 0; i < tile->count; i++) {
        if (!tile->one_template)
            literal = gap_of(tile->templates[i], gap);
        advance(tile, i, match_bytes(tile->at[i], tile->end[i], literal.data, literal.len));
    }
}

static void pass_codes(struct tile *tile, const struct segment_values *values)
{
    const uint32_t *codes = values->codes + tile->first;

    for (uint32_t i = 0; i < tile->count; i++) {
        struct slice text = values->dict[codes[i]];

        advance(tile, i, match_bytes(tile->at[i], tile->end[i], text.data, text.len));
    }
}

static void pass_texts(struct tile *tile, const struct segment_values *values)
{
    const struct slice *texts = values->texts + tile->first;

    for (uint32_t i = 0; i < tile->count; i++)
        advance(tile, i, match_bytes(tile->at[i], tile->end[i], texts[i].data, texts[i].len));
}

static void pass_ids(struct tile *tile, struct slot_kind kind, const struct segment_values *values)
{
    unsigned size = slot_id_size(kind);
    const uint8_t *ids = values->ids + (size_t)tile->first * size;

    for (uint32_t i = 0; i < tile->count; i++, ids += size)
        advance(tile, i, match_id(tile->at[i], tile->end[i], kind, ids));
}

static void pass_decimals(struct tile *tile, unsigned padded, const struct segment_values *values)
{
    const int64_t *mantissas = values->numbers + tile->first;
    const int64_t *scales = values->scales + tile->first;

    for (uint32_t i = 0; i < tile->count; i++) {
        uint64_t value = decimal_make((uint64_t)mantissas[i], (unsigned)scales[i] & 31);

        advance(tile, i, match_decimal(tile->at[i], tile->end[i], value, padded));
    }
}

/* Rows are in time order: their stamps repeat. */
static void pass_stamps(struct tile *tile, uint8_t layout, const int64_t *values,
                        struct stamp_cache *cache)
{
    char text[STAMP_SIZE_MAX];
    size_t size = stamp_size(layout);

    for (uint32_t i = 0; i < tile->count; i++) {
        if (i == 0 || values[i] != values[i - 1])
            stamp_write(cache, layout, values[i], text);
        advance(tile, i, match_bytes(tile->at[i], tile->end[i], text, size));
    }
}

static void pass_numbers(struct tile *tile, struct slot_kind kind,
                         const struct segment_values *values, struct stamp_cache *cache)
{
    const int64_t *numbers = values->numbers + tile->first;

    switch (kind.type) {
    case SLOT_INT:
        for (uint32_t i = 0; i < tile->count; i++)
            advance(tile, i, match_int(tile->at[i], tile->end[i], numbers[i]));
        break;
    case SLOT_PADDED:
        for (uint32_t i = 0; i < tile->count; i++)
            advance(tile, i, match_padded(tile->at[i], tile->end[i], (uint64_t)numbers[i],
                                          kind.param));
        break;
    case SLOT_IPV4:
        for (uint32_t i = 0; i < tile->count; i++)
            advance(tile, i, match_ipv4(tile->at[i], tile->end[i], (uint32_t)numbers[i]));
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
        pass_numbers(tile, column->kind, values, cache);
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
                         const struct line_list *lines, const uint32_t *rows)
{
    const struct segment_family *family = segment_family_of(block, section);
    const struct segment_values *values = block->values[section];
    uint32_t count = block->entry->sections[section].row_count;
    struct tile tile;

    for (uint32_t first = 0; first < count; first += TILE_ROWS) {
        tile.count = count - first < TILE_ROWS ? count - first : TILE_ROWS;
        tile.first = first;
        tile.differs = false;
        open_tile(&tile, block, section, lines, rows);
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
