/* collector/formats/django.c -- python logging as Django, CommCare and pillowtop set it up.
 * Layouts, told apart by what stands at the front:
 *   LEVEL asctime module pid thread message      verbose
 *   asctime LEVEL [logger] message               simple; older without [logger]
 *   asctime LEVEL module message                 pillowtop (by the name of the file)
 *   asctime - logger - LEVEL - message           the layout of python's own tutorial
 *   [asctime] LEVEL in module: message           flask-like handlers
 *   LEVEL:logger:message                         logging.basicConfig
 *   LEVEL message                                oldest, without time */
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"
#include "collector/formats/trace.h"

#define ASCTIME "0000-00-00 00:00:00,000"

struct django_line {
    enum level level;
    bool has_time;
    int64_t time_ns;
    struct slice logger, pid, thread;
    struct slice message; /* to the end of the event */
};

/* One of python's level names in capitals, and the blank or colon behind it; 0: none. */
static char take_level_and(struct slice *rest, enum level *level)
{
    size_t len = 0;
    char behind;

    while (len < rest->len && len < 9 && is_upper(rest->data[len]))
        len++;
    behind = len < rest->len ? rest->data[len] : 0;
    if (behind != ' ' && behind != ':')
        return 0;
    *level = level_of_word(slice_first(*rest, len));
    if (*level == LEVEL_COUNT)
        return 0;
    *rest = slice_from(*rest, len + 1);
    return behind;
}

/* The same with a blank behind it. */
static bool take_level(struct slice *rest, enum level *level)
{
    struct slice at = *rest;

    if (take_level_and(&at, level) != ' ')
        return false;
    *rest = at;
    return true;
}

/* `module pid thread message` of the verbose layout. */
static bool take_verbose(struct slice *rest, struct django_line *out)
{
    struct slice at = *rest;

    if (!take_word(&at, &out->logger) || !take_word(&at, &out->pid) ||
        count_digits(out->pid) != out->pid.len || !take_word(&at, &out->thread) ||
        count_digits(out->thread) != out->thread.len) {
        out->logger = out->pid = out->thread = slice_first(at, 0);
        return false;
    }
    *rest = at;
    return true;
}

/* What follows `asctime `. */
static bool take_simple(const struct format_context *context, struct slice *rest,
                        struct django_line *out)
{
    struct slice at = *rest;

    if (take_literal(&at, "- ")) {
        size_t dash = slice_find(at, SLICE_LITERAL(" - "));

        if (dash == SIZE_MAX)
            return false;
        out->logger = slice_first(at, dash);
        at = slice_from(at, dash + 3);
        if (!take_level(&at, &out->level))
            return false;
        (void)take_literal(&at, "- ");
    } else {
        if (!take_level(&at, &out->level))
            return false;
        skip_blanks(&at);
        if (take_bracketed(&at, &out->logger))
            (void)take_byte(&at, ' ');
        else if (find_literal(context->settings->path, "pillowtop") != SIZE_MAX)
            (void)take_word(&at, &out->logger);
    }
    *rest = at;
    return true;
}

static bool split_timed(const struct format_context *context, struct slice line,
                        struct django_line *out)
{
    bool bracket = take_byte(&line, '[');

    if (!stamp_take_local(context, &line, &out->time_ns))
        return false;
    out->has_time = true;
    if (!bracket)
        return take_byte(&line, ' ') && take_simple(context, &line, out) &&
               (out->message = line, true);
    if (!take_literal(&line, "] ") || !take_level(&line, &out->level))
        return false;
    if (take_literal(&line, "in ") && cut(&line, ':', &out->logger))
        (void)take_byte(&line, ' ');
    out->message = line;
    return true;
}

static bool split(const struct format_context *context, struct slice line, struct django_line *out)
{
    struct slice rest = line;
    char behind;

    *out = (struct django_line){.logger = slice_first(line, 0)};
    if (line.len == 0)
        return false;
    if (is_digit(line.data[0]) || line.data[0] == '[')
        return split_timed(context, line, out);
    behind = take_level_and(&rest, &out->level);
    if (behind == 0)
        return false;
    if (behind == ':') {
        if (!cut(&rest, ':', &out->logger))
            return false;
        out->message = rest;
        return true;
    }
    if (stamp_shaped(rest, ASCTIME " ")) {
        if (!stamp_take_local(context, &rest, &out->time_ns))
            return false;
        out->has_time = true;
        (void)take_byte(&rest, ' ');
        (void)take_verbose(&rest, out);
    }
    out->message = rest;
    return true;
}

static bool starts(struct slice line)
{
    enum level level;

    if (line.len == 0)
        return false;
    if (is_digit(line.data[0]))
        return stamp_shaped(line, ASCTIME " ");
    if (line.data[0] == '[')
        return stamp_shaped(line, "[" ASCTIME "] ");
    if (!is_upper(line.data[0]))
        return false;
    return take_level_and(&line, &level) != 0;
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (starts(line))
        return LINE_STARTS;
    return trace_continues_python(open, line) ? LINE_CONTINUES : LINE_UNKNOWN;
}

/* Messages of the logger django.request: `Reason: path`, reasons as in http.client.responses. */
static const struct {
    struct slice reason, status;
} reasons[] = {
    {SLICE_INIT("Bad Request"), SLICE_INIT("400")},
    {SLICE_INIT("Unauthorized"), SLICE_INIT("401")},
    {SLICE_INIT("Payment Required"), SLICE_INIT("402")},
    {SLICE_INIT("Forbidden"), SLICE_INIT("403")},
    {SLICE_INIT("Not Found"), SLICE_INIT("404")},
    {SLICE_INIT("Method Not Allowed"), SLICE_INIT("405")},
    {SLICE_INIT("Not Acceptable"), SLICE_INIT("406")},
    {SLICE_INIT("Conflict"), SLICE_INIT("409")},
    {SLICE_INIT("Gone"), SLICE_INIT("410")},
    {SLICE_INIT("Precondition Failed"), SLICE_INIT("412")},
    {SLICE_INIT("Unprocessable Entity"), SLICE_INIT("422")},
    {SLICE_INIT("Too Many Requests"), SLICE_INIT("429")},
    {SLICE_INIT("Internal Server Error"), SLICE_INIT("500")},
    {SLICE_INIT("Not Implemented"), SLICE_INIT("501")},
    {SLICE_INIT("Bad Gateway"), SLICE_INIT("502")},
    {SLICE_INIT("Service Unavailable"), SLICE_INIT("503")},
    {SLICE_INIT("Gateway Timeout"), SLICE_INIT("504")},
};

static void add_request(const struct format_context *context, struct slice event,
                        struct slice message, struct parsed_event *out)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        struct slice rest = message;
        struct slice path;
        struct slice params;
        size_t colon;

        if (message.len == 0 || message.data[0] != reasons[i].reason.data[0] ||
            !take_prefix(&rest, reasons[i].reason))
            continue;
        if (starts_with(rest, " (")) { /* `Forbidden (CSRF cookie not set.): /x` */
            size_t close = find_literal(rest, "): ");

            rest = slice_from(rest, close == SIZE_MAX ? close : close + 1);
        }
        colon = find_literal(rest, ": ");
        if (colon != 0)
            return;
        request_target_split(slice_from(rest, 2), &path, &params);
        if (path.len == 0 || path.data[0] != '/')
            return;
        add_text(out, FIELD_ID_PATH, event, path);
        add_text(out, context->extra[EXTRA_PARAMS], event, params);
        parsed_text(out, FIELD_ID_STATUS, FIELD_INT, reasons[i].status);
        out->derive_from = DERIVE_PATH;
        return;
    }
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct django_line line;
    struct slice message;
    struct slice type;

    if (!split(context, event, &line))
        return STATUS_INVALID;
    out->time_ns = line.time_ns;
    out->has_time = line.has_time;
    out->level = (uint8_t)line.level;
    add_text(out, FIELD_ID_LOGGER, event, line.logger);
    add_int(out, FIELD_ID_PID, event, line.pid);
    add_text(out, FIELD_ID_THREAD, event, line.thread);
    message = first_line(line.message, NULL);
    add_request(context, event, message, out);
    if (message.len < line.message.len && trace_python_exception(line.message, &type))
        add_text(out, FIELD_ID_EXCEPTION, event, type);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    enum level level;
    struct slice rest = line;

    if (line.len < 6)
        return 0;
    if (stamp_shaped(line, ASCTIME " ")) {
        rest = slice_from(line, sizeof(ASCTIME));
        if (take_literal(&rest, "- "))
            return 70;
        return take_level(&rest, &level) ? 70 : 0;
    }
    if (stamp_shaped(line, "[" ASCTIME "] ")) {
        rest = slice_from(line, sizeof("[" ASCTIME "]"));
        return take_level(&rest, &level) && starts_with(rest, "in ") ? 90 : 0;
    }
    switch (take_level_and(&rest, &level)) {
    case ' ':
        return stamp_shaped(rest, ASCTIME " ") ? 95 : 0;
    case ':':
        return 55;
    default:
        return 0;
    }
}

const struct format format_django = {
    .name = "django",
    .fields = "logger pid thread status path params url_group tenant exception",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .detect = detect,
};
