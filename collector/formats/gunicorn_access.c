/* collector/formats/gunicorn_access.c -- gunicorn's --access-logfile: the combined line with the
 * escapes of gunicorn.glogging, and what people put behind it. */
#include "collector/formats/access_line.h"
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"

/* One word of the tail: `<pid>`, seconds with a point, or an integer in the configured unit. */
static void add_tail_word(const struct format_context *context, struct slice event,
                          struct slice word, struct parsed_event *out)
{
    bool fraction;

    if (word.len > 2 && word.data[0] == '<' && word.data[word.len - 1] == '>') {
        add_int(out, FIELD_ID_PID, event, slice_sub(word, 1, word.len - 2));
        return;
    }
    if (!is_number_in(event, word, &fraction))
        return;
    if (fraction)
        parsed_span(out, FIELD_ID_DURATION, FIELD_DURATION, UNIT_SECONDS, event, word);
    else if (context->settings->duration_unit != UNIT_NONE)
        parsed_span(out, FIELD_ID_DURATION, FIELD_DURATION, context->settings->duration_unit, event,
                    word);
}

/* X-Forwarded-For in the tail, quoted or not: a list of addresses. */
static struct slice find_forwarded(struct slice tail)
{
    struct slice quoted;

    if (take_byte(&tail, '"') && cut(&tail, '"', &quoted))
        return quoted;
    return slice_first(tail, 0);
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct access_line line;
    struct slice rest;
    struct slice forwarded;
    struct slice word;

    if (!access_line_split(context, event, QUOTING_LOOSE, &line))
        return STATUS_INVALID;
    forwarded = find_forwarded(line.tail);
    access_line_add_forwarded(context, event, &line, forwarded, out);
    rest = forwarded.len > 0 ? slice_from(line.tail, forwarded.len + 2) : line.tail;
    while (skip_blanks(&rest), take_word(&rest, &word))
        add_tail_word(context, event, word, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    return access_line_detect(line);
}

const struct format format_gunicorn_access = {
    .name = "gunicorn_access",
    .fields = "client peer user method path params url_group status bytes duration referer agent "
              "pid tenant",
    .parse = parse,
    .with_access_time = true,
    .detect = detect,
    .score_max = 60,
};
