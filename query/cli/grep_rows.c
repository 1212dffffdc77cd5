/* query/cli/grep_rows.c -- one row at a time: a name, perhaps a "--" before it, its lines. */
#include "query/cli/grep_rows.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_SIZE_MAX = 1 << 20, KEPT_SIZE_MAX = 1 << 30, KEPT_COUNT_START = 1024 };

struct kept_row {
    struct slice name, line;
};

void grep_rows_init(struct grep_rows *rows, const struct grep_settings *settings,
                    const struct line_body *body)
{
    *rows = (struct grep_rows){
        .settings = settings,
        .body = body,
        .context = settings->before >= 0 || settings->after >= 0,
        .name = buf_empty(NAME_SIZE_MAX),
        .line = buf_empty(GREP_LINE_SIZE_MAX),
        .id = buf_empty(NAME_SIZE_MAX),
        .arena = arena_empty(KEPT_SIZE_MAX),
    };
}

void grep_rows_release(struct grep_rows *rows)
{
    buf_release(&rows->name);
    buf_release(&rows->line);
    buf_release(&rows->id);
    free(rows->kept);
    arena_release(&rows->arena);
}

void grep_rows_fields(const struct grep_rows *rows, struct buf *out)
{
    buf_append_text(out, "_msg");
    if (rows->settings->time || rows->context)
        buf_append_text(out, ",_time");
    if (rows->settings->with_name)
        buf_append_text(out, ",geo,host,source");
    if (rows->context)
        buf_append_text(out, ",_match");
}

/* "geo/host:source" of a row. */
static void source_name(const struct columns *columns, size_t row, struct buf *out)
{
    static const struct {
        const char *field, *behind;
    } parts[] = {{"geo", "/"}, {"host", ":"}, {"source", ""}};

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        (void)columns_text(columns, parts[i].field, row, out);
        buf_append_text(out, parts[i].behind);
    }
}

/* What stands in front of each line: "TIME geo/host:source:", '-' at the end for context. */
static void make_name(struct grep_rows *rows, const struct columns *columns, size_t row,
                      bool is_match)
{
    buf_reset(&rows->name);
    if (rows->settings->time) {
        (void)columns_text(columns, "_time", row, &rows->name);
        buf_append_byte(&rows->name, ' ');
    }
    if (rows->settings->with_name && !rows->settings->no_name) {
        source_name(columns, row, &rows->name);
        buf_append_byte(&rows->name, is_match ? ':' : '-');
    }
}

/* ---- printing ---- */

static bool put_line(const struct grep_rows *rows, struct slice name, struct slice line,
                     bool is_match)
{
    const struct slice end =
        rows->settings->null_data ? (struct slice){"\0", 1} : SLICE_LITERAL("\n");

    if (rows->settings->only_matching)
        return !is_match || rows->settings->invert ||
               line_body_put_matches(rows->body, name, line, end);
    return line_body_put(rows->body, name, false) &&
           line_body_put(rows->body, line, is_match && !rows->settings->invert) &&
           sink_put(rows->body->sink, end);
}

/* The lines of an event each get the name, so that other programs can go by lines; with -z the
 * event is one record. */
static bool put_event(struct grep_rows *rows, struct slice name, struct slice event, bool is_match)
{
    struct slice line;

    rows->printed = true;
    while (!rows->settings->null_data && slice_cut(&event, '\n', &line))
        if (!put_line(rows, name, line, is_match))
            return false;
    return put_line(rows, name, event, is_match);
}

/* ---- context groups ---- */

/* _id is "source-offset-time" in hexadecimal (query/api/output.c). */
static bool parse_id(struct slice id, char source[32], uint64_t *offset)
{
    struct slice part;
    char digits[24], *stop;

    if (!slice_cut(&id, '-', &part) || part.len == 0 || part.len >= 32)
        return false;
    (void)snprintf(source, 32, "%.*s", SLICE_ARG(part));
    if (!slice_cut(&id, '-', &part) || part.len == 0 || part.len >= sizeof(digits))
        return false;
    (void)snprintf(digits, sizeof(digits), "%.*s", SLICE_ARG(part));
    *offset = strtoull(digits, &stop, 16);
    return *stop == '\0';
}

/* Does the row directly follow the one before in its source? Between rows that do not, grep prints
 * a line "--". */
static bool follows(struct grep_rows *rows, const struct columns *columns, size_t row)
{
    char source[32];
    uint64_t offset;
    bool direct;

    buf_reset(&rows->id);
    if (!columns_text(columns, "_id", row, &rows->id) ||
        !parse_id(buf_slice(&rows->id), source, &offset)) {
        rows->last_source[0] = '\0';
        return false;
    }
    direct = strcmp(source, rows->last_source) == 0 && offset == rows->next_offset;
    memcpy(rows->last_source, source, sizeof(source));
    rows->next_offset = offset + rows->line.len + 1;
    return direct;
}

/* With -m and context the server does not know when it is enough: after the last match come the
 * rows that directly follow it, as many as -A says. */
static bool is_enough(struct grep_rows *rows, bool direct, bool *is_match)
{
    int64_t max = rows->settings->max_count;

    if (max < 0 || rows->matches < (uint64_t)max) {
        rows->matches += *is_match;
        rows->after_left = rows->settings->after > 0 ? (uint64_t)rows->settings->after : 0;
        return false;
    }
    *is_match = false;
    return !direct || rows->after_left-- == 0;
}

/* False: enough. Prints "--" between groups. */
static bool begin_context_row(struct grep_rows *rows, const struct columns *columns, size_t row,
                              bool *is_match)
{
    bool direct = follows(rows, columns, row);

    if (is_enough(rows, direct, is_match))
        return false;
    return direct || !rows->printed || rows->settings->only_matching ||
           sink_put(rows->body->sink, SLICE_LITERAL("--\n"));
}

/* ---- rows ---- */

static bool keep_row(struct grep_rows *rows)
{
    if (rows->kept_count == rows->kept_capacity) {
        size_t capacity = rows->kept_capacity == 0 ? KEPT_COUNT_START : rows->kept_capacity * 2;
        struct kept_row *grown = reallocarray(rows->kept, capacity, sizeof(*grown));

        rows->failed = grown == NULL;
        if (rows->failed)
            return false;
        rows->kept = grown;
        rows->kept_capacity = capacity;
    }
    rows->kept[rows->kept_count++] =
        (struct kept_row){.name = arena_copy(&rows->arena, buf_slice(&rows->name)),
                          .line = arena_copy(&rows->arena, buf_slice(&rows->line))};
    rows->failed = rows->arena.failed;
    return !rows->failed;
}

bool grep_rows_put(struct grep_rows *rows, const struct columns *columns)
{
    bool more = true;

    for (size_t row = 0; more && row < columns->row_count; row++) {
        bool is_match = true;

        buf_reset(&rows->line);
        (void)columns_line(columns, row, &rows->line);
        if (rows->context) {
            buf_reset(&rows->id);
            is_match = columns_text(columns, "_match", row, &rows->id) &&
                       slice_is(buf_slice(&rows->id), "true");
        }
        rows->found |= is_match;
        more = !rows->context || begin_context_row(rows, columns, row, &is_match);
        if (!more)
            break;
        make_name(rows, columns, row, is_match);
        more = rows->keep
                   ? keep_row(rows)
                   : put_event(rows, buf_slice(&rows->name), buf_slice(&rows->line), is_match);
    }
    if (rows->failed || rows->line.failed || rows->name.failed) {
        command_say("no memory for the lines");
        rows->failed = true;
        more = false;
    }
    return more;
}

void grep_rows_finish(struct grep_rows *rows)
{
    for (size_t i = rows->kept_count; i > 0; i--)
        if (!put_event(rows, rows->kept[i - 1].name, rows->kept[i - 1].line, true))
            return;
}
