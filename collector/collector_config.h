/* collector/collector_config.h -- settings of the collector: flags and YAML through one table.
 * Thread safety: constant after loading. */
#ifndef DENDRO_COLLECTOR_COLLECTOR_CONFIG_H
#define DENDRO_COLLECTOR_COLLECTOR_CONFIG_H

#include "base/cli.h"
#include "base/option.h"
#include "collector/derive.h"
#include "collector/source_settings.h"
#include "store/retention.h"

#include <stdbool.h>
#include <stdint.h>

struct query_config {
    uint64_t memory;            /* bytes of each */
    int64_t timeout_ns;
    int64_t running, waiting;   /* at once */
};

struct collector_config {
    const char *config_path;
    const char *data_dir;
    const char *geo;
    struct address http, wire;
    bool insecure;             /* insecure_i_understand */
    const char *admin_token_file; /* NULL: none */
    bool check;                /* only check the settings, for `dendro config check` */
    int64_t retention_ns;      /* 0: keep for ever */
    uint64_t retention_bytes;  /* 0: no limit */
    struct table_list retention_rules; /* of struct retention_rule */
    int64_t seal_age_ns;
    uint64_t compact_size; /* 0: never */
    uint64_t memory_max;
    uint64_t scrub_rate;       /* bytes per second; 0: segments are not checked */
    int64_t shard_count;       /* 0: one per processor */
    struct query_config query;
    struct derive_config derive;
    struct table_list sources; /* as read; see `overrides` */

    /* made of `sources` by collector_config_load() */
    struct source_overrides overrides;
};

/* Read flags, and the file that --config names. Texts and lists live in `arena`.
 * Gives OK, END (--help or --version was printed), or INVALID and others with a sentence. */
enum status collector_config_load(struct io *io, struct cli_words words, const char *version,
                                  struct collector_config *out, struct arena *arena,
                                  struct error *err) WARN_UNUSED;
/* The same checks for a file alone: `dendro config check`. */
enum status collector_config_check(struct io *io, const char *path, struct arena *arena,
                                   struct error *err) WARN_UNUSED;

#endif
