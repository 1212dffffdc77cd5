/* collector/formats/nginx_rt_cache.c -- CommCare's `rt_cache` format of nginx:
 *   forwarded,peer - user - cache - [time] "request" status bytes_in bytes "referer" "agent"
 * The first field is `-` or a list with `, ` in it. */
#include "collector/formats/access_line.h"
#include "collector/formats/formats.h"
#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

/* `forwarded,peer - user - cache - `. */
static bool split_head(struct slice head, struct slice *forwarded, struct slice *peer,
                       struct slice *user, struct slice *cache)
{
    size_t dash = find_by(head, SLICE_LITERAL(" - "), 1);
    size_t comma;
    size_t last;

    if (dash == SIZE_MAX)
        return false;
    *peer = slice_first(head, dash);
    comma = find_last_byte(*peer, ',');
    if (comma == SIZE_MAX)
        return false;
    *forwarded = slice_first(*peer, comma);
    *peer = slice_from(*peer, comma + 1);
    head = slice_from(head, dash + 3);
    if (!ends_with(head, " -"))
        return false;
    head.len -= 2;
    last = find_last_byte(head, ' ');
    if (last == SIZE_MAX || last < 2)
        return false;
    *cache = slice_from(head, last + 1);
    *user = slice_first(head, last);
    if (!ends_with(*user, " -"))
        return false;
    user->len -= 2;
    return true;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    size_t bracket = find_by(event, SLICE_LITERAL(" ["), 1);
    struct slice rest;
    struct slice forwarded, peer, user, cache, request, status, bytes_in, bytes, quoted;

    if (bracket == SIZE_MAX ||
        !split_head(slice_first(event, bracket), &forwarded, &peer, &user, &cache))
        return STATUS_INVALID;
    rest = slice_from(event, bracket + 2);
    if (!stamp_take(context, stamp_parse_clf, &rest, &out->time_ns) ||
        !take_literal(&rest, "] \"") || !cut(&rest, '"', &request) ||
        !take_byte(&rest, ' ') || !take_word(&rest, &status) || count_digits(status) != 3 ||
        !take_word(&rest, &bytes_in) || !take_word(&rest, &bytes))
        return STATUS_INVALID;
    out->has_time = true;
    out->level = (uint8_t)level_of_status(status);
    access_add_client(context, event, peer, forwarded, out);
    add_text(out, FIELD_ID_USER, event, user);
    add_text(out, context->extra[EXTRA_CACHE], event, cache);
    request_line_add(context, event, request, out);
    parsed_span(out, FIELD_ID_STATUS, FIELD_INT, UNIT_NONE, event, status); /* three digits */
    add_bytes(out, context->extra[EXTRA_BYTES_IN], event, bytes_in);
    add_bytes(out, FIELD_ID_BYTES, event, bytes);
    if (take_byte(&rest, '"') && cut(&rest, '"', &quoted))
        add_text(out, FIELD_ID_REFERER, event, quoted);
    skip_blanks(&rest);
    if (take_byte(&rest, '"') && cut(&rest, '"', &quoted))
        add_text(out, FIELD_ID_AGENT, event, quoted);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    size_t bracket = find_literal(slice_first(line, 512), " [");
    struct slice forwarded, peer, user, cache;

    if (bracket == SIZE_MAX ||
        !stamp_shaped(slice_from(line, bracket + 2), "00/###/0000:00:00:00 #0000] \""))
        return 0;
    return split_head(slice_first(line, bracket), &forwarded, &peer, &user, &cache) ? 93 : 0;
}

const struct format format_nginx_rt_cache = {
    .name = "nginx_rt_cache",
    .fields = "client peer user method path params url_group status bytes_in bytes cache referer "
              "referer_group agent route tenant",
    .parse = parse,
    .with_access_time = true,
    .detect = detect,
};
