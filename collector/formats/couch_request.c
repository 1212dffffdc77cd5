/* collector/formats/couch_request.c -- /database/document?params, /database/_design/d/_view/v. */
#include "collector/formats/couch_request.h"

#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"

enum { DATABASE_LEN_MAX = 512 };

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    return is_hex(c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* %XX undone, in the arena, where there is any. */
static struct slice decode(struct slice text, struct arena *arena)
{
    char *out;
    size_t len = 0;

    if (find_byte(text, '%') == SIZE_MAX)
        return text;
    out = arena_alloc(arena, 1, 1, text.len);
    if (out == NULL)
        return slice_first(text, 0);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '%' && i + 2 < text.len && is_hex(text.data[i + 1]) &&
            is_hex(text.data[i + 2])) {
            out[len++] = (char)(hex_digit(text.data[i + 1]) << 4 | hex_digit(text.data[i + 2]));
            i += 2;
        } else {
            out[len++] = text.data[i];
        }
    }
    return (struct slice){out, len};
}

/* `shards/40000000-7fffffff/db.1767225600` is a part of `db`. */
static struct slice without_shard(struct slice name)
{
    size_t slash;
    size_t dot;

    if (!take_literal(&name, "shards/"))
        return name;
    slash = find_byte(name, '/');
    if (slash == SIZE_MAX)
        return name;
    name = slice_from(name, slash + 1);
    dot = slice_find_last_byte(name, '.');
    if (dot != SIZE_MAX && dot + 1 < name.len &&
        count_digits(slice_from(name, dot + 1)) == name.len - dot - 1)
        name.len = dot;
    return name;
}

static bool is_database(struct slice segment)
{
    return segment.len > 0 && segment.len <= DATABASE_LEN_MAX &&
           (segment.data[0] != '_' || slice_is(segment, "_users") ||
            slice_is(segment, "_replicator") || slice_is(segment, "_global_changes"));
}

/* Up to the slash; `shards/range/db` is one, whether its slashes are encoded or not. */
static struct slice first_segment(struct slice path)
{
    size_t len = find_byte(path, '/');

    for (unsigned i = 0; i < 2 && starts_with(path, "shards/") && len != SIZE_MAX; i++) {
        size_t next = find_byte(slice_from(path, len + 1), '/');

        len = next == SIZE_MAX ? SIZE_MAX : len + 1 + next;
    }
    return slice_first(path, len);
}

/* Classes of operation, by the segment behind the database. */
static const struct slice operations[] = {
    SLICE_INIT("_changes"),  SLICE_INIT("_bulk_docs"), SLICE_INIT("_find"),
    SLICE_INIT("_all_docs"), SLICE_INIT("_bulk_get"),
};

static void add_operation(const struct format_context *context, struct slice event,
                          struct slice rest, struct parsed_event *out)
{
    size_t view;

    if (rest.len == 0 || rest.data[0] != '_') /* a document, as most are */
        return;
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        if (slice_starts(rest, operations[i]) &&
            (rest.len == operations[i].len || rest.data[operations[i].len] == '/')) {
            add_text(out, context->extra[EXTRA_OP], event, slice_first(rest, operations[i].len));
            return;
        }
    if (!starts_with(rest, "_design/"))
        return;
    view = find_literal(rest, "/_view/");
    if (view == SIZE_MAX)
        return;
    add_text(out, context->extra[EXTRA_OP], event, slice_sub(rest, view + 1, sizeof("_view") - 1));
    add_text(out, context->extra[EXTRA_VIEW], event, rest);
}

void couch_target_add(const struct format_context *context, struct slice event, struct slice target,
                      struct parsed_event *out)
{
    struct slice path;
    struct slice params;
    struct slice rest;
    struct slice segment;

    request_target_split(target, &path, &params);
    add_text(out, FIELD_ID_PATH, event, path);
    add_text(out, context->extra[EXTRA_PARAMS], event, params);
    rest = path;
    while (take_byte(&rest, '/'))
        continue;
    segment = first_segment(rest);
    if (!is_database(segment))
        return;
    add_text(out, FIELD_ID_DATABASE, event, without_shard(decode(segment, context->arena)));
    add_operation(context, event, slice_from(rest, segment.len + 1), out);
}

bool couch_target_waits(struct slice target)
{
    return find_by(target, SLICE_LITERAL("/_changes"), 6) != SIZE_MAX && /* few have a g */
           (find_literal(target, "feed=longpoll") != SIZE_MAX ||
            find_literal(target, "feed=continuous") != SIZE_MAX ||
            find_literal(target, "feed=eventsource") != SIZE_MAX);
}
