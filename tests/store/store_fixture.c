/* tests/store/store_fixture.c -- a store on a simulated disk for tests. */
#include "tests/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LINES_MAX = 4096 };

struct event_source fixture_source(uint8_t number)
{
    static char hosts[256][8];
    struct event_source source = {
        .id = {.shipper = {1}, .generation = {number}},
        .geo = SLICE_LITERAL("eu"),
        .role = SLICE_LITERAL("web"),
        .path = SLICE_LITERAL("/var/log/app.log"),
    };

    (void)snprintf(hosts[number], sizeof(hosts[number]), "web%u", number);
    source.host = slice_of(hosts[number]);
    return source;
}

struct store_options fixture_options(struct sim_io *sim)
{
    return (struct store_options){
        .dir = FIXTURE_DIR,
        .io = sim_io_table(sim),
        .shard_count = 2,
        .manual = true,
        .wal_file_size = 64 << 10,
        .reserve_size = 4096,
        .seal_size = 1 << 20,
        .free_bytes_min = 4096,
    };
}

struct store *fixture_open(struct sim_io *sim)
{
    struct store_options options = fixture_options(sim);
    struct store *store = NULL;
    struct error err = {0};

    if (store_open(&options, &store, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
    return store;
}

struct outcome {
    enum status status;
    struct error err;
    bool called;
};

static void on_durable(void *user, enum status status, const struct error *err)
{
    struct outcome *outcome = user;

    outcome->status = status;
    outcome->called = true;
    if (err != NULL)
        outcome->err = *err;
}

static struct event make_event(const struct fixture_batch *batch, uint32_t index, const char *line,
                               uint64_t offset, struct event_field fields[2])
{
    size_t len = strlen(line);
    size_t digits = strspn(line, "0123456789");

    fields[0] = (struct event_field){
        .field = FIELD_ID_STATUS, .type = FIELD_INT, .len = (uint32_t)digits};
    fields[1] = (struct event_field){.field = FIELD_ID_TENANT, .text = SLICE_LITERAL("acme")};
    return (struct event){
        .time_ns = batch->times != NULL && index < batch->count
                       ? batch->times[index]
                       : FIXTURE_TIME_NS + (int64_t)offset * 1000000000,
        .bytes = {line, len},
        .offset = offset,
        .source_len = (uint32_t)len + 1,
        .level = LEVEL_INFO,
        .field_count = digits > 0 ? 2 : 0,
        .fields = fields,
    };
}

enum status fixture_append(struct store *store, const struct fixture_batch *batch,
                           struct error *err)
{
    static struct event events[LINES_MAX + 1];
    static struct event_field fields[LINES_MAX + 1][2];
    struct event_source source = fixture_source(batch->source);
    struct slice format = SLICE_LITERAL("plain");
    struct watermark watermark = {.id = source.id};
    struct outcome outcome = {.status = STATUS_END};
    uint64_t offset = batch->offset;
    struct batch out = {
        .sources = &source,
        .formats = &format,
        .events = events,
        .watermarks = &watermark,
        .source_count = 1,
        .format_count = 1,
        .event_count = batch->count,
        .watermark_count = 1,
    };
    enum status status;

    assert_true(batch->count <= LINES_MAX);
    for (uint32_t i = 0; i < batch->count; i++) {
        events[i] = make_event(batch, i, batch->lines[i], offset, fields[i]);
        offset += events[i].source_len;
    }
    if (batch->open != NULL) {
        events[batch->count] =
            make_event(batch, batch->count, batch->open, offset, fields[batch->count]);
        offset += events[batch->count].source_len;
        out.open_events = &events[batch->count];
        out.open_event_count = 1;
    }
    watermark.durable_offset = offset;
    watermark.tail_hash = offset * 31;
    status = store_append(store, store_shard_of(store, &source.id), &out,
                          batch->queue_only ? NULL : on_durable, &outcome, err);
    if (status != STATUS_OK || batch->queue_only)
        return status;
    while (!outcome.called && store_step(store, err) == STATUS_OK)
        ;
    assert_true(outcome.called);
    if (outcome.status != STATUS_OK && err != NULL)
        *err = outcome.err;
    return outcome.status;
}

void fixture_settle(struct store *store)
{
    struct error err = {0};

    while (store_step(store, &err) == STATUS_OK)
        ;
}

struct sort_row {
    char *line;
    int64_t order;
    uint64_t sequence;
    uint32_t source;
};

static int compare_rows(const void *a, const void *b)
{
    const struct sort_row *left = a, *right = b;

    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    if (left->source != right->source)
        return left->source < right->source ? -1 : 1;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

/* False: a page of the block is damaged. */
static bool take_rows(struct block *block, struct sort_row **rows, uint32_t *count)
{
    struct error err = {0};
    const int64_t *orders = block_order_times(block, &err);
    const uint64_t *sequences = block_sequences(block, &err);
    const uint32_t *sources = block_source_numbers(block, &err);

    if (orders == NULL || sequences == NULL || sources == NULL) {
        assert_int_equal(err.status, STATUS_CORRUPT);
        return false;
    }
    *rows = realloc(*rows, (*count + block_row_count(block) + 1) * sizeof(**rows));
    for (uint32_t row = 0; row < block_row_count(block); row++) {
        struct buf text = buf_empty(64 << 20);

        if (!bit_get(block_selected(block), row))
            continue;
        if (block_render(block, row, &text, &err) != STATUS_OK) {
            assert_int_equal(err.status, STATUS_CORRUPT);
            return false;
        }
        assert_true(buf_append_byte(&text, '\0'));
        (*rows)[(*count)++] = (struct sort_row){text.data, orders[row], sequences[row],
                                                sources[row]};
    }
    return true;
}

struct fixture_rows fixture_scan(struct store *store, const struct predicate *filter,
                                 bool open_events)
{
    struct scan_options options = {.time_min_ns = INT64_MIN,
                                   .time_max_ns = INT64_MAX,
                                   .filter = filter,
                                   .open_events = open_events};
    struct fixture_rows out = {0};
    struct sort_row *rows = NULL;
    struct scan *scan;
    struct block *block;
    struct error err = {0};
    enum status status;

    assert_int_equal(scan_open(store, &options, &scan, &err), STATUS_OK);
    while ((status = scan_next(scan, &block, &err)) == STATUS_OK) {
        out.damaged += !take_rows(block, &rows, &out.count);
        block_release(block);
    }
    if (status != STATUS_END)
        fail_msg("scan: %s", err.message);
    scan_cost(scan, &out.cost);
    scan_close(scan);
    if (out.count > 0)
        qsort(rows, out.count, sizeof(*rows), compare_rows);
    out.lines = calloc((size_t)out.count + 1, sizeof(*out.lines));
    out.orders = calloc((size_t)out.count + 1, sizeof(*out.orders));
    out.sequences = calloc((size_t)out.count + 1, sizeof(*out.sequences));
    out.sources = calloc((size_t)out.count + 1, sizeof(*out.sources));
    for (uint32_t i = 0; i < out.count; i++) {
        out.lines[i] = rows[i].line;
        out.orders[i] = rows[i].order;
        out.sequences[i] = rows[i].sequence;
        out.sources[i] = rows[i].source;
    }
    free(rows);
    return out;
}

void fixture_rows_free(struct fixture_rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++)
        free(rows->lines[i]);
    free(rows->lines);
    free(rows->orders);
    free(rows->sequences);
    free(rows->sources);
}

const char *const fixture_first_lines[4] = {"200 GET /a", "404 GET /b", "", "503 POST /c"};
const char *const fixture_more_lines[2] = {"200 GET /d", "200 GET /e"};

void fixture_check_lines(const struct fixture_rows *rows, const char *const *expected,
                         uint32_t count)
{
    assert_int_equal(rows->count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_string_equal(rows->lines[i], expected[i]);
}

void fixture_append_lines(struct store *store, uint8_t source, const char *const *lines,
                          uint32_t count, uint64_t offset)
{
    struct fixture_batch batch = {
        .source = source, .lines = lines, .count = count, .offset = offset};
    struct error err = {0};

    if (fixture_append(store, &batch, &err) != STATUS_OK)
        fail_msg("append: %s", err.message);
}

void fixture_check_six(struct store *store)
{
    static const char *const all[] = {"200 GET /a", "404 GET /b", "",
                                      "503 POST /c", "200 GET /d", "200 GET /e"};
    struct event_source source = fixture_source(1);
    struct fixture_rows rows = fixture_scan(store, NULL, false);
    struct watermark watermark;

    fixture_check_lines(&rows, all, 6);
    assert_int_equal(rows.cost.rows_total, 6);
    for (uint32_t i = 0; i < rows.count; i++)
        assert_int_equal(rows.sequences[i], i + 1);
    fixture_rows_free(&rows);
    assert_int_equal(store_watermark(store, &source.id, &watermark), STATUS_OK);
    assert_int_equal(watermark.durable_offset, 57); /* 35 bytes and 22 bytes of lines */
}
