/* query/run.c -- the life of a run, its warnings and its sums. */
#include "query/run.h"

#include "base/io.h"
#include "base/memory_budget.h"
#include "query/limits.h"

#include <stdarg.h>
#include <stdio.h>

enum { PLAN_SIZE_MAX = 32 << 20 };

static enum status load_zone(struct run *run, struct error *err)
{
    char name[80];
    struct slice tz = run->options->tz;

    if (tz.len == 0 || slice_is(tz, "UTC") || slice_is(tz, "Z"))
        return STATUS_OK;
    if (tz.len >= sizeof(name) || slice_find_byte(tz, '\0') != SIZE_MAX)
        return error_set(err, STATUS_INVALID, "not a time zone: \"%.40s\"", tz.data);
    memcpy(name, tz.data, tz.len);
    name[tz.len] = '\0';
    return zone_load(io_system(), name, &run->zone, err);
}

static int64_t paused_ns(const struct query_pause *pause, int64_t now_ns)
{
    int64_t since_ns = atomic_load(&pause->since_ns);

    return atomic_load(&pause->total_ns) + (since_ns == 0 ? 0 : now_ns - since_ns);
}

/* Once late, always late: a filter that has given up must not be followed by an answer. */
static bool is_late(void *user)
{
    struct run *run = user;
    const struct query_options *options = run->options;
    int64_t now_ns;

    if (options->deadline_ns == 0 || atomic_load(&run->timed_out))
        return options->deadline_ns != 0;
    now_ns = io_mono_ns(io_system());
    if (options->pause != NULL)
        now_ns -= paused_ns(options->pause, now_ns);
    if (now_ns < options->deadline_ns)
        return false;
    atomic_store(&run->timed_out, true);
    return true;
}

/* How often queries found no memory although each had room of its own. */
static uint64_t refusals(void)
{
    struct memory_class_state state;

    memory_budget_state(MEMORY_QUERIES, &state);
    return state.refused;
}

enum status run_init(struct run *run, struct store *store, const struct query_options *options,
                     const struct query_receiver *receiver, struct query_problem *problem,
                     struct error *err)
{
    enum status status;

    *run = (struct run){.store = store,
                        .options = options,
                        .receiver = receiver,
                        .problem = problem,
                        .arena = arena_empty(PLAN_SIZE_MAX)};
    run->refused_before = refusals();
    memory_init(&run->memory, options->memory_max != 0 ? options->memory_max : QUERY_MEMORY_MAX);
    run->now_ns = options->now_ns != 0 ? options->now_ns : io_wall_ns(io_system());
    run->start_mono_ns = run->progress_mono_ns = io_mono_ns(io_system());
    status = names_init(&run->names, store, err);
    if (status != STATUS_OK)
        return status;
    if (pthread_mutex_init(&run->lock, NULL) != 0) {
        names_release(&run->names);
        return error_set(err, STATUS_NO_MEMORY, "cannot make a lock");
    }
    if (options->notice != NULL)
        run_warn(run, "%s", options->notice);
    status = load_zone(run, err);
    run->compiler = (struct filter_compiler){.arena = &run->arena,
                                             .names = &run->names,
                                             .zone = run->zone,
                                             .problem = problem,
                                             .query = {options->cancel, is_late, run,
                                                       &run->regex_over_limit}};
    if (status != STATUS_OK)
        run_release(run);
    return status;
}

void run_release(struct run *run)
{
    filter_compiler_release(&run->compiler);
    names_release(&run->names);
    arena_release(&run->arena);
    zone_free(run->zone);
    pthread_mutex_destroy(&run->lock);
}

static bool is_cancelled(const void *user)
{
    const struct query_options *options = user;

    return options->cancel != NULL && atomic_load(options->cancel);
}

enum status run_admit(struct run *run, struct error *err)
{
    const struct query_options *options = run->options;
    int64_t until_ns = run->start_mono_ns + QUERY_ADMISSION_NS;

    if (options->deadline_ns != 0 && options->deadline_ns < until_ns)
        until_ns = options->deadline_ns;
    if (memory_budget_wait(QUERY_START_SIZE, until_ns, is_cancelled, options))
        return STATUS_OK;
    return is_cancelled(options) ? run_check(run, err) : memory_short(err);
}

enum status run_explain_error(const struct run *run, enum status status, struct error *err)
{
    if (status != STATUS_NO_MEMORY)
        return status;
    /* What found no memory may have given back by now what it had: there would be room again. */
    return refusals() > run->refused_before ? memory_short(err)
                                            : memory_exceeded(&run->memory, err);
}

int64_t run_block_deadline(const struct query_options *options)
{
    return options->pause == NULL ? options->deadline_ns : 0;
}

enum status run_check(struct run *run, struct error *err)
{
    const struct query_options *options = run->options;

    if (options->cancel != NULL && atomic_load(options->cancel))
        return error_set(err, STATUS_CANCELLED, "the query was cancelled");
    if (is_late(run))
        return error_set(err, STATUS_CANCELLED, "the query took longer than its time limit: "
                                                "narrow its range or filters, or ask for more "
                                                "(parameter timeout)");
    return STATUS_OK;
}

void run_warn(struct run *run, const char *format, ...)
{
    char text[WARNING_SIZE_MAX];
    bool known = false;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    pthread_mutex_lock(&run->lock);
    for (uint32_t i = 0; i < run->warning_count && !known; i++)
        known = strcmp(run->warnings[i], text) == 0;
    if (!known && run->warning_count < QUERY_WARNINGS_MAX)
        memcpy(run->warnings[run->warning_count++], text, sizeof(text));
    pthread_mutex_unlock(&run->lock);
}

void run_add_cost(struct run *run, const struct scan *scan, bool again)
{
    struct scan_cost cost;

    scan_cost(scan, &cost);
    pthread_mutex_lock(&run->lock);
    run->cost.rows_total += again ? 0 : cost.rows_total;
    run->cost.rows_scanned += cost.rows_scanned;
    run->cost.rows_selected += again ? 0 : cost.rows_selected;
    run->cost.bytes_read += cost.bytes_read;
    run->cost.blocks_read += cost.blocks_read;
    run->cost.blocks_skipped += cost.blocks_skipped;
    run->cost.pages_damaged += cost.pages_damaged;
    pthread_mutex_unlock(&run->lock);
    if (cost.pages_damaged > 0)
        run_warn(run, "%llu damaged pages were left out: %s",
                 (unsigned long long)cost.pages_damaged, cost.damage);
}

void run_report(struct run *run, const struct scan *scan)
{
    int64_t now_ns = io_mono_ns(io_system());
    struct query_progress progress;
    struct scan_cost cost;

    if (run->receiver->progress == NULL || now_ns - run->progress_mono_ns < PROGRESS_INTERVAL_NS)
        return;
    run->progress_mono_ns = now_ns;
    scan_cost(scan, &cost);
    progress = (struct query_progress){.rows = run->rows_sent,
                                       .rows_scanned = run->cost.rows_scanned + cost.rows_scanned,
                                       .bytes_read = run->cost.bytes_read + cost.bytes_read,
                                       .elapsed_ns = (uint64_t)(now_ns - run->start_mono_ns)};
    (void)run->receiver->progress(run->receiver->user, &progress);
}
