/* base/config.c -- libyaml's events, walked by recursive descent along the option tables. */
#include "base/config.h"

#include <assert.h>
#include <stdlib.h>
#include <yaml.h>

struct config_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    const char *name;   /* of the file */
    struct arena *arena;
    unsigned depth;
};

/* "file:line:column: " in front of the message; libyaml counts both from 0. */
static enum status at_mark(const struct config_reader *reader, yaml_mark_t mark,
                           enum status status, struct error *err)
{
    error_context(err, "%s:%zu:%zu", reader->name, mark.line + 1, mark.column + 1);
    return status;
}

static enum status here(const struct config_reader *reader, enum status status, struct error *err)
{
    return at_mark(reader, reader->event.start_mark, status, err);
}

static enum status syntax_error(const struct config_reader *reader, struct error *err)
{
    const yaml_parser_t *parser = &reader->parser;
    yaml_mark_t mark = parser->problem_mark;
    enum status status;

    if (parser->error == YAML_MEMORY_ERROR)
        return error_set(err, STATUS_NO_MEMORY, "%s: no memory to read it", reader->name);
    if (parser->error == YAML_READER_ERROR) { /* has an offset and no mark */
        return error_set(err, STATUS_INVALID, "%s: byte %zu: %s", reader->name,
                         parser->problem_offset,
                         parser->problem == NULL ? "not UTF-8 text" : parser->problem);
    }
    status = error_set(err, STATUS_INVALID, "%s%s%s",
                       parser->problem == NULL ? "not YAML" : parser->problem,
                       parser->context == NULL ? "" : " ",
                       parser->context == NULL ? "" : parser->context);
    return at_mark(reader, mark, status, err);
}

static enum status refuse(const struct config_reader *reader, const char *what, struct error *err)
{
    return here(reader, error_set(err, STATUS_INVALID, "%s", what), err);
}

static bool has_anchor(const yaml_event_t *event)
{
    return (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor != NULL) ||
           (event->type == YAML_SEQUENCE_START_EVENT &&
            event->data.sequence_start.anchor != NULL) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor != NULL);
}

static bool has_tag(const yaml_event_t *event)
{
    return (event->type == YAML_SCALAR_EVENT && event->data.scalar.tag != NULL) ||
           (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.tag != NULL) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.tag != NULL);
}

/* Step to the next event. */
static enum status next(struct config_reader *reader, struct error *err)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        reader->event = (yaml_event_t){0};
        return syntax_error(reader, err);
    }
    if (reader->event.type == YAML_ALIAS_EVENT || has_anchor(&reader->event))
        return refuse(reader, "anchors and aliases (& and *) are not supported here", err);
    if (has_tag(&reader->event))
        return refuse(reader, "tags (!) are not supported here", err);
    return STATUS_OK;
}

static struct slice scalar_of(const struct config_reader *reader)
{
    return slice_make(reader->event.data.scalar.value, reader->event.data.scalar.length);
}

/* `key:` with nothing behind it, ~ or null, unquoted. */
static bool is_null(const struct config_reader *reader)
{
    struct slice text = scalar_of(reader);

    return reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.len == 0 || slice_is(text, "~") || slice_is(text, "null"));
}

static const char *kind_of(yaml_event_type_t type)
{
    return type == YAML_SCALAR_EVENT           ? "a value"
           : type == YAML_SEQUENCE_START_EVENT ? "a list"
                                               : "a section";
}

/* The help up to its first semicolon says what the value is; all of it may be longer than a message. */
static enum status wrong_kind(const struct config_reader *reader, const struct option *option,
                              const char *wanted, struct error *err)
{
    return here(reader,
                error_set(err, STATUS_INVALID, "%s: expected %s, not %s (%.*s)", option->name,
                          wanted, kind_of(reader->event.type), (int)strcspn(option->help, ";"),
                          option->help),
                err);
}

static enum status read_mapping(struct config_reader *reader, const struct option_table *table,
                                void *base, struct error *err);

/* The current event is a scalar. */
static enum status read_scalar(struct config_reader *reader, const struct option_target *target,
                               const struct option *option, struct error *err)
{
    enum status status = option_set(target, option, scalar_of(reader), err);

    return status == STATUS_OK ? STATUS_OK : here(reader, status, err);
}

static enum status read_item(struct config_reader *reader, const struct option_target *target,
                             const struct option *option, struct error *err)
{
    enum status status;
    void *item;

    if (option->type == OPTION_TEXT_LIST)
        return reader->event.type == YAML_SCALAR_EVENT
                   ? read_scalar(reader, target, option, err)
                   : wrong_kind(reader, option, "a list of values", err);
    if (reader->event.type != YAML_MAPPING_START_EVENT)
        return wrong_kind(reader, option, "a list of sections", err);
    status = option_add_table(option, target->base, reader->arena, &item, err);
    return status == STATUS_OK ? read_mapping(reader, option->table, item, err)
                               : here(reader, status, err);
}

/* The current event begins a sequence; afterwards it is the end of that sequence. */
static enum status read_sequence(struct config_reader *reader, const struct option_target *target,
                                 const struct option *option, struct error *err)
{
    enum status status = next(reader, err);

    while (status == STATUS_OK && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        status = read_item(reader, target, option, err);
        if (status == STATUS_OK)
            status = next(reader, err);
    }
    return status;
}

/* The same for a mapping of texts. */
static enum status read_text_map(struct config_reader *reader, const struct option *option,
                                 void *base, struct error *err)
{
    enum status status = next(reader, err);

    while (status == STATUS_OK && reader->event.type != YAML_MAPPING_END_EVENT) {
        struct slice key;

        if (reader->event.type != YAML_SCALAR_EVENT)
            return wrong_kind(reader, option, "keys that are values", err);
        key = arena_copy(reader->arena, scalar_of(reader));
        status = next(reader, err);
        if (status != STATUS_OK)
            return status;
        if (reader->event.type != YAML_SCALAR_EVENT)
            return wrong_kind(reader, option, "a value for each key", err);
        status = option_add_pair(option, base, key, scalar_of(reader), reader->arena, err);
        if (status != STATUS_OK)
            return here(reader, status, err);
        status = next(reader, err);
    }
    return status;
}

static void clear_list(const struct option *option, void *base)
{
    char *field = (char *)base + option->offset;

    if (option->type == OPTION_TEXT_LIST)
        *(struct text_list *)(void *)field = (struct text_list){0};
    else if (option->type == OPTION_TEXT_MAP)
        *(struct text_map *)(void *)field = (struct text_map){0};
    else
        *(struct table_list *)(void *)field = (struct table_list){0};
}

/* A list: a sequence, one value that stands for a list of one, or nothing. */
static enum status read_list(struct config_reader *reader, const struct option_target *target,
                             const struct option *option, struct error *err)
{
    yaml_event_type_t type = reader->event.type;

    clear_list(option, target->base);
    (void)option_mark(target->table, option, target->seen);
    if (type == YAML_SCALAR_EVENT && is_null(reader))
        return STATUS_OK;
    if (option->type == OPTION_TEXT_MAP)
        return type == YAML_MAPPING_START_EVENT
                   ? read_text_map(reader, option, target->base, err)
                   : wrong_kind(reader, option, "key: value lines", err);
    if (type == YAML_SEQUENCE_START_EVENT)
        return read_sequence(reader, target, option, err);
    if (type == YAML_SCALAR_EVENT && option->type == OPTION_TEXT_LIST)
        return read_scalar(reader, target, option, err);
    return wrong_kind(reader, option, "a list", err);
}

static enum status read_value(struct config_reader *reader, const struct option_target *target,
                              const struct option *option, struct error *err)
{
    switch (option->type) {
    case OPTION_TEXT_LIST:
    case OPTION_TEXT_MAP:
    case OPTION_TABLES:
        return read_list(reader, target, option, err);
    case OPTION_TABLE:
        (void)option_mark(target->table, option, target->seen);
        if (reader->event.type == YAML_SCALAR_EVENT && is_null(reader))
            return STATUS_OK;
        if (reader->event.type != YAML_MAPPING_START_EVENT)
            return wrong_kind(reader, option, "a section of keys", err);
        return read_mapping(reader, option->table, (char *)target->base + option->offset, err);
    default:
        if (reader->event.type != YAML_SCALAR_EVENT)
            return wrong_kind(reader, option, "one value", err);
        return read_scalar(reader, target, option, err);
    }
}

/* The current event is the key; afterwards it is the last one of the value. */
static enum status read_pair(struct config_reader *reader, const struct option_target *target,
                             struct error *err)
{
    const struct option_table *table = target->table;
    const struct option *option;
    struct option_seen before = *target->seen;
    enum status status;

    if (reader->event.type != YAML_SCALAR_EVENT)
        return refuse(reader, "expected a key", err);
    option = option_find(table, scalar_of(reader));
    if (option == NULL || (option->flags & OPTION_CLI_ONLY))
        return here(reader, option_unknown(table, scalar_of(reader), err), err);
    if (!option_mark(table, option, &before))
        return here(reader, error_set(err, STATUS_INVALID, "key \"%s\" is given twice",
                                      option->name), err);
    status = next(reader, err);
    return status == STATUS_OK ? read_value(reader, target, option, err) : status;
}

static void set_line(const struct config_reader *reader, const struct option_table *table,
                     void *base)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].type == OPTION_LINE)
            *(uint32_t *)(void *)((char *)base + table->rows[i].offset) =
                (uint32_t)reader->event.start_mark.line + 1;
}

/* The current event begins a mapping; afterwards it is the end of that mapping. */
static enum status read_mapping(struct config_reader *reader, const struct option_table *table,
                                void *base, struct error *err)
{
    struct option_seen seen = {0};
    const struct option_target target = {table, base, &seen, reader->arena};
    yaml_mark_t start = reader->event.start_mark;
    enum status status;

    if (reader->depth == CONFIG_DEPTH_MAX)
        return refuse(reader, "sections are nested too deeply", err);
    reader->depth++;
    set_line(reader, table, base);
    status = next(reader, err);
    while (status == STATUS_OK && reader->event.type != YAML_MAPPING_END_EVENT) {
        status = read_pair(reader, &target, err);
        if (status == STATUS_OK)
            status = next(reader, err);
    }
    reader->depth--;
    if (status != STATUS_OK)
        return status;
    status = option_check_required(table, &seen, err);
    return status == STATUS_OK ? STATUS_OK : at_mark(reader, start, status, err);
}

/* STREAM-START [DOCUMENT-START value DOCUMENT-END] STREAM-END. An empty file sets nothing. */
static enum status read_stream(struct config_reader *reader, const struct option_table *table,
                               void *base, struct error *err)
{
    struct option_seen none = {0};
    enum status status = next(reader, err);

    if (status == STATUS_OK)
        status = next(reader, err);
    if (status != STATUS_OK)
        return status;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return option_check_required(table, &none, err);
    status = next(reader, err);
    if (status != STATUS_OK)
        return status;
    if (reader->event.type == YAML_MAPPING_START_EVENT)
        status = read_mapping(reader, table, base, err);
    else if (reader->event.type == YAML_SCALAR_EVENT && is_null(reader))
        status = option_check_required(table, &none, err);
    else
        status = refuse(reader, "expected key: value lines", err);
    if (status == STATUS_OK)
        status = next(reader, err);
    if (status == STATUS_OK)
        status = next(reader, err);
    if (status == STATUS_OK && reader->event.type != YAML_STREAM_END_EVENT)
        status = refuse(reader, "a second document (---) is not supported here", err);
    return status;
}

enum status config_parse(struct slice text, const char *name, const struct option_table *table,
                         void *base, struct arena *arena, struct error *err)
{
    struct config_reader reader = {.name = name, .arena = arena};
    enum status status;

    if (text.len > CONFIG_SIZE_MAX)
        return error_set(err, STATUS_TOO_LARGE, "%s is larger than %d bytes", name,
                         CONFIG_SIZE_MAX);
    if (!yaml_parser_initialize(&reader.parser))
        return error_set(err, STATUS_NO_MEMORY, "%s: no memory to read it", name);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser,
                                 (const unsigned char *)(text.data == NULL ? "" : text.data),
                                 text.len);
    status = read_stream(&reader, table, base, err);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return status;
}

enum status config_load(struct io *io, const char *path, const struct option_table *table,
                        void *base, struct arena *arena, struct error *err)
{
    struct buf text = buf_empty(CONFIG_SIZE_MAX);
    enum status status = io_read_file(io, path, &text, err);

    if (status == STATUS_OK)
        status = config_parse(buf_slice(&text), path, table, base, arena, err);
    buf_release(&text);
    return status;
}
