/* collector/formats/nginx_timing.c -- CommCare's `timing` format of nginx:
 *   [time] cache request status duration bytes_in bytes referer
 * The request is not quoted and holds blanks, and older lines lack the cache status, the lengths or
 * the referer, or the time itself. So the line is anchored on ` HTTP/x.y NNN
 * S.mmm`. */
#include "collector/formats/formats.h"
#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

/* Behind the protocol: ` NNN S.mmm`, the status and the time. */
static bool take_anchor(struct slice event, struct slice *rest, struct slice *status,
                        struct slice *duration)
{
    struct slice at = *rest;
    bool fraction;

    if (!take_word(&at, status) || status->len != 3 || count_digits(*status) != 3 ||
        !take_word(&at, duration) || !is_number_in(event, *duration, &fraction) || !fraction)
        return false;
    *rest = at;
    return true;
}

/* Where the request at the front of `text` ends: the last ` HTTP/x.y ` that the anchor follows. */
static bool split_request(struct slice event, struct slice text, struct slice *request,
                          struct slice *rest, struct slice *status, struct slice *duration)
{
    size_t from = 0;

    for (;;) {
        size_t at = find_by(slice_from(text, from), SLICE_LITERAL(" HTTP/"), 1);
        struct slice behind;
        struct slice version;

        if (at == SIZE_MAX)
            return false;
        at += from;
        behind = slice_from(text, at + 1);
        if (take_word(&behind, &version) && take_anchor(event, &behind, status, duration)) {
            *request = slice_first(text, at + 1 + version.len);
            *rest = behind;
            return true;
        }
        from = at + 1;
    }
}

/* Cache status in front of the method: `-`, HIT, MISS, ... */
static void take_cache(const struct format_context *context, struct slice event, struct slice *rest,
                       struct parsed_event *out)
{
    static const struct slice words[] = {
        SLICE_INIT("- "),        SLICE_INIT("HIT "),         SLICE_INIT("MISS "),
        SLICE_INIT("BYPASS "),   SLICE_INIT("STALE "),       SLICE_INIT("EXPIRED "),
        SLICE_INIT("UPDATING "), SLICE_INIT("REVALIDATED "),
    };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (rest->len > 0 && rest->data[0] == words[i].data[0] && slice_starts(*rest, words[i])) {
            add_text(out, context->extra[EXTRA_CACHE], event, slice_first(*rest, words[i].len - 1));
            *rest = slice_from(*rest, words[i].len);
            return;
        }
}

/* `bytes_in bytes referer`, each perhaps missing; before 2020 the referer alone. */
static void add_tail(const struct format_context *context, struct slice event, struct slice tail,
                     struct parsed_event *out)
{
    struct slice rest = tail;
    struct slice bytes_in;
    struct slice bytes;

    if (take_word(&rest, &bytes_in) && all_digits(event, bytes_in) && take_word(&rest, &bytes) &&
        all_digits(event, bytes)) {
        parsed_span(out, context->extra[EXTRA_BYTES_IN], FIELD_BYTES, UNIT_BYTES, event, bytes_in);
        parsed_span(out, FIELD_ID_BYTES, FIELD_BYTES, UNIT_BYTES, event, bytes);
        tail = rest;
    }
    if (ends_with(tail, "\"")) /* a stray quote of hand-made formats */
        tail.len--;
    add_text(out, FIELD_ID_REFERER, event, tail);
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice request = slice_first(event, 0);
    struct slice status;
    struct slice duration;

    if (take_byte(&rest, '[')) {
        if (!stamp_take(context, stamp_parse_clf, &rest, &out->time_ns) ||
            !take_literal(&rest, "] "))
            return STATUS_INVALID;
        out->has_time = true;
    }
    take_cache(context, event, &rest, out);
    if (!split_request(event, rest, &request, &rest, &status, &duration)) {
        skip_blanks(&rest); /* an empty request: `-  400 0.000` */
        if (!out->has_time || !take_anchor(event, &rest, &status, &duration))
            return STATUS_INVALID;
    }
    request_line_add(context, event, request, out);
    out->level = (uint8_t)level_of_status(status);
    parsed_span(out, FIELD_ID_STATUS, FIELD_INT, UNIT_NONE, event, status); /* take_anchor() */
    parsed_span(out, FIELD_ID_DURATION, FIELD_DURATION, UNIT_SECONDS, event, duration);
    add_tail(context, event, rest, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    struct slice request;
    struct slice rest;
    struct slice status;
    struct slice duration;

    if (!stamp_shaped(line, "[00/###/0000:00:00:00 #0000] "))
        return 0;
    return split_request(line, line, &request, &rest, &status, &duration) ? 92 : 20;
}

const struct format format_nginx_timing = {
    .name = "nginx_timing",
    .fields = "method path params url_group status duration bytes_in bytes cache referer "
              "referer_group route tenant",
    .parse = parse,
    .begins = BEGINS_BRACKET,
    .detect = detect,
};
