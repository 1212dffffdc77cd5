/* tests/bench/store_bench.c -- how fast the store takes lines: append -> durable -> sealed, and how
 * fast a plain filter reads them back. Not a test: prints figures.
 *
 *   store_bench DIRECTORY [MEGABYTES [SHARDS]]
 *
 * Lines look like those of gunicorn, with 9 fields, 400 tenants and a distinct id each; one batch is
 * 1,000 lines of one source. The generator's own processor time is taken off. Sizes are bytes of the lines without newlines; MB is 10^6. */
#include "base/diag.h"
#include "base/spare.h"
#include "store/scan.h"
#include "store/store.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_LINES = 1000, LINE_SIZE_MAX = 512, FIELDS = 9, SOURCES = 8, IN_FLIGHT = 16 };

struct feeder {
    struct store *store;
    uint64_t size, sent, rows; /* to send; sent so far */
    unsigned number;
    uint64_t state;      /* of the generator */
    double generator_s;  /* processor time that it took */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned in_flight;
    struct event events[BATCH_LINES];
    struct event_field fields[BATCH_LINES][FIELDS];
    char text[BATCH_LINES][LINE_SIZE_MAX];
};

static double now_s(clockid_t clock)
{
    struct timespec at;

    (void)clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static uint64_t next_random(struct feeder *feeder) /* xorshift64* */
{
    feeder->state ^= feeder->state >> 12;
    feeder->state ^= feeder->state << 25;
    feeder->state ^= feeder->state >> 27;
    return feeder->state * 2685821657736338717u;
}

static const struct { field_id field; uint8_t type, unit; } kinds[FIELDS] = {
    {FIELD_ID_CLIENT, FIELD_IPV4, UNIT_NONE},        {FIELD_ID_METHOD, FIELD_TEXT, UNIT_NONE},
    {FIELD_ID_PATH, FIELD_TEXT, UNIT_NONE},          {FIELD_ID_TENANT, FIELD_TEXT, UNIT_NONE},
    {FIELD_ID_STATUS, FIELD_INT, UNIT_NONE},         {FIELD_ID_BYTES, FIELD_BYTES, UNIT_BYTES},
    {FIELD_ID_DURATION, FIELD_DURATION, UNIT_MICROSECONDS},
    {FIELD_ID_AGENT, FIELD_TEXT, UNIT_NONE},         {FIELD_ID_REQUEST_ID, FIELD_TEXT, UNIT_NONE},
};

struct line {
    char *text;
    uint32_t len;
    struct event_field *fields;
    uint32_t field_count;
};

static void put(struct line *line, int field, const char *before, const char *value)
{
    uint32_t before_len = (uint32_t)strlen(before), len = (uint32_t)strlen(value);

    memcpy(line->text + line->len, before, before_len);
    line->len += before_len;
    memcpy(line->text + line->len, value, len);
    if (field >= 0)
        line->fields[line->field_count++] = (struct event_field){.field = kinds[field].field,
                                                                 .type = kinds[field].type,
                                                                 .unit = kinds[field].unit,
                                                                 .start = line->len,
                                                                 .len = len};
    line->len += len;
}

static void make_line(struct feeder *feeder, uint32_t index, int64_t time_ns)
{
    static const char *const methods[] = {"GET", "POST", "PUT"};
    static const char *const words[] = {"phone/restore", "receiver/submit", "api/v0.5/case",
                                        "reports/daily", "login"};
    struct line line = {feeder->text[index], 0, feeder->fields[index], 0};
    uint64_t r = next_random(feeder), q = next_random(feeder);
    char value[80];

    (void)snprintf(value, sizeof(value), "10.%u.%u.%u", (unsigned)(r & 3), (unsigned)(r >> 2 & 63),
                   (unsigned)(r >> 8 & 255));
    put(&line, 0, "", value);
    put(&line, 1, " - - [02/Apr/2026:09:20:11 +0000] \"", methods[r >> 16 & 1]);
    (void)snprintf(value, sizeof(value), "/a/tenant-%03u/%s/", (unsigned)(r >> 20) % 400,
                   words[(r >> 32) % 5]);
    put(&line, 2, " ", value);
    line.fields[line.field_count] = line.fields[line.field_count - 1]; /* tenant: inside the path */
    line.fields[line.field_count].field = FIELD_ID_TENANT;
    line.fields[line.field_count].start += 3;
    line.fields[line.field_count++].len = 10;
    put(&line, 4, " HTTP/1.1\" ", (r >> 40) % 50 == 0 ? "502" : "200");
    (void)snprintf(value, sizeof(value), "%u", (unsigned)(q & 0xffff));
    put(&line, 5, " ", value);
    (void)snprintf(value, sizeof(value), "%u", (unsigned)(q >> 16 & 0xfffff));
    put(&line, 6, " ", value);
    put(&line, 7, " \"-\" \"", "okhttp/4.9 (Android 13; Dalvik/2.1.0) CommCare/2.53.1");
    (void)snprintf(value, sizeof(value), "%016" PRIx64 "%016" PRIx64, r, q);
    put(&line, 8, "\" id=", value);
    feeder->events[index] = (struct event){.time_ns = time_ns,
                                           .bytes = {line.text, line.len},
                                           .offset = feeder->sent,
                                           .source_len = line.len + 1,
                                           .level = LEVEL_INFO,
                                           .field_count = line.field_count,
                                           .fields = line.fields};
    feeder->sent += line.len;
    feeder->rows++;
}

static void on_durable(void *user, enum status status, const struct error *err)
{
    struct feeder *feeder = user;

    if (status != STATUS_OK)
        diag_error("batch: %s", err->message);
    (void)pthread_mutex_lock(&feeder->lock);
    feeder->in_flight--;
    (void)pthread_cond_signal(&feeder->moved);
    (void)pthread_mutex_unlock(&feeder->lock);
}

static void send_batch(struct feeder *feeder, const struct event_source *source)
{
    struct slice format = SLICE_LITERAL("gunicorn_access");
    struct watermark watermark = {.id = source->id, .durable_offset = feeder->sent};
    struct batch batch = {.sources = source,
                          .formats = &format,
                          .events = feeder->events,
                          .watermarks = &watermark,
                          .source_count = 1,
                          .format_count = 1,
                          .event_count = BATCH_LINES,
                          .watermark_count = 1};
    struct error err = {0};
    enum status status;

    (void)pthread_mutex_lock(&feeder->lock);
    while (feeder->in_flight >= IN_FLIGHT)
        (void)pthread_cond_wait(&feeder->moved, &feeder->lock);
    feeder->in_flight++;
    (void)pthread_mutex_unlock(&feeder->lock);
    while ((status = store_append(feeder->store, store_shard_of(feeder->store, &source->id), &batch,
                                  on_durable, feeder, &err)) == STATUS_AGAIN)
        (void)usleep(1000);
    if (status != STATUS_OK) {
        diag_error("append: %s", err.message);
        exit(1);
    }
}

static void *feed(void *user)
{
    struct feeder *feeder = user;
    struct event_source source = {.id = {.generation = {(uint8_t)feeder->number}},
                                  .geo = SLICE_LITERAL("eu"),
                                  .host = SLICE_LITERAL("web1"),
                                  .role = SLICE_LITERAL("web"),
                                  .path = SLICE_LITERAL("/var/log/gunicorn.log")};
    int64_t time_ns = 1775121611000000000;

    while (feeder->sent < feeder->size) {
        double start = now_s(CLOCK_THREAD_CPUTIME_ID);

        for (uint32_t i = 0; i < BATCH_LINES; i++)
            make_line(feeder, i, time_ns += 1000000);
        feeder->generator_s += now_s(CLOCK_THREAD_CPUTIME_ID) - start;
        send_batch(feeder, &source);
    }
    (void)pthread_mutex_lock(&feeder->lock);
    while (feeder->in_flight > 0)
        (void)pthread_cond_wait(&feeder->moved, &feeder->lock);
    (void)pthread_mutex_unlock(&feeder->lock);
    return NULL;
}

static void time_scan(struct store *store, const char *name, const struct predicate *filter)
{
    struct scan_options options = {
        .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .filter = filter};
    double start = now_s(CLOCK_MONOTONIC);
    struct scan *scan;
    struct block *block;
    struct scan_cost cost;
    struct error err = {0};

    if (scan_open(store, &options, &scan, &err) != STATUS_OK)
        return;
    while (scan_next(scan, &block, &err) == STATUS_OK)
        block_release(block);
    scan_cost(scan, &cost);
    scan_close(scan);
    (void)printf("scan %-24s %8" PRIu64 " of %" PRIu64 " rows  %7.1f ms\n", name,
                 cost.rows_selected, cost.rows_total, (now_s(CLOCK_MONOTONIC) - start) * 1e3);
}

static void print_times(const char *what, uint64_t bytes, double wall, double processor)
{
    (void)printf("%-24s %7.1f MB/s wall, %7.1f MB/s per core\n", what, (double)bytes / 1e6 / wall,
                 (double)bytes / 1e6 / processor);
}

/* Bytes sent; the processor time of the generator goes to *generator_s. */
static uint64_t run_feeders(struct store *store, uint64_t size, unsigned count,
                            double *generator_s)
{
    struct feeder *feeders = calloc(count, sizeof(*feeders));
    pthread_t threads[SOURCES];
    uint64_t sent = 0;

    for (unsigned i = 0; i < count && feeders != NULL; i++) {
        feeders[i].store = store;
        feeders[i].size = size / count;
        feeders[i].number = i;
        feeders[i].state = i + 1;
        (void)pthread_mutex_init(&feeders[i].lock, NULL);
        (void)pthread_cond_init(&feeders[i].moved, NULL);
        (void)pthread_create(&threads[i], NULL, feed, &feeders[i]);
    }
    for (unsigned i = 0; i < count && feeders != NULL; i++) {
        (void)pthread_join(threads[i], NULL);
        sent += feeders[i].sent;
        *generator_s += feeders[i].generator_s;
    }
    free(feeders);
    return sent;
}

int main(int argc, char **argv)
{
    struct store_options options = {.dir = argc > 1 ? argv[1] : "/tmp/store_bench"};
    uint64_t size = (argc > 2 ? strtoull(argv[2], NULL, 10) : 200) * 1000000;
    struct predicate absent = {.kind = PRED_TEXT,
                               .field = FIELD_ID_MSG,
                               .match = TEXT_SUBSTRING,
                               .text = SLICE_LITERAL("zebra crossing")};
    struct predicate errors = {
        .kind = PRED_RANGE, .field = FIELD_ID_STATUS, .low = 500, .high = 1e9};
    struct store *store;
    struct store_stats stats;
    struct rusage usage;
    struct error err = {0};
    double wall, processor, generator = 0;
    uint64_t sent;

    spare_keep((size_t)64 << 20); /* as the collector */
    options.shard_count = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
    if (store_open(&options, &store, &err) != STATUS_OK) {
        diag_error("%s", err.message);
        return 1;
    }
    wall = now_s(CLOCK_MONOTONIC);
    processor = now_s(CLOCK_PROCESS_CPUTIME_ID);
    sent = run_feeders(store, size, 2, &generator);
    processor += generator;
    print_times("durable", sent, now_s(CLOCK_MONOTONIC) - wall,
                now_s(CLOCK_PROCESS_CPUTIME_ID) - processor);
    if (store_seal(store, &err) != STATUS_OK)
        diag_error("seal: %s", err.message);
    print_times("durable and sealed", sent, now_s(CLOCK_MONOTONIC) - wall,
                now_s(CLOCK_PROCESS_CPUTIME_ID) - processor);
    store_stats(store, &stats);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("%" PRIu64 " rows, %.1f MB raw, %.1f MB on disk (%.2f:1), %" PRIu64
                 " commits of %.2f ms mean, peak memory %ld MB\n",
                 stats.rows, (double)stats.raw_bytes / 1e6, (double)stats.segment_bytes / 1e6,
                 (double)stats.raw_bytes / (double)stats.segment_bytes, stats.commits,
                 (double)stats.commit_ns_total / 1e6 / (double)stats.commits,
                 usage.ru_maxrss / 1024);
    time_scan(store, "absent substring", &absent);
    time_scan(store, "status >= 500", &errors);
    store_close(store);
    return 0;
}
