/* collector/formats/nginx_access.c -- nginx's combined format, that with the usual values behind
 * it, or a configured log_format. */
#include "collector/formats/access_line.h"
#include "collector/formats/formats.h"
#include "collector/formats/log_pattern.h"
#include "collector/formats/scan.h"

/* What people put behind the agent: X-Forwarded-For in quotes, $request_time, then the upstream's
 * time (which can be a list). */
static enum status parse_combined(const struct format_context *context, struct slice event,
                                  struct parsed_event *out)
{
    struct access_line line;
    struct slice rest;
    struct slice forwarded = slice_first(event, 0);
    struct slice word;
    bool fraction;

    if (!access_line_split(context, event, QUOTING_HEX, &line))
        return STATUS_INVALID;
    rest = line.tail;
    if (take_byte(&rest, '"')) {
        if (!cut(&rest, '"', &forwarded))
            return STATUS_INVALID;
        skip_blanks(&rest);
    }
    access_line_add_forwarded(context, event, &line, forwarded, out);
    if (!take_word(&rest, &word) || !is_number(word, &fraction) || !fraction)
        return STATUS_OK;
    add_duration(out, FIELD_ID_DURATION, UNIT_SECONDS, event, word);
    log_add_upstream_duration(context, event, rest, out);
    return STATUS_OK;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    if (context->compiled != NULL)
        return log_pattern_parse(context->compiled, context, event, QUOTING_HEX, out);
    return parse_combined(context, event, out);
}

static unsigned detect(struct slice line)
{
    return access_line_detect(line) == 0 ? 0 : 61; /* the likeliest of the three that write it */
}

const struct format format_nginx_access = {
    .name = "nginx_access",
    .fields = "client peer user method path params url_group status bytes bytes_in duration "
              "upstream upstream_duration upstream_status cache referer agent request_id server "
              "tenant",
    .parse = parse,
    .with_access_time = true,
    .detect = detect,
    .score_max = 61,
    .compile = log_pattern_compile_nginx,
};
