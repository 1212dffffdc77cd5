/* tests/bench/engine_bench.c -- what one segment costs: bytes, and MB of raw lines per second.
 *
 *   engine_bench DIR [SEGMENT_MB]     DIR as tests/bench/corpus.c writes it
 *
 * Parses the corpus with the collector's formats, cuts it into segments as if one shipper had sent
 * the files in turns of TURN_SIZE bytes, writes each segment (/tmp/engine_bench_PID_N.seg, which stays)
 * and times the parts; then times filters on the segments. No WAL and no network: those are measured by
 * scripts/bench. */
#include "collector/source_parser.h"
#include "store/segment_format.h"
#include "store/name_table.h"
#include "store/source_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 512, TURN_SIZE = 256 << 10, SEGMENT_MB_DEFAULT = 64, PATH_SIZE = 64 };

struct bench_file {
    char role[64], host[64], format[64], path[512];
    struct buf text;
    struct source_parser *parser;
    struct arena arena;
    struct event_sink sink;
    uint32_t next_event;
    size_t fed;
    int64_t order_ns;
};

struct bench {
    struct bench_file files[FILES_MAX];
    uint32_t file_count;
    struct event_source sources[FILES_MAX];
    struct slice formats[64];
    uint32_t format_count;
    struct name_table names;
    struct source_table source_table;
    struct segment_names segment_names;
    struct segment_row *rows;
    uint64_t row_count, row_capacity, sequence;
    size_t raw_bytes, segment_size;
    uint64_t total_raw, total_file, total_rows, segment_count;
    double parse_s, write_s;
};

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Two benches at once write to files of their own. */
static void name_segment(char path[PATH_SIZE], uint64_t number)
{
    (void)snprintf(path, PATH_SIZE, "/tmp/engine_bench_%ld_%llu.seg", (long)getpid(),
                   (unsigned long long)number);
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "engine_bench: %s\n", what);
    exit(2);
}

static void check(enum status status, const struct error *err)
{
    if (status != STATUS_OK)
        fail(err->message);
}

static field_id get_field(void *user, struct slice name)
{
    return name_table_get(&((struct bench *)user)->names, name);
}

static struct slice get_field_name(void *user, field_id field)
{
    return name_table_name(&((struct bench *)user)->names, field);
}

static uint32_t get_source(void *user, const struct event_source *source)
{
    return source_table_get(&((struct bench *)user)->source_table, source);
}

static uint16_t get_format(void *user, const struct format *format)
{
    struct bench *bench = user;
    struct slice name = slice_of(format->name);
    uint16_t i = 0;

    while (i < bench->format_count && !slice_equal(bench->formats[i], name))
        i++;
    if (i == bench->format_count)
        bench->formats[bench->format_count++] = name;
    return i;
}

static void load_files(struct bench *bench, const char *dir)
{
    char line[2048], path[600];
    FILE *list;

    (void)snprintf(path, sizeof(path), "%s/files.tsv", dir);
    list = fopen(path, "r");
    if (list == NULL)
        fail(strerror(errno));
    while (fgets(line, sizeof(line), list) != NULL && bench->file_count < FILES_MAX) {
        struct bench_file *file = &bench->files[bench->file_count];
        struct error err = {0};

        if (sscanf(line, "%63s %63s %63s %511s", file->role, file->host, file->format,
                   file->path) != 4)
            continue;
        file->text = buf_empty((size_t)1 << 30);
        check(io_read_file(io_system(), file->path, &file->text, &err), &err);
        bench->sources[bench->file_count] = (struct event_source){
            .id = {.generation = {(uint8_t)bench->file_count, (uint8_t)(bench->file_count >> 8)}},
            .geo = SLICE_LITERAL("us"),
            .host = slice_of(file->host),
            .role = slice_of(file->role),
            .path = slice_of(file->path)};
        bench->file_count++;
    }
    (void)fclose(list);
}

static void start_parsers(struct bench *bench)
{
    static const struct format_settings settings = {0};
    static struct field_names names;
    struct derive_rules *rules;
    struct error err = {0};

    names = (struct field_names){get_field, bench};
    check(derive_rules_new(NULL, &rules, &err), &err);
    for (uint32_t i = 0; i < bench->file_count; i++) {
        struct bench_file *file = &bench->files[i];

        check(source_parser_new(format_find(slice_of(file->format)), &settings, &names, rules,
                                &file->parser, &err),
              &err);
        file->arena = arena_empty((size_t)4 << 30);
        file->sink = (struct event_sink){
            .arena = &file->arena, .source = i, .format_index = get_format, .user = bench};
    }
}

static void feed(struct bench *bench, struct bench_file *file)
{
    double start = now_s();
    size_t end = file->fed + TURN_SIZE;
    struct error err = {0};

    while (file->fed < file->text.len && file->fed < end) {
        const char *at = file->text.data + file->fed;
        const char *newline = memchr(at, '\n', file->text.len - file->fed);
        size_t len = newline == NULL ? file->text.len - file->fed : (size_t)(newline - at);
        struct source_line line = {
            .bytes = {at, len}, .offset = file->fed, .source_len = (uint32_t)len + 1};

        check(source_parser_feed(file->parser, &line, 1772409600000000000, &file->sink, &err),
              &err);
        file->fed += len + 1;
    }
    if (file->fed >= file->text.len)
        check(source_parser_idle(file->parser, 0, true, &file->sink, &err), &err);
    bench->parse_s += now_s() - start;
}

static int compare_rows(const void *a, const void *b)
{
    const struct segment_row *left = a, *right = b;

    if (left->order_time_ns != right->order_time_ns)
        return left->order_time_ns < right->order_time_ns ? -1 : 1;
    if (left->event->source != right->event->source)
        return left->event->source < right->event->source ? -1 : 1;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

static void seal(struct bench *bench)
{
    struct segment_summary summary;
    struct error err = {0};
    struct segment_content content = {.rows = bench->rows,
                                      .row_count = bench->row_count,
                                      .sources = bench->sources,
                                      .source_count = bench->file_count,
                                      .formats = bench->formats,
                                      .format_count = bench->format_count,
                                      .names = &bench->segment_names};
    char path[PATH_SIZE];
    double start;

    qsort(bench->rows, bench->row_count, sizeof(*bench->rows), compare_rows);
    name_segment(path, bench->segment_count++);
    start = now_s();
    check(segment_write(io_system(), path, &content, &summary, &err), &err);
    bench->write_s += now_s() - start;
    bench->total_file += summary.file_bytes;
    bench->total_raw += summary.raw_bytes + summary.rows;
    bench->total_rows += summary.rows;
    bench->row_count = 0;
    bench->raw_bytes = 0;
}

static void take_events(struct bench *bench, struct bench_file *file)
{
    for (; file->next_event < file->sink.count; file->next_event++) {
        const struct event *event = &file->sink.events[file->next_event];

        if (bench->row_count == bench->row_capacity)
            fail("more rows than expected");
        if (event->time_ns > file->order_ns)
            file->order_ns = event->time_ns;
        bench->rows[bench->row_count++] =
            (struct segment_row){.event = event,
                                 .order_time_ns = file->order_ns,
                                 .sequence = bench->sequence++};
        bench->raw_bytes += event->bytes.len + 1;
    }
}

static void run(struct bench *bench)
{
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < bench->file_count; i++) {
            struct bench_file *file = &bench->files[i];

            if (file->fed >= file->text.len)
                continue;
            more = true;
            feed(bench, file);
            take_events(bench, file);
            if (bench->raw_bytes >= bench->segment_size) {
                seal(bench);
            }
        }
    }
    if (bench->row_count > 0)
        seal(bench);
}

static const struct bench_query {
    const char *name;
    struct predicate filter;
} queries[] = {
    {"all rows", {.kind = PRED_ALL}},
    {"absent substring",
     {.kind = PRED_TEXT, .match = TEXT_SUBSTRING, .field = FIELD_ID_MSG, .text = {"zqxjkvbn", 8}}},
    {"absent substring of hex digits",
     {.kind = PRED_TEXT, .match = TEXT_SUBSTRING, .field = FIELD_ID_MSG, .text = {"deadbeef99", 10}}},
    {"absent uuid",
     {.kind = PRED_TEXT,
      .match = TEXT_PHRASE,
      .field = FIELD_ID_MSG,
      .text = {"01234567-89ab-4cde-8f01-23456789abcd", 36}}},
    {"absent folded",
     {.kind = PRED_TEXT,
      .match = TEXT_SUBSTRING,
      .field = FIELD_ID_MSG,
      .fold_case = true,
      .text = {"ZqxJkvBn", 8}}},
    {"phrase in templates",
     {.kind = PRED_TEXT, .match = TEXT_PHRASE, .field = FIELD_ID_MSG, .text = {"succeeded in", 12}}},
    {"common word",
     {.kind = PRED_TEXT, .match = TEXT_PHRASE, .field = FIELD_ID_MSG, .text = {"POST", 4}}},
    {"address",
     {.kind = PRED_TEXT, .match = TEXT_PHRASE, .field = FIELD_ID_MSG, .text = {"41.0.0.0", 8}}},
    {"status >= 500",
     {.kind = PRED_RANGE, .field = FIELD_ID_STATUS, .low = 500, .high = 1e300}},
    {"role is web",
     {.kind = PRED_TEXT, .match = TEXT_EXACT, .field = FIELD_ID_ROLE, .text = {"web", 3}}},
};

/* Rows that pass, and with `columns` their times, sources and durations as a panel would read them. */
static uint64_t run_query(struct segment **segments, uint64_t count,
                          const struct predicate *filter, bool columns)
{
    struct scan_options options = {
        .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .filter = filter};
    struct scan_cost cost = {0};
    struct error err = {0};
    uint64_t rows = 0;

    for (uint64_t i = 0; i < count; i++) {
        struct segment_plan *plan;
        enum status status = segment_plan_make(segments[i], &options, &plan, &err);

        if (status == STATUS_END)
            continue;
        check(status, &err);
        for (uint32_t k = 0; k < segment_block_count(segments[i]); k++) {
            struct block *block;
            struct column duration;

            status = segment_block(segments[i], plan, k, &cost, &block, &err);
            if (status == STATUS_END)
                continue;
            check(status, &err);
            rows += block_selected_count(block);
            if (columns && (block_times(block, &err) == NULL ||
                            block_source_numbers(block, &err) == NULL))
                fail(err.message);
            if (columns)
                check(block_column(block, FIELD_ID_DURATION, false, &duration, &err), &err);
            block_release(block);
        }
        segment_plan_free(plan);
    }
    return rows;
}

enum { QUERY_ROUNDS = 5 };

static void query(struct bench *bench)
{
    struct segment **segments = calloc(bench->segment_count, sizeof(struct segment *));
    struct error err = {0};

    if (segments == NULL)
        fail("no memory");
    for (uint64_t i = 0; i < bench->segment_count; i++) {
        char path[PATH_SIZE];

        name_segment(path, i);
        check(segment_open(io_system(), path, &bench->segment_names, &segments[i], &err), &err);
    }
    for (size_t i = 0; i < COUNT_OF(queries); i++)
        for (int columns = 0; columns <= (i == 0); columns++) {
            double best = 1e9;
            uint64_t rows = 0;

            for (int round = 0; round < QUERY_ROUNDS; round++) {
                double start = now_s();

                rows = run_query(segments, bench->segment_count, &queries[i].filter, columns);
                best = now_s() - start < best ? now_s() - start : best;
            }
            printf("%-32s %9llu rows %8.2f ms of one core\n",
                   columns ? "times, sources, durations" : queries[i].name,
                   (unsigned long long)rows, best * 1e3);
        }
    for (uint64_t i = 0; i < bench->segment_count; i++)
        segment_close(segments[i]);
    free(segments);
}

int main(int argc, char **argv)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct error err = {0};

    if (argc < 2 || bench == NULL)
        fail("usage: engine_bench DIR [SEGMENT_MB]");
    bench->segment_size = (size_t)(argc > 2 ? atoi(argv[2]) : SEGMENT_MB_DEFAULT) << 20;
    check(name_table_init(&bench->names, &err), &err);
    check(source_table_init(&bench->source_table, &err), &err);
    for (int i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        (void)name_table_get(&bench->names, slice_of(well_known_field_names[i]));
    bench->segment_names =
        (struct segment_names){get_field, get_field_name, get_source, bench};
    bench->row_capacity = bench->segment_size / 8 + 1000000;
    bench->rows = calloc(bench->row_capacity, sizeof(*bench->rows));
    load_files(bench, argv[1]);
    start_parsers(bench);
    run(bench);
    printf("%llu rows, %.1f MB in %llu segments of %.2f MB together: %.2f:1\n"
           "parse %.0f MB/s, write and check %.0f MB/s of one core\n",
           (unsigned long long)bench->total_rows, (double)bench->total_raw / 1e6,
           (unsigned long long)bench->segment_count, (double)bench->total_file / 1e6,
           (double)bench->total_raw / (double)bench->total_file,
           (double)bench->total_raw / 1e6 / bench->parse_s,
           (double)bench->total_raw / 1e6 / bench->write_s);
    query(bench);
    return 0;
}
