/* query/api/metrics.c -- /metrics in Prometheus text format 0.0.4: process, store, HTTP, queries,
 * and what the hooks add. Names of the process follow the Prometheus client libraries. */
#include "base/memory_budget.h"
#include "query/api/api_private.h"
#include "store/erase.h"
#include "store/page_cache.h"
#include "store/page_quarantine.h"
#include "store/registry.h"
#include "store/segment_cache.h"
#include "store/store.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { METRICS_SIZE_MAX = 16 * 1024 * 1024 };

struct metric_row {
    const char *name, *type, *help;
    double value;
};

static void write_rows(struct buf *out, const struct metric_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[32];

        jsonw_format_double(rows[i].value, text);
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", rows[i].name, rows[i].help,
                   rows[i].name, rows[i].type, rows[i].name, text);
    }
}

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long total = 0, resident = 0;

    if (file != NULL) {
        if (fscanf(file, "%lu %lu", &total, &resident) != 2)
            resident = 0;
        (void)fclose(file);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double open_fd_count(void)
{
    DIR *dir = opendir("/proc/self/fd");
    double count = -3; /* ".", ".." and the descriptor of this look itself */

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void write_process(const struct api *api, struct buf *out)
{
    struct rusage usage = {0};
    struct rlimit files = {0};

    (void)getrusage(RUSAGE_SELF, &usage);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    {
        const struct metric_row rows[] = {
            {"process_cpu_seconds_total", "counter", "User and system time.",
             seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime)},
            {"process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes()},
            {"process_open_fds", "gauge", "Open file descriptors.", open_fd_count()},
            {"process_max_fds", "gauge", "Limit of open file descriptors.", (double)files.rlim_cur},
            {"process_start_time_seconds", "gauge", "Start, Unix time.",
             (double)api->started_ns / 1e9},
        };

        write_rows(out, rows, COUNT_OF(rows));
    }
    buf_printf(out,
               "# HELP dendro_build_info Version of this program.\n"
               "# TYPE dendro_build_info gauge\ndendro_build_info{version=\"%s\"} 1\n",
               api->options.version == NULL ? "" : api->options.version);
}

/* One family of metrics with a value per class; those without one (0) are left out of limits. */
static void write_classes(struct buf *out, const char *name, const char *type, const char *help,
                          uint64_t (*value)(const struct memory_class_state *state), bool zeros)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    for (int class = 0; class < MEMORY_CLASS_COUNT; class++) {
        struct memory_class_state state;

        memory_budget_state((enum memory_class)class, &state);
        if (zeros || value(&state) > 0)
            buf_printf(out, "%s{class=\"%s\"} %" PRIu64 "\n", name, state.name, value(&state));
    }
}

static uint64_t used_of(const struct memory_class_state *state)
{
    return state->used;
}

static uint64_t peak_of(const struct memory_class_state *state)
{
    return state->peak;
}

static uint64_t limit_of(const struct memory_class_state *state)
{
    return state->limit;
}

static void write_memory(struct buf *out)
{
    struct memory_class_state queries;

    memory_budget_state(MEMORY_QUERIES, &queries);
    write_classes(out, "dendro_memory_bytes", "gauge", "Memory taken, by what it is for.", used_of,
                  true);
    write_classes(out, "dendro_memory_peak_bytes", "gauge", "The most that it was.", peak_of, true);
    write_classes(out, "dendro_memory_limit_bytes", "gauge",
                  "Share of a class in the limit of the process; they do not add up to it.",
                  limit_of, false);
    {
        const struct metric_row rows[] = {
            {"dendro_memory_total_limit_bytes", "gauge", "Limit of the process (key memory).",
             (double)memory_budget_total()},
            {"dendro_memory_refused_total", "counter", "Times that a query got no memory.",
             (double)queries.refused},
        };

        write_rows(out, rows, COUNT_OF(rows));
    }
}

static void write_cache(struct buf *out)
{
    struct segment_cache_stats s;
    struct page_cache_stats kept;
    struct page_quarantine_stats pages;

    segment_cache_stats(&s);
    page_cache_stats(&kept);
    page_quarantine_stats(&pages);
    {
        const struct metric_row rows[] = {
            {"dendro_store_segments_cached", "gauge", "Segments kept open for the next query.",
             (double)s.cached},
            {"dendro_store_segment_cache_hits_total", "counter", "Segments that were still open.",
             (double)s.hits},
            {"dendro_store_segment_cache_evicted_total", "counter",
             "Segments closed for want of memory or descriptors.", (double)s.evicted},
            {"dendro_store_pages_cached", "gauge", "Decoded pages kept for the next query.",
             (double)kept.pages},
            {"dendro_store_page_cache_hits_total", "counter", "Pages that were still decoded.",
             (double)kept.hits},
            {"dendro_store_page_cache_evicted_total", "counter",
             "Decoded pages that gave way to others.", (double)kept.evicted},
            {"dendro_store_pages_quarantined", "gauge",
             "Pages that cannot be read; their rows are left out of answers.",
             (double)pages.pages},
            {"dendro_store_page_failures_total", "counter",
             "Reads of pages that failed twice.", (double)pages.failures},
            {"dendro_store_page_retries_total", "counter",
             "Reads of pages that failed once and then went well.", (double)pages.retried},
        };

        write_rows(out, rows, COUNT_OF(rows));
    }
}

static bool count_stuck(void *user, const struct erase_receipt *receipt)
{
    *(unsigned *)user += receipt->state == ERASE_BLOCKED || receipt->state == ERASE_INCOMPLETE;
    return true;
}

static void write_store(const struct api *api, struct buf *out)
{
    struct registry_stats templates;
    struct store_stats s;
    unsigned stuck = 0;

    store_erasures(api->options.store, count_stuck, &stuck);
    store_stats(api->options.store, &s);
    store_templates_stats(api->options.store, &templates);
    {
        const struct metric_row rows[] = {
            {"dendro_store_rows", "gauge", "Events stored.", (double)s.rows},
            {"dendro_store_samples", "gauge", "Samples stored.", (double)s.samples},
            {"dendro_store_segments", "gauge", "Live segments.", (double)s.segments},
            {"dendro_store_sources", "gauge", "Sources seen.", (double)s.sources},
            {"dendro_store_segment_bytes", "gauge", "Size of all segments.",
             (double)s.segment_bytes},
            {"dendro_store_wal_bytes", "gauge", "Size of the write-ahead log.",
             (double)s.wal_bytes},
            {"dendro_store_head_raw_bytes", "gauge", "Raw bytes in memory, not sealed yet.",
             (double)s.head_raw_bytes},
            {"dendro_store_raw_bytes", "gauge", "Raw bytes of all stored events.",
             (double)s.raw_bytes},
            {"dendro_store_appends_total", "counter", "Batches appended.", (double)s.appends},
            {"dendro_store_append_errors_total", "counter", "Batches refused or failed.",
             (double)s.append_errors},
            {"dendro_store_commits_total", "counter", "Group commits.", (double)s.commits},
            {"dendro_store_commit_seconds_total", "counter", "Time spent in commits.",
             (double)s.commit_ns_total / 1e9},
            {"dendro_store_commit_seconds_max", "gauge", "Longest commit.",
             (double)s.commit_ns_max / 1e9},
            {"dendro_store_seals_total", "counter", "Heads sealed to segments.", (double)s.seals},
            {"dendro_store_compactions_total", "counter", "Joins of small segments.",
             (double)s.compactions},
            {"dendro_store_compacted_segments_total", "counter",
             "Segments that were joined into larger ones.", (double)s.compacted_segments},
            {"dendro_store_compaction_read_bytes_total", "counter",
             "Stored bytes read to join segments.", (double)s.compaction_bytes_in},
            {"dendro_store_compaction_written_bytes_total", "counter",
             "Stored bytes written by joining segments.", (double)s.compaction_bytes_out},
            {"dendro_store_seal_mismatches_total", "counter",
             "Seals whose check against the original lines failed.", (double)s.seal_mismatches},
            {"dendro_store_seal_errors_total", "counter", "Seals that failed.",
             (double)s.seal_errors},
            {"dendro_store_rows_too_old_total", "counter",
             "Rows and samples that were past their retention when they came.",
             (double)s.rows_too_old},
            {"dendro_store_quarantined", "gauge", "Files or ranges set aside as damaged.",
             (double)s.quarantined},
            {"dendro_store_free_bytes", "gauge", "Free space of the file system.",
             (double)s.free_bytes},
            {"dendro_store_memory_bytes", "gauge", "Memory of the store.", (double)s.memory_bytes},
            {"dendro_store_scrub_bytes_total", "counter", "Bytes of segments checked behind.",
             (double)s.scrub.bytes},
            {"dendro_store_scrub_damaged_total", "counter", "Pages and files found damaged by that.",
             (double)s.scrub.damaged},
            {"dendro_store_scrub_finished_seconds", "gauge",
             "End of the last full pass, Unix time; 0: none yet.",
             (double)s.scrub.finished_ns / 1e9},
            {"dendro_store_templates", "gauge", "Patterns of lines whose first time is known.",
             (double)templates.templates},
            {"dendro_store_templates_refused_total", "counter",
             "Patterns that found no place in the registry.", (double)templates.refused},
            {"dendro_store_erasures_stuck", "gauge",
             "Erasures that are blocked or incomplete: see dendro erase --list.", stuck},
        };

        write_rows(out, rows, COUNT_OF(rows));
    }
}

static void write_http(const struct api *api, struct buf *out)
{
    struct http_server_stats s;

    http_server_stats(api->server, &s);
    {
        const struct metric_row rows[] = {
            {"dendro_http_requests_total", "counter", "Requests.", (double)s.requests},
            {"dendro_http_connections_accepted_total", "counter", "Connections accepted.",
             (double)s.connections_accepted},
            {"dendro_http_connections", "gauge", "Open connections.", (double)s.connections},
            {"dendro_http_streams", "gauge", "Answers under way.", (double)s.streams},
            {"dendro_http_sent_bytes_total", "counter", "Bytes of answers.", (double)s.bytes_sent},
            {"dendro_http_timeouts_total", "counter", "Connections cut for slowness.",
             (double)s.timeouts},
            {"dendro_http_refused_total", "counter", "Requests refused before their handler.",
             (double)s.refused},
        };

        write_rows(out, rows, COUNT_OF(rows));
    }
    buf_append_text(out, "# HELP dendro_http_answers_total Answers by class of status.\n"
                         "# TYPE dendro_http_answers_total counter\n");
    for (size_t i = 1; i < COUNT_OF(s.answers); i++)
        buf_printf(out, "dendro_http_answers_total{class=\"%zuxx\"} %" PRIu64 "\n", i,
                   s.answers[i]);
}

static void write_queries(struct api *api, struct buf *out)
{
    unsigned running, waiting, streams, none;

    counters_write(&api->counters, out);
    runner_load(api->runner, &running, &waiting);
    runner_load(api->streams, &streams, &none);
    {
        const struct metric_row rows[] = {
            {"dendro_queries_running", "gauge", "Queries that run now.", running},
            {"dendro_queries_waiting", "gauge", "Queries that wait for a thread.", waiting},
            {"dendro_query_streams", "gauge", "Row streams at their readers' pace.",
             streams + none},
            {"dendro_tails", "gauge", "Live tails.", tail_count(api->tails)},
        };

        write_rows(out, rows, COUNT_OF(rows));
    }
}

void api_serve_metrics(void *user, struct http_request *request)
{
    struct api *api = user;
    struct buf out = buf_empty(METRICS_SIZE_MAX);

    write_process(api, &out);
    write_memory(&out);
    write_store(api, &out);
    write_cache(&out);
    write_http(api, &out);
    write_queries(api, &out);
    for (size_t i = 0; i < api->metrics.count; i++)
        api->metrics.items[i].call.metrics(api->metrics.items[i].user, &out);
    if (out.failed)
        http_respond_error(request, 500, "internal", "the metrics are larger than 16 MiB", NULL);
    else
        http_respond(request, &(struct http_answer){.status = 200,
                                                    .type = "text/plain; version=0.0.4",
                                                    .body = buf_slice(&out)});
    buf_release(&out);
}
