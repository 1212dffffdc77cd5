/* Host counters from captured /proc text (tests/golden/proc, a Linux 6.18 guest with two cores).
 * Expected values are read off the text by hand; units as node_exporter has them. */
#include "base/io.h"
#include "shipper/host_metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct value_case {
    const char *file;
    host_parser *parse;
    const char *metric;
    const char *labels; /* "cpu=0 mode=user", "" for none */
    double value;
} value_cases[] = {
    {"stat", host_parse_stat, "node_cpu_seconds_total", "cpu=0 mode=user", 1383.17},
    {"stat", host_parse_stat, "node_cpu_seconds_total", "cpu=1 mode=idle", 2946.60},
    {"stat", host_parse_stat, "node_cpu_seconds_total", "cpu=0 mode=steal", 10.79},
    {"stat", host_parse_stat, "node_context_switches_total", "", 3176691},
    {"stat", host_parse_stat, "node_boot_time_seconds", "", 1795589936},
    {"stat", host_parse_stat, "node_forks_total", "", 88348},
    {"stat", host_parse_stat, "node_procs_running", "", 9},
    {"loadavg", host_parse_loadavg, "node_load1", "", 7.55},
    {"loadavg", host_parse_loadavg, "node_load15", "", 4.60},
    {"uptime", host_parse_uptime, "node_uptime_seconds", "", 4893.27},
    {"file-nr", host_parse_file_nr, "node_filefd_allocated", "", 1003},
    {"file-nr", host_parse_file_nr, "node_filefd_maximum", "", 2466174},
    {"meminfo", host_parse_meminfo, "node_memory_MemTotal_bytes", "", 24683656.0 * 1024},
    {"meminfo", host_parse_meminfo, "node_memory_Buffers_bytes", "", 15816.0 * 1024},
    {"vmstat", host_parse_vmstat, "node_vmstat_pgfault", "", 113509785},
    {"vmstat", host_parse_vmstat, "node_vmstat_oom_kill", "", 0},
    {"diskstats", host_parse_diskstats, "node_disk_reads_completed_total", "device=vda", 252576},
    {"diskstats", host_parse_diskstats, "node_disk_read_bytes_total", "device=vda",
     10332970.0 * 512},
    {"diskstats", host_parse_diskstats, "node_disk_read_time_seconds_total", "device=vda", 121.112},
    {"diskstats", host_parse_diskstats, "node_disk_written_bytes_total", "device=vda",
     28130912.0 * 512},
    {"diskstats", host_parse_diskstats, "node_disk_io_now", "device=vda", 0},
    {"diskstats", host_parse_diskstats, "node_disk_io_time_seconds_total", "device=vda", 60.988},
    {"mdstat", host_parse_mdstat, "node_md_disks_active", "device=md0", 1},
    {"mdstat", host_parse_mdstat, "node_md_disks_required", "device=md127", 3},
    {"net_dev", host_parse_net_dev, "node_network_receive_bytes_total", "device=eth0", 302651206},
    {"net_dev", host_parse_net_dev, "node_network_transmit_packets_total", "device=eth0", 10294},
    {"net_snmp", host_parse_snmp, "node_netstat_Tcp_RetransSegs", "", 243},
    {"net_snmp", host_parse_snmp, "node_netstat_Tcp_OutRsts", "", 797},
    {"net_snmp", host_parse_snmp, "node_netstat_Tcp_CurrEstab", "", 2},
    {"net_sockstat", host_parse_sockstat, "node_sockstat_TCP_tw", "", 244},
    {"net_sockstat", host_parse_sockstat, "node_sockstat_sockets_used", "", 20},
    {"net_softnet_stat", host_parse_softnet, "node_softnet_processed_total", "cpu=0", 0x1e602},
    {"net_softnet_stat", host_parse_softnet, "node_softnet_dropped_total", "cpu=1", 0},
    {"net_udp", host_parse_udp, "node_udp_queues", "queue=rx", 0},
    {"pressure_cpu", host_parse_pressure_cpu, "node_pressure_cpu_waiting_seconds_total", "",
     1113.914037},
    {"pressure_io", host_parse_pressure_io, "node_pressure_io_stalled_seconds_total", "",
     14.031551},
};

static void read_golden(const char *name, struct buf *out)
{
    char path[512];
    struct error err = {0};

    (void)snprintf(path, sizeof(path), "%s/proc/%s", DENDRO_GOLDEN_DIR, name);
    if (io_read_file(io_system(), path, out, &err) != STATUS_OK)
        fail_msg("%s", err.message);
}

static void label_text(const struct wire_series *series, char *out, size_t size)
{
    out[0] = '\0';
    for (uint32_t i = 0; i < series->label_count; i++) {
        size_t len = strlen(out);

        (void)snprintf(out + len, size - len, "%s%.*s=%.*s", i == 0 ? "" : " ",
                       SLICE_ARG(series->labels[i].name), SLICE_ARG(series->labels[i].value));
    }
}

static void test_values(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(value_cases); i++) {
        const struct value_case *c = &value_cases[i];
        struct metric_set set = metric_set_empty();
        struct buf text = buf_empty(1 << 20);
        unsigned found = 0;

        print_message("  %s{%s}\n", c->metric, c->labels);
        read_golden(c->file, &text);
        metric_set_reset(&set, 1);
        c->parse(buf_slice(&text), &set);
        for (uint32_t k = 0; k < set.count; k++) {
            char labels[256];

            label_text(&set.series[k], labels, sizeof(labels));
            if (!slice_is(set.series[k].metric, c->metric) || strcmp(labels, c->labels) != 0)
                continue;
            found++;
            assert_true(fabs(set.samples[k].value - c->value) < 1e-6 * (1 + c->value));
        }
        assert_int_equal(found, 1);
        metric_set_release(&set);
        buf_release(&text);
    }
}

struct mounts {
    struct host_mount list[8];
    unsigned count;
};

static void note_mount(void *user, const struct host_mount *mount)
{
    struct mounts *mounts = user;

    mounts->list[mounts->count++] = *mount;
}

/* Pseudo file systems and those of servers that may be dead are left out. */
static void test_mountinfo(void **unused)
{
    static struct mounts mounts;
    struct buf text = buf_empty(1 << 20);

    (void)unused;
    read_golden("mountinfo", &text);
    host_parse_mountinfo(buf_slice(&text), note_mount, &mounts);
    assert_int_equal(mounts.count, 3);
    assert_string_equal(mounts.list[0].path, "/");
    assert_string_equal(mounts.list[0].device, "/dev/vda");
    assert_string_equal(mounts.list[1].type, "tmpfs");
    assert_string_equal(mounts.list[2].path, "/mnt/with blank");
    assert_true(mounts.list[2].read_only);
    assert_false(mounts.list[0].read_only);
    buf_release(&text);
}

/* Every parser must live with any cut of its text. */
static void test_cut_texts(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(value_cases); i++) {
        struct buf text = buf_empty(1 << 20);

        read_golden(value_cases[i].file, &text);
        for (size_t len = 0; len < text.len; len += 7) {
            struct metric_set set = metric_set_empty();

            value_cases[i].parse(slice_first(buf_slice(&text), len), &set);
            metric_set_release(&set);
        }
        buf_release(&text);
    }
}

/* The name of a process is hostile: it may hold parentheses and blanks. */
static void test_process_state(void **unused)
{
    (void)unused;
    assert_int_equal(host_process_state(SLICE_LITERAL("12 (sh) S 1 12 12")), 'S');
    assert_int_equal(host_process_state(SLICE_LITERAL("12 (a) R (b) D 1 12")), 'D');
    assert_int_equal(host_process_state(SLICE_LITERAL("12 (sh)")), 0);
    assert_int_equal(host_process_state(slice_of("")), 0);
}

static bool has_metric(const struct metric_set *set, const char *name)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (slice_is(set->series[i].metric, name))
            return true;
    return false;
}

static void test_this_host(void **unused)
{
    struct metric_set set = metric_set_empty();
    struct buf body = buf_empty(1 << 22);
    struct batch_range range = {.path = SLICE_LITERAL("host"), .role = SLICE_LITERAL("host")};
    struct batch_message message;
    struct host_metrics *metrics;
    uint32_t first;

    (void)unused;
    assert_int_equal(host_metrics_new(io_system(), &metrics, NULL), STATUS_OK);
    metric_set_reset(&set, 1000);
    host_metrics_read(metrics, &set);
    first = set.count;
    assert_true(first > 50);
    assert_true(has_metric(&set, "node_processes_state"));
    assert_true(has_metric(&set, "node_tcp_connection_states"));
    metric_set_reset(&set, 2000); /* from the same descriptors */
    host_metrics_read(metrics, &set);
    assert_true(set.count > first / 2);
    assert_true(has_metric(&set, "node_filesystem_avail_bytes"));
    assert_false(has_metric(&set, "node_processes_state")); /* costly: once a minute */
    assert_false(has_metric(&set, "node_tcp_connection_states"));
    range.end_offset = 2001;
    assert_int_equal(metric_set_encode(&set, &range, 0, &body, NULL), STATUS_OK);
    assert_int_equal(batch_decode(buf_slice(&body), &message, NULL), STATUS_OK);
    assert_int_equal(message.sample_count, set.count);
    host_metrics_free(metrics);
    metric_set_release(&set);
    buf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_mountinfo),
        cmocka_unit_test(test_cut_texts), cmocka_unit_test(test_process_state),
        cmocka_unit_test(test_this_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
