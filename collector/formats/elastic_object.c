/* collector/formats/elastic_object.c -- both JSON generations through one table of keys. */
#include "collector/formats/elastic_object.h"

#include "collector/formats/elastic_common.h"
#include "collector/formats/json_fields.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

enum object_state { OBJECT_CLOSED = 1, OBJECT_OPEN = 2 }; /* context->open_state */

/* The elements of a stack trace are strings on lines of their own, so that a line that ends in a
 * brace ends the object, and one that starts with a brace starts the next even if the last had no
 * end. */
enum line_kind elastic_object_line_kind(const struct format_context *context, struct slice open,
                                        struct slice line)
{
    uint64_t state = ends_with(slice_trim(line), "}") ? OBJECT_CLOSED : OBJECT_OPEN;

    if (starts_with(line, "{")) {
        *context->open_state = state;
        return LINE_STARTS;
    }
    if (open.len == 0 || *context->open_state != OBJECT_OPEN)
        return LINE_UNKNOWN;
    *context->open_state = state;
    return LINE_CONTINUES;
}

/* Newlines between the elements are white space of JSON, so the event is one object. */
static void add_exception(struct slice event, struct slice stack, struct parsed_event *out)
{
    struct json_scan scan;
    struct json_token token;
    size_t colon;

    json_scan_init(&scan, stack);
    if (!json_scan_next(&scan, &token) || !json_scan_next(&scan, &token) ||
        token.type != JSON_TOKEN_STRING)
        return;
    colon = find_byte(token.text, ':');
    add_text(out, FIELD_ID_EXCEPTION, event, slice_first(token.text, colon));
}

static void add_slow(const struct format_context *context, struct slice event,
                     const struct slice values[ELASTIC_KEY_COUNT], struct parsed_event *out)
{
    bool search = find_literal(values[ELASTIC_TYPE], "indexing") == SIZE_MAX;

    out->level = LEVEL_WARNING;
    elastic_add_index(
        event, values[ELASTIC_PLACE].len > 0 ? values[ELASTIC_PLACE] : values[ELASTIC_MESSAGE],
        out);
    elastic_add_duration(event, values[ELASTIC_TOOK], values[ELASTIC_TOOK_MILLIS], out);
    elastic_add_hits(context, event, values[ELASTIC_HITS], out);
    elastic_add_source(context, event, values[ELASTIC_SOURCE], out);
    if (search)
        add_text(out, FIELD_ID_REQUEST_ID, event, values[ELASTIC_ID]);
}

enum status elastic_object_parse(const struct format_context *context, struct slice event,
                                 const struct slice keys[ELASTIC_KEY_COUNT],
                                 struct parsed_event *out)
{
    struct json_token tokens[ELASTIC_KEY_COUNT];
    struct slice values[ELASTIC_KEY_COUNT];
    uint64_t present;
    struct slice time;
    enum level level;

    if (!json_fields_collect(event, keys, ELASTIC_KEY_COUNT, tokens, &present) ||
        (present >> ELASTIC_TIME & 1) == 0 || (present >> ELASTIC_LEVEL & 1) == 0)
        return STATUS_INVALID;
    for (unsigned i = 0; i < ELASTIC_KEY_COUNT; i++)
        values[i] = (present >> i & 1) != 0 ? json_fields_text(&tokens[i], context->arena)
                                            : slice_first(event, 0);
    level = level_of_word(slice_trim(values[ELASTIC_LEVEL]));
    time = values[ELASTIC_TIME];
    if (!stamp_take(context, stamp_parse_iso, &time, &out->time_ns))
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)(level == LEVEL_COUNT ? LEVEL_INFO : level);
    if (find_literal(values[ELASTIC_TYPE], "deprecation") != SIZE_MAX)
        out->level = LEVEL_WARNING;
    add_text(out, FIELD_ID_LOGGER, event, values[ELASTIC_LOGGER]);
    add_text(out, context->extra[EXTRA_NODE], event,
             values[ELASTIC_NODE].len > 0 ? values[ELASTIC_NODE] : values[ELASTIC_NODE_EARLY]);
    add_text(out, FIELD_ID_THREAD, event, values[ELASTIC_THREAD]);
    add_text(out, FIELD_ID_USER, event, values[ELASTIC_USER]);
    add_text(out, FIELD_ID_EXCEPTION, event, values[ELASTIC_EXCEPTION]);
    if (values[ELASTIC_EXCEPTION].len == 0)
        add_exception(event, values[ELASTIC_STACK], out);
    if (find_literal(values[ELASTIC_TYPE], "slowlog") != SIZE_MAX)
        add_slow(context, event, values, out);
    else
        elastic_add_gc(event, values[ELASTIC_MESSAGE], out);
    return STATUS_OK;
}
