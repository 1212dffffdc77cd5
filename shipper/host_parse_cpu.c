/* shipper/host_parse_cpu.c -- processor, memory and kernel counters. Sources: proc(5), and the
 * kernel's Documentation/accounting/psi.rst. */
#include "shipper/host_metrics.h"

#include "shipper/host_parse.h"

#include <unistd.h>

enum { KIBIBYTE = 1024 };

/* ---- /proc/stat ---- */

static void parse_cpu_line(struct metric_set *set, struct slice cpu, struct slice rest)
{
    static const char *const modes[] = {"user",   "nice", "system",  "idle",
                                        "iowait", "irq",  "softirq", "steal"};
    double ticks_per_second = (double)sysconf(_SC_CLK_TCK);
    struct slice word;
    double ticks;

    for (size_t i = 0; i < COUNT_OF(modes) && host_word(&rest, &word); i++) {
        struct wire_label labels[] = {{SLICE_LITERAL("cpu"), cpu},
                                      {SLICE_LITERAL("mode"), slice_of(modes[i])}};

        if (host_number(word, &ticks))
            metric_add_labels(set, "node_cpu_seconds_total", ticks / ticks_per_second, labels, 2);
    }
}

void host_parse_stat(struct slice text, struct metric_set *set)
{
    static const struct {
        const char *key, *name;
    } totals[] = {
        {"ctxt", "node_context_switches_total"},
        {"processes", "node_forks_total"},
        {"intr", "node_intr_total"},
        {"procs_running", "node_procs_running"},
        {"procs_blocked", "node_procs_blocked"},
        {"btime", "node_boot_time_seconds"},
    };
    struct slice line, key, word;
    double value;

    while (host_line(&text, &line)) {
        if (!host_word(&line, &key))
            continue;
        if (slice_starts(key, SLICE_LITERAL("cpu")) && key.len > 3) /* not the sum of all */
            parse_cpu_line(set, slice_from(key, 3), line);
        for (size_t i = 0; i < COUNT_OF(totals); i++)
            if (slice_is(key, totals[i].key) && host_word(&line, &word) &&
                host_number(word, &value))
                metric_add(set, totals[i].name, value);
    }
}

/* ---- one or a few numbers in a row ---- */

static void parse_row(struct slice text, struct metric_set *set, const char *const *names,
                      size_t count)
{
    struct slice word, line;
    double value;

    if (!host_line(&text, &line))
        return;
    for (size_t i = 0; i < count && host_word(&line, &word); i++)
        if (names[i] != NULL && host_number(word, &value))
            metric_add(set, names[i], value);
}

void host_parse_loadavg(struct slice text, struct metric_set *set)
{
    static const char *const names[] = {"node_load1", "node_load5", "node_load15"};

    parse_row(text, set, names, COUNT_OF(names));
}

void host_parse_uptime(struct slice text, struct metric_set *set)
{
    static const char *const names[] = {"node_uptime_seconds"};

    parse_row(text, set, names, COUNT_OF(names));
}

void host_parse_file_nr(struct slice text, struct metric_set *set)
{
    static const char *const names[] = {"node_filefd_allocated", NULL, "node_filefd_maximum"};

    parse_row(text, set, names, COUNT_OF(names));
}

void host_parse_entropy(struct slice text, struct metric_set *set)
{
    static const char *const names[] = {"node_entropy_available_bits"};

    parse_row(text, set, names, COUNT_OF(names));
}

void host_parse_pid_max(struct slice text, struct metric_set *set)
{
    static const char *const names[] = {"node_processes_max_processes"};

    parse_row(text, set, names, COUNT_OF(names));
}

void host_parse_conntrack(struct slice text, struct metric_set *set)
{
    static const char *const names[] = {"node_nf_conntrack_entries"};

    parse_row(text, set, names, COUNT_OF(names));
}

void host_parse_conntrack_limit(struct slice text, struct metric_set *set)
{
    static const char *const names[] = {"node_nf_conntrack_entries_limit"};

    parse_row(text, set, names, COUNT_OF(names));
}

/* ---- /proc/meminfo: "MemTotal:  24687616 kB", "HugePages_Total:  0" ---- */

static bool is_wanted(struct slice key)
{
    static const char *const keys[] = {
        "MemTotal",     "MemFree",    "MemAvailable", "Buffers",     "Cached",    "Slab",
        "SReclaimable", "SUnreclaim", "Dirty",        "Writeback",   "SwapTotal", "SwapFree",
        "SwapCached",   "Active",     "Inactive",     "AnonPages",   "Mapped",    "Shmem",
        "KernelStack",  "PageTables", "Committed_AS", "CommitLimit",
    };

    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (slice_is(key, keys[i]))
            return true;
    return slice_starts(key, SLICE_LITERAL("HugePages_"));
}

void host_parse_meminfo(struct slice text, struct metric_set *set)
{
    struct slice line, key, word, unit;
    double value;

    while (host_line(&text, &line)) {
        if (!slice_cut(&line, ':', &key) || !is_wanted(key) || !host_word(&line, &word) ||
            !host_number(word, &value))
            continue;
        if (host_word(&line, &unit) && slice_is(unit, "kB"))
            metric_add_named(set, "node_memory_", key, "_bytes", value * KIBIBYTE);
        else
            metric_add_named(set, "node_memory_", key, "", value);
    }
}

/* ---- /proc/vmstat: "pgfault 123" ---- */

void host_parse_vmstat(struct slice text, struct metric_set *set)
{
    static const char *const keys[] = {"pgfault", "pgmajfault", "pgpgin",  "pgpgout",
                                       "pswpin",  "pswpout",    "oom_kill"};
    struct slice line, key, word;
    double value;

    while (host_line(&text, &line)) {
        if (!host_word(&line, &key))
            continue;
        for (size_t i = 0; i < COUNT_OF(keys); i++)
            if (slice_is(key, keys[i]) && host_word(&line, &word) && host_number(word, &value))
                metric_add_named(set, "node_vmstat_", key, "", value);
    }
}

/* ---- /proc/pressure/: "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345" (microseconds) ---- */

static void parse_pressure(struct slice text, struct metric_set *set, const char *waiting,
                           const char *stalled)
{
    struct slice line, kind;

    while (host_line(&text, &line)) {
        size_t at = slice_find(line, SLICE_LITERAL("total="));
        double total;
        const char *name;

        if (!host_word(&line, &kind) || at == SIZE_MAX)
            continue;
        name = slice_is(kind, "some") ? waiting : slice_is(kind, "full") ? stalled : NULL;
        at = slice_find(line, SLICE_LITERAL("total="));
        if (name != NULL && host_number(slice_from(line, at + 6), &total))
            metric_add(set, name, total / 1e6);
    }
}

void host_parse_pressure_cpu(struct slice text, struct metric_set *set)
{
    parse_pressure(text, set, "node_pressure_cpu_waiting_seconds_total", NULL);
}

void host_parse_pressure_memory(struct slice text, struct metric_set *set)
{
    parse_pressure(text, set, "node_pressure_memory_waiting_seconds_total",
                   "node_pressure_memory_stalled_seconds_total");
}

void host_parse_pressure_io(struct slice text, struct metric_set *set)
{
    parse_pressure(text, set, "node_pressure_io_waiting_seconds_total",
                   "node_pressure_io_stalled_seconds_total");
}
