/* collector/formats/couchdb.c -- CouchDB 2 and 3, Cloudant:
 *   [level] 2026-04-02T09:20:11.204417Z node@host <0.8813.2> msgid message
 *   <P>node@host <0.8813.2> msgid message                    journald writer, no time
 *   2026-04-02 09:20:11.204 [level] Undefined <0.7.0> message   BigCouch console
 * A request is `host peer user METHOD path code status ms`: read from the right, because user and
 * path hold what the client sent. */
#include "collector/formats/couch_request.h"
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

struct couch_line {
    int64_t time_ns;
    bool has_time;
    enum level level;
    struct slice node, pid, msgid;
    struct slice message;
};

static bool starts_file(struct slice line)
{
    size_t end = find_byte(slice_first(line, 16), ']');

    return line.len > 0 && line.data[0] == '[' && end != SIZE_MAX && end > 3 &&
           is_lower(line.data[1]) && stamp_shaped(slice_from(line, end), "] 0000-00-00T");
}

static bool starts_console(struct slice line)
{
    return stamp_shaped(line, "0000-00-00 00:00:00.000 [") &&
           find_literal(slice_sub(line, 24, 40), "] Undefined ") != SIZE_MAX;
}

static bool starts_journald(struct slice line)
{
    size_t at;

    if (!stamp_shaped(line, "<0>"))
        return false;
    at = find_byte(slice_first(line, 128), '@');
    return at != SIZE_MAX && find_literal(slice_sub(line, at, 128), " <0.") != SIZE_MAX;
}

static bool starts(struct slice line)
{
    return starts_file(line) || starts_console(line) || starts_journald(line);
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (starts(line))
        return LINE_STARTS;
    if (open.len > 0 && (line.len == 0 || line.data[0] == '{' || line.data[0] == ' ' ||
                         line.data[0] == '\t' || line.data[0] == '[' || line.data[0] == '*'))
        return LINE_CONTINUES;
    return LINE_UNKNOWN;
}

static bool take_msgid(struct slice *rest, struct slice *out)
{
    struct slice at = *rest;
    struct slice word;

    if (!take_word(&at, &word) || (word.len != 10 && !slice_is(word, "--------")) ||
        !is_hex_or_dashes(word))
        return false;
    *out = word.len == 10 ? word : slice_first(word, 0);
    *rest = at;
    return true;
}

static bool split_file(const struct format_context *context, struct slice line,
                       struct couch_line *out)
{
    struct slice word;

    if (!take_bracketed(&line, &word) || !take_byte(&line, ' '))
        return false;
    out->level = level_of_word(word);
    if (out->level == LEVEL_COUNT || !stamp_take(context, stamp_parse_iso, &line, &out->time_ns) ||
        !take_byte(&line, ' '))
        return false;
    out->has_time = true;
    if (!take_word(&line, &out->node) || !take_word(&line, &out->pid))
        return false;
    (void)take_msgid(&line, &out->msgid);
    out->message = line;
    return true;
}

static bool split_journald(struct slice line, struct couch_line *out)
{
    out->level = level_of_severity((unsigned)(line.data[1] - '0'));
    line = slice_from(line, 3);
    if (!take_word(&line, &out->node) || !take_word(&line, &out->pid))
        return false;
    (void)take_msgid(&line, &out->msgid);
    out->message = line;
    return true;
}

static bool split_console(const struct format_context *context, struct slice line,
                          struct couch_line *out)
{
    struct slice word;

    if (!stamp_take_local(context, &line, &out->time_ns) || !take_byte(&line, ' ') ||
        !take_bracketed(&line, &word))
        return false;
    out->has_time = true;
    out->level = level_of_word(word);
    if (out->level == LEVEL_COUNT || !take_literal(&line, " Undefined ") ||
        !take_word(&line, &out->pid))
        return false;
    out->message = line;
    return true;
}

/* The last word of `rest`, which is shortened by it and the blank before it. */
static bool take_last_word(struct slice *rest, struct slice *out)
{
    size_t blank = find_last_byte(*rest, ' ');

    if (blank == SIZE_MAX)
        return false;
    *out = slice_from(*rest, blank + 1);
    rest->len = blank;
    return true;
}

static bool is_code(struct slice word)
{
    return word.len == 3 && count_digits(word) == 3;
}

/* `host peer user METHOD path`: the method is the first word in capitals from the fourth on,
 * since the user may hold blanks. */
static bool take_caller(struct slice head, struct slice *peer, struct slice *user,
                        struct slice *method, struct slice *target)
{
    struct slice rest = head;
    struct slice word;
    const char *user_start;

    if (!take_word(&rest, &word) || !take_word(&rest, peer))
        return false;
    user_start = rest.data;
    while (take_word(&rest, &word)) {
        size_t len = 0;

        while (len < word.len && is_upper(word.data[len]))
            len++;
        if (len < 3 || len < word.len || word.data == user_start)
            continue;
        if (rest.len == 0 || rest.data[0] != '/')
            continue;
        *user = (struct slice){user_start, (size_t)(word.data - 1 - user_start)};
        *method = word;
        *target = rest;
        return true;
    }
    return false;
}

static bool add_request(const struct format_context *context, struct slice event,
                        struct slice message, struct parsed_event *out)
{
    struct slice rest = message;
    struct slice ms;
    struct slice how;
    struct slice code;
    struct slice peer;
    struct slice user;
    struct slice method;
    struct slice target;

    if (!take_last_word(&rest, &ms) || count_digits(ms) != ms.len || ms.len == 0 ||
        !take_last_word(&rest, &how))
        return false;
    do { /* the status is `ok`, `aborted` or any Erlang term: go on to the code before it */
        if (!take_last_word(&rest, &code))
            return false;
    } while (!is_code(code));
    if (!take_caller(rest, &peer, &user, &method, &target))
        return false;
    add_address(out, FIELD_ID_CLIENT, event, peer);
    if (!slice_is(user, "undefined"))
        add_text(out, FIELD_ID_USER, event, user);
    add_text(out, FIELD_ID_METHOD, event, method);
    couch_target_add(context, event, target, out);
    add_int(out, FIELD_ID_STATUS, event, code);
    if (!couch_target_waits(target))
        add_duration(out, FIELD_ID_DURATION, UNIT_MILLISECONDS, event, ms);
    return true;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct couch_line line = {.node = slice_first(event, 0), .msgid = slice_first(event, 0)};
    bool split = false;

    if (event.len == 0)
        return STATUS_INVALID;
    if (event.data[0] == '[')
        split = split_file(context, event, &line);
    else if (event.data[0] == '<')
        split = starts_journald(event) && split_journald(event, &line);
    else
        split = split_console(context, event, &line);
    if (!split)
        return STATUS_INVALID;
    out->time_ns = line.time_ns;
    out->has_time = line.has_time;
    out->level = (uint8_t)line.level;
    add_text(out, context->extra[EXTRA_NODE], event, line.node);
    add_text(out, FIELD_ID_PID, event, line.pid);
    add_text(out, FIELD_ID_REQUEST_ID, event, line.msgid);
    if (find_byte(line.message, '\n') == SIZE_MAX)
        (void)add_request(context, event, line.message, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    if (starts_file(line))
        return 95;
    if (starts_journald(line))
        return 85;
    return starts_console(line) ? 85 : 0;
}

const struct format format_couchdb = {
    .name = "couchdb",
    .fields = "node pid request_id client user method path params database status duration op view",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_DIGIT | BEGINS_BRACKET | BEGINS_OTHER,
    .detect = detect,
};
