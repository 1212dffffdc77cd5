/* collector/formats/apache_error.c -- Apache's error log:
 *   [Wed Mar 04 10:15:42 2026] [error] [client 10.31.4.18] message, referer: URL              2.2
 *   [Wed Mar 04 10:15:42.118203 2026] [core:error] [pid 2091:tid 139944] (13)Permission denied:
 *       [client 10.31.4.18:40022] AH00035: message, referer: URL                              2.4
 * The module may be empty, the thread missing, `(errno)text` before or behind the client. */
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

struct apache_line {
    struct slice module, pid, thread, client, referer;
    enum level level;
    bool modern; /* 2.4: the client has a port */
};

static bool starts(struct slice line)
{
    return stamp_shaped(line, "[### ### #0 00:00:00") && is_upper(line.data[1]);
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (starts(line))
        return LINE_STARTS;
    /* Libraries write bare lines; only an indented one is surely more of the last message. */
    return open.len > 0 && line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t')
               ? LINE_CONTINUES
               : LINE_UNKNOWN;
}

/* `module:level` or `level`; trace1 to trace8 are levels. */
static bool take_level(struct slice text, struct apache_line *out)
{
    size_t colon = find_byte(text, ':');

    out->modern = colon != SIZE_MAX;
    if (out->modern)
        out->module = slice_first(text, colon);
    out->level = level_of_word(out->modern ? slice_from(text, colon + 1) : text);
    return out->level != LEVEL_COUNT;
}

/* `pid 2091:tid 139944` or `pid 2091`. */
static void take_pid(struct slice text, struct apache_line *out)
{
    (void)take_digits(&text, &out->pid);
    if (take_literal(&text, ":tid "))
        out->thread = text;
}

static void take_client(struct slice text, struct apache_line *out)
{
    if (out->modern) /* the last colon is the port's, IPv6 or not */
        text = slice_first(text, slice_find_last_byte(text, ':'));
    out->client = text;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice none = slice_first(event, 0);
    struct apache_line line = {
        .module = none, .pid = none, .thread = none, .client = none, .referer = none};
    struct slice rest = event;
    struct slice word;
    size_t client;
    size_t referer;

    if (!take_byte(&rest, '[') || !stamp_take(context, stamp_parse_asctime, &rest, &out->time_ns) ||
        !take_literal(&rest, "] ") || !take_bracketed(&rest, &word) || !take_level(word, &line))
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)line.level;
    (void)take_byte(&rest, ' ');
    if (starts_with(rest, "[pid ") && take_bracketed(&rest, &word))
        take_pid(slice_from(word, sizeof("pid ") - 1), &line);
    client = find_literal(slice_first(rest, 512), "[client ");
    if (client != SIZE_MAX) {
        struct slice at = slice_from(rest, client);

        if (take_bracketed(&at, &word)) {
            take_client(slice_from(word, sizeof("client ") - 1), &line);
            rest = at;
        }
    }
    referer = find_literal(rest, ", referer: ");
    if (referer != SIZE_MAX)
        line.referer = first_line(slice_from(rest, referer + sizeof(", referer: ") - 1), NULL);
    add_text(out, FIELD_ID_LOGGER, event, line.module);
    add_int(out, FIELD_ID_PID, event, line.pid);
    add_text(out, FIELD_ID_THREAD, event, line.thread);
    add_address(out, FIELD_ID_CLIENT, event, line.client);
    add_text(out, FIELD_ID_REFERER, event, line.referer);
    out->derive_from = DERIVE_PATH;
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    return starts(line) && find_literal(slice_first(line, 48), "] [") != SIZE_MAX ? 94 : 0;
}

const struct format format_apache_error = {
    .name = "apache_error",
    .fields = "pid thread client referer logger tenant",
    .multi_line = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_BRACKET,
    .detect = detect,
};
