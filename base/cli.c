/* base/cli.c -- flags of one table. */
#include "base/cli.h"

#include "base/config.h"

#include <assert.h>
#include <stdio.h>

enum {
    HELP_SIZE_MAX = 1 << 20,
    HELP_WIDTH = 80,        /* columns of a plain terminal */
    HELP_COLUMN_MAX = 30,   /* where the sentences begin, at most */
    FLAG_TEXT_SIZE = 80,
    FLAGS_MAX = OPTION_ROWS_MAX + 2,
};

struct cli_reader {
    const struct cli *cli;
    struct cli_words words;
    int at; /* this word is being read */
    struct option_seen seen;
    struct cli_target *target;
};

static enum status usage_error(const struct cli *cli, struct error *err)
{
    struct error copy;

    if (err == NULL)
        return STATUS_INVALID;
    copy = *err;
    return error_set(err, STATUS_INVALID, "%.300s (see %s --help)", copy.message, cli->program);
}

/* "retention_min" as a flag: "retention-min". */
static const char *dashed(const char *name, char *out, size_t size)
{
    size_t len = strlen(name) < size - 1 ? strlen(name) : size - 1;

    for (size_t i = 0; i < len; i++)
        out[i] = name[i] == '_' ? '-' : name[i];
    out[len] = '\0';
    return out;
}

static bool is_flag(const struct option *option)
{
    return option->name != NULL && !(option->flags & OPTION_FILE_ONLY) &&
           option->type != OPTION_TABLE;
}

static enum status unknown_flag(const struct cli *cli, struct slice name, struct error *err)
{
    const char *candidates[FLAGS_MAX] = {"help", "version"};
    char texts[FLAGS_MAX][FLAG_TEXT_SIZE];
    size_t count = 2;
    const char *near;

    for (size_t i = 0; i < cli->table->count; i++)
        if (is_flag(&cli->table->rows[i])) {
            candidates[count] =
                dashed(cli->table->rows[i].name, texts[count], sizeof(texts[count]));
            count++;
        }
    near = suggest(name, candidates, count);
    return error_set(err, STATUS_INVALID, "unknown option --%.*s%s%s%s",
                     SLICE_ARG(slice_first(name, 60)), near == NULL ? "" : "; did you mean --",
                     near == NULL ? "" : near, near == NULL ? "" : "?");
}

static enum status print_help(const struct cli *cli, struct error *err)
{
    struct buf text = buf_empty(HELP_SIZE_MAX);
    enum status status = cli_help(cli, &text, err);

    if (status == STATUS_OK) {
        (void)fwrite(text.data, 1, text.len, stdout);
        (void)fflush(stdout);
        status = STATUS_END;
    }
    buf_release(&text);
    return status;
}

/* ---- reading ---- */

/* The value of a flag whose text may hold it ("=VALUE", or what stands behind a short flag), else
 * the next word. */
static enum status value_of(struct cli_reader *reader, const struct option *option,
                            const char *attached, struct slice *out, struct error *err)
{
    if (attached != NULL) {
        *out = slice_of(attached);
        return STATUS_OK;
    }
    if (reader->at + 1 >= reader->words.count)
        return error_set(err, STATUS_INVALID, "option %s needs a value%s%s",
                         reader->words.items[reader->at], option->value_name == NULL ? "" : ": ",
                         option->value_name == NULL ? "" : option->value_name);
    *out = slice_of(reader->words.items[++reader->at]);
    return STATUS_OK;
}

/* The sentence begins with the option's name: make it "--name". */
static void as_flag(struct error *err)
{
    struct error copy;

    if (err == NULL)
        return;
    copy = *err;
    for (char *at = copy.message; *at != '\0' && *at != ' ' && *at != ':'; at++)
        if (*at == '_')
            *at = '-';
    (void)error_set(err, copy.status, "--%.380s", copy.message);
}

/* Values of a list add up, of anything else the last one wins: so users override an alias. */
static enum status set_flag(struct cli_reader *reader, const struct option *option,
                            struct slice value, struct error *err)
{
    struct option_seen none = {0};
    const struct option_target target = {
        .table = reader->cli->table,
        .base = reader->target->settings,
        .seen = option_is_list(option->type) ? &reader->seen : &none,
        .arena = reader->target->arena,
    };
    enum status status = option_set(&target, option, value, err);

    if (status == STATUS_INVALID)
        as_flag(err);
    return status;
}

/* --name, --name=VALUE, --no-name. */
static enum status read_long(struct cli_reader *reader, const char *word, struct error *err)
{
    const char *equals = strchr(word, '=');
    struct slice name = equals == NULL ? slice_of(word) : slice_make(word, (size_t)(equals - word));
    const struct option_table *table = reader->cli->table;
    const struct option *option = option_find(table, name);
    struct slice value = SLICE_LITERAL("true");
    enum status status = STATUS_OK;

    if (option == NULL && equals == NULL && slice_starts(name, SLICE_LITERAL("no-"))) {
        option = option_find(table, slice_from(name, 3));
        value = SLICE_LITERAL("false");
        if (option != NULL && option->type != OPTION_BOOL)
            option = NULL;
    }
    if (option == NULL || !is_flag(option))
        return unknown_flag(reader->cli, name, err);
    if (option->type != OPTION_BOOL || equals != NULL)
        status = value_of(reader, option, equals == NULL ? NULL : equals + 1, &value, err);
    return status == STATUS_OK ? set_flag(reader, option, value, err) : status;
}

static const struct option *find_letter(const struct option_table *table, char letter)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].letter == letter && is_flag(&table->rows[i]))
            return &table->rows[i];
    return NULL;
}

/* -abc: switches, the last of which may take a value. */
static enum status read_short(struct cli_reader *reader, const char *letters, struct error *err)
{
    for (const char *at = letters; *at != '\0'; at++) {
        const struct option *option = find_letter(reader->cli->table, *at);
        struct slice value = SLICE_LITERAL("true");
        enum status status = STATUS_OK;
        bool is_switch;

        if (option == NULL)
            return error_set(err, STATUS_INVALID, "unknown option -%c", *at);
        is_switch = option->type == OPTION_BOOL;
        if (!is_switch)
            status = value_of(reader, option, at[1] == '\0' ? NULL : at + 1, &value, err);
        if (status == STATUS_OK)
            status = set_flag(reader, option, value, err);
        if (status != STATUS_OK || !is_switch)
            return status;
    }
    return STATUS_OK;
}

static enum status add_argument(struct cli_reader *reader, const char *word, struct error *err)
{
    struct text_list *arguments = &reader->target->arguments;

    if (arguments->count >= reader->cli->argument_count_max)
        return error_set(err, STATUS_INVALID, "unexpected argument \"%.60s\"", word);
    arguments->items[arguments->count++] = word;
    return STATUS_OK;
}

/* One word; *flags becomes false behind "--". */
static enum status read_word(struct cli_reader *reader, bool *flags, struct error *err)
{
    const char *word = reader->words.items[reader->at];

    if (!*flags || word[0] != '-' || word[1] == '\0')
        return add_argument(reader, word, err);
    if (word[1] != '-') {
        if (strcmp(word, "-h") == 0 && find_letter(reader->cli->table, 'h') == NULL)
            return print_help(reader->cli, err);
        return read_short(reader, word + 1, err);
    }
    if (word[2] == '\0') {
        *flags = false;
        return STATUS_OK;
    }
    if (strcmp(word, "--help") == 0)
        return print_help(reader->cli, err);
    if (strcmp(word, "--version") == 0) {
        (void)printf("%s %s\n", reader->cli->program, reader->cli->version);
        return STATUS_END;
    }
    return read_long(reader, word + 2, err);
}

enum status cli_parse(const struct cli *cli, struct cli_words words, struct cli_target *target,
                      struct error *err)
{
    struct cli_reader reader = {.cli = cli, .words = words, .at = 1, .target = target};
    size_t room = (size_t)words.count + 1;
    enum status status = STATUS_OK;
    bool flags = true;

    target->arguments = (struct text_list){.items = arena_new(target->arena, const char *, room)};
    if (target->arguments.items == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d arguments", words.count);
    for (; reader.at < words.count && status == STATUS_OK; reader.at++)
        status = read_word(&reader, &flags, err);
    if (status == STATUS_OK && target->arguments.count < cli->argument_count_min)
        status = error_set(err, STATUS_INVALID, "missing argument: %s %s", cli->program,
                           cli->usage);
    return status == STATUS_INVALID ? usage_error(cli, err) : status;
}

/* ---- with a file ---- */

enum status cli_parse_with_config(const struct cli *cli, struct io *io, struct cli_words words,
                                  struct cli_target *target, struct error *err)
{
    const struct option *row = option_find(cli->table, SLICE_LITERAL("config"));
    void *base = target->settings;
    const char *path;
    bool named;
    enum status status = option_presets(cli->table, base, target->arena, err);

    assert(row != NULL && row->type == OPTION_TEXT);
    /* Twice: the flags say which file to read, and must then be set over what it says. */
    if (status == STATUS_OK)
        status = cli_parse(cli, words, target, err);
    if (status != STATUS_OK)
        return status;
    path = *(const char **)(void *)((char *)base + row->offset);
    named = path != NULL && (row->preset == NULL || strcmp(path, row->preset) != 0);
    status = option_presets(cli->table, base, target->arena, err);
    if (status == STATUS_OK && path != NULL)
        status = config_load(io, path, cli->table, base, target->arena, err);
    if (status == STATUS_NOT_FOUND && !named)
        status = STATUS_OK;
    return status == STATUS_OK ? cli_parse(cli, words, target, err) : status;
}

/* ---- help ---- */

/* "  -x, --name VALUE"; the letter's place stays empty if a neighbour has one. */
static size_t flag_text(const struct option *option, bool letters, char out[FLAG_TEXT_SIZE])
{
    char name[FLAG_TEXT_SIZE / 2];
    char letter[] = "-x, ";
    int len;

    letter[1] = option->letter;
    len = snprintf(out, FLAG_TEXT_SIZE, "  %s--%s%s%s",
                   option->letter != 0 ? letter
                   : letters           ? "    "
                                       : "",
                   dashed(option->name, name, sizeof(name)),
                   option->type == OPTION_BOOL ? "" : " ",
                   option->type == OPTION_BOOL         ? ""
                   : option->value_name != NULL        ? option->value_name
                                                       : "VALUE");
    return len < 0 ? 0 : len >= FLAG_TEXT_SIZE ? FLAG_TEXT_SIZE - 1 : (size_t)len;
}

static void pad(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)buf_append_byte(out, ' ');
}

/* Words of `text` from `column` on, further lines indented to it. */
static void wrap(struct buf *out, struct slice text, size_t column)
{
    size_t at = column;
    bool first = true;

    while (text.len > 0) {
        struct slice word;

        if (!slice_cut(&text, ' ', &word)) {
            word = text;
            text = slice_from(text, text.len);
        }
        if (!first && at + 1 + word.len > HELP_WIDTH) {
            (void)buf_append_byte(out, '\n');
            pad(out, column);
            at = column;
        } else if (!first) {
            (void)buf_append_byte(out, ' ');
            at++;
        }
        (void)buf_append_slice(out, word);
        at += word.len;
        first = false;
    }
    (void)buf_append_byte(out, '\n');
}

static void option_help(const struct option *option, bool letters, size_t column, struct buf *out)
{
    char flag[FLAG_TEXT_SIZE];
    char sentence[512];
    size_t len = flag_text(option, letters, flag);
    bool has_preset = option->preset != NULL && option->type != OPTION_BOOL;

    (void)buf_append(out, flag, len);
    if (len + 2 > column) {
        (void)buf_append_byte(out, '\n');
        len = 0;
    }
    pad(out, column - len);
    (void)snprintf(sentence, sizeof(sentence), "%s%s%s%s", option->help,
                   has_preset ? " (default " : "", has_preset ? option->preset : "",
                   has_preset ? ")" : "");
    wrap(out, slice_of(sentence), column);
}

static size_t help_column(const struct option_table *table, bool letters)
{
    char flag[FLAG_TEXT_SIZE];
    size_t column = 0;

    for (size_t i = 0; i < table->count; i++) {
        size_t len = is_flag(&table->rows[i]) ? flag_text(&table->rows[i], letters, flag) + 3 : 0;

        if (len > column && len <= HELP_COLUMN_MAX && !(table->rows[i].flags & OPTION_HIDDEN))
            column = len;
    }
    return column == 0 ? HELP_COLUMN_MAX : column;
}

/* Is there a flag to show between this heading and the next? */
static bool group_has_flags(const struct option_table *table, size_t heading)
{
    for (size_t i = heading + 1; i < table->count && table->rows[i].type != OPTION_GROUP; i++)
        if (is_flag(&table->rows[i]) && !(table->rows[i].flags & OPTION_HIDDEN))
            return true;
    return false;
}

enum status cli_help(const struct cli *cli, struct buf *out, struct error *err)
{
    const struct option_table *table = cli->table;
    bool letters = false;
    size_t column;

    for (size_t i = 0; i < table->count; i++)
        letters = letters || table->rows[i].letter != 0;
    column = help_column(table, letters);
    (void)buf_printf(out, "Usage: %s %s\n", cli->program, cli->usage);
    wrap(out, slice_of(cli->summary), 0);
    (void)buf_append_byte(out, '\n');
    for (size_t i = 0; i < table->count; i++) {
        const struct option *option = &table->rows[i];

        if (option->type == OPTION_GROUP && group_has_flags(table, i))
            (void)buf_printf(out, "%s\n", option->help);
        else if (is_flag(option) && !(option->flags & OPTION_HIDDEN))
            option_help(option, letters, column, out);
    }
    if (cli->footer != NULL)
        (void)buf_printf(out, "%s", cli->footer);
    return buf_check(out, "help", err);
}
