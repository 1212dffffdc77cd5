/* tests/store/test_segment_miscount.c -- the check at seal has teeth for rollups too: a builder that
 * counts a row or a value wrongly, or a page that keeps another number than was counted, stops the
 * commit of that file.
 *
 * Functions of the writer's side are replaced by the linker (--wrap): they do one thing wrongly, once.
 * A builder that counts again for the check (builder.all) is left alone. */
#include "store/rollup_encode.h"
#include "store/rollup_sums.h"
#include "store/segment_check.h"
#include "tests/support/segment_names.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 3000, FIELDS = 2, LINE_SIZE_MAX = 48, TENANTS = 5, DURATIONS = 60 };

enum mistake {
    NO_MISTAKE,
    LOSE_ROW,
    MOVE_ROW,
    LOSE_VALUE,
    SHIFT_VALUES,
    PAGE_ROWS,
    PAGE_VALUES,
    PAGE_SUM,
    PAGE_MIN,
    PAGE_MAX,
    PAGE_BUCKET,
    PAGE_TENANT_ROWS,
    PAGE_TENANT_SUM,
};

static enum mistake mistake; /* to be made; NO_MISTAKE again once it was */
/* What the check said first: after a mistake the segment is written again, as text, and is fine. */
static enum status first_check;
static unsigned check_count;

static bool make(enum mistake wanted)
{
    if (mistake != wanted)
        return false;
    mistake = NO_MISTAKE;
    return true;
}

enum status __real_segment_check(const struct segment_writer *writer, struct error *err);
enum status __wrap_segment_check(const struct segment_writer *writer, struct error *err);
void __real_rollup_add_rows(struct rollup_builder *builder, const uint64_t *keys, uint32_t count);
void __wrap_rollup_add_rows(struct rollup_builder *builder, const uint64_t *keys, uint32_t count);
void __real_rollup_add_values(struct rollup_builder *builder, uint32_t index, const uint64_t *keys,
                              const int64_t *values, uint32_t count);
void __wrap_rollup_add_values(struct rollup_builder *builder, uint32_t index, const uint64_t *keys,
                              const int64_t *values, uint32_t count);
bool __real_rollup_counts_encode(const struct rollup_counts *counts, struct buf *out);
bool __wrap_rollup_counts_encode(const struct rollup_counts *counts, struct buf *out);
bool __real_rollup_values_encode(const struct rollup_values *values, struct buf *out);
bool __wrap_rollup_values_encode(const struct rollup_values *values, struct buf *out);
bool __real_rollup_sums_encode(const struct rollup_sums *sums, struct buf *out);
bool __wrap_rollup_sums_encode(const struct rollup_sums *sums, struct buf *out);

enum status __wrap_segment_check(const struct segment_writer *writer, struct error *err)
{
    enum status status = __real_segment_check(writer, err);

    if (check_count++ == 0)
        first_check = status;
    return status;
}

void __wrap_rollup_add_rows(struct rollup_builder *builder, const uint64_t *keys, uint32_t count)
{
    uint64_t changed[ROLLUP_BATCH_ROWS];

    if (builder->all || count < 2) {
        __real_rollup_add_rows(builder, keys, count);
        return;
    }
    memcpy(changed, keys, count * sizeof(*keys));
    if (make(LOSE_ROW))
        count--;
    if (make(MOVE_ROW))
        changed[0] ^= (uint64_t)1 << 16; /* to another level */
    __real_rollup_add_rows(builder, changed, count);
}

/* The first two values of one cell, that are neither its least nor its largest, one more and one less:
 * only their buckets tell. */
static void shift_values(const uint64_t *keys, int64_t *values, uint32_t count)
{
    for (uint32_t i = 0; i + 1 < count; i++)
        for (uint32_t k = i + 1; k < count && mistake == SHIFT_VALUES; k++)
            if (keys[i] == keys[k] && values[i] > 1 && values[k] > 1 && values[i] != values[k] + 1 &&
                values[i] < 100 && values[k] < 100) {
                values[i]++;
                values[k]--;
                mistake = NO_MISTAKE;
            }
}

void __wrap_rollup_add_values(struct rollup_builder *builder, uint32_t index, const uint64_t *keys,
                              const int64_t *values, uint32_t count)
{
    int64_t changed[ROLLUP_BATCH_ROWS];

    memcpy(changed, values, count * sizeof(*values));
    if (!builder->all) {
        shift_values(keys, changed, count);
        for (uint32_t i = 0; i < count && mistake == LOSE_VALUE; i++)
            if (values[i] >= 0 && make(LOSE_VALUE))
                changed[i] = ROLLUP_NO_VALUE;
    }
    __real_rollup_add_values(builder, index, keys, changed, count);
}

static void *copy_of(const void *from, size_t size)
{
    void *copy = malloc(size + 1);

    assert_non_null(copy);
    memcpy(copy, from, size);
    return copy;
}

bool __wrap_rollup_counts_encode(const struct rollup_counts *counts, struct buf *out)
{
    struct rollup_cell *cells = copy_of(counts->cells, counts->cell_count * sizeof(*cells));
    struct rollup_counts changed = *counts;
    bool fine;

    changed.cells = cells;
    if (make(PAGE_ROWS))
        cells[counts->cell_count / 2].rows++;
    fine = __real_rollup_counts_encode(&changed, out);
    free(cells);
    return fine;
}

/* A value from a bucket into the next one, of the first cell in which that can be. */
static void move_bucket(const struct rollup_values *values, struct rollup_bucket *buckets)
{
    for (uint32_t i = 0; i < values->cell_count && mistake == PAGE_BUCKET; i++) {
        struct rollup_bucket *first = &buckets[values->cells[i].first_bucket];

        if (values->cells[i].bucket_count < 2 || first[0].values < 2)
            continue;
        first[0].values--;
        first[1].values++;
        mistake = NO_MISTAKE;
    }
}

bool __wrap_rollup_values_encode(const struct rollup_values *values, struct buf *out)
{
    struct rollup_value *cells = copy_of(values->cells, values->cell_count * sizeof(*cells));
    struct rollup_bucket *buckets =
        copy_of(values->buckets, values->bucket_count * sizeof(*buckets));
    struct rollup_value *cell = &cells[values->cell_count / 2];
    struct rollup_values changed = *values;
    bool fine;

    changed.cells = cells;
    changed.buckets = buckets;
    if (make(PAGE_SUM))
        cell->sum++;
    if (make(PAGE_MIN))
        cell->min--;
    if (make(PAGE_MAX))
        cell->max++;
    if (make(PAGE_VALUES)) {
        cell->values++;
        buckets[cell->first_bucket].values++;
    }
    move_bucket(values, buckets);
    fine = __real_rollup_values_encode(&changed, out);
    free(cells);
    free(buckets);
    return fine;
}

bool __wrap_rollup_sums_encode(const struct rollup_sums *sums, struct buf *out)
{
    struct rollup_sum_cell *cells = copy_of(sums->cells, sums->cell_count * sizeof(*cells));
    struct rollup_sum *numbers = copy_of(sums->sums, sums->sum_count * sizeof(*numbers));
    struct rollup_sums changed = *sums;
    bool fine;

    changed.cells = cells;
    changed.sums = numbers;
    if (make(PAGE_TENANT_ROWS))
        cells[sums->cell_count / 2].rows++;
    if (sums->sum_count > 0 && make(PAGE_TENANT_SUM))
        numbers[sums->sum_count / 2].sum++;
    fine = __real_rollup_sums_encode(&changed, out);
    free(cells);
    free(numbers);
    return fine;
}

static const struct mistake_case {
    const char *name;
    enum mistake mistake;
    enum status status;
} cases[] = {
    {"none", NO_MISTAKE, STATUS_OK},
    {"a row is not counted", LOSE_ROW, STATUS_CORRUPT},
    {"a row is counted under another level", MOVE_ROW, STATUS_CORRUPT},
    {"a value is not added", LOSE_VALUE, STATUS_CORRUPT},
    {"two values differ, but not their sum", SHIFT_VALUES, STATUS_CORRUPT},
    {"page: rows of a cell", PAGE_ROWS, STATUS_CORRUPT},
    {"page: values of a cell", PAGE_VALUES, STATUS_CORRUPT},
    {"page: sum of a cell", PAGE_SUM, STATUS_CORRUPT},
    {"page: least value of a cell", PAGE_MIN, STATUS_CORRUPT},
    {"page: largest value of a cell", PAGE_MAX, STATUS_CORRUPT},
    {"page: a value in the next bucket", PAGE_BUCKET, STATUS_CORRUPT},
    {"page: rows of a tenant", PAGE_TENANT_ROWS, STATUS_CORRUPT},
    {"page: sum of a tenant", PAGE_TENANT_SUM, STATUS_CORRUPT},
};

struct rows {
    struct event events[ROWS];
    struct event_field fields[ROWS][FIELDS];
    struct segment_row rows[ROWS];
    char lines[ROWS][LINE_SIZE_MAX];
};

/* One line per second and tenant, whose durations of 1 to DURATIONS ms all occur in each five minutes. */
static void make_row(struct rows *rows, uint32_t i)
{
    struct event *event = &rows->events[i];
    int len = snprintf(rows->lines[i], LINE_SIZE_MAX, "tenant=t%u took %u ms", i % TENANTS,
                       i * 7 % DURATIONS + 1);

    rows->fields[i][0] =
        (struct event_field){.field = FIELD_ID_TENANT, .type = FIELD_TEXT, .start = 7, .len = 2};
    rows->fields[i][1] = (struct event_field){.field = FIELD_ID_DURATION,
                                              .type = FIELD_DURATION,
                                              .unit = UNIT_NANOSECONDS,
                                              .start = 15,
                                              .len = (uint32_t)len - 18};
    *event = (struct event){.time_ns = 1772409600000000000 + i / TENANTS * 1000000000LL,
                            .bytes = {rows->lines[i], (size_t)len},
                            .offset = i * (uint64_t)LINE_SIZE_MAX,
                            .source_len = (uint32_t)len + 1,
                            .level = LEVEL_INFO,
                            .field_count = FIELDS,
                            .fields = rows->fields[i]};
    rows->rows[i] = (struct segment_row){
        .event = event, .order_time_ns = event->time_ns, .sequence = 1 + i};
}

static void test_mistakes(void **unused)
{
    static struct rows rows;
    const struct event_source source = {.geo = SLICE_LITERAL("eu"),
                                        .host = SLICE_LITERAL("web1"),
                                        .role = SLICE_LITERAL("web"),
                                        .path = SLICE_LITERAL("/var/log/a.log")};
    struct slice format = SLICE_LITERAL("app");
    struct test_names names;
    struct segment_content content = {.rows = rows.rows,
                                      .row_count = ROWS,
                                      .sources = &source,
                                      .source_count = 1,
                                      .formats = &format,
                                      .format_count = 1,
                                      .names = &names.segment};

    (void)unused;
    test_names_init(&names);
    for (uint32_t i = 0; i < ROWS; i++)
        make_row(&rows, i);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sim_io *sim = sim_io_new(1);
        struct segment_summary summary;
        struct error err = {0};

        print_message("  %s\n", cases[i].name);
        mistake = cases[i].mistake;
        check_count = 0;
        assert_int_equal(segment_write(sim_io_table(sim), "/x.seg", &content, &summary, &err),
                         STATUS_OK);
        assert_int_equal(mistake, NO_MISTAKE); /* it was made */
        assert_int_equal(first_check, cases[i].status);
        assert_int_equal(check_count, cases[i].status == STATUS_OK ? 1 : 2);
        sim_io_free(sim);
    }
    test_names_release(&names);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_mistakes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
