/* query/cli/patterns.c -- which kinds of lines there are, and which are new: a query with a pipe
 * more. */
#include "query/cli/query.h"

struct patterns_settings {
    struct query_settings query; /* must stay the first */
    const char *by, *fresh, *count;
    bool samples;
};

static const struct option rows[] = {
    {.type = OPTION_GROUP, .help = "Answer"},
    {.name = "new",
     .type = OPTION_TEXT,
     .offset = offsetof(struct patterns_settings, fresh),
     .value_name = "TIME",
     .help = "only those that were seen first after TIME: 2026-03-02T14:00, or 1h"},
    {.name = "by",
     .type = OPTION_TEXT,
     .offset = offsetof(struct patterns_settings, by),
     .value_name = "FIELDS",
     .help = "apart by these fields, such as role,level"},
    {.name = "limit",
     .letter = 'n',
     .type = OPTION_TEXT,
     .offset = offsetof(struct patterns_settings, count),
     .value_name = "N",
     .help = "the N most frequent (default 50)"},
    {.name = "samples",
     .type = OPTION_BOOL,
     .offset = offsetof(struct patterns_settings, samples),
     .help = "with a line of each"},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_ENUM,
     .names = query_output_names,
     .offset = offsetof(struct patterns_settings, query.output),
     .value_name = "FORMAT",
     .help = "as in dendro query"},
};

static const struct command_line line = {
    .program = "dendro patterns",
    .usage = "[OPTIONS] [QUERY]",
    .summary = "Show which kinds of lines the rows of a query are, most frequent first. "
               "`template:ID` in a query finds the lines of one.",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .settings_size = sizeof(struct patterns_settings),
    .argument_count_max = 1,
};

static int run(struct cli_target *call)
{
    const struct patterns_settings *settings = call->settings;
    struct buf pipe = buf_empty(QUERY_PIPED_SIZE_MAX);
    int exit_code;

    buf_printf(&pipe, "patterns %s", settings->count == NULL ? "" : settings->count);
    if (settings->by != NULL)
        buf_printf(&pipe, " by (%s)", settings->by);
    if (settings->fresh != NULL)
        buf_printf(&pipe, " since %s", settings->fresh);
    buf_append_text(&pipe, " | fields ");
    if (settings->by != NULL)
        buf_printf(&pipe, "%s, ", settings->by);
    buf_append_text(&pipe, "count, share, hosts, first_seen, template, pattern");
    if (settings->samples)
        buf_append_text(&pipe, ", sample");
    exit_code = query_answer_piped(&settings->query, call, &pipe);
    buf_release(&pipe);
    return exit_code;
}

const struct command patterns_command = {"patterns", "which kinds of lines, and which are new",
                                         &line, run};
