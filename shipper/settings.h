/* shipper/settings.h -- what the user chose: the collector, the sources, sizes and times.
 * Filled by options.c from the command line and YAML; constant afterwards.
 * Thread safety: plain data. */
#ifndef DENDRO_SHIPPER_SETTINGS_H
#define DENDRO_SHIPPER_SETTINGS_H

#include "base/batch_message.h"
#include "base/option.h"

#include <stdbool.h>
#include <stdint.h>

enum start_at {
    START_AUTO, /* first start: files untouched for an hour from their end, others whole */
    START_BEGINNING,
    START_END,
};

enum { SOURCE_LABELS_MAX = 32 };

/* One --source option: which files, and what is said about them. */
struct source_settings {
    const char *path; /* absolute pattern of files */
    const char *role;
    const char *format; /* hint; NULL or "": the collector finds out */
    const char *zone, *line_prefix, *log_format, *duration_unit; /* of the format; NULL: none */
    struct text_map extra_labels;
    int start_at;    /* enum start_at */
    bool backfill;   /* read .gz files that are new to us */
    bool follow_links; /* also those that others can make, wherever they lead */
    int64_t idle_ns; /* a line without an end is sent after this */
    uint64_t line_size_max;
    struct wire_label labels[SOURCE_LABELS_MAX]; /* all of the above, as they travel */
    uint32_t label_count;
};

struct shipper_settings {
    struct address collector;
    const char *state; /* directory */
    const char *geo, *host;
    const char *token;                     /* NULL: none */
    struct table_list source_list;         /* of struct source_settings */
    const struct source_settings *sources; /* the same */
    uint32_t source_count;
    bool host_metrics, use_inotify;
    uint64_t batch_size; /* raw bytes that close a batch */
    int64_t batch_age_ns;
    int64_t poll_ns; /* look at active files this often */
    int64_t scan_hot_ns, scan_cold_ns;
    int64_t rotated_quiet_ns, copy_hold_ns;
    int64_t metrics_ns;
    int64_t compression_level; /* of zstd */
};

#endif
