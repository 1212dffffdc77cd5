/* The option table of the collector, and the checks that need more than one row. */
#include "collector/collector_config.h"

#include "base/config.h"
#include "collector/limits.h"

#include <stdio.h>
#include <string.h>

#define NS_PER_S 1000000000LL

enum { PATTERN_MEMORY_MAX = 1 << 20 }; /* of one log_format or line_prefix, compiled */

struct source_section { /* one entry of `sources` */
    const char *path, *format, *zone, *line_prefix, *log_format, *duration_unit;
    uint32_t line; /* in the file; 0: from the command line */
};

static const struct option source_rows[] = {
    {.type = OPTION_LINE, .offset = offsetof(struct source_section, line)},
    {.name = "path", .type = OPTION_TEXT, .flags = OPTION_REQUIRED,
     .offset = offsetof(struct source_section, path), .value_name = "GLOB",
     .help = "sources whose whole path matches; * also matches /"},
    {.name = "format", .type = OPTION_TEXT, .offset = offsetof(struct source_section, format),
     .value_name = "NAME", .help = "do not detect the format"},
    {.name = "zone", .type = OPTION_ZONE, .offset = offsetof(struct source_section, zone),
     .value_name = "ZONE", .help = "time zone of stamps that name none"},
    {.name = "line_prefix", .type = OPTION_TEXT,
     .offset = offsetof(struct source_section, line_prefix), .value_name = "TEXT",
     .help = "PostgreSQL log_line_prefix"},
    {.name = "log_format", .type = OPTION_TEXT,
     .offset = offsetof(struct source_section, log_format), .value_name = "TEXT",
     .help = "nginx log_format or Apache LogFormat"},
    {.name = "duration_unit", .type = OPTION_TEXT,
     .offset = offsetof(struct source_section, duration_unit), .value_name = "ns|us|ms|s",
     .help = "unit of durations that are bare integers"},
};
static const struct option_table source_options =
    OPTION_TABLE_OF(source_rows, struct source_section);

static const struct option rule_rows[] = {
    {.type = OPTION_LINE, .offset = offsetof(struct retention_rule, line)},
    {.name = "filter", .type = OPTION_TEXT, .flags = OPTION_REQUIRED,
     .offset = offsetof(struct retention_rule, filter), .value_name = "FILTER",
     .help = "rows that it is for; no pipes, no _time"},
    {.name = "keep", .type = OPTION_DURATION, .max = INT64_MAX,
     .offset = offsetof(struct retention_rule, keep_ns), .value_name = "TIME",
     .help = "they leave when they are older; 0 keeps them for ever"},
    {.name = "bytes", .type = OPTION_SIZE, .max = INT64_MAX,
     .offset = offsetof(struct retention_rule, bytes_max), .value_name = "SIZE",
     .help = "the oldest of them leave beyond SIZE of stored bytes"},
};
static const struct option_table rule_options = OPTION_TABLE_OF(rule_rows, struct retention_rule);

static const struct option query_rows[] = {
    {.name = "memory", .type = OPTION_SIZE, .min = 1 << 20, .max = 1LL << 40,
     .offset = offsetof(struct query_config, memory), .value_name = "SIZE", .preset = "32MiB",
     .help = "of each query; all of them together have a quarter of the collector's"},
    {.name = "timeout", .type = OPTION_DURATION, .min = 1000000000, .max = 86400 * NS_PER_S,
     .offset = offsetof(struct query_config, timeout_ns), .value_name = "TIME", .preset = "60s",
     .help = "the longest that a query may take"},
    {.name = "running", .type = OPTION_INT, .min = 1, .max = QUERIES_MAX,
     .offset = offsetof(struct query_config, running), .value_name = "N", .preset = "4",
     .help = "queries at once"},
    {.name = "waiting", .type = OPTION_INT, .min = 1, .max = QUERIES_MAX,
     .offset = offsetof(struct query_config, waiting), .value_name = "N", .preset = "16",
     .help = "queries that wait for their turn"},
};
static const struct option_table query_options = OPTION_TABLE_OF(query_rows, struct query_config);

static const struct option collector_rows[] = {
    {.type = OPTION_GROUP, .help = "Data"},
    {.name = "data", .type = OPTION_TEXT, .offset = offsetof(struct collector_config, data_dir),
     .value_name = "DIR", .preset = "/var/lib/dendro",
     .help = "keep everything in DIR; created if missing"},
    {.name = "geo", .type = OPTION_TEXT, .offset = offsetof(struct collector_config, geo),
     .value_name = "NAME",
     .help = "the geo whose lines are kept here; shippers of others are refused"},
    {.name = "retention", .type = OPTION_DURATION, .max = INT64_MAX,
     .offset = offsetof(struct collector_config, retention_ns), .value_name = "TIME",
     .preset = "30d", .help = "delete segments older than TIME; 0 keeps them for ever"},
    {.name = "retention_bytes", .type = OPTION_SIZE, .max = INT64_MAX,
     .offset = offsetof(struct collector_config, retention_bytes), .value_name = "SIZE",
     .help = "delete the oldest segments beyond SIZE"},
    {.name = "retention_rules", .alias = "retention_rule", .type = OPTION_TABLES,
     .offset = offsetof(struct collector_config, retention_rules), .table = &rule_options,
     .value_name = "filter=FILTER,keep=TIME,bytes=SIZE",
     .help = "other times for some rows; the first rule that matches counts"},
    {.name = "seal_age", .type = OPTION_DURATION, .min = 1000000000, .max = INT64_MAX,
     .offset = offsetof(struct collector_config, seal_age_ns), .value_name = "TIME",
     .preset = "120s", .help = "write the newest rows into a segment at this age, at the latest"},
    {.name = "compact_size", .type = OPTION_SIZE, .max = 1LL << 30,
     .offset = offsetof(struct collector_config, compact_size), .value_name = "SIZE",
     .preset = "24MiB",
     .help = "join small segments of a day until one holds SIZE of lines; 0 never joins"},
    {.name = "memory", .type = OPTION_SIZE, .min = 128LL << 20, .max = INT64_MAX,
     .offset = offsetof(struct collector_config, memory_max), .value_name = "SIZE",
     .preset = "512MiB", .help = "bound the memory of the process"},
    {.name = "scrub_rate", .type = OPTION_SIZE, .max = INT64_MAX,
     .offset = offsetof(struct collector_config, scrub_rate), .value_name = "SIZE",
     .preset = "8MiB", .help = "check stored segments once a week, SIZE per second; 0 does not"},
    {.name = "shards", .type = OPTION_INT, .min = 0, .max = WORKERS_MAX,
     .offset = offsetof(struct collector_config, shard_count), .value_name = "N",
     .preset = "0", .help = "write streams and workers; 0 is one per processor"},
    {.type = OPTION_GROUP, .help = "Network"},
    {.name = "http", .type = OPTION_ADDRESS, .offset = offsetof(struct collector_config, http),
     .value_name = "ADDR:PORT", .preset = "127.0.0.1:7600",
     .help = "serve the HTTP API there"},
    {.name = "wire", .type = OPTION_ADDRESS, .offset = offsetof(struct collector_config, wire),
     .value_name = "ADDR:PORT", .preset = "127.0.0.1:7601", .help = "accept shippers there"},
    {.name = "insecure_i_understand", .type = OPTION_BOOL,
     .offset = offsetof(struct collector_config, insecure),
     .help = "listen on other addresses than loopback without TLS and tokens"},
    {.name = "admin_token_file", .type = OPTION_TEXT,
     .offset = offsetof(struct collector_config, admin_token_file), .value_name = "FILE",
     .help = "erase and snapshot over HTTP need the token in FILE; without: only from loopback"},
    {.type = OPTION_GROUP, .help = "Queries"},
    {.name = "query", .type = OPTION_TABLE, .flags = OPTION_FILE_ONLY,
     .offset = offsetof(struct collector_config, query), .table = &query_options,
     .help = "memory, timeout, running and waiting of queries"},
    {.type = OPTION_GROUP, .help = "Parsing"},
    {.name = "derive", .type = OPTION_TABLE, .flags = OPTION_FILE_ONLY,
     .offset = offsetof(struct collector_config, derive), .table = &derive_option_table,
     .help = "rules for tenant, url_group, route, path_group and referer_group"},
    {.name = "sources", .alias = "source", .type = OPTION_TABLES,
     .offset = offsetof(struct collector_config, sources), .table = &source_options,
     .value_name = "path=GLOB,format=NAME,...",
     .help = "settings by path; the first that matches counts"},
    {.type = OPTION_GROUP, .help = "General"},
    {.name = "config", .letter = 'c', .type = OPTION_TEXT, .flags = OPTION_CLI_ONLY,
     .offset = offsetof(struct collector_config, config_path), .value_name = "FILE",
     .preset = "/etc/dendro/collector.yaml", .help = "read settings from FILE"},
    {.name = "check", .type = OPTION_BOOL, .flags = OPTION_CLI_ONLY,
     .offset = offsetof(struct collector_config, check),
     .help = "only check the settings, and end"},
};
static const struct option_table collector_options =
    OPTION_TABLE_OF(collector_rows, struct collector_config);

static const char footer[] =
    "\nExit status: 0 stopped on request, 1 runtime error, 2 bad usage or configuration.\n";

/* Formats whose names begin so: nginx stands for several. */
static void add_family(const char *name, char *out, size_t size)
{
    size_t len = 0;

    *out = '\0';
    for (size_t i = 0; i < format_count && len < size; i++)
        if (strncmp(formats[i]->name, name, strlen(name)) == 0)
            len += (size_t)snprintf(out + len, size - len, "%s%s", len == 0 ? "; there are " : ", ",
                                    formats[i]->name);
}

static enum status check_format(const char *name, struct error *err)
{
    const char *names[64] = {0}, *near;
    char family[120];
    size_t count = 0;

    if (name == NULL || format_find(slice_of(name)) != NULL)
        return STATUS_OK;
    for (; count < format_count && count < COUNT_OF(names); count++)
        names[count] = formats[count]->name;
    near = suggest(slice_of(name), names, count);
    if (near != NULL)
        return error_set(err, STATUS_INVALID, "unknown format \"%.40s\"; did you mean \"%s\"?", name,
                         near);
    add_family(name, family, sizeof(family));
    return error_set(err, STATUS_INVALID, "unknown format \"%.40s\"%s", name, family);
}

/* A pattern that does not compile would be ignored with a warning once lines come. Without a format
 * nobody knows yet whose pattern it is. */
static enum status check_pattern(const struct source_section *section, struct error *err)
{
    const struct format *format =
        section->format == NULL ? NULL : format_find(slice_of(section->format));
    struct format_settings settings = {.line_prefix = slice_of(section->line_prefix),
                                       .log_format = slice_of(section->log_format)};
    struct arena arena = arena_empty(PATTERN_MEMORY_MAX);
    const void *compiled;
    enum status status;

    if (format == NULL || format->compile == NULL)
        return STATUS_OK;
    status = format->compile(&settings, &arena, &compiled, err);
    arena_release(&arena);
    return status;
}

static enum status check_section(const struct source_section *section, const char *file,
                                 struct error *err)
{
    struct slice unit = slice_of(section->duration_unit);
    enum status status = check_format(section->format, err);

    if (status == STATUS_OK && unit.len > 0 && duration_unit_of(unit) == UNIT_NONE)
        status = error_set(err, STATUS_INVALID,
                           "duration_unit must be ns, us, ms or s, not \"%.40s\"",
                           section->duration_unit);
    if (status == STATUS_OK)
        status = check_pattern(section, err);
    if (status != STATUS_OK && section->line > 0)
        error_context(err, "%s:%u: sources \"%s\"", file, section->line, section->path);
    else if (status != STATUS_OK)
        error_context(err, "sources \"%s\"", section->path);
    return status;
}

static enum status make_overrides(struct collector_config *config, struct arena *arena,
                                  struct error *err)
{
    const struct source_section *sections = config->sources.items;
    size_t count = config->sources.count;
    struct source_override *items = arena_new(arena, struct source_override, count);
    enum status status = STATUS_OK;

    if (count > 0 && items == NULL)
        return error_set(err, STATUS_NO_MEMORY, "configuration: no memory");
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = check_section(&sections[i], config->config_path, err);
        items[i] = (struct source_override){
            .path = sections[i].path,
            .format = slice_of(sections[i].format),
            .zone = slice_of(sections[i].zone),
            .line_prefix = slice_of(sections[i].line_prefix),
            .log_format = slice_of(sections[i].log_format),
            .duration_unit = duration_unit_of(slice_of(sections[i].duration_unit)),
        };
    }
    config->overrides = (struct source_overrides){items, (uint32_t)count};
    return status;
}

/* Geo is a label of every row and a word in messages to shippers. */
static enum status check_geo(const char *geo, struct error *err)
{
    size_t len = geo == NULL ? 0 : strlen(geo);

    if (len == 0)
        return error_set(err, STATUS_INVALID,
                         "which geo are the lines of? Set \"geo\" in the file, or --geo NAME "
                         "(such as fr or us-east)");
    if (len > NAME_SIZE_MAX ||
        strspn(geo, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
        return error_set(err, STATUS_INVALID,
                         "geo \"%.40s\": expected letters, digits, '.', '_' and '-'", geo);
    return STATUS_OK;
}

static enum status finish(struct collector_config *config, struct arena *arena, struct error *err)
{
    enum status status = check_geo(config->geo, err);

    return status == STATUS_OK ? make_overrides(config, arena, err) : status;
}

enum status collector_config_load(struct io *io, struct cli_words words, const char *version,
                                  struct collector_config *out, struct arena *arena,
                                  struct error *err)
{
    const struct cli cli = {
        .program = "dendro-collector",
        .usage = "[OPTIONS]",
        .summary = "Receive logs and metrics of one geo, keep them and answer queries.",
        .footer = footer,
        .version = version,
        .table = &collector_options,
    };
    struct cli_target target = {.settings = out, .arena = arena};
    enum status status = cli_parse_with_config(&cli, io, words, &target, err);

    return status == STATUS_OK ? finish(out, arena, err) : status;
}

enum status collector_config_check(struct io *io, const char *path, struct arena *arena,
                                   struct error *err)
{
    struct collector_config config;
    enum status status = option_presets(&collector_options, &config, arena, err);

    if (status == STATUS_OK)
        status = config_load(io, path, &collector_options, &config, arena, err);
    config.config_path = path;
    return status == STATUS_OK ? finish(&config, arena, err) : status;
}
