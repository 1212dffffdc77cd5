/* shipper/options.c -- option tables, and the rules that are about more than one option. */
#include "shipper/options.h"

#include "shipper/file_set.h"
#include "shipper/limits.h"

#include <unistd.h>

static const char *const start_names[] = {"auto", "beginning", "end", NULL};

static const struct option source_rows[] = {
    {.name = "path", .type = OPTION_TEXT, .flags = OPTION_REQUIRED,
     .offset = offsetof(struct source_settings, path), .value_name = "GLOB",
     .help = "absolute pattern of files; * ? [a-z] in names, ** for any directories"},
    {.name = "role", .type = OPTION_TEXT, .flags = OPTION_REQUIRED,
     .offset = offsetof(struct source_settings, role), .value_name = "ROLE",
     .help = "what the source does: proxy, web, task, postgres, ..."},
    {.name = "format", .type = OPTION_TEXT, .offset = offsetof(struct source_settings, format),
     .value_name = "FORMAT", .help = "format of the lines; the collector finds out without it"},
    {.name = "zone", .type = OPTION_ZONE, .offset = offsetof(struct source_settings, zone),
     .value_name = "ZONE", .help = "time zone of stamps that name none"},
    {.name = "line_prefix", .type = OPTION_TEXT,
     .offset = offsetof(struct source_settings, line_prefix), .value_name = "TEXT",
     .help = "log_line_prefix of PostgreSQL"},
    {.name = "log_format", .type = OPTION_TEXT,
     .offset = offsetof(struct source_settings, log_format), .value_name = "TEXT",
     .help = "log_format of nginx, LogFormat of Apache"},
    {.name = "duration_unit", .type = OPTION_TEXT,
     .offset = offsetof(struct source_settings, duration_unit), .value_name = "UNIT",
     .help = "unit of bare durations"},
    {.name = "labels", .type = OPTION_TEXT_MAP, .flags = OPTION_FILE_ONLY,
     .offset = offsetof(struct source_settings, extra_labels), .help = "labels of the source"},
    {.name = "start_at", .type = OPTION_ENUM, .offset = offsetof(struct source_settings, start_at),
     .names = start_names, .preset = "auto", .value_name = "WHERE",
     .help = "first start: whole files or their end; auto: the end of those older than an hour"},
    {.name = "backfill", .type = OPTION_BOOL, .offset = offsetof(struct source_settings, backfill),
     .help = "read .gz files that are not known yet"},
    {.name = "follow_links", .type = OPTION_BOOL,
     .offset = offsetof(struct source_settings, follow_links),
     .help = "follow links that other users can make out of the directory in front of the pattern"},
    {.name = "idle", .type = OPTION_DURATION, .offset = offsetof(struct source_settings, idle_ns),
     .min = 10 * MILLISECOND_NS, .max = 3600 * SECOND_NS, .preset = "5s", .value_name = "TIME",
     .help = "send a line without an end after this"},
    {.name = "line_max", .type = OPTION_SIZE,
     .offset = offsetof(struct source_settings, line_size_max), .min = LINE_SIZE_MIN,
     .max = LINE_SIZE_CEILING, .preset = "1MiB", .value_name = "SIZE",
     .help = "cut longer lines, with a mark"},
};
static const struct option_table source_table =
    OPTION_TABLE_OF(source_rows, struct source_settings);

#define AT(field) offsetof(struct shipper_options, settings.field)

static const struct option rows[] = {
    {.type = OPTION_GROUP, .help = "Collector"},
    {.name = "collector", .letter = 'c', .type = OPTION_ADDRESS, .offset = AT(collector),
     .preset = "127.0.0.1:7601", .value_name = "ADDR:PORT", .help = "send to this collector"},
    {.name = "geo", .type = OPTION_TEXT, .offset = AT(geo), .value_name = "NAME",
     .help = "geo of this host; a collector of another one is refused"},
    {.name = "host", .type = OPTION_TEXT, .offset = AT(host), .value_name = "NAME",
     .help = "name of this host (default: that of the system)"},
    {.name = "token", .type = OPTION_TEXT, .flags = OPTION_FILE_ONLY | OPTION_SECRET,
     .offset = AT(token), .help = "shown to the collector"},
    {.type = OPTION_GROUP, .help = "Sources"},
    {.name = "source", .alias = "sources", .letter = 's', .type = OPTION_TABLES,
     .table = &source_table, .offset = AT(source_list), .value_name = "KEY=VALUE,...",
     .help = "follow files: role=ROLE[,format=FORMAT],path=GLOB; also zone, line_prefix, "
             "log_format, duration_unit, start_at, backfill, follow_links, idle, line_max; may be "
             "repeated"},
    {.name = "host_metrics", .type = OPTION_BOOL, .offset = AT(host_metrics), .preset = "true",
     .help = "send counters of the host"},
    {.name = "metrics_interval", .type = OPTION_DURATION, .offset = AT(metrics_ns),
     .min = 100 * MILLISECOND_NS, .max = 3600 * SECOND_NS, .preset = "10s", .value_name = "TIME",
     .help = "between two samples of a counter"},
    {.type = OPTION_GROUP, .help = "Reading"},
    {.name = "state", .type = OPTION_TEXT, .offset = AT(state), .preset = "/var/lib/dendro/shipper",
     .value_name = "DIR", .help = "directory for positions"},
    {.name = "poll_interval", .type = OPTION_DURATION, .offset = AT(poll_ns),
     .min = 5 * MILLISECOND_NS, .max = 2 * SECOND_NS, .preset = "200ms", .value_name = "TIME",
     .help = "look at files that grow this often"},
    {.name = "scan_interval", .type = OPTION_DURATION, .offset = AT(scan_hot_ns),
     .min = 5 * MILLISECOND_NS, .max = 60 * SECOND_NS, .preset = "1s", .value_name = "TIME",
     .help = "list directories in which something happens this often"},
    {.name = "scan_interval_idle", .type = OPTION_DURATION, .offset = AT(scan_cold_ns),
     .min = 20 * MILLISECOND_NS, .max = 600 * SECOND_NS, .preset = "10s", .value_name = "TIME",
     .help = "list the other directories this often"},
    {.name = "rotated_after", .type = OPTION_DURATION, .offset = AT(rotated_quiet_ns),
     .min = 10 * MILLISECOND_NS, .max = 3600 * SECOND_NS, .preset = "5s", .value_name = "TIME",
     .help = "a rotated file is finished when it was quiet for this long"},
    {.name = "copy_hold", .type = OPTION_DURATION, .offset = AT(copy_hold_ns),
     .min = 10 * MILLISECOND_NS, .max = 3600 * SECOND_NS, .preset = "10s", .value_name = "TIME",
     .help = "wait this long with a file that begins like one that is read"},
    {.name = "inotify", .type = OPTION_BOOL, .offset = AT(use_inotify), .preset = "true",
     .help = "let the kernel say when directories change"},
    {.type = OPTION_GROUP, .help = "Sending"},
    /* With the fourth turn of READ_TURN_SIZE a body is about 248 KiB. Twice as much would be 2% smaller,
     * but keep an ack waiting. */
    {.name = "batch_size", .type = OPTION_SIZE, .offset = AT(batch_size), .min = BATCH_SIZE_MIN,
     .max = BATCH_SIZE_CEILING, .preset = "200KiB", .value_name = "SIZE",
     .help = "send a batch when it has so many bytes"},
    {.name = "batch_age", .type = OPTION_DURATION, .offset = AT(batch_age_ns),
     .min = MILLISECOND_NS, .max = 60 * SECOND_NS, .preset = "200ms", .value_name = "TIME",
     .help = "or when its first line has waited so long"},
    {.name = "compression_level", .type = OPTION_INT, .offset = AT(compression_level), .min = 1,
     .max = 19, .preset = "1", .value_name = "N", .help = "level of zstd"},
    {.type = OPTION_GROUP, .help = "Other"},
    {.name = "config", .type = OPTION_TEXT, .flags = OPTION_CLI_ONLY,
     .offset = offsetof(struct shipper_options, config), .preset = "/etc/dendro/shipper.yaml",
     .value_name = "FILE", .help = "read settings from this file"},
    {.name = "check", .type = OPTION_BOOL, .flags = OPTION_CLI_ONLY,
     .offset = offsetof(struct shipper_options, check),
     .help = "only check the settings, and end"},
};
static const struct option_table table = OPTION_TABLE_OF(rows, struct shipper_options);

static const struct cli cli = {
    .program = "dendro-shipper",
    .usage = "[OPTIONS] [status | explain PATH]",
    .summary = "Follow log files and counters of this host and send them to a collector.",
    .footer = "Commands\n"
              "  status             what the shipper of --state DIR reads, and how far\n"
              "  explain PATH       whether it reads PATH, and which rule says so\n"
              "\n"
              "Exit status: 0 stopped on request, 1 runtime error, 2 bad usage.\n",
    .version = "0.1.0",
    .table = &table,
    .argument_count_max = 2,
};

/* ---- labels ---- */

static bool is_label_name(struct slice name)
{
    if (name.len == 0 || name.len > LABEL_SIZE_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.data[i];
        bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';

        if (!letter && byte != '_' && (i == 0 || byte < '0' || byte > '9'))
            return false;
    }
    return true;
}

static enum status check_text(const char *what, struct slice text, size_t size_max,
                              struct error *err)
{
    if (text.len > size_max)
        return error_set(err, STATUS_INVALID, "%s: %zu bytes, at most %zu", what, text.len,
                         size_max);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20 && text.data[i] != '\t')
            return error_set(err, STATUS_INVALID, "%s: has a control byte at %zu", what, i);
    return STATUS_OK;
}

static enum status add_label(struct source_settings *source, const char *name, const char *value,
                             struct error *err)
{
    if (value == NULL || value[0] == '\0')
        return STATUS_OK;
    if (!is_label_name(slice_of(name)))
        return error_set(err, STATUS_INVALID, "label \"%.64s\": expected letters, digits and _",
                         name);
    if (source->label_count == SOURCE_LABELS_MAX)
        return error_set(err, STATUS_INVALID, "a source has more than %d labels",
                         SOURCE_LABELS_MAX);
    source->labels[source->label_count++] = (struct wire_label){slice_of(name), slice_of(value)};
    /* A log_format is longer than what one would call a label. */
    return check_text(name, slice_of(value), WIRE_TEXT_SIZE_MAX, err);
}

/* The collector would go on as if there were none. */
static enum status check_duration_unit(const char *unit, struct error *err)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};

    if (unit == NULL || unit[0] == '\0')
        return STATUS_OK;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (strcmp(unit, units[i]) == 0)
            return STATUS_OK;
    return error_set(err, STATUS_INVALID, "duration_unit must be ns, us, ms or s, not \"%.40s\"",
                     unit);
}

static enum status finish_source(struct source_settings *source, struct error *err)
{
    const struct { const char *name, *value; } own[] = {
        {"zone", source->zone},
        {"line_prefix", source->line_prefix},
        {"log_format", source->log_format},
        {"duration_unit", source->duration_unit},
    };
    enum status status = STATUS_OK;

    if (source->path == NULL || source->role == NULL || source->role[0] == '\0')
        return error_set(err, STATUS_INVALID, "a source needs role=ROLE and path=GLOB");
    status = file_set_check(source->path, err);
    if (status != STATUS_OK)
        return status;
    status = check_duration_unit(source->duration_unit, err);
    source->label_count = 0;
    for (size_t i = 0; i < COUNT_OF(own) && status == STATUS_OK; i++)
        status = add_label(source, own[i].name, own[i].value, err);
    for (size_t i = 0; i < source->extra_labels.count && status == STATUS_OK; i++)
        status = add_label(source, source->extra_labels.items[i].key,
                           source->extra_labels.items[i].value, err);
    if (status == STATUS_OK)
        status = check_text("role", slice_of(source->role), LABEL_SIZE_MAX, err);
    if (status == STATUS_OK)
        status = check_text("format", slice_of(source->format), LABEL_SIZE_MAX, err);
    if (status != STATUS_OK)
        error_context(err, "source %s", source->path);
    return status;
}

static enum status default_host(struct shipper_settings *settings, struct arena *arena,
                                struct error *err)
{
    char name[256];

    if (settings->host != NULL && settings->host[0] != '\0')
        return STATUS_OK;
    if (gethostname(name, sizeof(name)) != 0)
        return error_set(err, STATUS_INVALID, "the host has no name: give --host");
    name[sizeof(name) - 1] = '\0';
    settings->host = arena_copy_text(arena, slice_of(name));
    return settings->host != NULL ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "no memory");
}

enum status shipper_settings_finish(struct shipper_settings *settings, struct arena *arena,
                                    struct error *err)
{
    struct source_settings *sources = settings->source_list.items;
    enum status status = default_host(settings, arena, err);

    if (status == STATUS_OK && (settings->geo == NULL || settings->geo[0] == '\0'))
        return error_set(err, STATUS_INVALID,
                         "which geo is this host in? Set \"geo\" in the file, or --geo NAME "
                         "(that of its collector)");
    if (status == STATUS_OK)
        status = check_text("geo", slice_of(settings->geo), LABEL_SIZE_MAX, err);
    if (status == STATUS_OK)
        status = check_text("host", slice_of(settings->host), LABEL_SIZE_MAX, err);
    if (status == STATUS_OK && settings->source_list.count > SOURCE_SETTINGS_MAX)
        return error_set(err, STATUS_INVALID, "more than %d sources: use patterns",
                         SOURCE_SETTINGS_MAX);
    for (size_t i = 0; i < settings->source_list.count && status == STATUS_OK; i++)
        status = finish_source(&sources[i], err);
    if (status == STATUS_OK && settings->source_list.count == 0 && !settings->host_metrics)
        return error_set(err, STATUS_INVALID, "nothing to do: give --source role=ROLE,path=GLOB");
    settings->sources = sources;
    settings->source_count = (uint32_t)settings->source_list.count;
    return status;
}

enum status shipper_settings_preset(struct arena *arena, struct shipper_settings *out,
                                    struct error *err)
{
    struct shipper_options options;
    enum status status = option_presets(&table, &options, arena, err);

    *out = options.settings;
    return status;
}

static enum status take_command(struct shipper_options *out, const struct text_list *arguments,
                                struct error *err)
{
    struct slice word = slice_of(arguments->count > 0 ? arguments->items[0] : NULL);

    if (arguments->count == 0) {
        out->command = COMMAND_RUN;
    } else if (slice_is(word, "status") && arguments->count == 1) {
        out->command = COMMAND_STATUS;
    } else if (slice_is(word, "explain") && arguments->count == 2) {
        out->command = COMMAND_EXPLAIN;
        out->argument = arguments->items[1];
    } else {
        return error_set(err, STATUS_INVALID,
                         "\"%.*s\": expected status or explain PATH; see --help",
                         SLICE_ARG(slice_first(word, 64)));
    }
    return STATUS_OK;
}

enum status shipper_options_read(struct io *io, struct cli_words words, struct arena *arena,
                                 struct shipper_options *out, struct error *err)
{
    struct cli_target target = {.settings = out, .arena = arena};
    enum status status = cli_parse_with_config(&cli, io, words, &target, err);

    if (status == STATUS_OK)
        status = take_command(out, &target.arguments, err);
    if (status == STATUS_OK && out->command == COMMAND_RUN)
        status = shipper_settings_finish(&out->settings, arena, err);
    return status;
}
