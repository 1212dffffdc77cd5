/* collector/formats/nginx_error.c -- nginx's error log:
 *   YYYY/MM/DD HH:MM:SS [level] pid#tid: *cid message, client: A, server: B, request: "..", ...
 * Values may hold commas and quotes, so the keys are searched from the right. FastCGI errors hold
 * newlines, and the tail with the keys is then on the last line. */
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

#define NGINX_STAMP "0000/00/00 00:00:00 ["

enum tail_key {
    TAIL_CLIENT,
    TAIL_SERVER,
    TAIL_REQUEST,
    TAIL_SUBREQUEST,
    TAIL_UPSTREAM,
    TAIL_HOST,
    TAIL_REFERRER,
    TAIL_KEY_COUNT
};

static const struct slice tail_keys[TAIL_KEY_COUNT] = {
    [TAIL_CLIENT] = SLICE_INIT(", client: "),
    [TAIL_SERVER] = SLICE_INIT(", server: "),
    [TAIL_REQUEST] = SLICE_INIT(", request: \""),
    [TAIL_SUBREQUEST] = SLICE_INIT(", subrequest: \""),
    [TAIL_UPSTREAM] = SLICE_INIT(", upstream: \""),
    [TAIL_HOST] = SLICE_INIT(", host: \""),
    [TAIL_REFERRER] = SLICE_INIT(", referrer: \""),
};

static size_t find_last(struct slice text, struct slice needle)
{
    for (size_t end = text.len; end >= needle.len;) {
        size_t comma = slice_find_last_byte(slice_first(text, end), ',');

        if (comma == SIZE_MAX)
            return SIZE_MAX;
        if (slice_starts(slice_from(text, comma), needle))
            return comma;
        end = comma;
    }
    return SIZE_MAX;
}

/* Cut the tail off `message`, key by key from the right. */
static void split_tail(struct slice *message, struct slice values[TAIL_KEY_COUNT])
{
    for (unsigned i = TAIL_KEY_COUNT; i > 0; i--) {
        struct slice key = tail_keys[i - 1];
        size_t at = find_last(*message, key);
        struct slice value;

        values[i - 1] = slice_first(*message, 0);
        if (at == SIZE_MAX)
            continue;
        value = slice_from(*message, at + key.len);
        if (key.data[key.len - 1] == '"' && ends_with(value, "\""))
            value.len--;
        values[i - 1] = value;
        *message = slice_first(*message, at);
    }
}

/* Classes, by what the message says. */
static const struct {
    struct slice text, error_class;
} error_classes[] = {
    {SLICE_INIT("(111: Connection refused)"), SLICE_INIT("connection_refused")},
    {SLICE_INIT("upstream timed out"), SLICE_INIT("upstream_timeout")},
    {SLICE_INIT("upstream prematurely closed"), SLICE_INIT("upstream_closed")},
    {SLICE_INIT("no live upstreams"), SLICE_INIT("no_upstream")},
    {SLICE_INIT("upstream response is buffered"), SLICE_INIT("buffered_upstream")},
    {SLICE_INIT("client request body is buffered"), SLICE_INIT("buffered_client")},
    {SLICE_INIT("limiting requests"), SLICE_INIT("rate_limited")},
    {SLICE_INIT("limiting connections"), SLICE_INIT("rate_limited")},
    {SLICE_INIT("SSL_do_handshake()"), SLICE_INIT("tls")},
};

static struct slice error_class_of(struct slice message)
{
    for (size_t i = 0; i < COUNT_OF(error_classes); i++)
        if (slice_find(message, error_classes[i].text) != SIZE_MAX)
            return error_classes[i].error_class;
    return SLICE_LITERAL("other");
}

static void add_zone(const struct format_context *context, struct slice event, struct slice message,
                     struct parsed_event *out)
{
    size_t at = find_literal(message, " by zone \"");
    struct slice zone;

    if (at == SIZE_MAX)
        return;
    zone = slice_from(message, at + sizeof(" by zone \"") - 1);
    add_text(out, context->extra[EXTRA_ZONE], event, slice_first(zone, find_byte(zone, '"')));
}

static void add_tail(const struct format_context *context, struct slice event,
                     const struct slice values[TAIL_KEY_COUNT], struct parsed_event *out)
{
    add_address(out, FIELD_ID_CLIENT, event, values[TAIL_CLIENT]);
    add_text(out, context->extra[EXTRA_SERVER], event, values[TAIL_SERVER]);
    request_line_add(context, event, values[TAIL_REQUEST], out);
    add_text(out, context->extra[EXTRA_UPSTREAM], event, values[TAIL_UPSTREAM]);
    add_text(out, FIELD_ID_REFERER, event, values[TAIL_REFERRER]);
    if (values[TAIL_REFERRER].len > 0)
        out->derive_from = DERIVE_PATH;
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (stamp_shaped(line, NGINX_STAMP))
        return LINE_STARTS;
    return open.len > 0 ? LINE_CONTINUES : LINE_UNKNOWN;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice values[TAIL_KEY_COUNT];
    struct slice level_text;
    struct slice pid;
    struct slice tid;
    enum level level;

    if (!stamp_take(context, stamp_parse_slashed, &rest, &out->time_ns) || !take_byte(&rest, ' ') ||
        !take_bracketed(&rest, &level_text) || !take_byte(&rest, ' ') ||
        !take_digits(&rest, &pid) || !take_byte(&rest, '#') || !take_digits(&rest, &tid) ||
        !take_byte(&rest, ':'))
        return STATUS_INVALID;
    level = level_of_word(level_text);
    if (level == LEVEL_COUNT)
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)level;
    (void)take_byte(&rest, ' ');
    add_int(out, FIELD_ID_PID, event, pid);
    add_int(out, FIELD_ID_THREAD, event, tid);
    split_tail(&rest, values);
    add_zone(context, event, rest, out);
    add_tail(context, event, values, out);
    parsed_text(out, context->extra[EXTRA_ERROR_CLASS], FIELD_TEXT, error_class_of(rest));
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    struct slice behind;
    size_t end;

    if (!stamp_shaped(line, NGINX_STAMP))
        return 0;
    behind = slice_from(line, sizeof(NGINX_STAMP) - 1);
    end = find_literal(slice_first(behind, 10), "] ");
    return end != SIZE_MAX && stamp_shaped(slice_from(behind, end), "] 0") ? 95 : 0;
}

const struct format format_nginx_error = {
    .name = "nginx_error",
    .fields = "pid thread client method path params url_group upstream error_class zone server "
              "referer tenant",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_DIGIT,
    .detect = detect,
};
