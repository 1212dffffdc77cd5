/* collector/formats/couchdb1.c -- CouchDB 1.x:
 *   [Thu, 02 Apr 2026 09:20:11 GMT] [info] [<0.211.0>] peer - - METHOD path status
 * The copy on stdout has no date. Erlang terms go on over lines. */
#include "collector/formats/couch_request.h"
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

/* `[Www, dd Mon ` or `[level] [<0.`. */
static bool starts(struct slice line)
{
    struct slice word;

    if (stamp_shaped(line, "[###, 00 ### 0000 00:00:00 GMT]"))
        return true;
    return take_bracketed(&line, &word) && level_of_word(word) != LEVEL_COUNT &&
           starts_with(line, " [<");
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (starts(line))
        return LINE_STARTS;
    return open.len > 0 ? LINE_CONTINUES : LINE_UNKNOWN;
}

/* `peer - - METHOD path status`; anything else is a message without fields. */
static void add_request(const struct format_context *context, struct slice event,
                        struct slice message, struct parsed_event *out)
{
    size_t dashes = find_literal(message, " - - ");
    struct slice rest;
    size_t method_len;
    size_t blank;
    struct slice target;

    if (dashes == SIZE_MAX || dashes > 64)
        return;
    rest = slice_from(message, dashes + 5);
    if (rest.len > 0 && rest.data[0] == '\'') /* 1.0 quoted the method: 'GET' */
        rest = slice_from(rest, 1);
    method_len = 0;
    while (method_len < rest.len && is_upper(rest.data[method_len]))
        method_len++;
    blank = slice_find_last_byte(rest, ' ');
    if (method_len == 0 || blank == SIZE_MAX || blank <= method_len)
        return;
    add_address(out, FIELD_ID_CLIENT, event, slice_first(message, dashes));
    add_text(out, FIELD_ID_METHOD, event, slice_first(rest, method_len));
    target = slice_sub(rest, method_len, blank - method_len);
    (void)take_byte(&target, '\'');
    (void)take_byte(&target, ' ');
    couch_target_add(context, event, target, out);
    add_int(out, FIELD_ID_STATUS, event, slice_from(rest, blank + 1));
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice word;
    enum level level;

    if (event.len > 4 && event.data[4] == ',') {
        rest = slice_from(rest, 1);
        if (!stamp_take(context, stamp_parse_http, &rest, &out->time_ns) ||
            !take_literal(&rest, "] "))
            return STATUS_INVALID;
        out->has_time = true;
    }
    if (!take_bracketed(&rest, &word))
        return STATUS_INVALID;
    level = level_of_word(word);
    if (level == LEVEL_COUNT || !take_byte(&rest, ' ') || !take_bracketed(&rest, &word))
        return STATUS_INVALID;
    out->level = (uint8_t)level;
    add_text(out, FIELD_ID_PID, event, word);
    (void)take_byte(&rest, ' ');
    add_request(context, event, first_line(rest, NULL), out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    if (stamp_shaped(line, "[###, 00 ### 0000 00:00:00 GMT] ["))
        return 95;
    return starts(line) ? 60 : 0;
}

const struct format format_couchdb1 = {
    .name = "couchdb1",
    .fields = "pid client method path params database status op view",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_BRACKET,
    .detect = detect,
};
