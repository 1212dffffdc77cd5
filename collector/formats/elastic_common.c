/* collector/formats/elastic_common.c -- shared readers of Elasticsearch's values. */
#include "collector/formats/elastic_common.h"

#include "collector/fingerprint.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"
#include "collector/formats/trace.h"

static const struct {
    struct slice name;
    enum field_unit unit;
} took_units[] = {
    {SLICE_INIT("ms"), UNIT_MILLISECONDS},   {SLICE_INIT("micros"), UNIT_MICROSECONDS},
    {SLICE_INIT("nanos"), UNIT_NANOSECONDS}, {SLICE_INIT("s"), UNIT_SECONDS},
    {SLICE_INIT("m"), UNIT_MINUTES},
};

void elastic_add_took(struct slice event, struct slice took, struct parsed_event *out)
{
    size_t len = 0;

    while (len < took.len && (is_digit(took.data[len]) || took.data[len] == '.'))
        len++;
    if (len == 0)
        return;
    for (size_t i = 0; i < COUNT_OF(took_units); i++)
        if (slice_equal(slice_from(took, len), took_units[i].name)) {
            add_duration(out, FIELD_ID_DURATION, took_units[i].unit, event, slice_first(took, len));
            return;
        }
    parsed_span(out, FIELD_ID_DURATION, FIELD_DURATION, UNIT_NONE, event, took); /* h, d */
}

void elastic_add_duration(struct slice event, struct slice took, struct slice took_millis,
                          struct parsed_event *out)
{
    uint64_t ms;

    if (slice_to_u64(took_millis, &ms) && (ms > 0 || took.len == 0))
        add_duration(out, FIELD_ID_DURATION, UNIT_MILLISECONDS, event, took_millis);
    else
        elastic_add_took(event, took, out);
}

void elastic_add_source(const struct format_context *context, struct slice event,
                        struct slice source, struct parsed_event *out)
{
    if (source.len == 0)
        return;
    add_text(out, FIELD_ID_STATEMENT, event, source);
    parsed_text(out, FIELD_ID_FINGERPRINT, FIELD_TEXT, fingerprint_json(source, context->arena));
}

void elastic_add_hits(const struct format_context *context, struct slice event, struct slice hits,
                      struct parsed_event *out)
{
    add_int(out, context->extra[EXTRA_HITS], event, slice_first(hits, count_digits(hits)));
}

void elastic_add_index(struct slice event, struct slice brackets, struct parsed_event *out)
{
    struct slice index;
    struct slice shard;

    if (!take_bracketed(&brackets, &index))
        return;
    add_text(out, FIELD_ID_INDEX, event, slice_first(index, find_byte(index, '/')));
    if (take_bracketed(&brackets, &shard))
        add_int(out, FIELD_ID_SHARD, event, shard);
}

void elastic_add_gc(struct slice event, struct slice message, struct parsed_event *out)
{
    size_t at;
    struct slice took;

    if (!starts_with(message, "[gc]"))
        return;
    at = find_literal(message, " duration [");
    if (at == SIZE_MAX)
        at = find_literal(message, " spent [");
    if (at == SIZE_MAX)
        return;
    message = slice_from(message, at);
    message = slice_from(message, find_byte(message, '['));
    if (take_bracketed(&message, &took))
        elastic_add_took(event, took, out);
}

bool elastic_starts(struct slice line)
{
    return stamp_shaped(line, "[0000-00-00#00:00:00,000") &&
           (line.data[11] == ' ' || line.data[11] == 'T');
}

bool elastic_head_split(const struct format_context *context, struct slice event,
                        struct elastic_head *out)
{
    struct slice rest = event;
    struct slice word;

    if (!take_byte(&rest, '[') || !stamp_take(context, stamp_parse_iso, &rest, &out->time_ns) ||
        !take_byte(&rest, ']'))
        return false;
    if (!take_bracketed(&rest, &word))
        return false;
    out->level = level_of_word(slice_trim(word));
    if (out->level == LEVEL_COUNT || !take_bracketed(&rest, &word))
        return false;
    out->logger = slice_trim(word);
    skip_blanks(&rest);
    out->rest = rest;
    return true;
}

enum line_kind elastic_line_kind(const struct format_context *context, struct slice open,
                                 struct slice line)
{
    (void)context;
    if (elastic_starts(line))
        return LINE_STARTS;
    if (trace_continues_java(open, line))
        return LINE_CONTINUES;
    /* Pretty-printed sources and nested messages go on at column 0. */
    return open.len > 0 && line.len > 0 &&
                   (line.data[0] == '}' || line.data[0] == '{' || line.data[0] == ']' ||
                    line.data[0] == '"')
               ? LINE_CONTINUES
               : LINE_UNKNOWN;
}
