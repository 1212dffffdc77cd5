/* tests/store/segment_rows.c -- generated rows for tests of segments. */
#include "tests/store/segment_rows.h"

#include <stdlib.h>

enum { LINE_SIZE_MAX = 8192 };

static void damage(struct corpus_random *random, struct buf *line)
{
    static const char odd[] = "\0\r\n\t \"=@.-_09azAZ\x80\xff";
    uint32_t what = random_below(random, 6);

    if (what == 0)
        line->len = random_below(random, (uint32_t)line->len + 1);
    for (uint32_t i = random_below(random, 6); i > 0 && line->len > 0 && what > 0; i--)
        line->data[random_below(random, (uint32_t)line->len)] =
            odd[random_below(random, sizeof(odd) - 1)];
    if (what == 5)
        for (size_t i = 0; i < line->len; i++)
            line->data[i] = (char)random_u64(random);
}

/* Spans that nest or follow each other, at random places; some computed texts. */
static void add_fields(struct segment_rows *rows, struct event *event)
{
    struct corpus_random *random = &rows->corpus.random;
    struct event_field *fields = arena_new(&rows->arena, struct event_field, SEGMENT_FIELDS_MAX);
    uint32_t at = 0, len = (uint32_t)event->bytes.len;

    event->fields = fields;
    while (event->field_count < 5 && at < len && random_below(random, 4) > 0) {
        uint32_t start = at + random_below(random, len - at);
        uint32_t size = random_below(random, (len - start < 40 ? len - start : 40) + 1);
        bool nest = random_below(random, 4) == 0 && size > 2;

        fields[event->field_count++] = (struct event_field){
            .field = FIELD_ID_TENANT + random_below(random, 12),
            .type = (uint8_t)random_below(random, FIELD_TIME),
            .unit = (uint8_t)random_below(random, 4),
            .start = start,
            .len = size};
        at = nest ? start + 1 : start + size;
        if (nest) {
            fields[event->field_count++] = (struct event_field){
                .field = FIELD_ID_TENANT + random_below(random, 12), .start = at, .len = size - 2};
            at = start + size;
        }
    }
    if (random_below(random, 2) == 0)
        fields[event->field_count++] =
            (struct event_field){.field = FIELD_ID_URL_GROUP,
                                 .text = random_below(random, 3) ? SLICE_LITERAL("group/one")
                                                                 : SLICE_LITERAL("")};
}

/* The same fields at the same words of every line of a kind, as a format finds them. */
static void add_regular_fields(struct segment_rows *rows, struct event *event)
{
    struct event_field *fields = arena_new(&rows->arena, struct event_field, SEGMENT_FIELDS_MAX);
    static const field_id names[] = {FIELD_ID_CLIENT, FIELD_ID_PATH, FIELD_ID_STATUS,
                                     FIELD_ID_DURATION};
    static const uint8_t types[] = {FIELD_IPV4, FIELD_TEXT, FIELD_INT, FIELD_DURATION};
    size_t at = 0;

    event->fields = fields;
    for (uint32_t i = 0; i < COUNT_OF(names); i++) {
        size_t end;

        at += slice_find_byte(slice_from(event->bytes, at), ' ') + 1;
        if (at == 0 || at >= event->bytes.len)
            return;
        end = slice_find_byte(slice_from(event->bytes, at), ' ');
        end = end == SIZE_MAX ? event->bytes.len : at + end;
        if (end == at)
            continue;
        fields[event->field_count++] = (struct event_field){.field = names[i],
                                                            .type = types[i],
                                                            .unit = UNIT_MILLISECONDS,
                                                            .start = (uint32_t)at,
                                                            .len = (uint32_t)(end - at)};
    }
}

static void make_event(struct segment_rows *rows, const struct segment_rows_options *options,
                       struct event *event)
{
    struct corpus_random *random = &rows->corpus.random;
    uint32_t kind = options->first_kind + random_below(random, options->kind_count);
    struct buf line = buf_empty(1 << 20);

    rows->corpus.now_us += random_below(random, 200000);
    corpus_kinds[kind % corpus_kind_count].write(&rows->corpus, random_below(random, 4), &line);
    if (options->faults && random_below(random, 8) == 0)
        damage(random, &line);
    event->bytes = arena_copy(&rows->arena, buf_slice(&line));
    if (event->bytes.len == 0)
        event->bytes = SLICE_LITERAL("");
    event->time_ns = rows->corpus.now_us * 1000;
    event->format = (uint16_t)(kind % 2);
    event->level = (uint8_t)random_below(random, LEVEL_COUNT);
    event->flags = random_below(random, 50) == 0 ? EVENT_TRUNCATED : 0;
    if (options->faults && random_below(random, 3) == 0)
        add_fields(rows, event);
    else
        add_regular_fields(rows, event);
    buf_release(&line);
}

void segment_rows_init(struct segment_rows *rows, const struct segment_rows_options *options)
{
    static const char *const hosts[] = {"web1", "web2", "db1"};
    uint64_t offsets[SEGMENT_SOURCES] = {0};

    *rows = (struct segment_rows){.corpus = {.random = {options->seed},
                                             .now_us = 1772409600000000},
                                  .arena = arena_empty((size_t)1 << 30)};
    test_names_init(&rows->names);
    for (uint8_t i = 0; i < SEGMENT_SOURCES; i++)
        rows->source[i] = (struct event_source){.id = {.generation = {i}},
                                                .geo = SLICE_LITERAL("eu"),
                                                .host = slice_of(hosts[i]),
                                                .role = slice_of(i < 2 ? "web" : "postgres"),
                                                .path = SLICE_LITERAL("/var/log/a.log")};
    rows->formats[0] = SLICE_LITERAL("even");
    rows->formats[1] = SLICE_LITERAL("odd");
    rows->events = arena_new(&rows->arena, struct event, options->count);
    rows->rows = arena_new(&rows->arena, struct segment_row, options->count);
    for (uint32_t i = 0; i < options->count; i++) {
        struct event *event = &rows->events[i];

        event->source = random_below(&rows->corpus.random, SEGMENT_SOURCES);
        make_event(rows, options, event);
        event->source_len = (uint32_t)event->bytes.len + 1;
        offsets[event->source] += random_below(&rows->corpus.random, 100) == 0 ? 17 : 0;
        event->offset = offsets[event->source];
        offsets[event->source] += event->source_len;
        rows->rows[i] = (struct segment_row){
            .event = event, .order_time_ns = event->time_ns, .sequence = 1000 + i + i / 100 * 5};
    }
    rows->content = (struct segment_content){.rows = rows->rows,
                                             .row_count = options->count,
                                             .sources = rows->source,
                                             .source_count = SEGMENT_SOURCES,
                                             .formats = rows->formats,
                                             .format_count = 2,
                                             .names = &rows->names.segment};
}

void segment_rows_release(struct segment_rows *rows)
{
    test_names_release(&rows->names);
    arena_release(&rows->arena);
}

bool segment_rows_field(const struct event *event, field_id field, struct slice *out)
{
    for (uint32_t i = 0; i < event->field_count; i++)
        if (event->fields[i].field == field) {
            *out = event->fields[i].text.data != NULL
                       ? event->fields[i].text
                       : slice_sub(event->bytes, event->fields[i].start, event->fields[i].len);
            return true;
        }
    return false;
}
