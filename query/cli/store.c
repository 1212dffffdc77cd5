/* query/cli/store.c -- `dendro store`: inspect and restore without a server, snapshot by one. */
#include "store/backup.h"
#include "store/inspect.h"

#include "base/json_writer.h"
#include "query/cli/command.h"
#include "query/cli/request.h"
#include "query/cli/store_restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_SIZE_MAX = 16 << 20, FIELDS_SHOWN = 20 };

struct store_settings {
    struct client_options client; /* must stay the first */
    bool json;
    const char *receipts;
};

static const struct option rows[] = {
    {.type = OPTION_GROUP, .help = "Options"},
    {.name = "json",
     .type = OPTION_BOOL,
     .offset = offsetof(struct store_settings, json),
     .help = "print one JSON object"},
    {.name = "receipts",
     .type = OPTION_TEXT,
     .offset = offsetof(struct store_settings, receipts),
     .value_name = "DIRECTORY",
     .help = "restore: do the erasures of these receipts again (default: those of the store that "
             "SNAPSHOT is in)"},
};

static const struct command_line line = {
    .program = "dendro store",
    .usage = "inspect DIRECTORY|FILE | snapshot NAME | restore SNAPSHOT DIRECTORY",
    .summary = "inspect: where the bytes of a store, or of one segment, are. snapshot: the collector "
               "makes a copy that opens alone, in the folder snapshots/NAME of its store, while it "
               "works. restore: make DIRECTORY of a snapshot.",
    .footer = "\nExit status: 0 fine, 1 damaged segments, 2 error.\n",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .settings_size = sizeof(struct store_settings),
    .argument_count_min = 2,
    .argument_count_max = 3,
};

static void print_json(const struct inspection *in)
{
    const struct json_number numbers[] = {
        {"segments", in->segments},     {"damaged", in->damaged},
        {"rows", in->rows},             {"samples", in->samples},
        {"raw_bytes", in->raw_bytes},   {"file_bytes", in->file_bytes},
        {"blocks", in->blocks},         {"families", in->families},
        {"templates", in->templates},   {"strings", in->strings},
        {"ids", in->ids},               {"series", in->series},
        {"rows_as_text", in->rows_as_text},
    };
    struct buf out = buf_empty(ANSWER_SIZE_MAX);
    struct json_writer json;

    jsonw_begin(&json, &out);
    jsonw_object(&json);
    jsonw_numbers(&json, numbers, COUNT_OF(numbers));
    jsonw_key(&json, "parts");
    jsonw_array(&json);
    for (uint32_t i = 0; i < in->part_count; i++) {
        jsonw_object(&json);
        jsonw_key(&json, "group");
        jsonw_string(&json, inspect_group_name(in->parts[i].group));
        jsonw_key(&json, "name");
        jsonw_text(&json, in->parts[i].name);
        jsonw_key(&json, "bytes");
        jsonw_u64(&json, in->parts[i].bytes);
        jsonw_key(&json, "pages");
        jsonw_u64(&json, in->parts[i].pages);
        if (in->parts[i].group == INSPECT_FORMAT) {
            jsonw_key(&json, "rows");
            jsonw_u64(&json, in->parts[i].rows);
        }
        jsonw_end_object(&json);
    }
    jsonw_end_array(&json);
    jsonw_end_object(&json);
    (void)printf("%.*s\n", SLICE_ARG(buf_slice(&out)));
    buf_release(&out);
}

static void print_parts(const struct inspection *in)
{
    static const char *const titles[INSPECT_GROUP_COUNT] = {
        "of every row", "columns by kind", "of whole segments", "columns by field",
        "columns by format"};
    uint32_t shown = 0;

    for (uint32_t i = 0; i < in->part_count; i++) {
        const struct inspect_part *part = &in->parts[i];

        if (i == 0 || in->parts[i - 1].group != part->group) {
            (void)printf("\n%-28s %12s %6s\n", titles[part->group], "bytes", "share");
            shown = 0;
        }
        if (shown++ == FIELDS_SHOWN)
            (void)printf("  ... (--json shows all)\n");
        if (shown > FIELDS_SHOWN)
            continue;
        (void)printf("  %-26.*s %12" PRIu64 " %5.1f%%\n", SLICE_ARG(slice_first(part->name, 26)),
                     part->bytes,
                     in->file_bytes == 0 ? 0 : 100 * (double)part->bytes / (double)in->file_bytes);
    }
}

static void print_text(const struct inspection *in)
{
    (void)printf("%" PRIu64 " segments, %" PRIu64 " rows, %" PRIu64 " samples, %" PRIu64 " blocks\n"
                 "%" PRIu64 " bytes of lines in %" PRIu64 " bytes of files: %.2f:1\n"
                 "%" PRIu64 " families, %" PRIu64 " templates, %" PRIu64 " strings, %" PRIu64 " ids, "
                 "%" PRIu64 " series; %" PRIu64 " lines kept as text\n",
                 in->segments, in->rows, in->samples, in->blocks, in->raw_bytes, in->file_bytes,
                 in->file_bytes == 0 ? 0 : (double)in->raw_bytes / (double)in->file_bytes,
                 in->families, in->templates, in->strings, in->ids, in->series, in->rows_as_text);
    if (in->damaged > 0)
        (void)printf("%" PRIu64 " damaged segments: see dendro verify\n", in->damaged);
    print_parts(in);
}

/* The store's folder: `dir` itself, or the one inside what --data names. */
static const char *store_of(const char *dir, char *inside, size_t size)
{
    struct io_info info;
    int len = snprintf(inside, size, "%s/store/segments", dir);

    if (len < 0 || (size_t)len >= size || io_system()->path->info(io_system(), inside, &info) != 0)
        return dir;
    inside[(size_t)len - strlen("/segments")] = '\0';
    return inside;
}

static int inspect(const struct store_settings *settings, const char *named)
{
    struct inspection in;
    struct error err = {0};
    char inside[4096];
    int exit_code = DENDRO_ERROR;

    if (store_inspect(io_system(), store_of(named, inside, sizeof(inside)), &in, &err) != STATUS_OK)
        command_say("%s", err.message);
    else if (settings->json)
        print_json(&in);
    else
        print_text(&in);
    if (err.status == STATUS_OK && fflush(stdout) == 0)
        exit_code = in.damaged > 0 ? DENDRO_NOT_FOUND : DENDRO_FOUND;
    inspection_release(&in);
    return exit_code;
}

static int snapshot(const struct store_settings *settings, const char *name)
{
    struct request request;
    struct buf body = buf_empty(ANSWER_SIZE_MAX);
    int exit_code = DENDRO_ERROR;

    request_init(&request, &settings->client, "/dendro/v1/snapshot");
    request_add(&request, "name", slice_of(name));
    if (request_fetch(&request, &body) == STATUS_OK) {
        (void)printf("%.*s\n", SLICE_ARG(buf_slice(&body)));
        exit_code = fflush(stdout) == 0 ? DENDRO_FOUND : DENDRO_ERROR;
        command_say("rows that are erased later stay in this copy: remove it when it has served");
    }
    request_release(&request);
    buf_release(&body);
    return exit_code;
}

static int run_words(const struct store_settings *settings, const struct text_list *words)
{
    const char *what = words->items[0];

    if (strcmp(what, "inspect") == 0 && words->count == 2)
        return inspect(settings, words->items[1]);
    if (strcmp(what, "snapshot") == 0 && words->count == 2)
        return snapshot(settings, words->items[1]);
    if (strcmp(what, "restore") == 0 && words->count == 3)
        return store_restore(words->items[1], words->items[2], settings->receipts);
    command_say("store %.60s: expected %s", what, line.usage);
    return DENDRO_ERROR;
}

static int run(struct cli_target *call)
{
    return run_words(call->settings, &call->arguments);
}

const struct command store_command = {"store", "inspect a store, copy it, restore it", &line, run};
