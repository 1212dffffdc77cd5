/* tests/store/test_segment_compare.c -- rows are compared whole: any byte of a line that is another one, and
 * any number beside it, is found, in lines of every kind.
 *
 * The lines that a segment should have are written from its values, which is another way than the one
 * that compares them; each lies in memory of its own size, so that a look behind its end is seen. */
#include "store/segment_compare.h"

#include "tests/store/segment_rows.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    ROWS_MAX = 400,
    KINDS = 19,
    TILE_AND_MORE = 70, /* rows that are compared in two pieces */
    CUT_STEP = 4,       /* one row of so many is cut everywhere */
};

/* A section and the rows that it should have. */
struct expected {
    struct segment_block *block;
    uint32_t section, count;
    struct segment_rows_expected sides;
    struct row_facts facts[ROWS_MAX];
    uint32_t rows[ROWS_MAX];
};

static const char *compare(const struct expected *expected)
{
    const char *differs;
    struct error err = {0};

    assert_int_equal(segment_rows_compare(expected->block, expected->section, &expected->sides,
                                          expected->rows, &differs, &err),
                     STATUS_OK);
    return differs;
}

static void load_sides(struct segment_block *block, struct segment_rows_expected *out)
{
    struct error err = {0};

    assert_int_equal(segment_block_page(block, PAGE_TIME, &out->times, &err), STATUS_OK);
    assert_int_equal(segment_block_page(block, PAGE_ORDER, &out->orders, &err), STATUS_OK);
    assert_int_equal(segment_block_page(block, PAGE_LEVEL, &out->levels, &err), STATUS_OK);
    assert_int_equal(segment_block_page(block, PAGE_FLAGS, &out->flags, &err), STATUS_OK);
    assert_int_equal(segment_block_sources(block, &out->sources, &err), STATUS_OK);
    out->sequences = block_sequences(&block->base, &err);
    assert_non_null(out->sequences);
}

/* The rows of the content lie in the reverse order of those of the section. */
static void expect(struct expected *out, struct segment_block *block, uint32_t section)
{
    const struct segment_section *entry = &block->entry->sections[section];
    struct buf line = buf_empty(1 << 20);
    struct error err = {0};

    *out = (struct expected){.block = block, .section = section, .count = entry->row_count};
    assert_in_range(out->count, 1, ROWS_MAX);
    load_sides(block, &out->sides);
    assert_int_equal(segment_block_load(block, section, &err), STATUS_OK);
    for (uint32_t i = 0; i < out->count; i++) {
        uint32_t at = entry->first_row + i;
        struct row_facts *row = &out->facts[out->count - 1 - i];
        char *bytes;

        buf_reset(&line);
        assert_true(segment_append_line(block, section, at, &line));
        bytes = malloc(line.len);
        assert_true(bytes != NULL || line.len == 0);
        if (line.len > 0)
            memcpy(bytes, line.data, line.len);
        *row = (struct row_facts){
            .time_ns = out->sides.times[at],
            .order_distance_ns = out->sides.orders[at] - out->sides.times[at],
            .sequence = out->sides.sequences[at],
            .bytes = bytes,
            .size = (uint32_t)line.len,
            .source = out->sides.sources[at],
            .level = (uint8_t)out->sides.levels[at],
            .flags = (uint8_t)out->sides.flags[at],
        };
        out->rows[i] = out->count - 1 - i;
    }
    out->sides.facts = out->facts;
    buf_release(&line);
}

static void unexpect(struct expected *expected)
{
    for (uint32_t i = 0; i < expected->count; i++)
        free((char *)(uintptr_t)expected->facts[i].bytes);
}

/* One bit of one byte, not always the same one: a digit becomes another, a letter one of the other case. */
static void check_bytes(struct expected *expected, uint32_t row)
{
    static unsigned turn;
    char *bytes = (char *)(uintptr_t)expected->facts[row].bytes;

    for (uint32_t at = 0; at < expected->facts[row].size; at++) {
        unsigned bit = at % 2 == 0 ? 0 : turn++ % 8;
        char kept = bytes[at];

        bytes[at] = (char)((unsigned char)kept ^ 1u << bit);
        if (compare(expected) == NULL)
            fail_msg("row %u: another byte %u of %u is not seen", row, at, expected->facts[row].size);
        bytes[at] = kept;
    }
}

static void check_lengths(struct expected *expected, uint32_t row)
{
    struct row_facts *facts = &expected->facts[row];
    const char *bytes = facts->bytes;
    char *longer = calloc(1, facts->size + 1u);

    assert_non_null(longer);
    if (facts->size > 0) {
        memcpy(longer, bytes, facts->size);
        facts->size--;
        assert_string_equal(compare(expected), "text");
        facts->size++;
    }
    facts->bytes = longer;
    facts->size++;
    assert_string_equal(compare(expected), "text");
    facts->size--;
    facts->bytes = bytes;
    free(longer);
}

/* A line that ends anywhere before its end, in memory that ends there, too. */
static void check_cuts(struct expected *expected, uint32_t row)
{
    struct row_facts *facts = &expected->facts[row], kept = *facts;

    for (uint32_t size = 0; size < kept.size; size++) {
        char *cut = malloc(size);

        assert_true(cut != NULL || size == 0);
        if (size > 0)
            memcpy(cut, kept.bytes, size);
        facts->bytes = cut;
        facts->size = size;
        if (compare(expected) == NULL)
            fail_msg("row %u: that it ends at byte %u of %u is not seen", row, size, kept.size);
        free(cut);
    }
    *facts = kept;
}

static void check_numbers(struct expected *expected, uint32_t row)
{
    struct row_facts *facts = &expected->facts[row], kept = *facts;
    unsigned bit = row % 64;

    facts->time_ns = (int64_t)((uint64_t)kept.time_ns ^ (uint64_t)1 << bit);
    assert_string_equal(compare(expected), "time");
    *facts = kept;
    facts->order_distance_ns ^= 1;
    assert_string_equal(compare(expected), "time");
    *facts = kept;
    facts->sequence ^= (uint64_t)1 << bit;
    assert_string_equal(compare(expected), "position");
    *facts = kept;
    facts->source ^= 1u << bit % 32;
    assert_string_equal(compare(expected), "position");
    *facts = kept;
    facts->level ^= (uint8_t)(1u << bit % 8);
    assert_string_equal(compare(expected), "level or flags");
    *facts = kept;
    facts->flags ^= (uint8_t)(1u << bit % 8);
    assert_string_equal(compare(expected), "level or flags");
    *facts = kept;
}

static void check_section(struct segment_block *block, uint32_t section)
{
    static struct expected expected;

    expect(&expected, block, section);
    assert_null(compare(&expected));
    for (uint32_t i = 0; i < expected.count; i++) {
        check_bytes(&expected, i);
        check_lengths(&expected, i);
        if (i % CUT_STEP == 0)
            check_cuts(&expected, i);
        check_numbers(&expected, i);
    }
    assert_null(compare(&expected)); /* all is as it was */
    unexpect(&expected);
}

static void check_rows(struct segment_rows *rows)
{
    struct arena arena = arena_empty(BLOCK_ARENA_SIZE_MAX); /* of all blocks, one after the other */
    struct sim_io *sim = sim_io_new(1);
    struct segment_summary summary;
    struct segment *segment;
    struct error err = {0};

    assert_int_equal(segment_write(sim_io_table(sim), "/a.seg", &rows->content, &summary, &err),
                     STATUS_OK);
    assert_int_equal(
        segment_open(sim_io_table(sim), "/a.seg", &rows->names.segment, &segment, &err), STATUS_OK);
    for (uint32_t i = 0; i < segment_block_count(segment); i++) {
        struct segment_block *block;

        assert_int_equal(segment_block_lend(segment, i, &arena, &block, &err), STATUS_OK);
        for (uint32_t k = 0; k < block->entry->section_count; k++)
            check_section(block, k);
        block_release(&block->base);
        assert_int_equal(arena.used, 0); /* it has come back, with its memory */
        assert_in_range(arena.allocated, 1, BLOCK_ARENA_SIZE_MAX);
    }
    arena_release(&arena);
    segment_close(segment);
    sim_io_free(sim);
}

static void test_every_byte(void **unused)
{
    static const struct segment_rows_options kinds[] = {
        {.seed = 4, .count = 400, .first_kind = 0, .kind_count = KINDS},
        {.seed = 5, .count = 400, .first_kind = 0, .kind_count = KINDS, .faults = true},
        {.seed = 6, .count = TILE_AND_MORE, .first_kind = 0, .kind_count = 1},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct segment_rows rows;

        segment_rows_init(&rows, &kinds[i]);
        check_rows(&rows);
        segment_rows_release(&rows);
    }
}

/* Values that are the same in all lines, beside words that are not: templates differ before them, behind
 * them or on both sides. */
static void test_constants(void **unused)
{
    static const struct constants_case {
        const char *name, *lines[4];
    } cases[] = {
        {"a number between words that differ", {"one 7 a 5", "two 7 b 6", "one 7 b 70", "two 7 a 5"}},
        {"two of them", {"one 7 8 a", "two 7 8 b", "one 7 8 b", "two 7 8 a"}},
        {"at the beginning and at the end", {"7 one a 8", "7 two b 8", "7 one b 8", "7 two a 8"}},
        {"more than a word behind one that differs",
         {"one 10.20.30.40 20.5 007 x 1", "two 10.20.30.40 20.5 007 x 2",
          "one 10.20.30.40 20.5 007 x 3", "two 10.20.30.40 20.5 007 x 4"}},
        {"an id", {"a 0123456789abcdef0123456789abcdef 1", "a 0123456789abcdef0123456789abcdef 2",
                   "b 0123456789abcdef0123456789abcdef 3", "b 0123456789abcdef0123456789abcdef 4"}},
        {"all of the line", {"on port 80", "on port 80", "on port 80", "on port 80"}},
    };
    static const struct segment_rows_options options = {
        .seed = 7, .count = TILE_AND_MORE, .first_kind = 0, .kind_count = 1};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct segment_rows rows;

        print_message("  %s\n", cases[i].name);
        segment_rows_init(&rows, &options);
        for (uint32_t k = 0; k < TILE_AND_MORE; k++) {
            rows.events[k].bytes = slice_of(cases[i].lines[k % COUNT_OF(cases[i].lines)]);
            rows.events[k].format = 0;
            rows.events[k].field_count = 0;
        }
        check_rows(&rows);
        segment_rows_release(&rows);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_byte),
                                              cmocka_unit_test(test_constants)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
