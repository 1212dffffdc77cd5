/* The array of events: it grows by doubling from 64, and one that follows another begins as large. Fields
 * are in order of start, encoded or copied, and go with their events. Formats are numbered by the owner. */
#include "collector/event_sink.h"
#include "store/chunk.h"
#include "store/chunk_encode_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void fill(struct event_sink *sink, uint32_t count)
{
    struct error err = {0};

    for (uint32_t i = 0; i < count; i++) {
        assert_true(event_sink_reserve(sink));
        sink->events[sink->count] = (struct event){.offset = i};
        assert_int_equal(event_sink_commit(sink, &err), STATUS_OK);
    }
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(sink->events[i].offset, i);
}

static const struct sink_case {
    const char *name;
    uint32_t expected, count; /* of the sink before, and events of this one */
    uint32_t capacity, then;  /* what it has, and what is expected of the next one */
} sink_cases[] = {
    {"nothing", 0, 0, 0, 0},
    {"the first event", 0, 1, 64, 62},
    {"grown twice", 0, 200, 256, 248},
    {"as many as expected", 256, 249, 256, 256},
    {"a 32nd less", 256, 248, 256, 248},
    {"grown beyond it", 256, 257, 512, 496},
    {"nearly all of what it grew to", 256, 500, 512, 512},
    {"half of it", 256, 128, 256, 248},
    {"less than the least", 32, 40, 64, 62},
};

static void test_expected(void **unused)
{
    struct arena arena = arena_empty(1 << 20);

    (void)unused;
    for (size_t i = 0; i < sizeof(sink_cases) / sizeof(sink_cases[0]); i++) {
        const struct sink_case *c = &sink_cases[i];
        struct event_sink sink = {.arena = &arena, .expected = c->expected};

        print_message("  %s\n", c->name);
        fill(&sink, c->count);
        assert_int_equal(sink.capacity, c->capacity);
        assert_int_equal(event_sink_expect(&sink), c->then);
        if (c->count <= c->expected) /* taken once: nothing was left behind */
            assert_true(arena.used <= c->capacity * sizeof(struct event) + _Alignof(struct event));
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static const char line[] = "GET /path";

/* A path, found before the method that stands in front of it. */
static void add_event(struct event_sink *sink, uint32_t path_len)
{
    struct event_field found[] = {{.field = FIELD_ID_PATH, .start = 4, .len = path_len},
                                  {.field = FIELD_ID_METHOD, .start = 0, .len = 3}};
    struct error err = {0};

    assert_true(event_sink_reserve(sink));
    sink->events[sink->count] = (struct event){.bytes = {line, sizeof(line) - 1},
                                               .offset = sink->count * sizeof(line),
                                               .source_len = sizeof(line),
                                               .field_count = 2,
                                               .fields = found};
    assert_int_equal(event_sink_commit(sink, &err), STATUS_OK);
}

static void check_event(const struct event *event, uint32_t path_len)
{
    assert_int_equal(event->field_count, 2);
    assert_int_equal(event->fields[0].field, FIELD_ID_METHOD);
    assert_int_equal(event->fields[0].len, 3);
    assert_int_equal(event->fields[1].field, FIELD_ID_PATH);
    assert_int_equal(event->fields[1].start, 4);
    assert_int_equal(event->fields[1].len, path_len);
}

static void test_copied(void **unused)
{
    struct arena arena = arena_empty(1 << 20);
    struct event_sink sink = {.arena = &arena};

    (void)unused;
    add_event(&sink, 2);
    add_event(&sink, 5);
    check_event(&sink.events[0], 2);
    check_event(&sink.events[1], 5);
    arena_release(&arena);
}

struct tables {
    struct name_table fields, formats;
    struct source_table sources;
};

/* What the store makes of the events. */
static struct chunk *chunk_of(struct tables *tables, const struct event_sink *sink)
{
    static const struct event_source source = {.path = {"/log", 4}};
    static const struct slice format = {"lines", 5};
    struct chunk_tables borrowed = {&tables->fields, &tables->formats, &tables->sources};
    struct batch batch = {.sources = &source,
                          .source_count = 1,
                          .formats = &format,
                          .format_count = 1,
                          .events = sink->events,
                          .event_count = sink->count,
                          .fields = sink->fields};
    struct buf bytes = buf_empty(CHUNK_SIZE_MAX);
    struct chunk *chunk;
    struct error err = {0};
    int64_t order = INT64_MIN;

    assert_int_equal(chunk_encode(&batch, &tables->fields, &order, &bytes, NULL, &err), STATUS_OK);
    assert_int_equal(chunk_new(&bytes, &borrowed, &chunk, &err), STATUS_OK);
    return chunk;
}

static struct event row_of(const struct chunk *chunk, uint32_t i)
{
    static struct event_field fields[EVENT_FIELDS_MAX];
    struct chunk_row row = chunk_row_at(chunk, i);
    struct event event;

    chunk_event(chunk, &row, fields, &event);
    return event;
}

/* Events that were cut off are not there, one whose fields no chunk can hold has none. */
static void test_encoded(void **unused)
{
    struct tables tables;
    struct field_encoder fields;
    struct arena arena = arena_empty(1 << 20);
    struct event_sink sink = {.arena = &arena, .fields = &fields};
    struct chunk *chunk;
    struct event event;
    struct error err = {0};

    (void)unused;
    assert_int_equal(name_table_init(&tables.fields, &err), STATUS_OK);
    assert_int_equal(name_table_init(&tables.formats, &err), STATUS_OK);
    assert_int_equal(source_table_init(&tables.sources, &err), STATUS_OK);
    for (uint32_t i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        (void)name_table_get(&tables.fields, slice_of(well_known_field_names[i]));
    field_encoder_init(&fields);
    for (uint32_t i = 1; i <= 3; i++)
        add_event(&sink, i);
    event_sink_cut(&sink, 1);
    assert_int_equal(sink.stripped_count, 0);
    add_event(&sink, 6); /* one byte more than there are */
    assert_int_equal(sink.stripped_count, 1);
    add_event(&sink, 5);
    assert_int_equal(sink.count, 3);
    chunk = chunk_of(&tables, &sink);
    assert_int_equal(chunk->row_count, 3);
    event = row_of(chunk, 0);
    check_event(&event, 1);
    event = row_of(chunk, 1);
    assert_int_equal(event.field_count, 0);
    event = row_of(chunk, 2);
    check_event(&event, 5);
    chunk_unref(chunk);
    field_encoder_release(&fields);
    name_table_release(&tables.fields);
    name_table_release(&tables.formats);
    source_table_release(&tables.sources);
    arena_release(&arena);
}

/* The owner has formats in the order in which they came; it is asked when another comes. */
struct numbered {
    const struct format *formats[2];
    uint32_t count, asked;
};

static uint16_t format_number(void *user, const struct format *format)
{
    struct numbered *numbered = user;
    uint16_t i = 0;

    numbered->asked++;
    while (i < numbered->count && numbered->formats[i] != format)
        i++;
    if (i == numbered->count)
        numbered->formats[numbered->count++] = format;
    return i;
}

static void test_formats(void **unused)
{
    struct numbered numbered = {.count = 0};
    struct event_sink sink = {.format_index = format_number, .user = &numbered};
    struct format a = {.name = "a"}, b = {.name = "b"};

    (void)unused;
    assert_int_equal(event_sink_format(&sink, &a), 0);
    assert_int_equal(event_sink_format(&sink, &a), 0);
    assert_int_equal(numbered.asked, 1);
    assert_int_equal(event_sink_format(&sink, &b), 1);
    assert_int_equal(event_sink_format(&sink, &a), 0);
    assert_int_equal(event_sink_format(&sink, &b), 1);
    assert_int_equal(numbered.asked, 4);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expected),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_copied),
        cmocka_unit_test(test_encoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
