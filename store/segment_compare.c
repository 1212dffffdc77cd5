/* store/segment_compare.c -- lines are compared where they are, column by column.
 *
 * Writing each line from its template and values, to compare it as a whole, costs several times
 * more than walking along the original bytes: for some dozens of rows at a time, whose bytes stay in
 * the nearest cache, one column after the other moves all rows past a literal and a value, or finds
 * the difference. What kind of value it is, is then decided once per column. */
#include "store/segment_compare.h"

#include "store/kernels/kernels.h"
#include "store/slot_match.h"

enum {
    TILE_ROWS = 64,
    FACTS_AHEAD = 16, /* rows whose facts are asked for before they are needed */
    LINE_BYTES = 64,  /* of the processor's cache */
    PREFETCH_SIZE_MAX = 512,
    TEMPLATE_PLACES = 64, /* a power of two */
};

/* A literal; of up to eight bytes, most often a space or a quote, also as a word under a mask. */
struct literal {
    uint64_t word, mask;
    struct slice text;
    bool is_word;
};

/* Rows whose lines are compared together: where each has got to. */
struct tile {
    const char *at[TILE_ROWS], *end[TILE_ROWS];
    uint8_t kinds[TILE_ROWS]; /* of each row: its template in the list */
    const struct segment_template *templates[TILE_ROWS];
    struct literal literals[TILE_ROWS]; /* of the gap at hand, by template */
    uint32_t count, template_count;
    uint32_t first; /* row of the section */
    bool differs;   /* a row; its place does not matter any more */
};
static_assert(TILE_ROWS - 1 <= UINT8_MAX, "a byte tells the templates of a tile apart");

/* What is compared, and the difference that was found. */
struct comparison {
    struct segment_block *block;
    const struct segment_rows_expected *expected;
    const struct segment_section *section;
    const uint32_t *rows;           /* of the content, by row of the section */
    uint32_t asked;                 /* rows whose bytes were asked for */
    uint64_t time, position, level; /* bits that differ in any row */
};

/* Where a line goes on; it stays where it is when it differs, so that it never leaves its bytes.
 * `differs` is a variable of the loop: the tile's own would be written for every row. */
static inline const char *step(const char *at, const char *next, bool *differs)
{
    *differs |= next == NULL;
    return next == NULL ? at : next;
}

/* The lines of a family lie anywhere, and so does what is known of them: that, and then the bytes of
 * rows up to `end` are asked for before they are needed, a few at a time between other work: many at
 * once would wait for each other. */
static void ask_ahead(struct comparison *comparison, uint32_t end)
{
    const struct row_facts *facts = comparison->expected->facts;
    uint32_t last = comparison->section->row_count - 1;

    for (end = end <= last ? end : last + 1; comparison->asked < end; comparison->asked++) {
        uint32_t next = comparison->asked + FACTS_AHEAD;
        const struct row_facts *row = &facts[comparison->rows[comparison->asked]];

        __builtin_prefetch(&facts[comparison->rows[next < last ? next : last]]);
        for (uint32_t at = 0; at < row->size && at < PREFETCH_SIZE_MAX; at += LINE_BYTES)
            __builtin_prefetch(row->bytes + at);
    }
}

/* What is not text of a row: without branches, the differences are looked at in the end. */
static inline void compare_facts(struct comparison *comparison, const struct row_facts *row,
                                 uint32_t at)
{
    const struct segment_rows_expected *expected = comparison->expected;

    comparison->time |= (uint64_t)(expected->times[at] ^ row->time_ns) |
                        (uint64_t)(expected->orders[at] ^ row_order_ns(row));
    comparison->position |=
        (expected->sequences[at] ^ row->sequence) | (expected->sources[at] ^ row->source);
    comparison->level |= (uint64_t)(expected->levels[at] ^ row->level) |
                         (uint64_t)(expected->flags[at] ^ row->flags);
}

/* Places of templates seen in the tile, by the last bits of their numbers: one that lost its place to
 * another is listed twice, which does no harm. */
struct template_places {
    uint32_t numbers[TEMPLATE_PLACES];
    uint8_t kinds[TEMPLATE_PLACES];
};

static uint8_t kind_of(struct tile *tile, struct template_places *places,
                       const struct segment *segment, uint32_t number)
{
    uint32_t place = number % TEMPLATE_PLACES;

    if (places->numbers[place] != number) {
        places->numbers[place] = number;
        places->kinds[place] = (uint8_t)tile->template_count;
        tile->templates[tile->template_count++] = &segment->templates[number];
    }
    return places->kinds[place];
}

static void open_tile(struct tile *tile, struct comparison *comparison)
{
    const struct row_facts *facts = comparison->expected->facts;
    const uint32_t *rows = comparison->rows + tile->first;
    uint32_t first = comparison->section->first_row + tile->first;
    const uint32_t *numbers = comparison->block->templates + first;
    struct template_places places;

    memset(places.numbers, 0xff, sizeof(places.numbers));
    tile->template_count = 0;
    for (uint32_t i = 0; i < tile->count; i++) {
        const struct row_facts *row = &facts[rows[i]];

        tile->at[i] = row->bytes;
        tile->end[i] = row->bytes + row->size;
        tile->kinds[i] = kind_of(tile, &places, comparison->block->segment, numbers[i]);
        compare_facts(comparison, row, first + i);
    }
}

static struct literal literal_of(const struct segment_template *template, uint32_t gap)
{
    uint32_t start = gap == 0 ? 0 : template->gap_ends[gap - 1];
    struct literal out = {.text = {template->literals + start, template->gap_ends[gap] - start}};

    out.is_word = out.text.len <= sizeof(out.word);
    if (out.is_word && out.text.len > 0) {
        memcpy(&out.word, out.text.data, out.text.len);
        out.mask = UINT64_MAX >> (64 - 8 * out.text.len);
    }
    return out;
}

/* Behind a literal that all rows have. */
static void pass_word(struct tile *tile, const struct literal *literal)
{
    uint64_t word = literal->word, mask = literal->mask, difference = 0;
    size_t len = literal->text.len;
    bool differs = false;

    for (uint32_t i = 0; i < tile->count; i++) {
        const char *at = tile->at[i];
        uint64_t got;

        if (tile->end[i] - at < (ptrdiff_t)sizeof(got)) {
            tile->at[i] = step(at, match_bytes(at, tile->end[i], literal->text.data, len), &differs);
            continue;
        }
        memcpy(&got, at, sizeof(got));
        difference |= (got ^ word) & mask;
        tile->at[i] = at + len;
    }
    tile->differs |= differs || difference != 0;
}

static void pass_literals(struct tile *tile)
{
    uint64_t difference = 0;
    bool differs = false;

    for (uint32_t i = 0; i < tile->count; i++) {
        const struct literal *literal = &tile->literals[tile->kinds[i]];
        const char *at = tile->at[i];
        uint64_t got;

        if (!literal->is_word || tile->end[i] - at < (ptrdiff_t)sizeof(got)) {
            tile->at[i] = step(
                at, match_bytes(at, tile->end[i], literal->text.data, literal->text.len), &differs);
            continue;
        }
        memcpy(&got, at, sizeof(got));
        difference |= (got ^ literal->word) & literal->mask;
        tile->at[i] = at + literal->text.len;
    }
    tile->differs |= differs || difference != 0;
}

static void pass_gap(struct tile *tile, uint32_t gap)
{
    for (uint32_t i = 0; i < tile->template_count; i++)
        tile->literals[i] = literal_of(tile->templates[i], gap);
    if (tile->template_count > 1 || !tile->literals->is_word)
        pass_literals(tile);
    else if (tile->literals->text.len > 0)
        pass_word(tile, tile->literals);
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

/* The tile's lines, column by column; meanwhile the lines of the next tile come near. */
static bool tile_differs(struct tile *tile, struct comparison *comparison, uint32_t section)
{
    struct segment_block *block = comparison->block;
    const struct segment_family *family = segment_family_of(block, section);
    const struct segment_values *values = block->values[section];
    uint32_t share = TILE_ROWS / (family->slot_count + 1u) + 1;

    for (uint32_t slot = 0; slot < family->slot_count; slot++) {
        pass_gap(tile, slot);
        pass_column(tile, &family->columns[slot], &values[slot], &block->stamps);
        if (tile->differs)
            return true;
        ask_ahead(comparison, comparison->asked + share);
    }
    pass_gap(tile, family->slot_count);
    return !tile_ends(tile);
}

const char *segment_rows_differ(struct segment_block *block, uint32_t section,
                                const struct segment_rows_expected *expected, const uint32_t *rows)
{
    struct comparison comparison = {.block = block,
                                    .expected = expected,
                                    .section = &block->entry->sections[section],
                                    .rows = rows};
    uint32_t count = comparison.section->row_count;
    struct tile tile;

    for (tile.first = 0; tile.first < count; tile.first += tile.count) {
        tile.count = count - tile.first < TILE_ROWS ? count - tile.first : TILE_ROWS;
        tile.differs = false;
        ask_ahead(&comparison, tile.first + tile.count);
        open_tile(&tile, &comparison);
        if (tile_differs(&tile, &comparison, section))
            return "text";
    }
    if (comparison.time != 0)
        return "time";
    if (comparison.position != 0)
        return "position";
    return comparison.level != 0 ? "level or flags" : NULL;
}
