/* query/cli/grep.c -- options of grep, its patterns, and which of the two modes they ask for. */
#include "query/cli/grep.h"

#include "base/io.h"
#include "query/cli/terminal.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT(member) offsetof(struct grep_settings, member)

static const struct option rows[] = {
    {.type = OPTION_GROUP, .help = "Pattern"},
    {.name = "extended_regexp",
     .letter = 'E',
     .type = OPTION_BOOL,
     .offset = AT(extended),
     .help = "extended regular expressions"},
    {.name = "fixed_strings",
     .letter = 'F',
     .type = OPTION_BOOL,
     .offset = AT(fixed),
     .help = "plain texts"},
    {.name = "basic_regexp",
     .letter = 'G',
     .type = OPTION_BOOL,
     .offset = AT(basic),
     .help = "basic regular expressions (the default)"},
    {.name = "perl_regexp",
     .letter = 'P',
     .type = OPTION_BOOL,
     .offset = AT(perl),
     .help = "Perl regular expressions (PCRE2)"},
    {.name = "regexp",
     .letter = 'e',
     .type = OPTION_TEXT_LIST,
     .offset = AT(patterns),
     .value_name = "PATTERN",
     .help = "search for PATTERN too"},
    {.name = "file",
     .letter = 'f',
     .type = OPTION_TEXT_LIST,
     .offset = AT(pattern_files),
     .value_name = "FILE",
     .help = "search for the patterns in FILE, one a line"},
    {.name = "ignore_case",
     .letter = 'i',
     .type = OPTION_BOOL,
     .offset = AT(fold_case),
     .help = "upper and lower case of ASCII letters are the same"},
    {.name = "invert_match",
     .letter = 'v',
     .type = OPTION_BOOL,
     .offset = AT(invert),
     .help = "lines that do not match"},
    {.name = "word_regexp",
     .letter = 'w',
     .type = OPTION_BOOL,
     .offset = AT(words),
     .help = "whole words only"},
    {.name = "line_regexp",
     .letter = 'x',
     .type = OPTION_BOOL,
     .offset = AT(whole_line),
     .help = "whole lines only"},
    {.type = OPTION_GROUP, .help = "Output"},
    {.name = "count",
     .letter = 'c',
     .type = OPTION_BOOL,
     .offset = AT(count),
     .help = "how many lines match; with -H for each source"},
    {.name = "files_with_matches",
     .letter = 'l',
     .type = OPTION_BOOL,
     .offset = AT(list),
     .help = "only the names of sources or files that match"},
    {.name = "files_without_match",
     .letter = 'L',
     .type = OPTION_BOOL,
     .offset = AT(list_without),
     .help = "only the names of those that do not"},
    {.name = "only_matching",
     .letter = 'o',
     .type = OPTION_BOOL,
     .offset = AT(only_matching),
     .help = "only the part of a line that matches"},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_BOOL,
     .offset = AT(quiet),
     .help = "no output: the exit status says it"},
    {.name = "max_count",
     .letter = 'm',
     .type = OPTION_TEXT,
     .offset = AT(max_count_text),
     .value_name = "N",
     .help = "stop after N lines; of each file in local mode"},
    {.name = "with_filename",
     .letter = 'H',
     .type = OPTION_BOOL,
     .offset = AT(with_name),
     .help = "geo/host:source: or file: in front of each line"},
    {.name = "no_filename",
     .letter = 'h',
     .type = OPTION_BOOL,
     .offset = AT(no_name),
     .help = "no names in front of lines"},
    {.name = "time",
     .type = OPTION_BOOL,
     .flags = OPTION_CLI_ONLY,
     .offset = AT(time),
     .help = "the time in front of each line"},
    {.name = "line_number",
     .letter = 'n',
     .type = OPTION_BOOL,
     .offset = AT(line_number),
     .help = "line numbers (files only)"},
    {.name = "byte_offset",
     .letter = 'b',
     .type = OPTION_BOOL,
     .offset = AT(byte_offset),
     .help = "byte offsets (files only)"},
    {.name = "null_data",
     .letter = 'z',
     .type = OPTION_BOOL,
     .offset = AT(null_data),
     .help = "a NUL instead of a newline ends what is read and written"},
    {.name = "color",
     .type = OPTION_ENUM,
     .names = color_mode_names,
     .offset = AT(color),
     .value_name = "WHEN",
     .help = "colour matches: auto, always, never"},
    {.name = "text",
     .letter = 'a',
     .type = OPTION_BOOL,
     .offset = AT(text),
     .help = "print lines of files with NUL bytes, too"},
    {.name = "no_messages",
     .letter = 's',
     .type = OPTION_BOOL,
     .offset = AT(no_messages),
     .help = "no messages about files that cannot be read"},
    {.type = OPTION_GROUP, .help = "Context"},
    {.name = "after_context",
     .letter = 'A',
     .type = OPTION_TEXT,
     .offset = AT(after_text),
     .value_name = "N",
     .help = "N lines after each match"},
    {.name = "before_context",
     .letter = 'B',
     .type = OPTION_TEXT,
     .offset = AT(before_text),
     .value_name = "N",
     .help = "N lines before each match"},
    {.name = "context",
     .letter = 'C',
     .type = OPTION_TEXT,
     .offset = AT(context_text),
     .value_name = "N",
     .help = "N lines on both sides; also -N"},
    {.name = "across",
     .type = OPTION_TEXT,
     .offset = AT(across),
     .value_name = "host",
     .help = "context from all sources of the host"},
    {.name = "by",
     .type = OPTION_TEXT,
     .offset = AT(by),
     .value_name = "FIELD",
     .help = "context from lines with the same FIELD, such as request_id"},
    {.type = OPTION_GROUP, .help = "Server mode: which lines"},
    {.name = "role",
     .type = OPTION_TEXT_LIST,
     .offset = AT(roles),
     .value_name = "LIST",
     .help = "of these roles: web,task; * and ? as in file names"},
    {.name = "host",
     .type = OPTION_TEXT_LIST,
     .offset = AT(hosts),
     .value_name = "LIST",
     .help = "of these hosts"},
    {.name = "source",
     .type = OPTION_TEXT_LIST,
     .offset = AT(sources),
     .value_name = "GLOB",
     .help = "of this path"},
    {.name = "tenant",
     .letter = 't',
     .type = OPTION_TEXT_LIST,
     .offset = AT(tenants),
     .value_name = "LIST",
     .help = "of these tenants"},
    {.name = "format",
     .type = OPTION_TEXT_LIST,
     .offset = AT(formats),
     .value_name = "LIST",
     .help = "of these log formats"},
    {.name = "level",
     .type = OPTION_TEXT_LIST,
     .offset = AT(levels),
     .value_name = "LIST",
     .help = "of these levels; warning+ is warning and worse"},
    {.name = "where",
     .type = OPTION_TEXT,
     .offset = AT(where),
     .value_name = "FILTER",
     .help = "that a filter of the query language holds for, such as 'status:>=500'"},
    {.name = "tail",
     .type = OPTION_TEXT,
     .offset = AT(tail_text),
     .value_name = "N",
     .help = "only the last N"},
    {.name = "follow",
     .type = OPTION_BOOL,
     .offset = AT(follow),
     .help = "go on with lines as they arrive"},
    {.type = OPTION_GROUP, .help = "Local mode"},
    {.name = "recursive",
     .letter = 'r',
     .type = OPTION_BOOL,
     .offset = AT(recursive),
     .help = "files below directories"},
};

static const struct command_line line = {
    .program = "dendro grep",
    .usage = "[OPTIONS] PATTERN [FILE...]",
    .summary = "Print the lines that match PATTERN: of everything that the collector keeps, oldest "
               "first, or, with FILE, `-`, -r or something on standard input, of files (also .gz "
               "and .zst) without a server.",
    .footer = "\nExit status: 0 found, 1 not found, 2 error, 3 the answer is not complete.\n",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .settings_size = sizeof(struct grep_settings),
    .argument_count_max = 1u << 20,
    .rewrite = grep_args,
};

/* ---- patterns ---- */

static bool read_pattern_file(const char *path, struct arena *arena, struct slice *out, bool *empty)
{
    struct buf text = buf_empty(GREP_PATTERN_SIZE_MAX);
    struct error err = {0};
    bool read = io_read_file(io_system(), strcmp(path, "-") == 0 ? "/dev/stdin" : path, &text,
                             &err) == STATUS_OK;

    if (!read)
        command_say("grep: patterns (-f): %s", err.message);
    *empty = text.len == 0;
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    *out = arena_copy(arena, buf_slice(&text));
    buf_release(&text);
    return read;
}

/* From -e, -f, or the first argument, which is then taken from the list. */
static bool gather_patterns(const struct grep_settings *settings, struct text_list *arguments,
                            struct arena *arena, struct slice **lists, size_t *count)
{
    size_t room = settings->patterns.count + settings->pattern_files.count + 1;

    *count = 0;
    *lists = arena_new(arena, struct slice, room);
    if (*lists == NULL) {
        command_say("no memory for the patterns");
        return false;
    }
    for (size_t i = 0; i < settings->patterns.count; i++)
        (*lists)[(*count)++] = slice_of(settings->patterns.items[i]);
    for (size_t i = 0; i < settings->pattern_files.count; i++) {
        bool empty = false;

        if (!read_pattern_file(settings->pattern_files.items[i], arena, &(*lists)[*count], &empty))
            return false;
        *count += !empty;
    }
    if (room > 1)
        return true;
    if (arguments->count == 0) {
        command_say("grep: no pattern (see dendro grep --help)");
        return false;
    }
    (*lists)[(*count)++] = slice_of(arguments->items[0]);
    arguments->items++;
    arguments->count--;
    return true;
}

static bool read_syntax(const struct grep_settings *settings, enum grep_syntax *out)
{
    if (settings->basic + settings->extended + settings->fixed + settings->perl > 1) {
        command_say("grep: -E, -F, -G and -P exclude each other");
        return false;
    }
    *out = settings->extended ? GREP_EXTENDED
           : settings->fixed  ? GREP_FIXED
           : settings->perl   ? GREP_PERL
                              : GREP_BASIC;
    return true;
}

static bool make_pattern(const struct grep_settings *settings, struct text_list *arguments,
                         struct arena *arena, struct grep_pattern *out)
{
    struct grep_pattern_options options = {.fold_case = settings->fold_case,
                                           .words = settings->words && !settings->whole_line,
                                           .whole_line = settings->whole_line,
                                           .nul_ends = settings->null_data};
    struct error err = {0};
    struct slice *lists;
    size_t count;

    if (!read_syntax(settings, &options.syntax) ||
        !gather_patterns(settings, arguments, arena, &lists, &count))
        return false;
    if (grep_pattern_make(&options, lists, count, arena, out, &err) == STATUS_OK)
        return true;
    command_say("grep: %s", err.message);
    return false;
}

/* ---- numbers ---- */

static bool read_numbers(struct grep_settings *s)
{
    const struct {
        const char *flag, *text;
        int64_t *out;
    } numbers[] = {
        {"-m", s->max_count_text, &s->max_count}, {"-A", s->after_text, &s->after},
        {"-B", s->before_text, &s->before},       {"-C", s->context_text, &s->context},
        {"--tail", s->tail_text, &s->tail},
    };

    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        *numbers[i].out = -1;
        if (numbers[i].text != NULL &&
            (!slice_to_i64(slice_of(numbers[i].text), numbers[i].out) || *numbers[i].out < 0)) {
            command_say("grep: %s \"%.40s\": not a number of lines", numbers[i].flag,
                        numbers[i].text);
            return false;
        }
    }
    s->before = s->before >= 0 ? s->before : s->context;
    s->after = s->after >= 0 ? s->after : s->context;
    return true;
}

/* ---- modes ---- */

/* The first option given that only makes sense with a server; NULL: none. */
static const char *server_option(const struct grep_settings *s)
{
    const struct {
        const char *name;
        bool given;
    } options[] = {
        {"--role", s->roles.count > 0},
        {"--host", s->hosts.count > 0},
        {"--source", s->sources.count > 0},
        {"--tenant", s->tenants.count > 0},
        {"--format", s->formats.count > 0},
        {"--level", s->levels.count > 0},
        {"--server", s->client.server_named},
        {"--since", s->client.since != NULL},
        {"--until", s->client.until != NULL},
        {"--last", s->client.last != NULL},
        {"--where", s->where != NULL},
        {"--time", s->time},
        {"--tail", s->tail >= 0},
        {"--follow", s->follow},
        {"--across", s->across != NULL},
        {"--by", s->by != NULL},
    };

    for (size_t i = 0; i < COUNT_OF(options); i++)
        if (options[i].given)
            return options[i].name;
    return NULL;
}

/* Something that was put there on purpose: a pipe or a file, not a terminal or /dev/null. */
static bool stdin_has_data(void)
{
    struct stat info;

    return fstat(STDIN_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISREG(info.st_mode));
}

static bool check_server_mode(const struct grep_settings *settings)
{
    if (settings->line_number || settings->byte_offset) {
        command_say("grep: %s works on files only: stored lines of many sources have no common "
                    "numbering; -H and --time say where a line is from",
                    settings->line_number ? "-n" : "-b");
        return false;
    }
    if (settings->across != NULL && strcmp(settings->across, "host") != 0) {
        command_say("grep: --across knows only \"host\"");
        return false;
    }
    if (settings->tail >= 0 && (settings->before >= 0 || settings->after >= 0)) {
        command_say("grep: --tail N cannot show context; name a range with --last or --since");
        return false;
    }
    if (settings->follow && (settings->count || settings->list || settings->list_without)) {
        command_say("grep: --follow has no end at which -c, -l or -L could answer");
        return false;
    }
    return true;
}

static int run_mode(struct grep_settings *settings, struct text_list *arguments,
                    struct arena *arena)
{
    const char *server_only;
    struct grep_pattern pattern;
    bool local;

    if (!read_numbers(settings) || !make_pattern(settings, arguments, arena, &pattern))
        return DENDRO_ERROR;
    server_only = server_option(settings);
    local = arguments->count > 0 || settings->recursive;
    if (local && server_only != NULL) {
        command_say("grep: %s asks a server, but %s is searched here: leave one of them out",
                    server_only, arguments->count > 0 ? arguments->items[0] : "a directory (-r)");
        return DENDRO_ERROR;
    }
    if (local || (server_only == NULL && stdin_has_data()))
        return grep_local(settings, &pattern, arguments);
    return check_server_mode(settings) ? grep_server(settings, &pattern) : DENDRO_ERROR;
}

static int run(struct cli_target *call)
{
    return run_mode(call->settings, &call->arguments, call->arena);
}

const struct command grep_command = {"grep", "search lines, as grep does", &line, run};
