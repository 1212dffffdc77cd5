/* store/line_walk.c -- lines are compared where they are, column by column.
 *
 * Writing each line from its template and values, to compare it as a whole, costs several times
 * more than walking along the original bytes. What kind of value it is, is decided once per column, and
 * numbers become digits for all rows at once. Literals are most often a space or a quote, and the same in
 * all lines of a section: such a one is compared in the same step as the value behind it, and strings of
 * a dictionary are copied once per section with the literals around them, where they are also closer
 * together than in their pool. A value that all rows of a section have, of which a page of one number
 * speaks (one slot of four), is written once and becomes part of the literal that it stands in.
 *
 * A line is never left: where fewer bytes follow than a step would look at, it takes the careful way,
 * and a row that differs stays where it is. */
#include "store/line_walk.h"

#include "store/kernels/kernels.h"
#include "store/stamp_match.h"

#define ASCII_ZEROS 0x3030303030303030u

enum {
    WORD_SIZE = 8,
    PIECE_WORDS_MAX = 4,
    TWO_WORDS_SIZE = 2 * WORD_SIZE,
    TEXT_SIZE = TWO_WORDS_SIZE, /* of a string with its literals that is compared without a branch */
    LONG_TEXT_SIZE = 2 * TEXT_SIZE,
    TEXTS_SIZE_PER_ROW_MAX = 64 /* strings are not copied when that is much work for the rows */
};

/* What was found to differ: as bits of words, or as such. A variable of each loop: the tile's own would
 * be written for every row. */
struct difference {
    uint64_t bits;
    bool found;
};

static void note(struct line_tile *tile, const struct difference *difference)
{
    tile->differs |= difference->found || difference->bits != 0;
}

/* Where a line goes on; it stays where it is when it differs. */
static inline const char *step(const char *at, const char *next, struct difference *difference)
{
    difference->found |= next == NULL;
    return next == NULL ? at : next;
}

static inline uint64_t load8(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* ---- how lines go ---- */

static const struct slice no_text = {NULL, 0};

static struct slice gap_text(const struct segment_template *template, uint32_t gap)
{
    uint32_t start = gap == 0 ? 0 : template->gap_ends[gap - 1];

    return (struct slice){template->literals + start, template->gap_ends[gap] - start};
}

static struct literal literal_of(struct slice text)
{
    struct literal out = {.text = text, .is_word = text.len <= WORD_SIZE};

    if (out.is_word && text.len > 0) {
        memcpy(&out.word, text.data, text.len);
        out.mask = UINT64_MAX >> (64 - 8 * text.len);
    }
    return out;
}

/* Is it the same in all templates of the family? Not looked for when that are more than rows. */
static bool gap_varies(const struct segment *segment, const struct segment_family *family,
                       uint32_t row_count, uint32_t gap)
{
    const struct segment_template *templates = &segment->templates[family->first_template];

    if (family->template_count > row_count)
        return true;
    for (uint32_t i = 1; i < family->template_count; i++)
        if (!slice_equal(gap_text(&templates[0], gap), gap_text(&templates[i], gap)))
            return true;
    return false;
}

/* Strings of the dictionary between two literals; NULL: too many for so few rows, or no memory. Behind
 * each, TEXT_SIZE bytes may be read. */
static const struct slice *join_texts(struct arena *arena, const struct line_step *at,
                                      struct slice before, struct slice behind, uint32_t row_count)
{
    uint32_t count = at->column->dict_count;
    size_t size = TEXT_SIZE + (before.len + behind.len) * (size_t)count;
    struct slice *texts;
    char *bytes;

    if (count > row_count)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        size += at->values->dict[i].len;
    if (size > TEXT_SIZE + (size_t)TEXTS_SIZE_PER_ROW_MAX * row_count)
        return NULL;
    texts = arena_take(arena, sizeof(*texts), _Alignof(struct slice), count);
    bytes = arena_take(arena, 1, 1, size);
    if (texts == NULL || bytes == NULL)
        return NULL;
    memset(bytes + size - TEXT_SIZE, 0, TEXT_SIZE);
    for (uint32_t i = 0; i < count; i++) {
        const struct slice parts[] = {before, at->values->dict[i], behind};

        texts[i] = (struct slice){bytes, 0};
        for (size_t k = 0; k < COUNT_OF(parts); k++)
            if (parts[k].len > 0) {
                memcpy(bytes, parts[k].data, parts[k].len);
                bytes += parts[k].len;
            }
        texts[i].len = (size_t)(bytes - texts[i].data);
    }
    return texts;
}

/* Strings of a dictionary take what stands around them, unless that is long. */
static void join_steps(struct line_walk *walk, uint32_t row_count)
{
    for (uint32_t i = 0; i + 1 < walk->step_count; i++) {
        struct line_step *at = &walk->steps[i], *next = at + 1;
        bool takes_lead = at->lead.is_word, takes_next = !next->varies && next->lead.is_word;

        if (at->column == NULL || at->column->class != CLASS_CODES)
            continue;
        at->texts = join_texts(&walk->block->base.arena, at, takes_lead ? at->lead.text : no_text,
                               takes_next ? next->lead.text : no_text, row_count);
        if (at->texts != NULL && takes_lead)
            at->lead = literal_of(no_text);
        if (at->texts != NULL && takes_next)
            next->lead = literal_of(no_text);
    }
}

/* False: no memory. */
static bool extend(struct arena *arena, struct slice *text, struct slice more)
{
    char *bytes = arena_take(arena, 1, 1, text->len + more.len + 1);

    if (bytes == NULL)
        return false;
    if (text->len > 0)
        memcpy(bytes, text->data, text->len);
    if (more.len > 0)
        memcpy(bytes + text->len, more.data, more.len);
    *text = (struct slice){bytes, text->len + more.len};
    return true;
}

/* The step at hand gets its lead; the next one begins. */
static struct line_step *next_step(struct line_walk *walk, struct slice *lead)
{
    walk->steps[walk->step_count++].lead = literal_of(*lead);
    *lead = no_text;
    return &walk->steps[walk->step_count];
}

/* The literal goes on with the value that all rows have. */
static bool extend_by_value(struct line_walk *walk, uint32_t section, uint32_t column,
                            struct slice *lead)
{
    struct segment_block *block = walk->block;
    char room[SLOT_WRITE_MAX];
    struct slice text =
        segment_value_text(block, &segment_family_of(block, section)->columns[column],
                           &block->values[section][column], 0, room);

    return extend(&block->base.arena, lead, text);
}

/* A step for each value that is not the same in all rows; the others are part of literals. */
static bool make_steps(struct line_walk *walk, uint32_t section)
{
    struct segment_block *block = walk->block;
    const struct segment_family *family = segment_family_of(block, section);
    const struct segment_template *template = &block->segment->templates[family->first_template];
    uint32_t row_count = block->entry->sections[section].row_count;
    struct slice lead = no_text;
    bool fine = true;

    for (uint32_t i = 0; i <= family->slot_count && fine; i++) {
        struct line_step *at = &walk->steps[walk->step_count];

        if (!gap_varies(block->segment, family, row_count, i)) {
            fine = extend(&block->base.arena, &lead, gap_text(template, i));
        } else {
            if (at->varies || lead.len > 0)
                at = next_step(walk, &lead);
            at->varies = true;
            at->gap = i;
        }
        if (i < family->slot_count && segment_column_constant(block, section, i)) {
            fine = fine && extend_by_value(walk, section, i, &lead);
            continue;
        }
        if (i < family->slot_count) {
            at->column = &family->columns[i];
            at->values = &block->values[section][i];
        }
        (void)next_step(walk, &lead);
    }
    return fine;
}

enum status line_walk_init(struct line_walk *walk, struct segment_block *block, uint32_t section,
                           struct error *err)
{
    uint32_t slot_count = segment_family_of(block, section)->slot_count;

    *walk = (struct line_walk){.block = block};
    walk->steps = arena_new(&block->base.arena, struct line_step, slot_count + 2u);
    if (walk->steps == NULL || !make_steps(walk, section))
        return error_set(err, STATUS_NO_MEMORY, "no memory to compare rows");
    join_steps(walk, block->entry->sections[section].row_count);
    return STATUS_OK;
}

/* ---- literals ---- */

/* Behind a literal near the end of a line, or of any size. */
static __attribute__((noinline)) const char *match_text(const char *at, const char *end,
                                                        struct slice text)
{
    return match_bytes(at, end, text.data, text.len);
}

/* Behind a word, of which WORD_SIZE bytes may be read. */
static inline const char *pass_word(const struct literal *word, const char *at,
                                    struct difference *difference)
{
    difference->bits |= (load8(at) ^ word->word) & word->mask;
    return at + word->text.len;
}

static inline __attribute__((always_inline)) const char *
pass_lead(const struct literal *lead, const char *at, const char *end,
          struct difference *difference)
{
    if (end - at >= WORD_SIZE)
        return pass_word(lead, at, difference);
    return step(at, match_text(at, end, lead->text), difference);
}

static void pass_words(struct line_tile *tile, const struct literal *word)
{
    const struct literal lead = *word;
    struct difference difference = {0};

    if (lead.text.len == 0)
        return;
    for (uint32_t i = 0; i < tile->count; i++)
        tile->at[i] = pass_lead(&lead, tile->at[i], tile->end[i], &difference);
    note(tile, &difference);
}

/* Two pieces of `words` words, of which the second begins within the first or right behind it. */
static inline __attribute__((always_inline)) void pass_pieces(struct line_tile *tile,
                                                              struct slice text, size_t words)
{
    ptrdiff_t size = (ptrdiff_t)text.len, second = size - (ptrdiff_t)(WORD_SIZE * words);
    uint64_t first_words[PIECE_WORDS_MAX], second_words[PIECE_WORDS_MAX];
    struct difference difference = {0};

    memcpy(first_words, text.data, WORD_SIZE * words);
    memcpy(second_words, text.data + second, WORD_SIZE * words);
    for (uint32_t i = 0; i < tile->count; i++) {
        const char *at = tile->at[i];

        if (tile->end[i] - at < size) {
            difference.found = true;
            break;
        }
        for (size_t k = 0; k < words; k++)
            difference.bits |= (load8(at + WORD_SIZE * k) ^ first_words[k]) |
                               (load8(at + second + WORD_SIZE * k) ^ second_words[k]);
        tile->at[i] = at + size;
    }
    note(tile, &difference);
}

/* Of any size. */
static void pass_any_text(struct line_tile *tile, struct slice text)
{
    struct difference difference = {0};

    for (uint32_t i = 0; i < tile->count; i++)
        tile->at[i] = step(tile->at[i], match_text(tile->at[i], tile->end[i], text), &difference);
    note(tile, &difference);
}

/* A literal of more than a word. */
static void pass_long(struct line_tile *tile, struct slice text)
{
    if (text.len <= 2 * WORD_SIZE)
        pass_pieces(tile, text, 1);
    else if (text.len <= 4 * WORD_SIZE)
        pass_pieces(tile, text, 2);
    else if (text.len <= 2 * PIECE_WORDS_MAX * WORD_SIZE)
        pass_pieces(tile, text, PIECE_WORDS_MAX);
    else
        pass_any_text(tile, text);
}

/* Each row has that of its template. */
static void pass_varying(const struct line_walk *walk, uint32_t gap, struct line_tile *tile)
{
    const struct segment_template *templates = walk->block->segment->templates;
    struct difference difference = {0};

    for (uint32_t i = 0; i < tile->count; i++) {
        struct slice text = gap_text(&templates[tile->templates[i]], gap);

        tile->at[i] = step(tile->at[i], match_bytes(tile->at[i], tile->end[i], text.data, text.len),
                           &difference);
    }
    note(tile, &difference);
}

/* ---- values: each behind a word ---- */

static inline uint64_t bits_of_16(const char *a, const char *b)
{
    return (load8(a) ^ load8(b)) | (load8(a + WORD_SIZE) ^ load8(b + WORD_SIZE));
}

/* Strings of up to TEXT_SIZE bytes are compared as two words under masks: without branches, since their
 * lengths vary from row to row. */
static void pass_joined(struct line_tile *tile, const struct slice *texts, const uint32_t *codes)
{
    static const char window[2 * TEXT_SIZE] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                               -1, -1, -1, -1, -1, -1, -1, -1};
    struct difference difference = {0};

    for (uint32_t i = 0; i < tile->count; i++) {
        struct slice text = texts[codes[i]];
        const char *at = tile->at[i], *mask;

        if (tile->end[i] - at < LONG_TEXT_SIZE || text.len > LONG_TEXT_SIZE) {
            tile->at[i] = step(at, match_text(at, tile->end[i], text), &difference);
            continue;
        }
        if (text.len > TEXT_SIZE) {
            difference.bits |= bits_of_16(at, text.data);
            at += text.len;
            difference.bits |= bits_of_16(at - TEXT_SIZE, text.data + text.len - TEXT_SIZE);
            tile->at[i] = at;
            continue;
        }
        mask = window + TEXT_SIZE - text.len; /* as many bytes of ones, then zeros */
        difference.bits |= (load8(at) ^ load8(text.data)) & load8(mask);
        difference.bits |= (load8(at + WORD_SIZE) ^ load8(text.data + WORD_SIZE)) &
                           load8(mask + WORD_SIZE);
        tile->at[i] = at + text.len;
    }
    note(tile, &difference);
}

static void pass_codes(struct line_tile *tile, const struct line_step *at)
{
    const uint32_t *codes = at->values->codes + tile->first;
    struct difference difference = {0};

    if (at->texts != NULL) {
        pass_joined(tile, at->texts, codes);
        return;
    }
    pass_words(tile, &at->lead);
    for (uint32_t i = 0; i < tile->count; i++) {
        struct slice text = at->values->dict[codes[i]];

        tile->at[i] = step(tile->at[i], match_bytes(tile->at[i], tile->end[i], text.data, text.len),
                           &difference);
    }
    note(tile, &difference);
}

static void pass_texts(struct line_tile *tile, const struct line_step *at)
{
    const struct slice *texts = at->values->texts + tile->first;
    struct difference difference = {0};

    pass_words(tile, &at->lead);
    for (uint32_t i = 0; i < tile->count; i++)
        tile->at[i] = step(tile->at[i],
                           match_bytes(tile->at[i], tile->end[i], texts[i].data, texts[i].len),
                           &difference);
    note(tile, &difference);
}

/* The digits of a tile are made at once. */
static void pass_ids(struct line_tile *tile, const struct line_step *step_at)
{
    const struct literal lead = step_at->lead;
    struct slot_kind kind = step_at->column->kind;
    unsigned size = slot_id_size(kind);
    char digits[TILE_ROWS * 2 * HEX_BYTES_MAX];
    struct difference difference = {.found = size == 0 || size > HEX_BYTES_MAX}; /* no kind of id */

    if (!difference.found)
        kernels()->hex(step_at->values->ids + (size_t)tile->first * size,
                       (size_t)tile->count * size, (kind.param & SLOT_UPPER) != 0, digits);
    for (uint32_t i = 0; i < tile->count && !difference.found; i++) {
        const char *end = tile->end[i], *at = pass_lead(&lead, tile->at[i], end, &difference);

        tile->at[i] =
            step(at, match_id_digits(at, end, kind, digits + (size_t)2 * size * i), &difference);
    }
    note(tile, &difference);
}

/* Digits of a number that has `zeros` bits of bytes in front which are no part of its text. */
static inline uint64_t digits_differ(const char *at, uint64_t digits, unsigned zeros)
{
    return (load8(at) ^ (digits | ASCII_ZEROS) >> zeros) << zeros;
}

/* The up to WORD_SIZE bytes at `at`, zeros behind them. A line of TILE_LINE_SIZE_MIN bytes or more ends
 * at `end`. */
static inline uint64_t load_rest(const char *at, const char *end)
{
    ptrdiff_t rest = end - at;

    if (rest >= WORD_SIZE)
        return load8(at);
    return rest == 0 ? 0 : load8(end - WORD_SIZE) >> (64 - 8 * rest);
}

/* A word and a number near the end of such a line. */
static __attribute__((noinline)) const char *match_last_int(const struct literal *lead,
                                                            const char *at, const char *end,
                                                            uint64_t digits)
{
    unsigned zeros = (unsigned)__builtin_ctzll(digits | (uint64_t)1 << 56) & 56;
    ptrdiff_t len = (ptrdiff_t)lead->text.len;
    uint64_t bits = (load_rest(at, end) ^ lead->word) & lead->mask;

    if (end - at < len + WORD_SIZE - zeros / 8)
        return NULL;
    at += len;
    bits |= (load_rest(at, end) ^ (digits | ASCII_ZEROS) >> zeros) << zeros;
    return bits == 0 ? at + WORD_SIZE - zeros / 8 : NULL;
}

/* Of any size. */
static __attribute__((noinline)) const char *match_any_int(const char *at, const char *end,
                                                           int64_t value)
{
    return match_int(at, end, value);
}

static void pass_any_ints(struct line_tile *tile, const struct literal *lead, const int64_t *values)
{
    struct difference difference = {0};

    pass_words(tile, lead);
    for (uint32_t i = 0; i < tile->count; i++)
        tile->at[i] =
            step(tile->at[i], match_any_int(tile->at[i], tile->end[i], values[i]), &difference);
    note(tile, &difference);
}

static void pass_ints(struct line_tile *tile, const struct literal *word, const int64_t *values)
{
    const struct literal lead = *word;
    ptrdiff_t size = (ptrdiff_t)lead.text.len + WORD_SIZE;
    struct difference difference = {0};
    uint64_t digits[TILE_ROWS];

    if (tile->has_short || !kernels()->digits8(values, tile->count, digits)) {
        pass_any_ints(tile, word, values);
        return;
    }
    for (uint32_t i = 0; i < tile->count; i++) {
        const char *at = tile->at[i], *end = tile->end[i];
        unsigned zeros;

        if (end - at < size) {
            tile->at[i] = step(at, match_last_int(&lead, at, end, digits[i]), &difference);
            continue;
        }
        at = pass_word(&lead, at, &difference);
        zeros = (unsigned)__builtin_ctzll(digits[i] | (uint64_t)1 << 56) & 56; /* a digit stays */
        difference.bits |= digits_differ(at, digits[i], zeros);
        tile->at[i] = at + WORD_SIZE - zeros / 8;
    }
    note(tile, &difference);
}

static void pass_any_padded(struct line_tile *tile, const struct literal *lead, unsigned width,
                            const int64_t *values)
{
    struct difference difference = {0};

    pass_words(tile, lead);
    for (uint32_t i = 0; i < tile->count; i++)
        tile->at[i] = step(
            tile->at[i], match_padded(tile->at[i], tile->end[i], (uint64_t)values[i], width),
            &difference);
    note(tile, &difference);
}

static void pass_padded(struct line_tile *tile, const struct literal *word, unsigned width,
                        const int64_t *values)
{
    const struct literal lead = *word;
    ptrdiff_t size = (ptrdiff_t)lead.text.len + WORD_SIZE;
    struct difference difference = {0};
    unsigned zeros = 8 * (WORD_SIZE - width);
    uint64_t digits[TILE_ROWS];

    if (width - 1 >= WORD_SIZE || !kernels()->digits8(values, tile->count, digits)) {
        pass_any_padded(tile, word, width, values);
        return;
    }
    for (uint32_t i = 0; i < tile->count; i++) {
        const char *at = tile->at[i], *end = tile->end[i];

        if (end - at < size) {
            at = pass_lead(&lead, at, end, &difference);
            tile->at[i] = step(at, match_padded(at, end, (uint64_t)values[i], width), &difference);
            continue;
        }
        at = pass_word(&lead, at, &difference);
        difference.bits |= digits_differ(at, digits[i], zeros);
        tile->at[i] = at + width;
    }
    note(tile, &difference);
}

static void pass_any_decimals(struct line_tile *tile, const struct line_step *at)
{
    const int64_t *mantissas = at->values->numbers + tile->first;
    const int64_t *scales = at->values->scales + tile->first;
    struct difference difference = {0};

    pass_words(tile, &at->lead);
    for (uint32_t i = 0; i < tile->count; i++) {
        uint64_t value = decimal_make((uint64_t)mantissas[i], (unsigned)scales[i] & 31);

        tile->at[i] = step(
            tile->at[i], match_decimal(tile->at[i], tile->end[i], value, at->column->kind.param),
            &difference);
    }
    note(tile, &difference);
}

/* Behind a number of eight `digits`, of which `scale` (1 to 7) stand behind the point; twice WORD_SIZE
 * bytes may be read. */
static inline const char *pass_decimal(const char *at, uint64_t digits, unsigned scale,
                                       struct difference *difference)
{
    unsigned zeros = (unsigned)__builtin_ctzll(digits | (uint64_t)1 << 63) & 56;
    unsigned before = 8 * (WORD_SIZE - 1 - scale); /* at least one digit stands before the point */
    unsigned dropped = zeros < before ? zeros : before;
    unsigned whole = WORD_SIZE - dropped / 8 - scale, behind = 64 - 8 * scale;
    uint64_t text = digits | ASCII_ZEROS;

    difference->bits |= (load8(at) ^ text >> dropped) << (64 - 8 * whole);
    difference->bits |= (load8(at + whole + 1) ^ text >> behind) << behind;
    difference->bits |= (uint64_t)(unsigned char)(at[whole] ^ '.');
    return at + whole + 1 + scale;
}

static void pass_decimals(struct line_tile *tile, const struct line_step *step_at)
{
    const int64_t *mantissas = step_at->values->numbers + tile->first;
    const int64_t *scales = step_at->values->scales + tile->first;
    const struct literal lead = step_at->lead;
    ptrdiff_t size = (ptrdiff_t)lead.text.len + TWO_WORDS_SIZE;
    struct difference difference = {0};
    uint64_t digits[TILE_ROWS];

    if (step_at->column->kind.param > 0 || !kernels()->digits8(mantissas, tile->count, digits)) {
        pass_any_decimals(tile, step_at);
        return;
    }
    for (uint32_t i = 0; i < tile->count; i++) {
        const char *at = tile->at[i], *end = tile->end[i];
        unsigned scale = (unsigned)scales[i] & 31;

        if (end - at < size || scale - 1 >= WORD_SIZE - 1) {
            at = pass_lead(&lead, at, end, &difference);
            tile->at[i] =
                step(at, match_decimal(at, end, decimal_make((uint64_t)mantissas[i], scale), 0),
                     &difference);
            continue;
        }
        at = pass_word(&lead, at, &difference);
        tile->at[i] = pass_decimal(at, digits[i], scale, &difference);
    }
    note(tile, &difference);
}

static void pass_addresses(struct line_tile *tile, const struct literal *word,
                           const int64_t *values)
{
    const struct literal lead = *word;
    ptrdiff_t size = (ptrdiff_t)lead.text.len + ADDRESS_READABLE;
    struct difference difference = {0};

    for (uint32_t i = 0; i < tile->count; i++) {
        const char *end = tile->end[i], *at = tile->at[i];

        if (end - at < size) {
            at = pass_lead(&lead, at, end, &difference);
            tile->at[i] = step(at, match_ipv4(at, end, (uint32_t)values[i]), &difference);
            continue;
        }
        at = pass_word(&lead, at, &difference);
        tile->at[i] = pass_octets(at, (uint32_t)values[i], &difference.bits);
    }
    note(tile, &difference);
}

/* Rows are in time order: the cache knows the second most often. */
static void pass_stamps(struct line_tile *tile, const struct line_step *step_at,
                        struct stamp_cache *cache)
{
    const int64_t *values = step_at->values->numbers + tile->first;
    const struct literal lead = step_at->lead;
    uint8_t layout = step_at->column->kind.param;
    struct difference difference = {0};

    for (uint32_t i = 0; i < tile->count; i++) {
        const char *end = tile->end[i], *at = pass_lead(&lead, tile->at[i], end, &difference);

        tile->at[i] = step(at, stamp_match(cache, layout, values[i], at, end), &difference);
    }
    note(tile, &difference);
}

static void pass_numbers(const struct line_walk *walk, const struct line_step *at,
                         struct line_tile *tile)
{
    const int64_t *numbers = at->values->numbers + tile->first;

    switch (at->column->kind.type) {
    case SLOT_INT:
        pass_ints(tile, &at->lead, numbers);
        break;
    case SLOT_PADDED:
        pass_padded(tile, &at->lead, at->column->kind.param, numbers);
        break;
    case SLOT_IPV4:
        pass_addresses(tile, &at->lead, numbers);
        break;
    case SLOT_STAMP:
        pass_stamps(tile, at, &walk->block->stamps);
        break;
    default:
        tile->differs = true; /* no other type is kept as a number */
        break;
    }
}

static void pass_values(const struct line_walk *walk, const struct line_step *at,
                        struct line_tile *tile)
{
    switch (at->column->class) {
    case CLASS_CODES:
        pass_codes(tile, at);
        break;
    case CLASS_TEXTS:
        pass_texts(tile, at);
        break;
    case CLASS_IDS:
        pass_ids(tile, at);
        break;
    case CLASS_DECIMALS:
        pass_decimals(tile, at);
        break;
    default:
        pass_numbers(walk, at, tile);
        break;
    }
}

void line_walk_step(const struct line_walk *walk, uint32_t number, struct line_tile *tile)
{
    struct line_step at = walk->steps[number];

    if (at.varies)
        pass_varying(walk, at.gap, tile);
    if (!at.lead.is_word) {
        pass_long(tile, at.lead.text);
        at.lead = literal_of(no_text);
    }
    if (tile->differs)
        return;
    if (at.column != NULL)
        pass_values(walk, &at, tile);
    else
        pass_words(tile, &at.lead);
}

bool line_tile_ends(const struct line_tile *tile)
{
    bool differs = tile->differs;

    for (uint32_t i = 0; i < tile->count; i++)
        differs |= tile->at[i] != tile->end[i];
    return !differs;
}
