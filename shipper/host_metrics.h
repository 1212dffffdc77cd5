/* shipper/host_metrics.h -- counters of the host under node_exporter's names.
 *
 * Values travel raw, as the kernel counts them; rates are the query's business. Files in /proc
 * stay open and are read with pread. What this kernel, or our privilege, does not give is left out.
 * Thread safety: one thread at a time per object. */
#ifndef DENDRO_SHIPPER_HOST_METRICS_H
#define DENDRO_SHIPPER_HOST_METRICS_H

#include "base/error.h"
#include "base/io.h"
#include "shipper/metric_set.h"

struct host_metrics;

enum status host_metrics_new(struct io *io, struct host_metrics **out,
                             struct error *err) WARN_UNUSED;
void host_metrics_free(struct host_metrics *metrics); /* NULL does nothing */

/* Add a sample of everything to `set`; of sockets and processes by state once a minute. */
void host_metrics_read(struct host_metrics *metrics, struct metric_set *set);

/* ---- parsers of one file each, for tests: text in, samples out; odd lines are left out ---- */

typedef void host_parser(struct slice text, struct metric_set *set);

struct host_file {
    const char *path;
    host_parser *parse;
};
extern const struct host_file host_files[];
extern const size_t host_file_count;

host_parser host_parse_stat, host_parse_loadavg, host_parse_meminfo, host_parse_vmstat,
    host_parse_uptime, host_parse_file_nr, host_parse_entropy, host_parse_pressure_cpu,
    host_parse_pressure_memory, host_parse_pressure_io, host_parse_diskstats, host_parse_mdstat,
    host_parse_net_dev, host_parse_snmp, host_parse_netstat, host_parse_sockstat,
    host_parse_softnet, host_parse_udp, host_parse_conntrack, host_parse_conntrack_limit,
    host_parse_pid_max;

/* Mount points of /proc/self/mountinfo that are worth a statvfs: one call per file system. */
struct host_mount {
    char path[1024], device[256], type[64];
    bool read_only;
};
typedef void host_mount_visit(void *user, const struct host_mount *mount);
void host_parse_mountinfo(struct slice text, host_mount_visit *visit, void *user);

/* What is asked of the system instead of read from /proc (host_system.c). */
void host_read_system(struct io *io, struct metric_set *set);
void host_read_filesystems(struct slice mountinfo, struct metric_set *set);
void host_read_sysfs(struct io *io, struct metric_set *set);
void host_read_sockets(struct metric_set *set);
void host_read_processes(struct io *io, struct metric_set *set);
/* The state letter in the text of /proc/PID/stat, 0 if there is none. */
char host_process_state(struct slice text);

#endif
