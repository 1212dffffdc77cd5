/* shipper/host_system.c -- what is asked of the system by a call, and what sysfs tells.
 * These calls have no place in the io table: they read nothing that a test would simulate. */
#include "shipper/host_metrics.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>

static void read_timex(struct metric_set *set)
{
    struct timex time = {.modes = 0};
    int state = adjtimex(&time);
    double unit = time.status & STA_NANO ? 1e-9 : 1e-6;

    if (state < 0)
        return;
    metric_add(set, "node_timex_offset_seconds", (double)time.offset * unit);
    metric_add(set, "node_timex_sync_status", state != TIME_ERROR);
    metric_add(set, "node_timex_maxerror_seconds", (double)time.maxerror * 1e-6);
}

void host_read_system(struct io *io, struct metric_set *set)
{
    struct utsname name;

    metric_add(set, "node_time_seconds", (double)(io_wall_ns(io) / 1000000) / 1e3);
    read_timex(set);
    if (uname(&name) == 0) {
        struct wire_label labels[] = {
            {SLICE_LITERAL("machine"), slice_of(name.machine)},
            {SLICE_LITERAL("nodename"), slice_of(name.nodename)},
            {SLICE_LITERAL("release"), slice_of(name.release)},
            {SLICE_LITERAL("sysname"), slice_of(name.sysname)},
            {SLICE_LITERAL("version"), slice_of(name.version)},
        };

        metric_add_labels(set, "node_uname_info", 1, labels, COUNT_OF(labels));
    }
}

static void read_mount(void *user, const struct host_mount *mount)
{
    struct metric_set *set = user;
    struct statvfs found;
    bool failed = statvfs(mount->path, &found) != 0;
    struct wire_label labels[] = {
        {SLICE_LITERAL("device"), slice_of(mount->device)},
        {SLICE_LITERAL("fstype"), slice_of(mount->type)},
        {SLICE_LITERAL("mountpoint"), slice_of(mount->path)},
    };
    double block;

    metric_add_labels(set, "node_filesystem_device_error", failed, labels, COUNT_OF(labels));
    if (failed)
        return;
    block = (double)found.f_frsize;
    metric_add_labels(set, "node_filesystem_size_bytes", (double)found.f_blocks * block, labels, 3);
    metric_add_labels(set, "node_filesystem_free_bytes", (double)found.f_bfree * block, labels, 3);
    metric_add_labels(set, "node_filesystem_avail_bytes", (double)found.f_bavail * block, labels,
                      3);
    metric_add_labels(set, "node_filesystem_files", (double)found.f_files, labels, 3);
    metric_add_labels(set, "node_filesystem_files_free", (double)found.f_ffree, labels, 3);
    metric_add_labels(set, "node_filesystem_readonly", mount->read_only, labels, 3);
}

void host_read_filesystems(struct slice mountinfo, struct metric_set *set)
{
    host_parse_mountinfo(mountinfo, read_mount, set);
}

/* ---- sysfs: one short text per file ---- */

struct sysfs {
    struct io *io;
    struct metric_set *set;
};

static bool read_text(struct io *io, const char *path, char text[64], struct slice *out)
{
    int fd = io->file->open(io, path, IO_READ | IO_NO_BLOCK);
    ssize_t got;

    if (fd < 0)
        return false;
    got = io->file->read_at(io, fd, text, 64, 0);
    io_close(io, &fd);
    if (got <= 0)
        return false; /* speed and carrier of an interface that is down cannot be read */
    *out = slice_trim(slice_make(text, (size_t)got));
    return true;
}

static bool read_number(struct io *io, const char *directory, const char *name, const char *leaf,
                        double *out)
{
    char path[512], text[64];
    struct slice value;
    int len = snprintf(path, sizeof(path), "%s/%s%s", directory, name, leaf);

    return len > 0 && (size_t)len < sizeof(path) && read_text(io, path, text, &value) &&
           slice_to_double(value, out);
}

static bool read_interface(void *user, const char *name)
{
    struct sysfs *sysfs = user;
    char path[512], text[64];
    struct slice state;
    double value;

    if (read_number(sysfs->io, "/sys/class/net", name, "/carrier", &value))
        metric_add_label(sysfs->set, "node_network_carrier", value, "device", slice_of(name));
    if (read_number(sysfs->io, "/sys/class/net", name, "/speed", &value) && value > 0)
        metric_add_label(sysfs->set, "node_network_speed_bytes", value * 1e6 / 8, "device",
                         slice_of(name));
    (void)snprintf(path, sizeof(path), "/sys/class/net/%.200s/operstate", name);
    if (read_text(sysfs->io, path, text, &state))
        metric_add_label(sysfs->set, "node_network_up", slice_is(state, "up"), "device",
                         slice_of(name));
    return true;
}

static bool read_cpu(void *user, const char *name)
{
    struct sysfs *sysfs = user;
    double value;

    if (strncmp(name, "cpu", 3) == 0 && name[3] >= '0' && name[3] <= '9' &&
        read_number(sysfs->io, "/sys/devices/system/cpu", name, "/cpufreq/scaling_cur_freq",
                    &value))
        metric_add_label(sysfs->set, "node_cpu_scaling_frequency_hertz", value * 1e3, "cpu",
                         slice_of(name + 3));
    return true;
}

static bool read_chip(void *user, const char *name)
{
    enum { SENSORS_MAX = 16 };
    struct sysfs *sysfs = user;

    for (unsigned i = 1; i <= SENSORS_MAX; i++) {
        char leaf[32], sensor[16];
        double value;

        (void)snprintf(leaf, sizeof(leaf), "/temp%u_input", i);
        (void)snprintf(sensor, sizeof(sensor), "temp%u", i);
        if (read_number(sysfs->io, "/sys/class/hwmon", name, leaf, &value)) {
            struct wire_label labels[] = {{SLICE_LITERAL("chip"), slice_of(name)},
                                          {SLICE_LITERAL("sensor"), slice_of(sensor)}};

            metric_add_labels(sysfs->set, "node_hwmon_temp_celsius", value / 1e3, labels, 2);
        }
    }
    return true;
}

static bool read_memory_controller(void *user, const char *name)
{
    static const struct {
        const char *leaf, *name;
    } counts[] = {
        {"/ce_count", "node_edac_correctable_errors_total"},
        {"/ue_count", "node_edac_uncorrectable_errors_total"},
    };
    struct sysfs *sysfs = user;
    double value;

    if (strncmp(name, "mc", 2) != 0 || name[2] < '0' || name[2] > '9')
        return true;
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        if (read_number(sysfs->io, "/sys/devices/system/edac/mc", name, counts[i].leaf, &value))
            metric_add_label(sysfs->set, counts[i].name, value, "controller", slice_of(name + 2));
    return true;
}

void host_read_sysfs(struct io *io, struct metric_set *set)
{
    static const struct {
        const char *directory;
        io_list_visit *visit;
    } directories[] = {
        {"/sys/class/net", read_interface},
        {"/sys/devices/system/cpu", read_cpu},
        {"/sys/class/hwmon", read_chip},
        {"/sys/devices/system/edac/mc", read_memory_controller},
    };
    struct sysfs sysfs = {io, set};

    for (size_t i = 0; i < COUNT_OF(directories); i++)
        (void)io->path->list(io, directories[i].directory, directories[i].visit, &sysfs);
}
