/* tests/bench/ingest_bench.c -- what one line costs between the wire and the store, by format.
 *
 *   ingest_bench DIR [FORMAT [ROUNDS]]     DIR as tests/bench/corpus.c writes it
 *
 * Feeds the files of each format to the collector's parsers (with derived fields), then encodes the
 * events as the store does, in batches of the collector's size. Prints CPU time per line, bytes of chunk
 * per byte of text, and digests of every event and chunk: two builds that print the same ones found the
 * same in every line and encoded it in the same way. */
#include "base/hash.h"
#include "base/io.h"
#include "collector/derive_front.h"
#include "collector/source_parser.h"
#include "store/chunk.h"
#include "store/chunk_encode_fields.h"
#include "store/name_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    FORMATS_MAX = 64,
    BATCH_SIZE = 4 << 20, /* these four as in collector/limits.h */
    BATCH_EVENTS = 16384,
    BATCH_ARENA_SIZE = 160 << 20,
    BATCH_ARENA_KEPT_SIZE = 6 << 20,
};

struct totals {
    char name[64];
    uint64_t lines, bytes, events, digest, encoded, chunk_digest;
    double parse_s, encode_s;
};

struct bench {
    struct totals totals[FORMATS_MAX];
    uint32_t total_count;
    struct name_table names, format_names;
    struct source_table sources;
    struct field_encoder fields; /* of one batch, as a worker keeps it */
    struct field_names field_names;
    struct derive_rules *rules;
    struct slice formats[FORMATS_MAX];
    const struct format *format_keys[FORMATS_MAX];
    uint16_t format_count;
    struct arena arena; /* of one batch, as a worker keeps it */
    struct derive_memory *memory;
    const char *only;
    unsigned rounds;
};

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(enum status status, const struct error *err)
{
    if (status == STATUS_OK)
        return;
    (void)fprintf(stderr, "ingest_bench: %s\n", err->message);
    exit(2);
}

static field_id get_field(void *user, struct slice name)
{
    return name_table_get(&((struct bench *)user)->names, name);
}

static uint16_t get_format(void *user, const struct format *format)
{
    struct bench *bench = user;
    uint16_t i = 0;

    while (i < bench->format_count && bench->format_keys[i] != format)
        i++;
    if (i == bench->format_count) {
        bench->format_keys[i] = format;
        bench->formats[bench->format_count++] = slice_of(format->name);
    }
    return i;
}

static struct totals *totals_of(struct bench *bench, const char *format)
{
    uint32_t i = 0;

    while (i < bench->total_count && strcmp(bench->totals[i].name, format) != 0)
        i++;
    if (i == bench->total_count && i + 1 < FORMATS_MAX) {
        (void)snprintf(bench->totals[i].name, sizeof(bench->totals[i].name), "%s", format);
        bench->total_count++;
    }
    return &bench->totals[i];
}

static uint64_t digest_number(uint64_t digest, uint64_t number)
{
    return hash64_seed(&number, sizeof(number), digest);
}

static uint64_t digest_event(struct bench *bench, const struct event *event, uint64_t digest)
{
    struct slice format = bench->formats[event->format];

    digest = hash64_seed(event->bytes.data, event->bytes.len, digest);
    digest = hash64_seed(format.data, format.len, digest);
    digest = digest_number(digest, (uint64_t)event->time_ns);
    digest = digest_number(digest, event->offset);
    digest = digest_number(digest, event->source_len * UINT64_C(65536) + event->level * 256U +
                                       event->flags);
    for (uint32_t i = 0; i < event->field_count; i++) {
        const struct event_field *field = &event->fields[i];
        struct slice name = name_table_name(&bench->names, field->field);

        digest = hash64_seed(name.data, name.len, digest);
        digest = digest_number(digest, field->type * 256U + field->unit);
        digest = digest_number(digest, field->start * UINT64_C(4294967296) + field->len);
        digest = hash64_seed(field->text.data, field->text.len, digest);
    }
    return digest;
}

/* The events as they are read out of their chunk, which takes the bytes. */
static void digest_chunk(struct bench *bench, struct buf *bytes, struct totals *totals)
{
    static struct event_field fields[EVENT_FIELDS_MAX];
    struct chunk_tables tables = {&bench->names, &bench->format_names, &bench->sources};
    struct chunk *chunk;
    struct error err = {0};

    totals->encoded += bytes->len;
    totals->chunk_digest = hash64_seed(bytes->data, bytes->len, totals->chunk_digest);
    check(chunk_new(bytes, &tables, &chunk, &err), &err);
    for (uint32_t i = 0; i < chunk->row_count; i++) {
        struct chunk_row row = chunk_row_at(chunk, i);
        struct event event;

        chunk_event(chunk, &row, fields, &event);
        totals->digest = digest_event(bench, &event, totals->digest);
    }
    totals->events += chunk->row_count;
    chunk_unref(chunk);
}

/* The events of a batch: encoded (timed), digested, forgotten. */
static void flush(struct bench *bench, struct event_sink *sink, struct totals *totals)
{
    static const struct event_source source = {.path = {"bench", 5}};
    struct batch batch = {.sources = &source,
                          .formats = bench->formats,
                          .events = sink->events,
                          .fields = sink->fields,
                          .source_count = 1,
                          .format_count = bench->format_count,
                          .event_count = sink->count};
    struct buf bytes = buf_empty(0);
    struct error err = {0};
    int64_t order = 0;
    double start = now_s();

    check(chunk_encode(&batch, &bench->names, &order, &bytes, NULL, &err), &err);
    totals->encode_s += now_s() - start;
    digest_chunk(bench, &bytes, totals);
    arena_reset(sink->arena);
    field_encoder_reset(sink->fields);
    sink->expected = event_sink_expect(sink);
    sink->events = NULL;
    sink->count = sink->capacity = 0;
}

/* One batch of lines; false at the end of the text. */
static bool feed_batch(struct source_parser *parser, struct slice text, size_t *at,
                       struct event_sink *sink, struct totals *totals)
{
    static const int64_t receive_ns = INT64_C(1772409600000000000);
    size_t end = *at + BATCH_SIZE;
    struct source_line line;
    struct error err = {0};
    double start = now_s();

    while (*at < text.len && *at < end && sink->count < BATCH_EVENTS) {
        struct slice rest = slice_from(text, *at), bytes = rest;

        (void)slice_cut(&rest, '\n', &bytes);
        line = (struct source_line){
            .bytes = bytes, .offset = *at, .source_len = (uint32_t)bytes.len + 1};
        *at += bytes.len + 1;
        line.followed = *at < text.len && *at < end && sink->count + 2 < BATCH_EVENTS;
        check(source_parser_feed(parser, &line, receive_ns, sink, &err), &err);
        totals->lines++;
    }
    if (*at >= text.len)
        check(source_parser_idle(parser, 0, true, sink, &err), &err);
    totals->parse_s += now_s() - start;
    return *at < text.len;
}

static void run_file(struct bench *bench, const char *format, const char *path)
{
    static const struct format_settings settings = {0};
    struct totals *totals = totals_of(bench, format);
    struct source_parser *parser = NULL;
    struct event_sink sink = {.arena = &bench->arena, .format_index = get_format, .user = bench,
                              .memory = bench->memory, .fields = &bench->fields};
    struct buf text = buf_empty((size_t)1 << 30);
    struct error err = {0};

    check(io_read_file(io_system(), path, &text, &err), &err);
    for (unsigned round = 0; round < bench->rounds; round++) {
        size_t at = 0;

        check(source_parser_new(format_find(slice_of(format)), &settings, &bench->field_names,
                                bench->rules, &parser, &err),
              &err);
        while (feed_batch(parser, buf_slice(&text), &at, &sink, totals))
            flush(bench, &sink, totals);
        flush(bench, &sink, totals);
        source_parser_free(parser);
        totals->bytes += text.len;
    }
    buf_release(&text);
}

static void run_files(struct bench *bench, const char *dir)
{
    char line[2048], path[600], format[64], file[512];
    FILE *list;

    (void)snprintf(path, sizeof(path), "%s/files.tsv", dir);
    list = fopen(path, "r");
    if (list == NULL) {
        (void)fprintf(stderr, "ingest_bench: %s: %s\n", path, strerror(errno));
        exit(2);
    }
    while (fgets(line, sizeof(line), list) != NULL)
        if (sscanf(line, "%*s %*s %63s %511s", format, file) == 2 &&
            (bench->only == NULL || strcmp(bench->only, format) == 0))
            run_file(bench, format, file);
    (void)fclose(list);
}

static void print_row(const struct totals *row)
{
    double lines = (double)(row->lines == 0 ? 1 : row->lines);
    double megabytes = row->bytes == 0 ? 1 : (double)row->bytes / 1e6;

    (void)printf("%-16s %9llu %9llu %7.0f %7.0f %7.2f %7.2f %6.3f  %016llx %016llx\n",
                 row->name,
                 (unsigned long long)row->lines, (unsigned long long)row->events,
                 row->parse_s * 1e9 / lines, row->encode_s * 1e9 / lines,
                 row->parse_s * 1e3 / megabytes, row->encode_s * 1e3 / megabytes,
                 (double)row->encoded / 1e6 / megabytes, (unsigned long long)row->digest,
                 (unsigned long long)row->chunk_digest);
}

static void print(struct bench *bench)
{
    struct totals all = {.name = "all"};

    (void)printf("%-16s %9s %9s %7s %7s %7s %7s %6s  %-16s %s\n", "format", "lines", "events",
                 "ns/line", "enc ns", "ms/MB", "enc ms", "size", "events", "chunks");
    for (uint32_t i = 0; i < bench->total_count; i++) {
        const struct totals *row = &bench->totals[i];

        print_row(row);
        all.lines += row->lines;
        all.events += row->events;
        all.bytes += row->bytes;
        all.parse_s += row->parse_s;
        all.encode_s += row->encode_s;
        all.encoded += row->encoded;
        all.digest = digest_number(all.digest, row->digest);
        all.chunk_digest = digest_number(all.chunk_digest, row->chunk_digest);
    }
    print_row(&all);
    if (bench->memory != NULL)
        (void)printf("shapes of paths: %llu known; fronts: %llu known, %llu new\n",
                     (unsigned long long)bench->memory->shape_hits,
                     (unsigned long long)bench->memory->hits,
                     (unsigned long long)bench->memory->misses);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct error err = {0};

    if (argc < 2 || argc > 4) {
        (void)fprintf(stderr, "usage: ingest_bench DIR [FORMAT [ROUNDS]]\n");
        return 2;
    }
    bench.only = argc > 2 && strcmp(argv[2], "all") != 0 ? argv[2] : NULL;
    bench.rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1;
    check(name_table_init(&bench.names, &err), &err);
    check(name_table_init(&bench.format_names, &err), &err);
    check(source_table_init(&bench.sources, &err), &err);
    field_encoder_init(&bench.fields);
    for (uint32_t i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        (void)name_table_get(&bench.names, slice_of(well_known_field_names[i]));
    bench.arena = arena_empty(BATCH_ARENA_SIZE);
    bench.arena.kept_max = BATCH_ARENA_KEPT_SIZE;
    bench.memory = derive_memory_new();
    bench.field_names = (struct field_names){get_field, &bench};
    check(derive_rules_new(NULL, &bench.rules, &err), &err);
    run_files(&bench, argv[1]);
    print(&bench);
    arena_release(&bench.arena);
    derive_memory_free(bench.memory);
    derive_rules_free(bench.rules);
    field_encoder_release(&bench.fields);
    source_table_release(&bench.sources);
    name_table_release(&bench.format_names);
    name_table_release(&bench.names);
    return 0;
}
