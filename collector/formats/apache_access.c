/* collector/formats/apache_access.c -- Apache httpd: common, combined, vhost_combined, a time
 * behind them (%D, %T, **%T/%D**), or a configured LogFormat. */
#include "collector/formats/access_line.h"
#include "collector/formats/formats.h"
#include "collector/formats/log_pattern.h"
#include "collector/formats/scan.h"

/* `**seconds/microseconds**`, a number with a point (seconds), or an integer: microseconds, since
 * %D is what is used, unless the source says otherwise. */
static void add_tail(const struct format_context *context, struct slice event, struct slice tail,
                     struct parsed_event *out)
{
    enum field_unit unit = context->settings->duration_unit;
    struct slice word;
    struct slice seconds;
    bool fraction;

    if (take_literal(&tail, "**") && cut(&tail, '/', &seconds)) {
        add_duration(out, FIELD_ID_DURATION, UNIT_MICROSECONDS, event,
                     slice_first(tail, find_byte(tail, '*')));
        return;
    }
    if (!take_word(&tail, &word) || !is_number_in(event, word, &fraction))
        return;
    if (unit == UNIT_NONE)
        unit = fraction ? UNIT_SECONDS : UNIT_MICROSECONDS;
    add_duration(out, FIELD_ID_DURATION, unit, event, word);
}

/* vhost_combined puts `name:port ` in front: one colon, not an IPv6 address, and one
 * more word than usual. */
static struct slice without_vhost(const struct format_context *context, struct slice event,
                                  struct parsed_event *out)
{
    struct slice rest = event;
    struct slice first;
    struct slice head = slice_first(event, slice_find(event, SLICE_LITERAL(" [")));
    size_t colon;
    unsigned blanks = 0;

    for (size_t i = 0; i < head.len; i++)
        blanks += head.data[i] == ' ';
    if (blanks < 3 || !take_word(&rest, &first))
        return event;
    colon = slice_find_last_byte(first, ':');
    if (colon == SIZE_MAX || colon + 1 == first.len || find_byte(first, ':') != colon ||
        count_digits(slice_from(first, colon + 1)) != first.len - colon - 1)
        return event;
    add_text(out, context->extra[EXTRA_SERVER], event, slice_first(first, colon));
    return rest;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct access_line line;
    struct slice rest;

    if (context->compiled != NULL)
        return log_pattern_parse(context->compiled, context, event, QUOTING_BACKSLASH, out);
    rest = without_vhost(context, event, out);
    if (!access_line_split(context, rest, QUOTING_BACKSLASH, &line))
        return STATUS_INVALID;
    access_line_add(context, event, &line, out);
    add_tail(context, event, line.tail, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    return access_line_detect(line);
}

const struct format format_apache_access = {
    .name = "apache_access",
    .fields =
        "client peer user method path params url_group status bytes bytes_in duration referer "
        "agent request_id server tenant",
    .parse = parse,
    .with_access_time = true,
    .detect = detect,
    .score_max = 60,
    .compile = log_pattern_compile_apache,
};
