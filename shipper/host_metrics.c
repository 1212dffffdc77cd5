/* shipper/host_metrics.c -- which files there are, kept open between readings. */
#include "shipper/host_metrics.h"

#include "shipper/limits.h"

#include <stdlib.h>

enum {
    TEXT_SIZE_MAX = 1024 * 1024, /* /proc/stat of a machine with many interrupts is long */
    WHOLE_SIZE_MAX = 2048,       /* see read_text() */
};

/* The kernel walks all its sockets, and we open a file per process: 1.7 ms and 9 us per process.
 * Once a minute is enough for what they tell. They take turns, so that no pass does both. */
#define SLOW_EVERY_NS (60 * SECOND_NS)

const struct host_file host_files[] = {
    {"/proc/stat", host_parse_stat},
    {"/proc/loadavg", host_parse_loadavg},
    {"/proc/meminfo", host_parse_meminfo},
    {"/proc/vmstat", host_parse_vmstat},
    {"/proc/uptime", host_parse_uptime},
    {"/proc/diskstats", host_parse_diskstats},
    {"/proc/mdstat", host_parse_mdstat},
    {"/proc/pressure/cpu", host_parse_pressure_cpu},
    {"/proc/pressure/memory", host_parse_pressure_memory},
    {"/proc/pressure/io", host_parse_pressure_io},
    {"/proc/net/dev", host_parse_net_dev},
    {"/proc/net/snmp", host_parse_snmp},
    {"/proc/net/netstat", host_parse_netstat},
    {"/proc/net/sockstat", host_parse_sockstat},
    {"/proc/net/softnet_stat", host_parse_softnet},
    {"/proc/net/udp", host_parse_udp},
    {"/proc/sys/fs/file-nr", host_parse_file_nr},
    {"/proc/sys/kernel/random/entropy_avail", host_parse_entropy},
    {"/proc/sys/kernel/pid_max", host_parse_pid_max},
    {"/proc/sys/net/netfilter/nf_conntrack_count", host_parse_conntrack},
    {"/proc/sys/net/netfilter/nf_conntrack_max", host_parse_conntrack_limit},
};
const size_t host_file_count = COUNT_OF(host_files);

#define MOUNTINFO_PATH "/proc/self/mountinfo"

struct host_metrics {
    struct io *io;
    int fds[COUNT_OF(host_files)]; /* -1: not there, or not for us */
    int mountinfo_fd;
    int64_t sockets_at_ns, processes_at_ns; /* monotonic: not before */
    struct buf text;
};

static int open_file(struct io *io, const char *path)
{
    int fd = io->file->open(io, path, IO_READ | IO_NO_BLOCK);

    return fd < 0 ? -1 : fd;
}

enum status host_metrics_new(struct io *io, struct host_metrics **out, struct error *err)
{
    struct host_metrics *metrics = calloc(1, sizeof(*metrics));

    if (metrics == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the counters of the host");
    metrics->io = io;
    metrics->text = buf_empty(TEXT_SIZE_MAX);
    for (size_t i = 0; i < host_file_count; i++)
        metrics->fds[i] = open_file(io, host_files[i].path);
    metrics->mountinfo_fd = open_file(io, MOUNTINFO_PATH);
    *out = metrics;
    return STATUS_OK;
}

void host_metrics_free(struct host_metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < host_file_count; i++)
        io_close(metrics->io, &metrics->fds[i]);
    io_close(metrics->io, &metrics->mountinfo_fd);
    buf_release(&metrics->text);
    free(metrics);
}

/* The kernel makes the text anew at offset 0; further reads continue it, and the one that says that
 * there is no more may cost as much as the first. It gives whole records, as many as fit a page,
 * and none is longer than half a page: an answer shorter than that is the whole text. */
static bool read_text(struct host_metrics *metrics, int fd, struct slice *out)
{
    enum { CHUNK_SIZE = 16 * 1024 };

    buf_reset(&metrics->text);
    while (fd >= 0 && buf_reserve(&metrics->text, CHUNK_SIZE)) {
        ssize_t got = metrics->io->file->read_at(
            metrics->io, fd, metrics->text.data + metrics->text.len, CHUNK_SIZE, metrics->text.len);

        if (got <= 0)
            break;
        buf_commit(&metrics->text, (size_t)got);
        if (got < WHOLE_SIZE_MAX)
            break;
    }
    *out = buf_slice(&metrics->text);
    return out->len > 0;
}

static void read_slow(struct host_metrics *metrics, struct metric_set *set)
{
    int64_t now = io_mono_ns(metrics->io);
    bool first = metrics->sockets_at_ns == 0;

    if (now >= metrics->sockets_at_ns) {
        host_read_sockets(set);
        metrics->sockets_at_ns = now + SLOW_EVERY_NS;
    } else if (now >= metrics->processes_at_ns) {
        host_read_processes(metrics->io, set);
        metrics->processes_at_ns = now + SLOW_EVERY_NS;
    }
    if (first) { /* from then on half a period apart */
        host_read_processes(metrics->io, set);
        metrics->processes_at_ns = now + SLOW_EVERY_NS / 2;
    }
}

void host_metrics_read(struct host_metrics *metrics, struct metric_set *set)
{
    struct slice text;

    for (size_t i = 0; i < host_file_count; i++)
        if (read_text(metrics, metrics->fds[i], &text))
            host_files[i].parse(text, set);
    if (read_text(metrics, metrics->mountinfo_fd, &text))
        host_read_filesystems(text, set);
    host_read_system(metrics->io, set);
    host_read_sysfs(metrics->io, set);
    read_slow(metrics, set);
}
