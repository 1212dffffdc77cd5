/* store/segment_compare.c -- the rows of a section, some dozens at a time: their bytes stay in the nearest
 * cache while one column after the other is compared (line_walk.h), and those of the next rows come near. */
#include "store/segment_compare.h"

#include "store/line_walk.h"

enum {
    FACTS_AHEAD = 16, /* rows whose facts are asked for before they are needed */
    LINE_BYTES = 64,  /* of the processor's cache */
    ASKED_SIZE = 4 * LINE_BYTES, /* of a row's bytes, however few they are */
    ASKED_SIZE_MAX = 512,
    NEAR = 2, /* locality of __builtin_prefetch() */
};

/* What is compared, and the difference that was found. */
struct comparison {
    struct segment_block *block;
    const struct segment_rows_expected *expected;
    const struct segment_section *section;
    const uint32_t *rows;           /* of the content, by row of the section */
    uint32_t asked;                 /* rows whose bytes were asked for */
    uint64_t time, position, level; /* bits that differ in any row */
};

/* All that the bytes of a row touch, up to the last one. Sizes vary from row to row: most are asked for
 * without a branch. They come as near as the second cache (NEAR): in the first, two tiles of lines and the
 * columns would push each other out before they are used. */
static inline void ask_for_bytes(const struct row_facts *row)
{
    uint32_t last = row->size > 0 ? row->size - 1 : 0;

    for (uint32_t at = 0; at < ASKED_SIZE; at += LINE_BYTES)
        __builtin_prefetch(row->bytes + (at < last ? at : last), 0, NEAR);
    for (uint32_t at = ASKED_SIZE; at <= last && at < ASKED_SIZE_MAX; at += LINE_BYTES)
        __builtin_prefetch(row->bytes + at, 0, NEAR);
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

        __builtin_prefetch(&facts[comparison->rows[next < last ? next : last]]);
        ask_for_bytes(&facts[comparison->rows[comparison->asked]]);
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

static void open_tile(struct line_tile *tile, struct comparison *comparison)
{
    const struct row_facts *facts = comparison->expected->facts;
    const uint32_t *rows = comparison->rows + tile->first;
    uint32_t first = comparison->section->first_row + tile->first;

    tile->differs = tile->has_short = false;
    tile->templates = comparison->block->templates + first;
    for (uint32_t i = 0; i < tile->count; i++) {
        const struct row_facts *row = &facts[rows[i]];

        tile->at[i] = row->bytes;
        tile->end[i] = row->bytes + row->size;
        tile->has_short |= row->size < TILE_LINE_SIZE_MIN;
        compare_facts(comparison, row, first + i);
    }
}

/* The tile's lines, column by column; meanwhile the lines of the next tile come near. */
static bool tile_differs(struct line_tile *tile, struct comparison *comparison,
                         const struct line_walk *walk)
{
    uint32_t share = TILE_ROWS / walk->step_count + 1;

    for (uint32_t i = 0; i < walk->step_count; i++) {
        line_walk_step(walk, i, tile);
        if (tile->differs)
            return true;
        ask_ahead(comparison, comparison->asked + share);
    }
    return !line_tile_ends(tile);
}

static const char *part_that_differs(const struct comparison *comparison)
{
    if (comparison->time != 0)
        return "time";
    if (comparison->position != 0)
        return "position";
    return comparison->level != 0 ? "level or flags" : NULL;
}

enum status segment_rows_compare(struct segment_block *block, uint32_t section,
                                 const struct segment_rows_expected *expected,
                                 const uint32_t *rows, const char **differs, struct error *err)
{
    struct comparison comparison = {.block = block,
                                    .expected = expected,
                                    .section = &block->entry->sections[section],
                                    .rows = rows};
    uint32_t count = comparison.section->row_count;
    struct line_walk walk;
    struct line_tile tile;
    enum status status;

    *differs = NULL;
    if (count == 0)
        return STATUS_OK;
    status = line_walk_init(&walk, block, section, err);
    if (status != STATUS_OK)
        return status;
    for (tile.first = 0; tile.first < count; tile.first += tile.count) {
        tile.count = count - tile.first < TILE_ROWS ? count - tile.first : TILE_ROWS;
        ask_ahead(&comparison, tile.first + tile.count);
        open_tile(&tile, &comparison);
        if (tile_differs(&tile, &comparison, &walk)) {
            *differs = "text";
            return STATUS_OK;
        }
    }
    *differs = part_that_differs(&comparison);
    return STATUS_OK;
}
