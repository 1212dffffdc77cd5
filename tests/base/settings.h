/* tests/base/settings.h -- a settings struct with every type of option, for the tests of config and
 * cli and their fuzz target. */
#ifndef DENDRO_TESTS_BASE_SETTINGS_H
#define DENDRO_TESTS_BASE_SETTINGS_H

#include "base/option.h"
#include "base/time_stamp.h"

enum mode { MODE_FAST, MODE_SAFE };
static const char *const mode_names[] = {"fast", "safe", NULL};

struct source {
    uint32_t line;
    const char *role, *format, *path;
};

static const struct option source_rows[] = {
    {.type = OPTION_LINE, .offset = offsetof(struct source, line)},
    {.name = "role", .type = OPTION_TEXT, .offset = offsetof(struct source, role),
     .flags = OPTION_REQUIRED, .help = "what the source does"},
    {.name = "format", .type = OPTION_TEXT, .offset = offsetof(struct source, format),
     .preset = "auto", .help = "log format"},
    {.name = "path", .type = OPTION_TEXT, .offset = offsetof(struct source, path),
     .flags = OPTION_REQUIRED, .help = "files to follow"},
};
static const struct option_table source_table = OPTION_TABLE_OF(source_rows, struct source);

struct limits {
    uint64_t memory;
    int64_t lines;
};

static const struct option limits_rows[] = {
    {.name = "memory", .type = OPTION_SIZE, .offset = offsetof(struct limits, memory),
     .min = 1 << 20, .max = 1LL << 40, .preset = "512MiB", .help = "memory of the process"},
    {.name = "lines", .type = OPTION_INT, .offset = offsetof(struct limits, lines), .min = 1,
     .max = 1000, .preset = "100", .help = "lines per batch"},
};
static const struct option_table limits_table = OPTION_TABLE_OF(limits_rows, struct limits);

struct settings {
    const char *config, *token;
    struct address listen;
    int64_t retention_ns;
    bool verbose, color;
    double ratio;
    int mode;
    uint64_t cache;
    struct text_list tags;
    struct text_map labels;
    struct table_list sources;
    struct limits limits;
};

static const struct option settings_rows[] = {
    {.type = OPTION_GROUP, .help = "Network"},
    {.name = "listen", .letter = 'l', .type = OPTION_ADDRESS,
     .offset = offsetof(struct settings, listen), .value_name = "ADDR", .preset = "127.0.0.1:7601",
     .help = "accept shippers on this address"},
    {.name = "token", .type = OPTION_TEXT, .offset = offsetof(struct settings, token),
     .flags = OPTION_SECRET | OPTION_HIDDEN, .help = "secret"},
    {.type = OPTION_GROUP, .help = "Storage"},
    {.name = "retention_min", .type = OPTION_DURATION,
     .offset = offsetof(struct settings, retention_ns), .min = NS_PER_HOUR, .max = INT64_MAX,
     .value_name = "TIME", .preset = "7d",
     .help = "delete segments that are older than this, such as 12h or 7d"},
    {.name = "cache", .type = OPTION_SIZE, .offset = offsetof(struct settings, cache),
     .help = "bytes of cache"},
    {.name = "mode", .letter = 'm', .type = OPTION_ENUM, .offset = offsetof(struct settings, mode),
     .names = mode_names, .preset = "safe", .help = "how"},
    {.name = "ratio", .type = OPTION_DOUBLE, .offset = offsetof(struct settings, ratio),
     .help = "a number"},
    {.name = "limits", .type = OPTION_TABLE, .offset = offsetof(struct settings, limits),
     .table = &limits_table, .help = "bounds"},
    {.type = OPTION_GROUP, .help = "Other"},
    {.name = "source", .letter = 's', .type = OPTION_TABLES,
     .offset = offsetof(struct settings, sources), .table = &source_table, .value_name = "SOURCE",
     .help = "follow role=ROLE[,format=FORMAT],path=GLOB"},
    {.name = "tag", .type = OPTION_TEXT_LIST, .offset = offsetof(struct settings, tags),
     .help = "a tag"},
    {.name = "label", .type = OPTION_TEXT_MAP, .offset = offsetof(struct settings, labels),
     .help = "a label"},
    {.name = "verbose", .letter = 'v', .type = OPTION_BOOL,
     .offset = offsetof(struct settings, verbose), .help = "say more"},
    {.name = "color", .letter = 'c', .type = OPTION_BOOL, .offset = offsetof(struct settings, color),
     .preset = "true", .help = "colours"},
    {.name = "config", .type = OPTION_TEXT, .offset = offsetof(struct settings, config),
     .flags = OPTION_CLI_ONLY, .value_name = "FILE", .preset = "/etc/x.yaml", .help = "settings"},
};
static const struct option_table settings_table = OPTION_TABLE_OF(settings_rows, struct settings);

#endif
