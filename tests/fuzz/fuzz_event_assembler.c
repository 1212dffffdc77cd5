/* tests/fuzz/fuzz_event_assembler.c -- the same lines fed at once, most of them followed, and in
 * batches cut at random, with lines split in two and restarts between: the events must be equal.
 * Byte 0 chooses the format (or none), byte 1 seeds the cuts. */
#include "collector/source_parser.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_SIZE = 64 << 20 };

struct run {
    struct source_parser *parser;
    const struct format *format;
    struct arena arena, open_arena;
    struct event_sink sink, open;
    uint64_t offset;
    uint32_t random;
};

static const struct format_settings settings;

static field_id get_name(void *user, struct slice name)
{
    (void)user;
    return FIELD_ID_WELL_KNOWN_COUNT + (field_id)(name.len % 64);
}

static const struct field_names names = {.get = get_name};

static uint16_t format_index(void *user, const struct format *format)
{
    (void)user;
    for (uint16_t i = 0; i < format_count; i++)
        if (formats[i] == format)
            return i;
    abort();
}

static uint32_t random_next(struct run *run) /* xorshift32, Marsaglia 2003 */
{
    run->random ^= run->random << 13;
    run->random ^= run->random >> 17;
    run->random ^= run->random << 5;
    return run->random;
}

static void parser_make(struct run *run)
{
    struct error err = {0};

    if (source_parser_new(run->format, &settings, &names, NULL, &run->parser, &err) != STATUS_OK)
        abort();
}

static void feed(struct run *run, struct slice bytes, uint8_t flags, bool followed)
{
    struct source_line line = {.bytes = bytes,
                               .offset = run->offset,
                               .source_len = (uint32_t)bytes.len + !(flags & EVENT_PARTIAL),
                               .flags = flags,
                               .followed = followed};
    struct error err = {0};

    run->offset += line.source_len;
    if (source_parser_feed(run->parser, &line, INT64_C(1775125000000000000), &run->sink, &err) !=
        STATUS_OK)
        abort();
}

/* End the batch: list what is open; with a configured format also restart. */
static void cut(struct run *run)
{
    struct error err = {0};

    arena_reset(&run->open_arena);
    run->open = (struct event_sink){.arena = &run->open_arena, .format_index = format_index};
    if (source_parser_open(run->parser, &run->open, &err) != STATUS_OK)
        abort();
    if (run->format == NULL)
        return;
    source_parser_free(run->parser);
    parser_make(run);
    for (uint32_t i = 0; i < run->open.count; i++)
        if (source_parser_restore(run->parser, formats[run->open.events[i].format],
                                  &run->open.events[i], &err) != STATUS_OK)
            abort();
}

static void feed_cut(struct run *run, struct slice line)
{
    uint32_t choice = random_next(run);

    if ((choice & 3) == 0 && line.len > 1) {
        size_t at = 1 + (choice >> 8) % (line.len - 1);

        feed(run, slice_first(line, at), EVENT_PARTIAL, false);
        if (choice & 4)
            cut(run);
        feed(run, slice_from(line, at), EVENT_CONTINUED, false);
    } else {
        feed(run, line, 0, false);
    }
    if ((choice & 24) == 0)
        cut(run);
}

static void run_all(struct run *run, struct slice text, bool cuts)
{
    struct error err = {0};
    bool more = true;

    run->arena = arena_empty(ARENA_SIZE);
    run->open_arena = arena_empty(ARENA_SIZE);
    run->sink = (struct event_sink){.arena = &run->arena, .format_index = format_index};
    parser_make(run);
    while (more) {
        struct slice line = text;

        more = slice_cut(&text, '\n', &line);
        if (cuts)
            feed_cut(run, line);
        else
            feed(run, line, 0, more && (random_next(run) & 7) != 0);
    }
    if (source_parser_idle(run->parser, 0, true, &run->sink, &err) != STATUS_OK)
        abort();
}

static void run_end(struct run *run)
{
    source_parser_free(run->parser);
    arena_release(&run->arena);
    arena_release(&run->open_arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run whole = {0};
    struct run parts = {0};
    uint64_t end = 0;
    struct slice text;

    if (size < 2)
        return 0;
    text = slice_make(data + 2, size - 2);
    whole.format = data[0] == 0 ? NULL : formats[data[0] % format_count];
    parts.format = whole.format;
    whole.random = parts.random = 1U + data[1];
    run_all(&whole, text, false);
    run_all(&parts, text, true);
    assert(whole.sink.count == parts.sink.count);
    for (uint32_t i = 0; i < whole.sink.count; i++) {
        const struct event *a = &whole.sink.events[i];
        const struct event *b = &parts.sink.events[i];
        unsigned ignored = EVENT_TIME_GUESSED | EVENT_TIME_ADJUSTED;

        assert(slice_equal(a->bytes, b->bytes));
        assert(a->offset == b->offset && a->source_len == b->source_len);
        assert(a->offset == end); /* every byte belongs to one event */
        assert(a->format == b->format && a->field_count == b->field_count);
        assert((a->flags & ~ignored) == (b->flags & ~ignored));
        end = a->offset + a->source_len;
    }
    assert(end == whole.offset);
    run_end(&whole);
    run_end(&parts);
    return 0;
}
