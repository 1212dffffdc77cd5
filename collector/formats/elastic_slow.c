/* collector/formats/elastic_slow.c -- search and indexing slow logs, plain:
 *   [time][LEVEL][logger] [node] [index][shard] took[3.1ms], took_millis[3], ..., source[JSON],
 * id[..] Figures are read from the left by their names; the source holds anything, newlines
 * included, and ends at the last bracket but for a known few names behind it. The level in the line
 * is the threshold that was crossed, not a severity: all are warnings. */
#include "collector/formats/elastic_common.h"
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"

/* Value of `name[value]` in the part before the source. */
static struct slice value_of(struct slice head, struct slice name)
{
    size_t at = slice_find(head, name);
    struct slice value;

    if (at == SIZE_MAX)
        return slice_first(head, 0);
    value = slice_from(head, at + name.len);
    return slice_first(value, find_byte(value, ']'));
}

/* The brackets between the logger and `took[`: [node] [index][shard], [node] [index/uuid], [index],
 * or nothing. */
static void add_place(const struct format_context *context, struct slice event, struct slice place,
                      struct parsed_event *out)
{
    struct slice rest = place;
    struct slice first;

    if (!take_bracketed(&rest, &first))
        return;
    if (starts_with(rest, " [")) {
        add_text(out, context->extra[EXTRA_NODE], event, first);
        skip_blanks(&rest);
        place = rest;
    }
    elastic_add_index(event, place, out);
}

/* Cut `], name[value]` off the end of `text`; true if it was there. */
static bool cut_tail(struct slice *text, struct slice name, struct slice *value)
{
    size_t last = SIZE_MAX;
    size_t from = 0;

    for (;;) {
        size_t at = slice_find(slice_from(*text, from), name);

        if (at == SIZE_MAX)
            break;
        last = from + at;
        from = last + 1;
    }
    if (last == SIZE_MAX)
        return false;
    *value = slice_from(*text, last + name.len);
    if (value->len == 0 || find_byte(*value, ']') != value->len - 1)
        return false;
    value->len--;
    *text = slice_first(*text, last + 1); /* with the bracket that ends the source */
    return true;
}

static struct slice trim_tail(struct slice text)
{
    while (text.len > 0 && (text.data[text.len - 1] == ',' || text.data[text.len - 1] == ' ' ||
                            text.data[text.len - 1] == '\n'))
        text.len--;
    return text;
}

static void add_source(const struct format_context *context, struct slice event,
                       struct slice source, bool search, struct parsed_event *out)
{
    struct slice id = slice_first(event, 0);
    struct slice extra;

    source = trim_tail(source);
    (void)cut_tail(&source, SLICE_LITERAL("], id["), &id);
    (void)cut_tail(&source, SLICE_LITERAL("], extra_source["), &extra);
    if (ends_with(source, "]"))
        source.len--;
    elastic_add_source(context, event, source, out);
    if (search)
        add_text(out, FIELD_ID_REQUEST_ID, event, id);
}

/* In full, or abbreviated by the layout's %c{1.}. */
static bool is_slow_logger(struct slice logger)
{
    return find_literal(logger, "slowlog") != SIZE_MAX || starts_with(logger, "i.s.s.") ||
           starts_with(logger, "i.i.s.");
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct elastic_head head;
    struct slice figures;
    size_t took;
    size_t source;
    bool search;

    if (!elastic_head_split(context, event, &head) || !is_slow_logger(head.logger))
        return STATUS_INVALID;
    took = find_literal(head.rest, "took[");
    if (took == SIZE_MAX)
        return STATUS_INVALID;
    source = find_literal(head.rest, "source[");
    figures = slice_first(head.rest, source);
    search =
        find_literal(head.logger, "indexing") == SIZE_MAX && !starts_with(head.logger, "i.i.s.");
    out->time_ns = head.time_ns;
    out->has_time = true;
    out->level = LEVEL_WARNING;
    add_text(out, FIELD_ID_LOGGER, event, head.logger);
    add_place(context, event, slice_first(head.rest, took), out);
    elastic_add_duration(event, value_of(figures, SLICE_LITERAL("took[")),
                         value_of(figures, SLICE_LITERAL("took_millis[")), out);
    elastic_add_hits(context, event, value_of(figures, SLICE_LITERAL("total_hits[")), out);
    if (source != SIZE_MAX)
        add_source(context, event, slice_from(head.rest, source + sizeof("source[") - 1), search,
                   out);
    return STATUS_OK;
}

/* Lines of a pretty-printed source can begin with anything but a new event. */
static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (elastic_starts(line))
        return LINE_STARTS;
    return open.len > 0 ? LINE_CONTINUES : LINE_UNKNOWN;
}

static unsigned detect(struct slice line)
{
    struct slice rest = slice_from(line, sizeof("[2026-04-02T09:20:11,911") - 1);
    struct slice word;

    if (!elastic_starts(line) || !cut(&rest, ']', &word) || !take_bracketed(&rest, &word) ||
        !take_bracketed(&rest, &word))
        return 0;
    return is_slow_logger(word) ? 90 : 0;
}

const struct format format_elastic_slow = {
    .name = "elastic_slow",
    .fields = "logger index shard duration statement fingerprint request_id node hits",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_BRACKET,
    .detect = detect,
};
