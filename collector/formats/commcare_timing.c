/* collector/formats/commcare_timing.c -- CommCare's small measuring logs:
 *   asctime TAB tenant TAB config TAB filter_values TAB control TAB candidate
 *                                                                     ucr_timing, ucr_diff
 *   asctime, action, control, candidate                               formplayer_timing
 *   asctime,message                                                   kafka_audit
 *   metric epoch value metric_type=TYPE tags                          metrics as text
 * control and candidate are durations of the old and the new way: the old one is `duration`. */
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

enum timing_layout { TIMING_NONE, TIMING_REPORT, TIMING_FORMPLAYER, TIMING_AUDIT, TIMING_METRIC };
enum { METRIC_NAME_MAX = 200 };

static bool is_name_byte(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
}

/* `name 1775121611 1.5 metric_type=`; eats the name and its blank. */
static bool take_metric(struct slice *rest)
{
    struct slice at = *rest;
    struct slice word;
    size_t len = 0;
    bool fraction;

    while (len < at.len && len < METRIC_NAME_MAX && is_name_byte(at.data[len]))
        len++;
    at = slice_from(at, len);
    if (len == 0 || !take_byte(&at, ' '))
        return false;
    *rest = at;
    if (!take_word(&at, &word) || word.len < 10 || !is_number(word, &fraction) ||
        !take_word(&at, &word))
        return false;
    (void)take_byte(&word, '-');
    return is_number(word, &fraction) && starts_with(at, "metric_type=");
}

static enum timing_layout layout_of(struct slice line)
{
    struct slice rest = line;

    if (stamp_shaped(line, "0000-00-00 00:00:00,000\t"))
        return TIMING_REPORT;
    if (stamp_shaped(line, "0000-00-00 00:00:00,000, "))
        return TIMING_FORMPLAYER;
    if (stamp_shaped(line, "0000-00-00 00:00:00,000,"))
        return TIMING_AUDIT;
    return take_metric(&rest) ? TIMING_METRIC : TIMING_NONE;
}

/* `0:00:01.038226`, perhaps behind days, has its own unit; a plain number is seconds. */
static void add_time_spent(struct slice event, struct slice text, struct parsed_event *out)
{
    bool fraction;

    text = slice_trim(text);
    if (is_number(text, &fraction))
        add_duration(out, FIELD_ID_DURATION, UNIT_SECONDS, event, text);
    else if (find_byte(text, ':') != SIZE_MAX)
        parsed_span(out, FIELD_ID_DURATION, FIELD_DURATION, UNIT_NONE, event, text);
}

/* Filters may hold anything: the durations are counted from the end. */
static void add_report(struct slice event, struct slice rest, struct parsed_event *out)
{
    struct slice tenant;
    size_t tab = slice_find_last_byte(rest, '\t');
    size_t before;

    if (!cut(&rest, '\t', &tenant))
        return;
    add_text(out, FIELD_ID_TENANT, event, tenant);
    tab -= tenant.len + 1;
    before = slice_find_last_byte(slice_first(rest, tab), '\t');
    if (before != SIZE_MAX)
        add_time_spent(event, slice_sub(rest, before + 1, tab - before - 1), out);
}

static void add_formplayer(struct slice event, struct slice rest, struct parsed_event *out)
{
    size_t last = slice_find_last_byte(rest, ',');
    size_t before = slice_find_last_byte(slice_first(rest, last), ',');

    /* `1 day, 0:00:02` has a comma of its own. */
    if (before != SIZE_MAX && before > 3 && last != SIZE_MAX &&
        ends_with(slice_first(rest, before), "day"))
        before = slice_find_last_byte(slice_first(rest, before), ',');
    if (last != SIZE_MAX && before != SIZE_MAX)
        add_time_spent(event, slice_sub(rest, before + 1, last - before - 1), out);
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    enum timing_layout layout = layout_of(event);
    struct slice rest = event;

    if (layout == TIMING_METRIC) {
        (void)take_metric(&rest);
        out->has_time = stamp_take(context, stamp_parse_epoch, &rest, &out->time_ns);
        return out->has_time ? STATUS_OK : STATUS_INVALID;
    }
    if (layout == TIMING_NONE || !stamp_take_local(context, &rest, &out->time_ns))
        return STATUS_INVALID;
    out->has_time = true;
    rest = slice_from(rest, 1);
    if (layout == TIMING_REPORT)
        add_report(event, rest, out);
    else if (layout == TIMING_FORMPLAYER)
        add_formplayer(event, rest, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    static const unsigned scores[] = {[TIMING_NONE] = 0,
                                      [TIMING_REPORT] = 90,
                                      [TIMING_FORMPLAYER] = 82,
                                      [TIMING_AUDIT] = 80,
                                      [TIMING_METRIC] = 92};

    return scores[layout_of(line)];
}

const struct format format_commcare_timing = {
    .name = "commcare_timing",
    .fields = "tenant duration",
    .parse = parse,
    .detect = detect,
};
