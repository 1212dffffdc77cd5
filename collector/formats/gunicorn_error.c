/* collector/formats/gunicorn_error.c -- gunicorn's --log-file:
 *   [YYYY-MM-DD HH:MM:SS +zzzz] [pid] [LEVEL] message      since 19
 *   YYYY-MM-DD HH:MM:SS [pid] [LEVEL] message              before
 * What does not start so continues: tracebacks, the configuration dump, bare prints. */
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"
#include "collector/formats/trace.h"

static bool starts(struct slice line)
{
    return stamp_shaped(line, "[0000-00-00 00:00:00 #0000] [") ||
           stamp_shaped(line, "0000-00-00 00:00:00 [0");
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (starts(line))
        return LINE_STARTS;
    if (line.len > 0 && (line.data[0] == '[' || is_digit(line.data[0])))
        return LINE_UNKNOWN; /* most likely the stamp of some other handler on the same stream */
    return open.len > 0 ? LINE_CONTINUES : LINE_UNKNOWN;
}

static bool take_head(const struct format_context *context, struct slice *rest, int64_t *time_ns,
                      struct slice *pid, struct slice *level)
{
    bool bracket = take_byte(rest, '[');

    if (!stamp_take(context, stamp_parse_iso, rest, time_ns) || (bracket && !take_byte(rest, ']')))
        return false;
    return take_byte(rest, ' ') && take_bracketed(rest, pid) && take_byte(rest, ' ') &&
           take_bracketed(rest, level);
}

/* `WORKER TIMEOUT (pid:N)`, `Worker (pid:N) was sent SIGKILL!`, `terminated due to signal S`. */
static void add_worker(const struct format_context *context, struct slice event,
                       struct slice message, struct parsed_event *out)
{
    size_t at;
    struct slice rest;
    struct slice signal;

    if (message.len == 0 || message.data[0] != 'W')
        return;
    at = find_literal(message, "was sent ");
    rest = slice_from(message, at == SIZE_MAX ? at : at + sizeof("was sent ") - 1);
    if (rest.len == 0) {
        at = find_literal(message, "due to signal ");
        rest = slice_from(message, at == SIZE_MAX ? at : at + sizeof("due to signal ") - 1);
    }
    if (rest.len > 0 && take_word(&rest, &signal)) {
        while (signal.len > 0 &&
               (signal.data[signal.len - 1] == '!' || signal.data[signal.len - 1] == '.'))
            signal.len--;
        add_text(out, context->extra[EXTRA_SIGNAL], event, signal);
    }
}

/* The request that the message is about. */
static void add_request(const struct format_context *context, struct slice event,
                        struct slice message, struct parsed_event *out)
{
    struct slice path;
    struct slice params;

    if (request_method_len(message) > 2 && message.len > request_method_len(message) + 1 &&
        message.data[request_method_len(message) + 1] == '/') {
        request_line_add(context, event, message, out); /* the debug level's hook */
    } else if (take_literal(&message, "Error handling request ")) {
        request_target_split(message, &path, &params);
        add_text(out, FIELD_ID_PATH, event, path);
        add_text(out, context->extra[EXTRA_PARAMS], event, params);
        out->derive_from = DERIVE_PATH;
    } else if (take_literal(&message, "Invalid request from ip=")) {
        size_t end = find_byte(message, ':');

        add_address(out, FIELD_ID_CLIENT, event, slice_first(message, end));
    }
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice pid;
    struct slice level;
    struct slice message;
    struct slice type;
    enum level number;

    if (!take_head(context, &rest, &out->time_ns, &pid, &level))
        return STATUS_INVALID;
    number = level_of_word(level);
    if (number == LEVEL_COUNT || count_digits(pid) != pid.len)
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)number;
    add_int(out, FIELD_ID_PID, event, pid);
    (void)take_byte(&rest, ' ');
    message = first_line(rest, NULL);
    add_request(context, event, message, out);
    add_worker(context, event, message, out);
    if (message.len < rest.len && trace_python_exception(rest, &type))
        add_text(out, FIELD_ID_EXCEPTION, event, type);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    if (stamp_shaped(line, "[0000-00-00 00:00:00 #0000] [0"))
        return 95;
    return stamp_shaped(line, "0000-00-00 00:00:00 [0") &&
                   find_literal(slice_first(line, 40), "] [") != SIZE_MAX
               ? 90
               : 0;
}

const struct format format_gunicorn_error = {
    .name = "gunicorn_error",
    .fields = "pid method path params url_group client tenant exception signal",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_DIGIT | BEGINS_BRACKET,
    .detect = detect,
};
