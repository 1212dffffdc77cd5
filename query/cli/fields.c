/* query/cli/fields.c -- which fields there are, or the values of one: a query with a pipe more. */
#include "query/cli/query.h"
#include "query/lexer.h"

struct fields_settings {
    struct query_settings query; /* must stay the first */
    const char *values;
};

static const struct option rows[] = {
    {.type = OPTION_GROUP, .help = "Answer"},
    {.name = "values",
     .type = OPTION_TEXT,
     .offset = offsetof(struct fields_settings, values),
     .value_name = "FIELD",
     .help = "the values of FIELD, and how often each occurs"},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_ENUM,
     .names = query_output_names,
     .offset = offsetof(struct fields_settings, query.output),
     .value_name = "FORMAT",
     .help = "as in dendro query"},
    {.name = "limit",
     .letter = 'n',
     .type = OPTION_TEXT,
     .offset = offsetof(struct fields_settings, query.limit),
     .value_name = "N",
     .help = "N rows at most"},
};

static const struct command_line line = {
    .program = "dendro fields",
    .usage = "[OPTIONS] [QUERY]",
    .summary = "Show which fields the rows of a query have, or with --values what is in one.",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .settings_size = sizeof(struct fields_settings),
    .argument_count_max = 1,
};

static int run(struct cli_target *call)
{
    const struct fields_settings *settings = call->settings;
    struct buf pipe = buf_empty(QUERY_PIPED_SIZE_MAX);
    int exit_code;

    if (settings->values == NULL) {
        buf_append_text(&pipe, "field_names");
    } else {
        buf_append_text(&pipe, "field_values ");
        lexer_quote(&pipe, slice_of(settings->values));
    }
    exit_code = query_answer_piped(&settings->query, call, &pipe);
    buf_release(&pipe);
    return exit_code;
}

const struct command fields_command = {"fields", "which fields, or the values of one", &line, run};
