/* tests/bench/sample_bench.c -- what samples cost: append -> durable -> sealed every two minutes -> joined.
 * Not a test: prints figures.
 *
 *   sample_bench DIRECTORY [HOSTS [SERIES [MINUTES [COMPACT_MIB]]]]
 *
 * Each host sends all of its series every 10 s in a batch of its own: half are counters, half gauges with
 * two decimals, of which some stand still. One thread does everything, so processor time is per core. */
#include "base/diag.h"
#include "base/memory_budget.h"
#include "base/spare.h"
#include "store/store.h"
#include "tests/support/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)

enum {
    SERIES_MAX = 2000,
    SCRAPE_S = 10,
    SEAL_S = 120,
    LABELS = 2,
    JOIN_WAIT_US = 100000,
    JOIN_IDLE_MAX = 50,
};

struct host {
    char name[16];
    double values[SERIES_MAX];
};

struct bench {
    struct store *store;
    struct host *hosts;
    unsigned host_count, series_count;
    uint64_t samples;
    struct test_random random;
    double append_s, seal_s;
    char metrics[SERIES_MAX][32], devices[SERIES_MAX][16];
    struct label labels[SERIES_MAX][LABELS];
    struct sample batch[SERIES_MAX];
};

static double processor_s(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void name_series(struct bench *bench)
{
    for (unsigned i = 0; i < bench->series_count; i++) {
        (void)snprintf(bench->metrics[i], sizeof(bench->metrics[i]), "node_%s_%u",
                       i % 2 == 0 ? "reads_total" : "level", i / 8);
        (void)snprintf(bench->devices[i], sizeof(bench->devices[i]), "sd%u", i % 8);
        bench->labels[i][0] = (struct label){SLICE_LITERAL("device"), slice_of(bench->devices[i])};
        bench->labels[i][1] = (struct label){SLICE_LITERAL("job"), SLICE_LITERAL("node")};
    }
}

static double next_value(struct bench *bench, unsigned series, double before)
{
    uint64_t random = test_random_next(&bench->random);

    if (series % 2 == 0)
        return before + (double)(random % (series % 4 == 0 ? 2 : 5000));
    return series % 3 == 0 ? before : (double)(random % 10000) / 100;
}

static void on_durable(void *user, enum status status, const struct error *err)
{
    (void)user;
    if (status != STATUS_OK)
        diag_error("batch: %s", err->message);
}

static void finish(struct bench *bench, enum status status, const struct error *err)
{
    (void)bench;
    if (status == STATUS_OK || status == STATUS_END)
        return;
    diag_error("%s", err->message);
    exit(1);
}

static void scrape(struct bench *bench, unsigned number, int64_t time_ns)
{
    struct host *host = &bench->hosts[number];
    struct event_source source = {.id = {.generation = {(uint8_t)number, (uint8_t)(number >> 8)}},
                                  .geo = SLICE_LITERAL("eu"),
                                  .host = slice_of(host->name),
                                  .role = SLICE_LITERAL("web"),
                                  .path = SLICE_LITERAL("host")};
    struct watermark watermark = {.id = source.id, .durable_offset = (uint64_t)time_ns};
    struct batch batch = {.sources = &source,
                          .samples = bench->batch,
                          .watermarks = &watermark,
                          .source_count = 1,
                          .sample_count = bench->series_count,
                          .watermark_count = 1};
    struct error err = {0};
    double start;

    for (unsigned i = 0; i < bench->series_count; i++) {
        host->values[i] = next_value(bench, i, host->values[i]);
        bench->batch[i] = (struct sample){.time_ns = time_ns,
                                          .value = host->values[i],
                                          .label_count = LABELS,
                                          .metric = slice_of(bench->metrics[i]),
                                          .labels = bench->labels[i]};
    }
    start = processor_s();
    finish(bench, store_append(bench->store, store_shard_of(bench->store, &source.id), &batch, on_durable,
                               NULL, &err), &err);
    bench->append_s += processor_s() - start;
    bench->samples += bench->series_count;
}

static void run_steps(struct bench *bench)
{
    struct error err = {0};
    enum status status;

    while ((status = store_step(bench->store, &err)) == STATUS_OK)
        ;
    finish(bench, status, &err);
}

/* Joins rest between two of them: until none came for a while. */
static void run_joins(struct bench *bench)
{
    struct store_stats stats;
    uint64_t joins = 0;

    for (unsigned idle = 0; idle < JOIN_IDLE_MAX; idle++) {
        run_steps(bench);
        store_stats(bench->store, &stats);
        if (stats.compactions != joins)
            idle = 0;
        joins = stats.compactions;
        (void)usleep(JOIN_WAIT_US);
    }
}

static void run(struct bench *bench, unsigned minutes)
{
    struct timespec now;
    int64_t time_ns;
    struct error err = {0};
    double start;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    time_ns = (now.tv_sec / 86400 * 86400 - 86400) * SECOND_NS; /* a day that is over may be joined */
    for (unsigned second = 0; second < minutes * 60; second += SCRAPE_S) {
        for (unsigned i = 0; i < bench->host_count; i++)
            scrape(bench, i, time_ns + second * SECOND_NS + i * SECOND_NS / 100);
        start = processor_s();
        run_steps(bench); /* commits */
        bench->append_s += processor_s() - start;
        if ((second + SCRAPE_S) % SEAL_S != 0)
            continue;
        start = processor_s();
        finish(bench, store_seal(bench->store, &err), &err);
        bench->seal_s += processor_s() - start;
    }
}

static void print_size(struct bench *bench, const char *what)
{
    struct store_stats stats;

    store_stats(bench->store, &stats);
    (void)printf("%-8s %4" PRIu64 " segments, %6.2f MB = %.2f bytes per sample\n", what, stats.segments,
                 (double)stats.segment_bytes / 1e6,
                 (double)stats.segment_bytes / (double)bench->samples);
}

static void print_memory(void)
{
    struct memory_class_state background, seals;
    struct rusage usage;

    memory_budget_state(MEMORY_BACKGROUND, &background);
    memory_budget_state(MEMORY_SEALS, &seals);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("peak: background %.1f MB, seals %.1f MB, resident %.1f MB\n",
                 (double)background.peak / 1e6, (double)seals.peak / 1e6,
                 (double)usage.ru_maxrss / 1e3);
}

int main(int argc, char **argv)
{
    struct store_options options = {.dir = argc > 1 ? argv[1] : "/tmp/sample_bench",
                                    .shard_count = 1,
                                    .manual = true,
                                    .compact_size = 0};
    static struct bench bench = {.random = {1}};
    unsigned minutes = argc > 4 ? (unsigned)atoi(argv[4]) : 60;
    struct error err = {0};
    double start;

    bench.host_count = argc > 2 ? (unsigned)atoi(argv[2]) : 10;
    bench.series_count = argc > 3 ? (unsigned)atoi(argv[3]) : 300;
    if (bench.series_count > SERIES_MAX)
        bench.series_count = SERIES_MAX;
    bench.hosts = calloc(bench.host_count, sizeof(*bench.hosts));
    if (bench.hosts == NULL)
        return 1;
    for (unsigned i = 0; i < bench.host_count; i++)
        (void)snprintf(bench.hosts[i].name, sizeof(bench.hosts[i].name), "host%u", i);
    name_series(&bench);
    spare_keep((size_t)88 << 20); /* as the collector */
    finish(&bench, store_open(&options, &bench.store, &err), &err);
    run(&bench, minutes);
    (void)printf("%" PRIu64 " samples: append %.2f M/s per core, seal %.2f M/s per core\n", bench.samples,
                 (double)bench.samples / 1e6 / bench.append_s,
                 (double)bench.samples / 1e6 / bench.seal_s);
    print_size(&bench, "sealed");
    print_memory();
    store_close(bench.store);
    options.compact_size = (argc > 5 ? strtoull(argv[5], NULL, 10) : 24) << 20;
    finish(&bench, store_open(&options, &bench.store, &err), &err);
    start = processor_s();
    run_joins(&bench);
    (void)printf("joined at %.2f M/s per core\n", (double)bench.samples / 1e6 / (processor_s() - start));
    print_size(&bench, "joined");
    print_memory();
    store_close(bench.store);
    free(bench.hosts);
    return 0;
}
