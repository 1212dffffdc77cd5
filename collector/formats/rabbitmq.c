/* collector/formats/rabbitmq.c -- RabbitMQ, three generations:
 *   =LEVEL REPORT==== D-Mon-YYYY::HH:MM:SS ===       up to 3.6; the message is on the next lines
 *   YYYY-MM-DD HH:MM:SS.mmm [level] <0.1.0> message  3.7, 3.8
 *   YYYY-MM-DD HH:MM:SS.uuuuuu+00:00 [level] <0.1.0> message
 *       3.9 and later; each line of a message repeats the whole prefix. The time may also be
 *       seconds or microseconds since the epoch, and all of it an object per line */
#include "collector/formats/formats.h"
#include "collector/formats/json_fields.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"
#include "collector/formats/structured.h"

/* Since the epoch, in seconds to microseconds. */
static bool is_epoch(struct slice line)
{
    size_t digits = count_digits(slice_first(line, 20));

    return digits >= 10 && digits <= 16 && starts_with(slice_from(line, digits), " [");
}

/* Length of `time [level] <pid> ` at the front of a 3.7+ line; 0 if it is none. */
static size_t prefix_len(struct slice line)
{
    size_t at;
    size_t end;

    if (!stamp_shaped(line, "0000-00-00 00:00:00.000") &&
        !stamp_shaped(line, "0000-00-00T00:00:00.000") && !is_epoch(line))
        return 0;
    at = find_literal(slice_first(line, 48), " [");
    if (at == SIZE_MAX)
        return 0;
    end = find_literal(slice_sub(line, at, 16), "] <");
    if (end == SIZE_MAX)
        return 0;
    at += end;
    end = find_byte(slice_sub(line, at, 40), '>');
    return end == SIZE_MAX ? 0 : at + end + 1;
}

static bool is_report(struct slice line)
{
    return starts_with(line, "=") &&
           find_literal(slice_first(line, 40), " REPORT==== ") != SIZE_MAX;
}

static bool is_object(struct slice line)
{
    return starts_with(line, "{") && find_literal(line, "\"domain\":\"rabbitmq") != SIZE_MAX;
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    size_t len;

    (void)context;
    if (is_report(line) || is_object(line))
        return LINE_STARTS;
    len = prefix_len(line);
    if (len == 0)
        return open.len > 0 ? LINE_CONTINUES : LINE_UNKNOWN;
    /* Equal time to the microsecond, level and process: one message. Milliseconds are too coarse.
     */
    if (len > sizeof("2026-04-02 09:20:11.000000+00:00") && len == prefix_len(open) &&
        slice_equal(slice_first(open, len), slice_first(line, len)))
        return LINE_CONTINUES;
    return LINE_STARTS;
}

/* `connection <pid> (peer:port -> local:port[, vhost: '/', user: 'x'])`. */
static void add_connection(struct slice event, struct slice message, struct parsed_event *out)
{
    size_t arrow = find_literal(message, " -> ");
    size_t open = slice_find_last_byte(slice_first(message, arrow), '(');
    size_t user = find_literal(message, "user: '");
    struct slice peer;

    if (user == SIZE_MAX)
        user = find_literal(message, "user '");
    if (arrow != SIZE_MAX && open != SIZE_MAX) {
        peer = slice_sub(message, open + 1, arrow - open - 1);
        add_address(out, FIELD_ID_CLIENT, event,
                    slice_first(peer, slice_find_last_byte(peer, ':')));
    }
    if (user == SIZE_MAX)
        return;
    peer = slice_from(message, user);
    peer = slice_from(peer, find_byte(peer, '\'') + 1);
    add_text(out, FIELD_ID_USER, event, slice_first(peer, find_byte(peer, '\'')));
}

/* `queue 'name' in vhost`. */
static void add_queue(struct slice event, struct slice message, struct parsed_event *out)
{
    size_t at = find_literal(message, "queue '");
    struct slice name;

    if (at == SIZE_MAX)
        return;
    name = slice_from(message, at + sizeof("queue '") - 1);
    add_text(out, FIELD_ID_QUEUE, event, slice_first(name, find_byte(name, '\'')));
}

static enum status parse_report(const struct format_context *context, struct slice event,
                                struct parsed_event *out)
{
    struct slice rest = slice_from(event, 1);
    struct slice word;
    enum level level;

    if (!take_word(&rest, &word) || !take_literal(&rest, "REPORT==== ") ||
        !stamp_take(context, stamp_parse_erlang, &rest, &out->time_ns))
        return STATUS_INVALID;
    level = level_of_word(word);
    if (level == LEVEL_COUNT) /* CRASH, SUPERVISOR, PROGRESS */
        level = slice_is(word, "PROGRESS") ? LEVEL_INFO : LEVEL_ERROR;
    out->has_time = true;
    out->level = (uint8_t)level;
    add_connection(event, rest, out);
    add_queue(event, rest, out);
    return STATUS_OK;
}

static enum status parse_object(const struct format_context *context, struct slice event,
                                struct parsed_event *out)
{
    enum { TIME, LEVEL, MESSAGE, PID, COUNT };
    static const struct slice keys[COUNT] = {SLICE_INIT("time"), SLICE_INIT("level"),
                                             SLICE_INIT("msg"), SLICE_INIT("pid")};
    struct json_token tokens[COUNT];
    struct slice values[COUNT];
    uint64_t present;
    enum level level;

    if (!json_fields_collect(event, keys, COUNT, tokens, &present))
        return STATUS_INVALID;
    for (unsigned i = 0; i < COUNT; i++)
        values[i] = (present >> i & 1) != 0 ? json_fields_text(&tokens[i], context->arena)
                                            : slice_first(event, 0);
    level = level_of_word(values[LEVEL]);
    if (level == LEVEL_COUNT || !structured_time(context, values[TIME], &out->time_ns))
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)level;
    add_text(out, FIELD_ID_PID, event, values[PID]);
    add_connection(event, values[MESSAGE], out);
    add_queue(event, values[MESSAGE], out);
    return STATUS_OK;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice word;
    enum level level;

    if (is_report(event))
        return parse_report(context, event, out);
    if (starts_with(event, "{"))
        return parse_object(context, event, out);
    if (prefix_len(event) == 0 ||
        !stamp_take(context, is_epoch(event) ? stamp_parse_epoch : stamp_parse_iso, &rest,
                    &out->time_ns) ||
        !take_byte(&rest, ' ') || !take_bracketed(&rest, &word))
        return STATUS_INVALID;
    level = level_of_word(word);
    if (level == LEVEL_COUNT || !take_byte(&rest, ' ') || !take_word(&rest, &word))
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)level;
    add_text(out, FIELD_ID_PID, event, word);
    add_connection(event, rest, out);
    add_queue(event, rest, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    return is_report(line) ? 95 : is_object(line) ? 93 : prefix_len(line) > 0 ? 88 : 0;
}

const struct format format_rabbitmq = {
    .name = "rabbitmq",
    .fields = "pid client user queue",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_DIGIT | BEGINS_BRACE | BEGINS_OTHER,
    .detect = detect,
};
