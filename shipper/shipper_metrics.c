/* shipper/shipper_metrics.c -- samples of the host and of ourselves, in-band: a shipper that falls
 * silent is seen at the collector, without a listening port here. */
#include "shipper/shipper_private.h"

#include "base/diag.h"
#include "base/hash.h"

#include <sys/resource.h>
#include <unistd.h>

enum {
    SOURCE_SERIES_MAX = 1000, /* sources with series of their own; the sums hold all */
    MOMENTS_MAX = 64,         /* waiting to be acked: 10 minutes without a collector */
};

static void add_process(struct shipper *shipper)
{
    struct rusage usage;
    char text[128];
    struct slice rest, word;
    double pages;
    int fd = shipper->io->file->open(shipper->io, "/proc/self/statm", IO_READ);
    ssize_t got = fd < 0 ? 0 : shipper->io->file->read_at(shipper->io, fd, text, sizeof(text), 0);

    io_close(shipper->io, &fd);
    rest = slice_make(text, got > 0 ? (size_t)got : 0);
    if (slice_cut(&rest, ' ', &word) && slice_cut(&rest, ' ', &word) &&
        slice_to_double(word, &pages))
        metric_add(&shipper->metrics, "dendro_shipper_resident_bytes",
                   pages * (double)sysconf(_SC_PAGESIZE));
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        metric_add(&shipper->metrics, "dendro_shipper_cpu_seconds_total",
                   (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6);
}

static void add_connection(struct shipper *shipper)
{
    const struct session *session = &shipper->session;
    struct metric_set *set = &shipper->metrics;

    metric_add(set, "dendro_shipper_connected", session->state == SESSION_OPEN);
    metric_add(set, "dendro_shipper_connects_total", (double)session->counters.connects);
    metric_add(set, "dendro_shipper_frames_sent_total", (double)session->counters.frames_sent);
    metric_add(set, "dendro_shipper_sent_bytes_total", (double)session->counters.bytes_sent);
    metric_add(set, "dendro_shipper_retransmits_total",
               (double)(session->lines.retransmits + session->metrics.retransmits));
    metric_add(set, "dendro_shipper_in_flight_bytes",
               (double)(session->lines.size + session->metrics.size));
    metric_add(set, "dendro_shipper_credit_bytes", (double)session->lines.credit.window_size);
    metric_add(set, "dendro_shipper_rtt_seconds", (double)session->rtt_ns / 1e9);
    metric_add(set, "dendro_shipper_clock_offset_seconds", (double)session->clock_offset_ns / 1e9);
    for (unsigned code = 1; code < NACK_CODE_END; code++)
        if (session->counters.nacks[code] > 0)
            metric_add_label(set, "dendro_shipper_nacks_total",
                             (double)session->counters.nacks[code], "code",
                             slice_of(nack_code_name(code)));
}

static void add_delivery(struct shipper *shipper)
{
    const struct shipper_accounts *accounts = &shipper->accounts;
    const struct tail_counters *tail = &shipper->reader.counters;
    const struct follow *follow = shipper->follow;
    const struct {
        const char *name;
        uint64_t value;
    } totals[] = {
        {"dendro_shipper_read_bytes_total", accounts->read},
        {"dendro_shipper_acked_bytes_total", accounts->acked},
        {"dendro_shipper_pending_bytes", accounts->pending},
        {"dendro_shipper_lines_total", tail->lines},
        {"dendro_shipper_partial_lines_total", tail->partial_lines},
        {"dendro_shipper_long_lines_total", tail->long_lines},
        {"dendro_shipper_long_line_bytes_cut_total", tail->long_bytes_cut},
        {"dendro_shipper_nul_runs_total", tail->nul_runs},
        {"dendro_shipper_nul_bytes_total", tail->nul_bytes},
        {"dendro_shipper_sources", follow->sources.count},
        {"dendro_shipper_open_files", follow->open_count},
        {"dendro_shipper_missed_files_total", follow->counters.missed},
        {"dendro_shipper_vacant_files", follow->vacant_count},
        {"dendro_shipper_vacant_dropped_total", follow->counters.vacant_dropped},
        {"dendro_shipper_aliases_total", follow->counters.aliases},
        {"dendro_shipper_truncations_total", follow->counters.truncations},
        {"dendro_shipper_unreadable_total", follow->counters.unreadable},
        {"dendro_shipper_files_left_out_total", follow->counters.full},
        {"dendro_shipper_refused_frames_total", shipper->refused_frames},
        {"dendro_shipper_samples_skipped_total", shipper->metrics_skipped},
        {"dendro_shipper_checkpoint_failures_total", shipper->save_failures},
        {"dendro_shipper_watch_trouble", shipper->watch_trouble != NULL},
    };

    for (size_t i = 0; i < COUNT_OF(totals); i++)
        metric_add(&shipper->metrics, totals[i].name, (double)totals[i].value);
    for (unsigned reason = 1; reason < LOSS_REASON_END; reason++)
        metric_add_label(&shipper->metrics, "dendro_shipper_dropped_bytes_total",
                         (double)accounts->dropped[reason], "reason",
                         slice_of(loss_reason_name(reason)));
    for (unsigned reason = 1; reason < RESET_COUNT; reason++)
        metric_add_label(&shipper->metrics, "dendro_shipper_identity_resets_total",
                         (double)follow->counters.resets[reason], "reason",
                         slice_of(reset_reason_name(reason)));
}

static void add_source(struct metric_set *set, const struct source *source, double lag_bytes,
                       double lag_seconds)
{
    const struct {
        const char *name;
        double value;
    } values[] = {
        {"dendro_shipper_lag_bytes", lag_bytes},
        {"dendro_shipper_lag_seconds", lag_seconds},
        {"dendro_shipper_read_offset_bytes", (double)source->read_off},
        {"dendro_shipper_acked_offset_bytes", (double)source->gen.acked_off},
    };

    for (size_t i = 0; i < COUNT_OF(values); i++) /* `source` is a column of every row: "host" */
        metric_add_label(set, values[i].name, values[i].value, "path", slice_of(source->gen.path));
}

static void add_sources(struct shipper *shipper)
{
    struct source_table *sources = &shipper->follow->sources;
    struct metric_set *set = &shipper->metrics;
    uint64_t lag_sum = 0;
    double wait_max = 0;
    uint32_t listed = 0;

    for (uint32_t i = 0; i < sources->count; i++) {
        struct source *source = sources->items[i];
        uint64_t end = source->size > source->read_off ? source->size : source->read_off;
        uint64_t lag = end - source->gen.acked_off;
        double wait = (double)source_lag_ns(source, shipper->now_ns) / (double)SECOND_NS;

        if (source->state > SOURCE_FOLLOWED || source->content.gz != NULL)
            continue;
        lag_sum += lag;
        wait_max = wait > wait_max ? wait : wait_max;
        if (source->rotated || ++listed > SOURCE_SERIES_MAX)
            continue; /* two generations of one path would be one series */
        add_source(set, source, (double)lag, wait);
    }
    metric_add(set, "dendro_shipper_lag_bytes_sum", (double)lag_sum);
    metric_add(set, "dendro_shipper_lag_seconds_max", wait_max);
    shipper->session.backlog_size = lag_sum;
}

/* Positions of samples are their times. Every range begins anew (BEGIN): a moment that was skipped
 * leaves no hole to explain. The generation is one of this epoch, since the clock may go back. */
static struct batch_range describe(struct shipper *shipper)
{
    struct batch_range range = {
        .flags = RANGE_BEGIN,
        .path = SLICE_LITERAL("host"),
        .role = SLICE_LITERAL("host"),
        .prev_tail = TAIL_HASH_UNKNOWN,
        .end_tail = TAIL_HASH_UNKNOWN,
    };
    struct slice host = slice_of(shipper->settings->host);
    struct hash128 id = hash128(host.data, host.len, shipper->session.epoch);

    memcpy(range.source.generation, &id, sizeof(id));
    if (shipper->metrics.time_ns < shipper->metrics_position)
        shipper->metrics_truncations++;
    else
        range.start_offset = (uint64_t)shipper->metrics_position;
    range.source.truncations = shipper->metrics_truncations;
    range.end_offset = (uint64_t)shipper->metrics.time_ns + 1;
    return range;
}

void shipper_measure(struct shipper *shipper)
{
    struct error err = {0};
    struct batch_range range;
    enum status status;
    int64_t wall = io_wall_ns(shipper->io);

    if (wall < 0 || shipper->session.metrics.count >= MOMENTS_MAX) {
        shipper->metrics_skipped++;
        return;
    }
    metric_set_reset(&shipper->metrics, wall);
    if (shipper->host_metrics != NULL)
        host_metrics_read(shipper->host_metrics, &shipper->metrics);
    add_process(shipper);
    add_connection(shipper);
    add_delivery(shipper);
    add_sources(shipper);
    range = describe(shipper);
    buf_reset(&shipper->body);
    status = metric_set_encode(&shipper->metrics, &range, shipper->session.clock_offset_ns,
                               &shipper->body, &err);
    if (status == STATUS_OK)
        status = session_add(&shipper->session, &shipper->session.metrics,
                             &(struct outgoing){.type = FRAME_BATCH,
                                                .body = buf_slice(&shipper->body)},
                             &err);
    if (status == STATUS_OK) {
        shipper->metrics_position = (int64_t)range.end_offset;
        return;
    }
    shipper->metrics_skipped++;
    if (diag_limited(&shipper->alarm_told_s, 10))
        diag_error("samples: %s", err.message);
}
