/* tests/query/query_fixture.c -- rows, their batches, and the text of answers. */
#include "tests/query/query_fixture.h"

#include "query/cell.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BATCH_ROWS = 500, FIELDS_MAX = 8 };

static const char *const roles[FIXTURE_SOURCES] = {"web", "web", "proxy", "task"};
static const char *const notes[] = {NULL, NULL, NULL, "timed out", "Timed Out", "deadlock found",
                                    "id=7f3c9a51", "x=1 y=2"};

/* ---- rows ---- */

static void make_row(struct fixture_row *row, struct test_random *random, int64_t after_ns,
                     int64_t last_order_ns)
{
    static const unsigned statuses[] = {200, 200, 200, 201, 304, 404, 500, 502};
    static const char *const methods[] = {"GET", "POST"};
    int len;

    row->time_ns = FIXTURE_TIME_NS + after_ns +
                   (int64_t)test_random_below(random, 1000) * 1000000;
    if (test_random_below(random, 50) == 0)
        row->time_ns -= 90 * 1000000000LL; /* a stamp that runs backwards */
    row->order_ns = row->time_ns > last_order_ns ? row->time_ns : last_order_ns;
    row->status = test_random_below(random, 40) == 0 ? 0 : statuses[test_random_below(random, 8)];
    row->duration_ms = 1 + (unsigned)test_random_below(random, 30) *
                               (unsigned)test_random_below(random, 300);
    row->bytes = (unsigned)test_random_below(random, 5000000);
    row->tenant = (unsigned)test_random_below(random, 30);
    row->level = row->status >= 500 ? LEVEL_ERROR : row->status == 404 ? LEVEL_WARNING : LEVEL_INFO;
    row->client = (unsigned)test_random_below(random, 700);
    row->method = methods[test_random_below(random, 2)];
    row->note = notes[test_random_below(random, COUNT_OF(notes))];
    snprintf(row->path, sizeof(row->path), "/a/clinic%u/phone/%u", row->tenant,
             (unsigned)test_random_below(random, 20));
    len = snprintf(row->line, sizeof(row->line), "%s %s ", row->method, row->path);
    if (row->status == 0)
        len += snprintf(row->line + len, sizeof(row->line) - (size_t)len, "-");
    else
        len += snprintf(row->line + len, sizeof(row->line) - (size_t)len, "%u", row->status);
    snprintf(row->line + len, sizeof(row->line) - (size_t)len, " %ums %u %s 10.0.%u.%u%s%s",
             row->duration_ms, row->bytes, level_name((enum level)row->level), row->client / 256,
             row->client % 256, row->note == NULL ? "" : " note=",
             row->note == NULL ? "" : row->note);
}

/* The next part of the line up to a blank, as a span. */
static struct event_field next_part(const char *line, uint32_t *at, field_id field,
                                    enum field_type type)
{
    uint32_t start = *at, len = (uint32_t)strcspn(line + start, " ");

    *at = start + len + 1;
    return (struct event_field){
        .field = field, .type = (uint8_t)type, .start = start, .len = len};
}

static uint32_t make_fields(const struct fixture_row *row, struct event_field *fields,
                            char tenant[20])
{
    uint32_t at = 0, count = 0;

    fields[count++] = next_part(row->line, &at, FIELD_ID_METHOD, FIELD_TEXT);
    fields[count++] = next_part(row->line, &at, FIELD_ID_PATH, FIELD_TEXT);
    fields[count++] = next_part(row->line, &at, FIELD_ID_STATUS, FIELD_INT);
    count -= row->status == 0;
    fields[count++] = next_part(row->line, &at, FIELD_ID_DURATION, FIELD_DURATION);
    fields[count++] = next_part(row->line, &at, FIELD_ID_BYTES, FIELD_BYTES);
    (void)next_part(row->line, &at, FIELD_ID_LEVEL, FIELD_LEVEL);
    fields[count++] = next_part(row->line, &at, FIELD_ID_CLIENT, FIELD_IPV4);
    if (row->tenant > 0) {
        snprintf(tenant, 20, "clinic%u", row->tenant);
        fields[count++] = (struct event_field){.field = FIELD_ID_TENANT, .text = slice_of(tenant)};
    }
    return count;
}

struct outcome {
    enum status status;
    bool called;
};

static void on_durable(void *user, enum status status, const struct error *err)
{
    struct outcome *outcome = user;

    (void)err;
    outcome->status = status;
    outcome->called = true;
}

static struct event_source source_of(uint32_t number)
{
    static char hosts[FIXTURE_SOURCES][8], paths[FIXTURE_SOURCES][24];

    snprintf(hosts[number], sizeof(hosts[number]), "web%u", number);
    snprintf(paths[number], sizeof(paths[number]), "/var/log/app%u.log", number);
    return (struct event_source){
        .id = {.shipper = {1}, .generation = {(uint8_t)(number + 1)}},
        .geo = number < 2 ? SLICE_LITERAL("eu") : SLICE_LITERAL("in"),
        .host = slice_of(hosts[number]),
        .role = slice_of(roles[number]),
        .path = slice_of(paths[number]),
    };
}

/* The rows of one source among [from, to) as one batch. */
static void append(struct fixture *fixture, uint32_t number, uint32_t from, uint32_t to,
                   uint64_t *offset)
{
    static struct event events[BATCH_ROWS];
    static struct event_field fields[BATCH_ROWS][FIELDS_MAX];
    static char tenants[BATCH_ROWS][20];
    struct event_source source = source_of(number);
    struct slice format = SLICE_LITERAL("nginx_timing");
    struct watermark watermark = {.id = source.id};
    struct outcome outcome = {0};
    struct batch batch = {.sources = &source, .source_count = 1, .formats = &format,
                          .format_count = 1, .events = events, .watermarks = &watermark,
                          .watermark_count = 1};
    struct error err = {0};

    for (uint32_t i = from; i < to; i++) {
        const struct fixture_row *row = &fixture->rows[i];
        uint32_t at = batch.event_count;

        if (row->source != number)
            continue;
        events[at] = (struct event){.time_ns = row->time_ns,
                                    .bytes = slice_of(row->line),
                                    .offset = *offset,
                                    .source_len = (uint32_t)strlen(row->line) + 1,
                                    .level = (uint8_t)row->level,
                                    .field_count = make_fields(row, fields[at], tenants[at]),
                                    .fields = fields[at]};
        *offset += events[at].source_len;
        batch.event_count++;
    }
    watermark.durable_offset = *offset;
    if (store_append(fixture->store, store_shard_of(fixture->store, &source.id), &batch,
                     on_durable, &outcome, &err) != STATUS_OK)
        fail_msg("append: %s", err.message);
    while (!outcome.called && store_step(fixture->store, &err) == STATUS_OK)
        continue;
    assert_true(outcome.called);
    assert_int_equal(outcome.status, STATUS_OK);
}

void fixture_make(struct fixture *fixture, uint32_t count, uint64_t seed, bool seal)
{
    fixture_make_every(fixture, 1000000000, count, seed, seal);
}

void fixture_make_every(struct fixture *fixture, int64_t step_ns, uint32_t count, uint64_t seed,
                        bool seal)
{
    uint64_t offsets[FIXTURE_SOURCES] = {0};
    int64_t orders[FIXTURE_SOURCES] = {0};
    struct test_random random = {seed};
    struct store_options options = {.dir = "/store", .shard_count = 2, .manual = true,
                                    .free_bytes_min = 4096};
    struct error err = {0};

    *fixture = (struct fixture){.sim = sim_io_new(seed), .count = count};
    options.io = sim_io_table(fixture->sim);
    if (store_open(&options, &fixture->store, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
    fixture->rows = calloc(count, sizeof(*fixture->rows));
    assert_non_null(fixture->rows);
    for (uint32_t i = 0; i < count; i++) {
        struct fixture_row *row = &fixture->rows[i];

        row->source = (uint32_t)test_random_below(&random, FIXTURE_SOURCES);
        make_row(row, &random, i * step_ns, orders[row->source]);
        orders[row->source] = row->order_ns;
    }
    for (uint32_t from = 0; from < count; from += BATCH_ROWS) {
        uint32_t to = count - from < BATCH_ROWS ? count : from + BATCH_ROWS;

        for (uint32_t source = 0; source < FIXTURE_SOURCES; source++)
            append(fixture, source, from, to, &offsets[source]);
        if (seal && from < count / 2 && to >= count / 2 &&
            store_seal(fixture->store, &err) != STATUS_OK)
            fail_msg("seal: %s", err.message);
    }
}

void fixture_free(struct fixture *fixture)
{
    store_close(fixture->store);
    sim_io_free(fixture->sim);
    free(fixture->rows);
}

/* ---- answers ---- */

static void print_value(const struct result_column *column, uint32_t row, struct buf *out)
{
    struct column from = {.type = (enum field_type)column->type,
                          .present = column->present,
                          .codes = column->codes,
                          .dict = column->dict,
                          .dict_count = column->dict_count,
                          .ints = column->ints,
                          .floats = column->floats,
                          .texts = column->texts};
    static const enum column_kind kinds[] = {[RESULT_TEXT] = COLUMN_TEXT,
                                             [RESULT_DICT] = COLUMN_DICT,
                                             [RESULT_INT] = COLUMN_INT,
                                             [RESULT_FLOAT] = COLUMN_FLOAT};
    struct cell cell;

    from.kind = kinds[column->kind];
    cell = cell_of(&from, row);
    if (cell.kind == CELL_NULL)
        return;
    assert_true(buf_printf(out, "%s%.*s=", out->len == 0 ? "" : " ", SLICE_ARG(column->name)));
    assert_true(cell_print(&cell, out));
}

static enum status on_head(void *user, const struct query_head *head)
{
    struct answer *answer = user;

    for (uint32_t i = 0; i < head->column_count; i++)
        assert_true(buf_printf(&answer->head, "%s%.*s:%s", i == 0 ? "" : " ",
                               SLICE_ARG(head->columns[i].name),
                               value_type_name(head->columns[i].type)));
    if (head->open)
        assert_true(buf_append_text(&answer->head, " ..."));
    return STATUS_OK;
}

static enum status on_chunk(void *user, const struct result_chunk *chunk)
{
    struct answer *answer = user;

    assert_in_range(chunk->row_count, 1, RESULT_CHUNK_ROWS_MAX);
    for (uint32_t row = 0; row < chunk->row_count; row++) {
        struct buf text = buf_empty(1 << 20);

        for (uint32_t i = 0; i < chunk->column_count; i++)
            print_value(&chunk->columns[i], row, &text);
        assert_true(buf_append_byte(&text, '\0'));
        if (answer->count == answer->capacity) {
            answer->capacity = answer->capacity == 0 ? 64 : answer->capacity * 2;
            answer->rows = realloc(answer->rows, answer->capacity * sizeof(*answer->rows));
            assert_non_null(answer->rows);
        }
        answer->rows[answer->count++] = text.data;
    }
    return STATUS_OK;
}

static void on_end(void *user, const struct query_end *end)
{
    struct answer *answer = user;

    assert_false(answer->ended);
    answer->ended = true;
    answer->end = *end;
    if (end->warning_count > 0)
        snprintf(answer->warning, sizeof(answer->warning), "%s", end->warnings[0]);
    if (end->code != NULL)
        snprintf(answer->code, sizeof(answer->code), "%s", end->code);
    answer->end.warnings = NULL;
    answer->end.gaps = NULL;
}

enum status answer_try(struct fixture *fixture, const char *text,
                       const struct query_options *options, struct answer *out,
                       struct query_problem *problem)
{
    struct query_options plain = {.order = QUERY_OLDEST, .now_ns = FIXTURE_TIME_NS + 3600000000000};
    struct query_receiver receiver = {
        .head = on_head, .chunk = on_chunk, .end = on_end, .user = out};
    struct query *query;
    enum status status;

    *out = (struct answer){.head = buf_empty(1 << 20)};
    status = query_parse(slice_of(text), &query, problem);
    if (status != STATUS_OK)
        return status;
    status = query_run(query, fixture->store, options == NULL ? &plain : options, &receiver,
                       problem);
    query_free(query);
    assert_true(buf_append_byte(&out->head, '\0'));
    return status;
}

void answer_of(struct fixture *fixture, const char *text, const struct query_options *options,
               struct answer *out)
{
    struct query_problem problem = {0};

    if (answer_try(fixture, text, options, out, &problem) != STATUS_OK)
        fail_msg("%s: at %zu: %s", text, problem.at, problem.message);
    assert_true(out->ended);
    assert_int_equal(out->end.rows, out->count);
}

void answer_free(struct answer *answer)
{
    for (uint32_t i = 0; i < answer->count; i++)
        free(answer->rows[i]);
    free(answer->rows);
    buf_release(&answer->head);
}
