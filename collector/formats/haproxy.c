/* collector/formats/haproxy.c -- HAProxy's HTTP and TCP lines, also in
 * front of Cloudant: client:port [time] frontend backend/server TR/Tw/Tc/Tr/Ta status bytes cookie
 * cookie tsc4 ac/fc/bc/sc/rc sq/bq [{headers}] [{headers}] "request" client:port [time] frontend
 * backend/server Tw/Tc/Tt bytes ts2 ac/fc/bc/sc/rc sq/bq Times are ms, -1 for a phase that was not
 * reached; + says that logging was earlier than the end. */
#include "collector/formats/formats.h"
#include "collector/formats/haproxy_notice.h"
#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

enum { TIMERS_MAX = 5 };

struct haproxy_line {
    int64_t time_ns;
    struct slice client, frontend, backend, server;
    struct slice timers[TIMERS_MAX];
    unsigned timer_count;
    struct slice status, bytes, termination, request;
};

/* `a/b/c`, each a number, -1, or +N. */
static unsigned split_timers(struct slice word, struct slice timers[TIMERS_MAX])
{
    unsigned count = 0;

    for (;;) {
        struct slice part = word;
        bool more = cut(&word, '/', &part);

        (void)take_byte(&part, '+');
        if (count == TIMERS_MAX || part.len == 0 ||
            (count_digits(part) != part.len && !slice_is(part, "-1")))
            return 0;
        timers[count++] = part;
        if (!more)
            return count;
    }
}

/* `ip:port [time] frontend[~] backend/server `; IPv6 may hold colons, the last is the port's. */
static bool take_head(const struct format_context *context, struct slice *rest,
                      struct haproxy_line *out)
{
    struct slice word;
    size_t colon;

    (void)take_byte(rest, ' '); /* a %msg% template leaves a blank */
    if (!take_word(rest, &word) || !take_byte(rest, '['))
        return false;
    colon = slice_find_last_byte(word, ':');
    if (colon == SIZE_MAX || count_digits(slice_from(word, colon + 1)) == 0)
        return false;
    out->client = slice_first(word, colon);
    if (!stamp_take(context, stamp_parse_clf, rest, &out->time_ns) || !take_literal(rest, "] ") ||
        !take_word(rest, &out->frontend) || !take_word(rest, &word))
        return false;
    if (ends_with(out->frontend, "~"))
        out->frontend.len--;
    colon = find_byte(word, '/');
    if (colon == SIZE_MAX)
        return false;
    out->backend = slice_first(word, colon);
    out->server = slice_from(word, colon + 1);
    return true;
}

/* The request is quoted at the end; syslog may have cut the closing quote. */
static struct slice find_request(struct slice rest)
{
    size_t quote = find_literal(rest, " \"");

    if (quote == SIZE_MAX)
        return slice_first(rest, 0);
    rest = slice_from(rest, quote + 2);
    if (ends_with(rest, "\""))
        rest.len--;
    return rest;
}

static bool split(const struct format_context *context, struct slice line, struct haproxy_line *out)
{
    struct slice rest = line;
    struct slice none = slice_first(line, 0);
    struct slice word;

    *out = (struct haproxy_line){.status = none, .termination = none, .request = none};
    if (!take_head(context, &rest, out) || !take_word(&rest, &word))
        return false;
    out->timer_count = split_timers(word, out->timers);
    if (out->timer_count == 0) { /* customised: one more word before the timers */
        if (!take_word(&rest, &word))
            return false;
        out->timer_count = split_timers(word, out->timers);
    }
    if (out->timer_count == 3) {
        if (!take_word(&rest, &out->bytes) || !take_word(&rest, &out->termination))
            return false;
    } else if (out->timer_count != 5 || !take_word(&rest, &out->status) ||
               !take_word(&rest, &out->bytes) || !take_word(&rest, &word) ||
               !take_word(&rest, &word) || !take_word(&rest, &out->termination)) {
        return false;
    }
    (void)take_byte(&out->bytes, '+');
    out->request = find_request(rest);
    return true;
}

/* -1 is no time. */
static void add_timer(struct slice event, struct slice timer, field_id field,
                      struct parsed_event *out)
{
    add_duration(out, field, UNIT_MILLISECONDS, event, timer);
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct haproxy_line line;

    if (!split(context, event, &line))
        return haproxy_notice_parse(context, event, out) ? STATUS_OK : STATUS_INVALID;
    out->time_ns = line.time_ns;
    out->has_time = true;
    out->level = (uint8_t)level_of_status(line.status);
    add_address(out, FIELD_ID_CLIENT, event, line.client);
    add_text(out, context->extra[EXTRA_BACKEND], event, line.backend);
    add_text(out, context->extra[EXTRA_SERVER], event, line.server);
    if (line.timer_count == 5)
        add_timer(event, line.timers[3], context->extra[EXTRA_UPSTREAM_DURATION], out);
    add_timer(event, line.timers[line.timer_count - 1], FIELD_ID_DURATION, out);
    if (!slice_is(line.status, "-1"))
        add_int(out, FIELD_ID_STATUS, event, line.status);
    add_bytes(out, FIELD_ID_BYTES, event, line.bytes);
    add_text(out, context->extra[EXTRA_TERMINATION], event, line.termination);
    request_line_add(context, event, line.request, out);
    return STATUS_OK;
}

/* One word with a port, then the time: in front of syslog's header would be more words. */
static unsigned detect(struct slice line)
{
    struct slice rest = line;
    struct slice word;

    (void)take_byte(&rest, ' ');
    if (!take_word(&rest, &word) || find_byte(word, ':') == SIZE_MAX ||
        !stamp_shaped(rest, "[00/###/0000:00:00:00.000] "))
        return haproxy_notice_detect(line);
    return find_byte(slice_sub(rest, 27, 200), '/') == SIZE_MAX ? 0 : 92;
}

const struct format format_haproxy = {
    .name = "haproxy",
    .fields = "client backend server method path params url_group status bytes duration "
              "upstream_duration termination tenant",
    .parse = parse,
    .detect = detect,
};
