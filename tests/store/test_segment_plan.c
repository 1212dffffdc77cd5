/* tests/store/test_segment_plan.c -- segments of the template engine: every row comes back, and
 * every filter finds the rows that predicate_match_text() finds on the raw lines. */
#include "store/segment_format.h"

#include "store/predicate_eval.h"
#include "store/value.h"
#include "tests/store/segment_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Opened segment of generated rows. */
struct opened {
    struct segment_rows rows;
    struct segment *segment;
    struct segment_summary summary;
    uint8_t *hit; /* by row: what a scan selected */
    char path[64];
};

static void open_rows(struct opened *opened, const struct segment_rows_options *options)
{
    struct error err = {0};

    segment_rows_init(&opened->rows, options);
    (void)snprintf(opened->path, sizeof(opened->path), "/tmp/dendro_segment_%d.seg", (int)getpid());
    if (segment_write(io_system(), opened->path, &opened->rows.content, &opened->summary,
                             &err) != STATUS_OK)
        fail_msg("%s", err.message);
    if (segment_open(io_system(), opened->path, &opened->rows.names.segment,
                            &opened->segment, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    opened->hit = calloc(options->count, 1);
}

static void close_rows(struct opened *opened)
{
    segment_close(opened->segment);
    (void)unlink(opened->path);
    free(opened->hit);
    segment_rows_release(&opened->rows);
}

/* Row of a sequence: see segment_rows_init(). */
static uint32_t row_of(uint64_t sequence)
{
    uint64_t from = sequence - 1000;

    return (uint32_t)(from - from / 105 * 5);
}

static void mark(struct opened *opened, struct block *block)
{
    struct error err = {0};
    const uint64_t *sequences = block_sequences(block, &err), *selected = block_selected(block);

    assert_non_null(sequences);
    for (uint32_t i = 0; i < block_row_count(block); i++)
        if (bit_get(selected, i))
            opened->hit[row_of(sequences[i])]++;
}

/* Rows that pass `filter` are counted in opened->hit. */
static void scan(struct opened *opened, const struct predicate *filter)
{
    struct scan_options options = {
        .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .filter = filter};
    struct scan_cost cost = {0};
    struct segment_plan *plan;
    struct error err = {0};
    enum status status = segment_plan_make(opened->segment, &options, &plan, &err);

    memset(opened->hit, 0, opened->rows.content.row_count);
    if (status == STATUS_END)
        return;
    assert_int_equal(status, STATUS_OK);
    for (uint32_t i = 0; i < segment_block_count(opened->segment); i++) {
        struct block *block;

        status = segment_block(opened->segment, plan, i, &cost, &block, &err);
        if (status == STATUS_END)
            continue;
        if (status != STATUS_OK)
            fail_msg("%s", err.message);
        mark(opened, block);
        block_release(block);
    }
    segment_plan_free(plan);
}

static void check_block(struct opened *opened, struct block *block)
{
    struct error err = {0};
    struct column text;
    const uint64_t *sequences = block_sequences(block, &err), *offsets = block_offsets(block, &err);
    const int64_t *times = block_times(block, &err);
    const uint8_t *flags = block_flags(block, &err);

    assert_int_equal(block_column(block, FIELD_ID_MSG, true, &text, &err), STATUS_OK);
    for (uint32_t i = 0; i < block_row_count(block); i++) {
        const struct segment_row *row = &opened->rows.rows[row_of(sequences[i])];

        assert_int_equal(sequences[i], row->sequence);
        assert_true(slice_equal(text.texts[i], row->event->bytes));
        assert_int_equal(offsets[i], row->event->offset);
        assert_int_equal(times[i], row->event->time_ns);
        assert_int_equal(flags[i], row->event->flags);
    }
    for (field_id field = FIELD_ID_FIRST_SPAN; field < FIELD_ID_WELL_KNOWN_COUNT; field++) {
        struct column column;

        assert_int_equal(block_column(block, field, true, &column, &err), STATUS_OK);
        for (uint32_t i = 0; i < block_row_count(block); i++) {
            const struct event *event = opened->rows.rows[row_of(sequences[i])].event;
            struct slice expected, got = {NULL, 0};
            bool has = segment_rows_field(event, field, &expected), there = false;

            if (column.kind == COLUMN_DICT && column.codes[i] != COLUMN_NO_CODE) {
                got = column.dict[column.codes[i]];
                there = true;
            } else if (column.kind == COLUMN_TEXT &&
                       (column.present == NULL || bit_get(column.present, i))) {
                got = column.texts[i];
                there = true;
            }
            assert_int_equal(there, has);
            assert_true(!has || slice_equal(got, expected));
        }
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct segment_rows_options options = {.seed = seed,
                                               .count = seed == 6 ? 30000 : 2000,
                                               .first_kind = (uint32_t)seed * 3,
                                               .kind_count = seed < 4 ? 4 : 19,
                                               .faults = seed % 2 == 0};
        struct scan_options all = {.time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX};
        struct scan_cost cost = {0};
        struct opened opened;
        struct segment_plan *plan;
        struct error err = {0};
        uint64_t rows = 0;

        print_message("  seed %d\n", (int)seed);
        open_rows(&opened, &options);
        assert_int_equal(segment_plan_make(opened.segment, &all, &plan, &err), STATUS_OK);
        for (uint32_t i = 0; i < segment_block_count(opened.segment); i++) {
            struct block *block;

            assert_int_equal(segment_block(opened.segment, plan, i, &cost, &block, &err),
                             STATUS_OK);
            rows += block_row_count(block);
            check_block(&opened, block);
            block_release(block);
        }
        assert_int_equal(rows, options.count);
        segment_plan_free(plan);
        close_rows(&opened);
    }
}

static void test_equal_input_gives_equal_files(void **state)
{
    struct segment_rows_options options = {
        .seed = 9, .count = 3000, .first_kind = 0, .kind_count = 19, .faults = true};
    struct buf files[2] = {buf_empty(1 << 24), buf_empty(1 << 24)};
    struct error err = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct opened opened;

        open_rows(&opened, &options);
        assert_int_equal(io_read_file(io_system(), opened.path, &files[i], &err), STATUS_OK);
        close_rows(&opened);
    }
    assert_true(slice_equal(buf_slice(&files[0]), buf_slice(&files[1])));
    buf_release(&files[0]);
    buf_release(&files[1]);
}

/* A piece of a line or field, at times with one byte changed or the case turned. */
static struct slice cut_needle(struct opened *opened, struct slice text, char *out)
{
    struct corpus_random *random = &opened->rows.corpus.random;
    uint32_t start, len;

    if (text.len == 0)
        return SLICE_LITERAL("x");
    start = random_below(random, (uint32_t)text.len);
    len = 1 + random_below(random, random_below(random, 4) == 0 ? 60 : 12);
    if (random_below(random, 12) == 0) {
        start = 0;
        len = 400;
    }
    if (len > text.len - start)
        len = (uint32_t)text.len - start;
    memcpy(out, text.data + start, len);
    if (random_below(random, 6) == 0)
        out[random_below(random, len)] = "x0.-/ Z9"[random_below(random, 8)];
    if (random_below(random, 10) == 0)
        for (uint32_t i = 0; i < len; i++)
            if ((unsigned char)((out[i] | 0x20) - 'a') < 26)
                out[i] = (char)(out[i] ^ 0x20);
    return slice_make(out, len);
}

static void check_needle(struct opened *opened)
{
    struct corpus_random *random = &opened->rows.corpus.random;
    const struct segment_content *content = &opened->rows.content;
    const struct event *event =
        content->rows[random_below(random, (uint32_t)content->row_count)].event;
    struct predicate filter = {.kind = PRED_TEXT,
                               .field = FIELD_ID_MSG,
                               .match = (enum text_match)random_below(random, 5),
                               .fold_case = random_below(random, 3) == 0};
    char needle[512];
    struct slice text = event->bytes;

    if (random_below(random, 4) == 0 && event->field_count > 0) {
        filter.field = event->fields[random_below(random, event->field_count)].field;
        (void)segment_rows_field(event, filter.field, &text);
    }
    filter.text = cut_needle(opened, text, needle);
    scan(opened, &filter);
    for (uint64_t i = 0; i < content->row_count; i++) {
        struct slice line = content->rows[i].event->bytes;
        bool has = filter.field == FIELD_ID_MSG ||
                   segment_rows_field(content->rows[i].event, filter.field, &line);
        bool expected = has && predicate_match_text(&filter, line);

        if (opened->hit[i] != expected)
            fail_msg("match %d fold %d field %u needle \"%.*s\": row %u is %d, line \"%.*s\"",
                     (int)filter.match, filter.fold_case, filter.field, SLICE_ARG(filter.text),
                     (unsigned)i, opened->hit[i], SLICE_ARG(line));
    }
}

/* Sanitizers make a case ten times as slow. DENDRO_NEEDLES in the environment sets the dose. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { NEEDLES = 10000 };
#else
enum { NEEDLES = 100000 };
#endif

static void test_needles_agree_with_raw_lines(void **state)
{
    const char *dose = getenv("DENDRO_NEEDLES");
    uint32_t total = dose == NULL ? NEEDLES : (uint32_t)atoi(dose), segments = 20;

    (void)state;
    for (uint32_t seed = 0; seed < segments; seed++) {
        struct segment_rows_options options = {.seed = 100 + seed,
                                               .count = 300,
                                               .first_kind = seed,
                                               .kind_count = 1 + seed % 3,
                                               .faults = seed % 3 == 0};
        struct opened opened;

        open_rows(&opened, &options);
        for (uint32_t i = 0; i < total / segments; i++)
            check_needle(&opened);
        close_rows(&opened);
    }
}

/* The number that a row's first field of that name stands for. */
static bool number_of_row(const struct event *event, field_id field, double *out)
{
    for (uint32_t i = 0; i < event->field_count; i++) {
        struct value value;
        struct slice text;

        if (event->fields[i].field != field)
            continue;
        (void)segment_rows_field(event, field, &text);
        if (!value_of_text(text, event->fields[i].type, event->fields[i].unit, &value))
            return false;
        *out = value.fraction;
        return true;
    }
    return false;
}

/* A bound that is a row's number, or beside it, or far away. */
static double random_bound(struct opened *opened, field_id field)
{
    static const double far[] = {-INFINITY, INFINITY, -1e300, 1e300, 9007199254740992.0, -0.5, 0};
    struct corpus_random *random = &opened->rows.corpus.random;
    uint32_t row = random_below(random, (uint32_t)opened->rows.content.row_count);
    double bound;

    if (random_below(random, 4) == 0 ||
        !number_of_row(opened->rows.content.rows[row].event, field, &bound))
        return far[random_below(random, COUNT_OF(far))];
    return bound + 0.5 * (double)random_below(random, 5) - 1;
}

static void test_ranges_agree_with_values(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 12; seed++) {
        struct segment_rows_options options = {.seed = 500 + seed,
                                               .count = seed % 2 == 0 ? 400 : 3000,
                                               .first_kind = seed,
                                               .kind_count = 1 + seed % 4,
                                               .faults = seed % 3 == 0};
        struct opened opened;

        open_rows(&opened, &options);
        for (uint32_t i = 0; i < 200; i++) {
            struct corpus_random *random = &opened.rows.corpus.random;
            field_id field = random_below(random, 2) == 0 ? FIELD_ID_STATUS : FIELD_ID_DURATION;
            struct predicate filter = {.kind = PRED_RANGE,
                                       .field = field,
                                       .low = random_bound(&opened, field),
                                       .high = random_bound(&opened, field),
                                       .low_open = random_below(random, 2) == 0,
                                       .high_open = random_below(random, 2) == 0};

            scan(&opened, &filter);
            for (uint32_t row = 0; row < options.count; row++) {
                double number;
                bool expected =
                    number_of_row(opened.rows.content.rows[row].event, field, &number) &&
                    predicate_in_range(&filter, number);

                if (opened.hit[row] != expected)
                    fail_msg("field %u in %g..%g (%d %d): row %u is %d, line \"%.*s\"", field,
                             filter.low, filter.high, filter.low_open, filter.high_open, row,
                             opened.hit[row],
                             SLICE_ARG(opened.rows.content.rows[row].event->bytes));
            }
        }
        close_rows(&opened);
    }
}

static bool has_digit(void *user, struct slice text)
{
    (void)user;
    for (size_t i = 0; i + 2 < text.len; i++)
        if (text.data[i] == '7' && text.data[i + 1] == '1')
            return true;
    return false;
}

/* Trees and the other leaves, against the same tests on the raw rows. */
static void test_trees(void **state)
{
    struct segment_rows_options options = {
        .seed = 77, .count = 4000, .first_kind = 0, .kind_count = 8, .faults = true};
    static const struct slice texts[] = {{"GET", 3}, {"POST", 4}, {"200", 3}};
    static const struct predicate get = {
        .kind = PRED_TEXT, .field = FIELD_ID_MSG, .match = TEXT_PHRASE, .text = {"GET", 3}};
    static const struct predicate sequence = {
        .kind = PRED_SEQUENCE, .field = FIELD_ID_MSG, .texts = texts, .text_count = 2};
    static const struct predicate in = {
        .kind = PRED_IN, .field = FIELD_ID_STATUS, .texts = texts, .text_count = 3};
    static const struct predicate call = {
        .kind = PRED_CALL, .field = FIELD_ID_MSG, .call = has_digit, .superset = &get};
    static const struct predicate exists = {.kind = PRED_EXISTS, .field = FIELD_ID_URL_GROUP};
    static const struct predicate host = {
        .kind = PRED_TEXT, .field = FIELD_ID_HOST, .match = TEXT_EXACT, .text = {"web2", 4}};
    static const struct predicate *const both[] = {&get, &host};
    static const struct predicate *const one[] = {&get};
    static const struct predicate *const any[] = {&exists, &in, &host};
    static const struct predicate conjunction = {
        .kind = PRED_AND, .children = both, .child_count = 2};
    static const struct predicate negation = {.kind = PRED_NOT, .children = one, .child_count = 1};
    static const struct predicate disjunction = {
        .kind = PRED_OR, .children = any, .child_count = 3};
    struct opened opened;
    uint32_t counts[3] = {0};

    (void)state;
    open_rows(&opened, &options);
    scan(&opened, &conjunction);
    for (uint32_t i = 0; i < options.count; i++) {
        const struct event *event = opened.rows.rows[i].event;

        assert_int_equal(opened.hit[i],
                         predicate_match_text(&get, event->bytes) && event->source == 1);
        counts[0] += opened.hit[i];
    }
    scan(&opened, &negation);
    for (uint32_t i = 0; i < options.count; i++)
        assert_int_equal(opened.hit[i],
                         !predicate_match_text(&get, opened.rows.rows[i].event->bytes));
    scan(&opened, &disjunction);
    for (uint32_t i = 0; i < options.count; i++) {
        const struct event *event = opened.rows.rows[i].event;
        struct slice text;
        bool expected =
            event->source == 1 ||
            (segment_rows_field(event, FIELD_ID_URL_GROUP, &text) && text.len > 0) ||
            (segment_rows_field(event, FIELD_ID_STATUS, &text) && predicate_match_text(&in, text));

        assert_int_equal(opened.hit[i], expected);
    }
    scan(&opened, &sequence);
    for (uint32_t i = 0; i < options.count; i++)
        assert_int_equal(opened.hit[i],
                         predicate_match_text(&sequence, opened.rows.rows[i].event->bytes));
    scan(&opened, &call);
    for (uint32_t i = 0; i < options.count; i++) {
        struct slice line = opened.rows.rows[i].event->bytes;

        assert_int_equal(opened.hit[i],
                         predicate_match_text(&get, line) && has_digit(NULL, line));
        counts[1] += opened.hit[i];
    }
    assert_true(counts[0] > 0 && counts[1] > 0);
    close_rows(&opened);
}

static void test_empty_segment(void **state)
{
    struct segment_rows_options options = {.seed = 1, .count = 0, .kind_count = 1};
    struct opened opened;

    (void)state;
    open_rows(&opened, &options);
    assert_int_equal(segment_block_count(opened.segment), 0);
    close_rows(&opened);
}

/* Any byte of the file turned over is an error or has no effect, never a crash or other bytes. */
static void test_damage(void **state)
{
    struct segment_rows_options options = {
        .seed = 5, .count = 600, .first_kind = 2, .kind_count = 3, .faults = true};
    struct buf file = buf_empty(1 << 24);
    struct error err = {0};
    struct opened opened;
    int fd = -1;

    (void)state;
    open_rows(&opened, &options);
    assert_int_equal(io_read_file(io_system(), opened.path, &file, &err), STATUS_OK);
    assert_int_equal(io_open(io_system(), opened.path, IO_READ | IO_WRITE, &fd, &err), STATUS_OK);
    for (size_t at = 0; at < file.len; at += 1 + at % 97) {
        char turned = (char)(file.data[at] ^ 0x41);
        struct segment *segment;
        struct scan_options all = {.time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX};
        struct segment_plan *plan;
        struct scan_cost cost = {0};

        assert_int_equal(io_write_all(io_system(), fd, &turned, 1, at, opened.path, &err),
                         STATUS_OK);
        if (segment_open(io_system(), opened.path, &opened.rows.names.segment, &segment,
                                &err) == STATUS_OK) {
            assert_int_equal(segment_plan_make(segment, &all, &plan, &err), STATUS_OK);
            for (uint32_t i = 0; i < segment_block_count(segment); i++) {
                struct block *block;
                struct column text;

                if (segment_block(segment, plan, i, &cost, &block, &err) != STATUS_OK)
                    continue;
                if (block_column(block, FIELD_ID_MSG, true, &text, &err) == STATUS_OK &&
                    block_sequences(block, &err) != NULL)
                    for (uint32_t k = 0; k < block_row_count(block); k++)
                        assert_true(slice_equal(
                            text.texts[k],
                            opened.rows.rows[row_of(block_sequences(block, &err)[k])].event->bytes));
                block_release(block);
            }
            segment_plan_free(plan);
            segment_close(segment);
        }
        assert_int_equal(io_write_all(io_system(), fd, file.data + at, 1, at, opened.path, &err),
                         STATUS_OK);
    }
    io_close(io_system(), &fd);
    buf_release(&file);
    close_rows(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_segment),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_equal_input_gives_equal_files),
        cmocka_unit_test(test_ranges_agree_with_values),
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_needles_agree_with_raw_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
