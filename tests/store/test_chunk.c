/* tests/store/test_chunk.c -- a batch as the WAL and the heads keep it: all that went in comes out,
 * also from bytes of version 1; what is damaged is refused.
 * `GOLDEN_WRITE=FILE test_store_chunk` writes the batch of these tests as a chunk of this version.
 */
#include "store/chunk.h"

#include "base/hash.h"
#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define START_NS       (INT64_C(1767225600) * 1000000000) /* 2026-01-01T00:00:00Z */
#define FIRST_SEQUENCE 4711

enum { GOLDEN_ROWS = 40, GOLDEN_OPEN = 2, FIELDS_EACH = 6, LAST_OF_WEB = 38 };

/* All that a batch can hold, made by rules that the comments give. */
struct made {
    struct event_source sources[2];
    struct slice formats[2];
    struct event events[GOLDEN_ROWS + GOLDEN_OPEN];
    struct event_field fields[GOLDEN_ROWS + GOLDEN_OPEN][FIELDS_EACH];
    char texts[GOLDEN_ROWS + GOLDEN_OPEN][64];
    char groups[GOLDEN_ROWS + GOLDEN_OPEN][16];
    int64_t orders[GOLDEN_ROWS + GOLDEN_OPEN]; /* expected */
    struct label labels[2];
    struct sample samples[3];
    struct watermark watermarks[2];
    struct loss losses[1];
    struct batch batch;
};

struct tables {
    struct name_table fields, formats;
    struct source_table sources;
    struct chunk_tables chunk;
};

static void tables_init(struct tables *tables)
{
    struct error err = {0};

    assert_int_equal(name_table_init(&tables->fields, &err), STATUS_OK);
    assert_int_equal(name_table_init(&tables->formats, &err), STATUS_OK);
    assert_int_equal(source_table_init(&tables->sources, &err), STATUS_OK);
    for (uint32_t i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        (void)name_table_get(&tables->fields, slice_of(well_known_field_names[i]));
    tables->chunk = (struct chunk_tables){&tables->fields, &tables->formats, &tables->sources};
}

static void tables_release(struct tables *tables)
{
    name_table_release(&tables->fields);
    name_table_release(&tables->formats);
    source_table_release(&tables->sources);
}

/* "GET /a/<row> 200": method, path, the row's number inside of it, status; group and tenant
 * computed. Every third row has no tenant, every seventh has no fields at all. */
static void make_fields(struct made *made, uint32_t row)
{
    struct event_field *fields = made->fields[row];
    struct event *event = &made->events[row];
    uint32_t digits = row < 10 ? 1 : 2;
    int len = snprintf(made->texts[row], sizeof(made->texts[row]), "GET /a/%u 200", row);

    (void)snprintf(made->groups[row], sizeof(made->groups[row]), "/a/%u*", row % 4);
    event->bytes = slice_make(made->texts[row], (size_t)len);
    fields[0] = (struct event_field){.field = FIELD_ID_METHOD, .len = 3};
    fields[1] = (struct event_field){.field = FIELD_ID_PATH, .start = 4, .len = 3 + digits};
    fields[2] = (struct event_field){
        .field = FIELD_ID_TASK_ID, .type = FIELD_INT, .start = 7, .len = digits};
    fields[3] = (struct event_field){.field = FIELD_ID_DURATION,
                                     .type = FIELD_DURATION,
                                     .unit = UNIT_MILLISECONDS,
                                     .start = 8 + digits,
                                     .len = 3};
    fields[4] =
        (struct event_field){.field = FIELD_ID_URL_GROUP, .text = slice_of(made->groups[row])};
    fields[5] = (struct event_field){.field = FIELD_ID_TENANT, .text = slice_of("north")};
    event->fields = fields;
    event->field_count = row % 7 == 0 ? 0 : row % 3 == 0 ? FIELDS_EACH - 1 : FIELDS_EACH;
}

/* Row i of 0..37 comes from source 0, two seconds after the one before; row 10 carries a time
 * before all others. Row 38 and 39 are of source 1 and a century apart. The two open rows are of
 * source 0: the first is older than its order time, the second newer. */
static void make_events(struct made *made)
{
    uint64_t offset = 1000;

    for (uint32_t i = 0; i < GOLDEN_ROWS + GOLDEN_OPEN; i++) {
        struct event *event = &made->events[i];

        make_fields(made, i);
        event->time_ns = START_NS + i * INT64_C(2000000000) + i;
        event->source = i == LAST_OF_WEB || i == LAST_OF_WEB + 1;
        event->format = i % 5 == 4;
        event->level = (uint8_t)(i % LEVEL_COUNT);
        event->flags = i % 11 == 10 ? EVENT_TIME_ADJUSTED : 0;
        event->offset = offset;
        event->source_len = (uint32_t)event->bytes.len + 1 + (i == 20); /* "\r\n" once */
        offset += event->source_len + (i == 25 ? 5000000 : 0);          /* a hole */
        made->orders[i] = event->time_ns;
    }
    made->events[10].time_ns = START_NS - INT64_C(3600000000000);
    made->orders[10] = made->orders[9];
    made->events[LAST_OF_WEB].time_ns = -INT64_C(1000000000) * 86400 * 36525;
    made->orders[LAST_OF_WEB] = made->events[LAST_OF_WEB].time_ns;
    made->events[GOLDEN_ROWS].time_ns = START_NS;
    made->orders[GOLDEN_ROWS] = made->orders[LAST_OF_WEB - 1];
}

static void make(struct made *made)
{
    *made = (struct made){
        .sources = {{.id = {.generation = "a", .truncations = 3},
                     .geo = slice_of("eu"),
                     .host = slice_of("web1"),
                     .role = slice_of("web"),
                     .path = slice_of("/var/log/a")},
                    {.id = {.generation = "b"}, .host = slice_of("db1")}},
        .formats = {slice_of("plain"), slice_of("other")},
        .labels = {{slice_of("cpu"), slice_of("0")}, {slice_of("mode"), slice_of("idle")}},
    };
    make_events(made);
    for (uint32_t i = 0; i < COUNT_OF(made->samples); i++)
        made->samples[i] = (struct sample){.time_ns = START_NS + i,
                                           .value = i + 0.5,
                                           .source = i % 2,
                                           .label_count = i == 2 ? 0 : 2,
                                           .metric = slice_of(i == 2 ? "load" : "seconds"),
                                           .labels = made->labels};
    for (uint32_t i = 0; i < COUNT_OF(made->watermarks); i++)
        made->watermarks[i] = (struct watermark){
            .id = made->sources[i].id, .durable_offset = 7000000 + i, .tail_hash = 99 - i};
    made->losses[0] = (struct loss){.source = 1,
                                    .from_offset = 10,
                                    .to_offset = 30,
                                    .time_ns = START_NS,
                                    .reason = slice_of("TRUNCATED")};
    made->batch = (struct batch){.sources = made->sources,
                                 .formats = made->formats,
                                 .events = made->events,
                                 .samples = made->samples,
                                 .watermarks = made->watermarks,
                                 .losses = made->losses,
                                 .open_events = made->events + GOLDEN_ROWS,
                                 .source_count = 2,
                                 .format_count = 2,
                                 .event_count = GOLDEN_ROWS,
                                 .sample_count = 3,
                                 .watermark_count = 2,
                                 .loss_count = 1,
                                 .open_event_count = GOLDEN_OPEN};
}

static void encode(struct tables *tables, const struct batch *batch, struct buf *out)
{
    int64_t orders[2] = {INT64_MIN, INT64_MIN};
    struct error err = {0};

    if (chunk_encode(batch, &tables->fields, orders, out, NULL, &err) != STATUS_OK)
        fail_msg("encode: %s", err.message);
    put_le64(out->data + CHUNK_SEQUENCE_AT, FIRST_SEQUENCE);
}

static int write_golden(const char *path)
{
    struct tables tables;
    struct made *made = malloc(sizeof(*made));
    struct buf bytes;
    struct error err = {0};

    if (made == NULL)
        return 2;
    tables_init(&tables);
    make(made);
    encode(&tables, &made->batch, &bytes);
    if (io_replace_file(io_system(), path, buf_slice(&bytes), &err) != STATUS_OK)
        (void)fprintf(stderr, "%s\n", err.message);
    buf_release(&bytes);
    tables_release(&tables);
    free(made);
    return err.status == STATUS_OK ? 0 : 2;
}

/* ---- what comes out ---- */

static void check_fields(const struct event *got, const struct event *expected)
{
    assert_int_equal(got->field_count, expected->field_count);
    for (uint32_t i = 0; i < got->field_count; i++) {
        const struct event_field *a = &got->fields[i], *b = &expected->fields[i];

        assert_int_equal(a->field, b->field);
        assert_int_equal(a->type, b->type);
        assert_int_equal(a->unit, b->unit);
        assert_int_equal(a->text.data == NULL, b->text.data == NULL);
        if (b->text.data != NULL) {
            assert_true(slice_equal(a->text, b->text));
            continue;
        }
        assert_int_equal(a->start, b->start);
        assert_int_equal(a->len, b->len);
    }
}

/* As scans walk them. */
static void check_walk(const struct chunk *chunk, const struct chunk_row *row,
                       const struct event *expected)
{
    const struct chunk_binding *binding;
    struct chunk_fields walk;
    struct slice value;
    uint32_t count = 0;

    chunk_fields_begin(chunk, row, &walk);
    while (chunk_fields_next(&walk, &binding, &value)) {
        const struct event_field *field = &expected->fields[count++];

        assert_int_equal(binding->field, field->field);
        assert_true(slice_equal(value, field->text.data != NULL
                                           ? field->text
                                           : slice_sub(expected->bytes, field->start, field->len)));
        assert_true(chunk_row_has_field(chunk, row, field->field));
    }
    assert_int_equal(count, expected->field_count);
    assert_false(chunk_row_has_field(chunk, row, FIELD_ID_SQLSTATE));
}

static void check_rows(const struct chunk *chunk, const struct made *made)
{
    struct event_field fields[FIELDS_EACH];

    for (uint32_t i = 0; i < GOLDEN_ROWS + GOLDEN_OPEN; i++) {
        const struct event *expected = &made->events[i];
        struct chunk_row row = chunk_row_at(chunk, i);
        struct event got;

        chunk_event(chunk, &row, fields, &got);
        assert_int_equal(row.order_ns, made->orders[i]);
        assert_int_equal(got.time_ns, expected->time_ns);
        assert_int_equal(got.offset, expected->offset);
        assert_int_equal(got.source, expected->source);
        assert_int_equal(got.source_len, expected->source_len);
        assert_int_equal(got.format, expected->format);
        assert_int_equal(got.level, expected->level);
        assert_int_equal(got.flags, expected->flags | (i >= GOLDEN_ROWS ? EVENT_OPEN : 0));
        assert_true(slice_equal(got.bytes, expected->bytes));
        check_fields(&got, expected);
        check_walk(chunk, &row, expected);
    }
}

static void check_samples(const struct chunk *chunk, const struct made *made)
{
    for (uint32_t i = 0; i < chunk->sample_count; i++) {
        const struct chunk_sample *got = &chunk->samples[i];
        struct slice series = chunk->series[got->series], metric;
        struct label label;
        uint32_t labels;

        assert_int_equal(got->time_ns, made->samples[i].time_ns);
        assert_true(got->value == made->samples[i].value);
        assert_int_equal(got->source, made->samples[i].source);
        assert_true(series_take(&series, &metric, &labels));
        assert_true(slice_equal(metric, made->samples[i].metric));
        assert_int_equal(labels, made->samples[i].label_count);
        for (uint32_t k = 0; k < labels; k++) {
            assert_true(label_take(&series, &label));
            assert_true(slice_equal(label.name, made->labels[k].name));
            assert_true(slice_equal(label.value, made->labels[k].value));
        }
    }
}

static void check_tables(const struct chunk *chunk, const struct made *made,
                         const struct tables *tables)
{
    struct slice watermarks = chunk->watermarks, losses = chunk->losses;
    struct watermark watermark;
    struct loss loss;

    for (uint32_t i = 0; i < 2; i++) {
        const struct event_source *source =
            source_table_source(tables->chunk.sources, chunk->source_numbers[i]);

        assert_true(source_id_equal(&source->id, &made->sources[i].id));
        assert_true(slice_equal(source->host, made->sources[i].host));
        assert_true(slice_equal(source->path, made->sources[i].path));
        assert_true(slice_equal(name_table_name(tables->chunk.formats, chunk->formats[i].number),
                                made->formats[i]));
        assert_true(watermark_take(&watermarks, &watermark));
        assert_true(source_id_equal(&watermark.id, &made->sources[i].id));
        assert_int_equal(watermark.durable_offset, made->watermarks[i].durable_offset);
        assert_int_equal(watermark.tail_hash, made->watermarks[i].tail_hash);
    }
    assert_true(loss_take(&losses, &loss));
    assert_int_equal(loss.source, 1);
    assert_int_equal(loss.to_offset, 30);
    assert_true(slice_is(loss.reason, "TRUNCATED"));
    assert_int_equal(watermarks.len + losses.len, 0);
}

static void check_totals(const struct chunk *chunk, const struct made *made)
{
    assert_int_equal(chunk->row_count, GOLDEN_ROWS);
    assert_int_equal(chunk->open_count, GOLDEN_OPEN);
    assert_int_equal(chunk->sample_count, 3);
    assert_int_equal(chunk->first_sequence, FIRST_SEQUENCE);
    assert_int_equal(chunk->formats[1].row_count, GOLDEN_ROWS / 5);
    assert_int_equal(chunk->formats[1].time_max_ns, made->events[39].time_ns);
    assert_int_equal(chunk->raw_size, 10 * 12 + 30 * 13); /* "GET /a/7 200", "GET /a/17 200" */
    assert_int_equal(chunk->time_min_ns, made->events[LAST_OF_WEB].time_ns);
    assert_int_equal(chunk->order_max_ns, made->events[GOLDEN_ROWS - 1].time_ns);
    assert_int_equal(chunk->sample_max_ns, START_NS + 2);
}

static void check_all(struct buf *bytes, bool from_disk)
{
    struct made *made = malloc(sizeof(*made));
    struct tables tables;
    struct chunk *chunk = NULL;
    struct error err = {0};
    const struct chunk_frame none = {0};
    enum status status;

    assert_non_null(made);
    make(made);
    tables_init(&tables);
    status = from_disk ? chunk_new(bytes, &tables.chunk, &chunk, &err)
                       : chunk_new_encoded(bytes, &none, &tables.chunk, &chunk, &err);
    if (status != STATUS_OK)
        fail_msg("%s", err.message);
    check_totals(chunk, made);
    check_rows(chunk, made);
    check_samples(chunk, made);
    check_tables(chunk, made, &tables);
    chunk_unref(chunk);
    tables_release(&tables);
    free(made);
}

static struct buf encoded(void)
{
    struct made *made = malloc(sizeof(*made));
    struct tables tables;
    struct buf bytes;

    assert_non_null(made);
    tables_init(&tables);
    make(made);
    encode(&tables, &made->batch, &bytes);
    tables_release(&tables);
    free(made);
    return bytes;
}

static void test_round_trip(void **unused)
{
    struct buf bytes = encoded();

    (void)unused;
    check_all(&bytes, true);
    bytes = encoded();
    check_all(&bytes, false);
}

/* A series is its texts, wherever these are; its number is that of its first sample. */
static const struct series_case {
    const char *name, *metric, *labels[2][2];
    unsigned label_count;
    bool as_before; /* the very texts of the sample before */
    uint32_t number;
} series_cases[] = {
    {"first", "up", {{"job", "a"}, {"zone", "x"}}, 2, false, 0},
    {"same memory", "up", {{"job", "a"}, {"zone", "x"}}, 2, true, 0},
    {"fewer labels", "up", {{"job", "a"}}, 1, false, 1},
    {"another name at a place", "up", {{"job", "a"}, {"rack", "x"}}, 2, false, 2},
    {"same texts elsewhere", "up", {{"job", "a"}, {"zone", "x"}}, 2, false, 0},
    {"other metric, no labels", "upa", {{NULL, NULL}}, 0, false, 3},
    {"a name between others", "up", {{"core", "0"}, {"job", "a"}}, 2, false, 4},
};

static void make_series(const struct series_case *c, struct label *labels, struct sample *out)
{
    for (unsigned i = 0; i < c->label_count; i++)
        labels[i] = (struct label){slice_of(c->labels[i][0]), slice_of(c->labels[i][1])};
    *out = (struct sample){.metric = slice_of(c->metric),
                           .labels = labels,
                           .label_count = c->label_count};
    if (c->as_before)
        *out = out[-1];
}

static struct buf encode_series(struct tables *tables)
{
    struct label labels[COUNT_OF(series_cases)][2];
    struct sample samples[COUNT_OF(series_cases)];
    struct event_source source = {.id = {.generation = "a"}};
    struct buf bytes;

    for (uint32_t i = 0; i < COUNT_OF(series_cases); i++)
        make_series(&series_cases[i], labels[i], &samples[i]);
    encode(tables,
           &(struct batch){.sources = &source,
                           .samples = samples,
                           .source_count = 1,
                           .sample_count = COUNT_OF(series_cases)},
           &bytes);
    return bytes;
}

static void check_series(const struct chunk *chunk, struct tables *tables)
{
    static const char *const names[] = {"job", "zone", "rack", "core"};

    assert_int_equal(chunk->series_count, 5);
    for (uint32_t i = 0; i < COUNT_OF(series_cases); i++) {
        print_message("  %s\n", series_cases[i].name);
        assert_int_equal(chunk->samples[i].series, series_cases[i].number);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) /* queries find labels by name */
        assert_int_not_equal(name_table_find(&tables->fields, slice_of(names[i])), NAME_TABLE_NONE);
}

static void test_series(void **unused)
{
    const struct chunk_frame none = {0};
    struct error err = {0};

    (void)unused;
    for (int from_disk = 0; from_disk < 2; from_disk++) {
        struct tables tables, others; /* of the program that wrote it, of the next one */
        struct chunk *chunk = NULL;
        struct buf bytes;

        tables_init(&tables);
        tables_init(&others);
        bytes = encode_series(&tables);
        assert_int_equal(from_disk ? chunk_new(&bytes, &others.chunk, &chunk, &err)
                                   : chunk_new_encoded(&bytes, &none, &tables.chunk, &chunk, &err),
                         STATUS_OK);
        check_series(chunk, from_disk ? &others : &tables);
        chunk_unref(chunk);
        tables_release(&tables);
        tables_release(&others);
    }
}

static const char *const golden_files[] = {"chunk_v1.bin", "chunk_v2.bin"};

static void test_golden(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(golden_files); i++) {
        struct buf bytes = buf_empty(1 << 20);
        struct error err = {0};
        char path[1024];

        print_message("  %s\n", golden_files[i]);
        (void)snprintf(path, sizeof(path), GOLDEN_DIR "/store/%s", golden_files[i]);
        if (io_read_file(io_system(), path, &bytes, &err) != STATUS_OK)
            fail_msg("%s", err.message);
        check_all(&bytes, true);
    }
}

/* ---- damage ---- */

static uint64_t hash_of(struct slice text)
{
    return hash64(text.data, text.len);
}

/* What later code reads without checks: under a sanitizer a wrong place is found. */
static uint64_t read_all(const struct chunk *chunk)
{
    struct event_field *fields = malloc(EVENT_FIELDS_MAX * sizeof(*fields));
    uint64_t sum = 0;

    assert_non_null(fields);
    for (uint32_t i = 0; i < chunk->row_count + chunk->open_count; i++) {
        struct chunk_row row = chunk_row_at(chunk, i);
        struct event event;

        chunk_event(chunk, &row, fields, &event);
        sum += hash_of(event.bytes) + chunk->source_numbers[row.source];
        for (uint32_t k = 0; k < event.field_count; k++)
            sum += fields[k].text.data != NULL
                       ? hash_of(fields[k].text)
                       : hash_of(slice_sub(event.bytes, fields[k].start, fields[k].len));
    }
    free(fields);
    return sum;
}

static void try_bytes(struct tables *tables, const struct buf *bytes, size_t changed, char mask)
{
    struct buf copy = buf_empty(1 << 20);
    struct chunk *chunk = NULL;
    struct error err = {0};
    uint64_t sum;

    assert_true(buf_append_slice(&copy, buf_slice(bytes)));
    copy.data[changed] ^= mask;
    if (chunk_new(&copy, &tables->chunk, &chunk, &err) == STATUS_OK) {
        sum = read_all(chunk);
        (void)sum;
        chunk_unref(chunk);
    } else {
        assert_true(err.message[0] != '\0');
    }
}

static void test_damage(void **unused)
{
    static const char masks[] = {1, (char)0x80, (char)0xff};
    struct buf bytes = encoded();
    struct tables tables;

    (void)unused;
    tables_init(&tables);
    for (size_t i = 0; i < bytes.len; i++)
        for (size_t k = 0; k < COUNT_OF(masks); k++)
            try_bytes(&tables, &bytes, i, masks[k]);
    tables_release(&tables);
    buf_release(&bytes);
}

static const struct refused_case {
    const char *name;
    uint32_t at, value; /* a word of the header; */
    uint32_t cut;       /* bytes missing at the end */
    enum status status;
} refused_cases[] = {
    {"a version of the future", 0, 3, 0, STATUS_INVALID},
    {"version 0", 0, 0, 0, STATUS_CORRUPT},
    {"more rows than there are", 16, GOLDEN_ROWS + 1, 0, STATUS_CORRUPT},
    {"fewer shapes than rows name", 68, 1, 0, STATUS_CORRUPT},
    {"columns of another size", 76, 8, 0, STATUS_CORRUPT},
    {"cut short", 0, CHUNK_VERSION, 1, STATUS_CORRUPT},
    {"nothing but a version", 0, CHUNK_VERSION, UINT32_MAX, STATUS_CORRUPT},
};

static void test_refused(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(refused_cases); i++) {
        const struct refused_case *c = &refused_cases[i];
        struct buf bytes = encoded();
        struct tables tables;
        struct chunk *chunk = NULL;
        struct error err = {0};

        print_message("  %s\n", c->name);
        tables_init(&tables);
        put_le32(bytes.data + c->at, c->value);
        bytes.len = c->cut == UINT32_MAX ? 4 : bytes.len - c->cut;
        assert_int_equal(chunk_new(&bytes, &tables.chunk, &chunk, &err), c->status);
        tables_release(&tables);
    }
}

/* ---- what is not encoded, and how small the rest is ---- */

static const struct bad_case {
    const char *name;
    struct event_field field;
    uint8_t level;
    uint32_t source;
    uint16_t format;
} bad_cases[] = {
    {"a span behind the end", {.field = FIELD_ID_PATH, .start = 10, .len = 3}, 0, 0, 0},
    {"a span that wraps around", {.field = FIELD_ID_PATH, .start = UINT32_MAX, .len = 2}, 0, 0, 0},
    {"a type that nobody knows", {.field = FIELD_ID_PATH, .type = FIELD_LEVEL + 1}, 0, 0, 0},
    {"a field that nobody named", {.field = 60000}, 0, 0, 0},
    {"a level that nobody knows", {.field = FIELD_ID_PATH}, LEVEL_COUNT, 0, 0},
    {"a source that is not in the batch", {.field = FIELD_ID_PATH}, 0, 2, 0},
    {"a format that is not in the batch", {.field = FIELD_ID_PATH}, 0, 0, 2},
};

static void test_bad_events(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
        const struct bad_case *c = &bad_cases[i];
        struct made *made = malloc(sizeof(*made));
        int64_t orders[2] = {INT64_MIN, INT64_MIN};
        struct tables tables;
        struct buf bytes;
        struct error err = {0};

        print_message("  %s\n", c->name);
        assert_non_null(made);
        tables_init(&tables);
        make(made);
        made->events[1].fields = &c->field;
        made->events[1].field_count = 1;
        made->events[1].level = c->level;
        made->events[1].source = c->source;
        made->events[1].format = c->format;
        assert_int_equal(chunk_encode(&made->batch, &tables.fields, orders, &bytes, NULL, &err),
                         STATUS_INVALID);
        tables_release(&tables);
        free(made);
    }
}

/* Spans are written before all of them are known to be good: as far apart as numbers can say, and the last
 * one good. */
static void test_wild_spans(void **unused)
{
    struct event_field fields[EVENT_FIELDS_MAX];
    struct made *made = malloc(sizeof(*made));
    int64_t orders[2] = {INT64_MIN, INT64_MIN};
    struct tables tables;
    struct buf bytes;
    struct error err = {0};

    (void)unused;
    assert_non_null(made);
    tables_init(&tables);
    make(made);
    for (uint32_t i = 0; i < EVENT_FIELDS_MAX; i++)
        fields[i] = (struct event_field){
            .field = FIELD_ID_PATH, .start = i % 2 == 0 ? UINT32_MAX : 0, .len = UINT32_MAX};
    fields[EVENT_FIELDS_MAX - 1] = (struct event_field){.field = FIELD_ID_PATH, .len = 1};
    made->events[1].fields = fields;
    made->events[1].field_count = EVENT_FIELDS_MAX;
    assert_int_equal(chunk_encode(&made->batch, &tables.fields, orders, &bytes, NULL, &err),
                     STATUS_INVALID);
    assert_non_null(strstr(err.message, "a span ends behind its event"));
    tables_release(&tables);
    free(made);
}

/* 1,000 rows of 12 bytes, a second apart, with two spans and one of two computed texts.
 * Of a row: 2 bytes each for its second (0..999), its offset (0..12,987), where its text
 * (0..12,000) and where its fields (0..5,994) begin; fields: shape, two bytes per span, number of
 * the text. */
static void test_size_of_rows(void **unused)
{
    enum { ROWS = 1000, ROW_SIZE = 12 + 4 * 2 + 1 + 2 * 2 + 1, REST_MAX = 400 };
    static struct event events[ROWS];
    static struct event_field fields[ROWS][3];
    struct made *made = malloc(sizeof(*made));
    struct tables tables;
    struct buf bytes;

    (void)unused;
    assert_non_null(made);
    make(made);
    tables_init(&tables);
    for (uint32_t i = 0; i < ROWS; i++) {
        fields[i][0] = (struct event_field){.field = FIELD_ID_METHOD, .len = 3};
        fields[i][1] = (struct event_field){.field = FIELD_ID_PATH, .start = 4, .len = 4};
        fields[i][2] = (struct event_field){.field = FIELD_ID_TENANT,
                                            .text = slice_of(i % 2 ? "north" : "south")};
        events[i] = (struct event){.time_ns = START_NS + i * INT64_C(1000000000),
                                   .bytes = slice_of("GET /a/7 200"),
                                   .offset = INT64_C(1000000000000) + i * 13,
                                   .source_len = 13,
                                   .level = LEVEL_INFO,
                                   .field_count = 3,
                                   .fields = fields[i]};
    }
    encode(&tables,
           &(struct batch){.sources = made->sources,
                           .formats = made->formats,
                           .events = events,
                           .source_count = 1,
                           .format_count = 1,
                           .event_count = ROWS},
           &bytes);
    assert_in_range(bytes.len, ROWS * ROW_SIZE, ROWS * ROW_SIZE + REST_MAX);
    buf_release(&bytes);
    tables_release(&tables);
    free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_golden),
        cmocka_unit_test(test_damage),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bad_events), cmocka_unit_test(test_size_of_rows),
        cmocka_unit_test(test_series),     cmocka_unit_test(test_wild_spans),
    };
    const char *write = getenv("GOLDEN_WRITE");

    if (write != NULL)
        return write_golden(write);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
