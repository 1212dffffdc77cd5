/* collector/formats/jvm_gc.c -- logs of the JVM's garbage collectors:
 *   2026-04-02T09:20:11.871+0000: 138.712: [GC (Allocation Failure) ... 0.0061 secs]       JDK 8
 *   [2026-04-02T09:20:11.871+0000][1234][gc          ] GC(12) Pause Young ... 3.456ms      JDK 9+
 * Of JDK 8 one of the stamps may be missing, and one collection spreads over lines. JDK 9+ (JEP
 * 158) writes any of time, uptime, process, level and tags in brackets, and repeats them on every
 * line.
 */
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

enum { DECORATIONS_MAX = 8 };

/* ---- JDK 9 and later ---- */

struct gc_head {
    struct slice stamp, pid, level, tags;
};

/* `12.345s`, `12345ms`, `12345678ns`: time since the start. */
static bool is_uptime(struct slice text)
{
    size_t whole = count_digits(text);
    struct slice rest = slice_from(text, whole);

    if (whole == 0)
        return false;
    if (take_byte(&rest, '.') || take_byte(&rest, ','))
        rest = slice_from(rest, count_digits(rest));
    return slice_is(rest, "s") || slice_is(rest, "ms") || slice_is(rest, "ns");
}

static bool is_gc_tags(struct slice tags)
{
    return starts_with(tags, "gc") || starts_with(tags, "safepoint");
}

/* The decorations in front; false: no line of the collectors. */
static bool take_decorations(struct slice *rest, struct gc_head *out)
{
    struct slice at = *rest;
    struct slice word;
    bool dated = false;

    *out = (struct gc_head){{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    for (unsigned i = 0; i < DECORATIONS_MAX && take_bracketed(&at, &word); i++) {
        word = slice_trim(word);
        if (stamp_shaped(word, "0000-00-00T00:00:00.000"))
            out->stamp = word;
        else if (count_digits(word) == word.len && word.len > 0 && out->pid.len == 0)
            out->pid = word;
        else if (is_gc_tags(word))
            out->tags = word;
        else if (level_of_word(word) != LEVEL_COUNT)
            out->level = word;
        dated = dated || out->stamp.len > 0 || is_uptime(word);
    }
    if (out->tags.len == 0 || !dated || !take_byte(&at, ' '))
        return false;
    *rest = at;
    return true;
}

/* `GC(12) Pause Young ... 3.456ms`, `GC(13) Concurrent Mark 12.3ms`; not the phases in them. */
static struct slice pause_of(struct slice message)
{
    struct slice none = slice_first(message, 0);
    struct slice digits;
    size_t blank;

    if (!take_literal(&message, "GC(") || !take_digits(&message, &digits) ||
        !take_literal(&message, ") ") ||
        (!starts_with(message, "Pause ") && !starts_with(message, "Concurrent ")))
        return none;
    blank = slice_find_last_byte(message, ' ');
    message = slice_from(message, blank + 1);
    return ends_with(message, "ms") && is_uptime(message) ? message : none;
}

static enum status parse_unified(const struct format_context *context, struct slice event,
                                 struct slice rest, const struct gc_head *head,
                                 struct parsed_event *out)
{
    struct slice stamp = head->stamp;
    struct slice pause = pause_of(rest);
    size_t total = find_literal(rest, ", Total: ");

    out->has_time = stamp.len > 0 && stamp_take(context, stamp_parse_iso, &stamp, &out->time_ns);
    if (head->level.len > 0)
        out->level = (uint8_t)level_of_word(head->level);
    add_int(out, FIELD_ID_PID, event, head->pid);
    if (pause.len > 0) {
        parsed_span(out, FIELD_ID_DURATION, FIELD_DURATION, UNIT_NONE, event, pause);
    } else if (total != SIZE_MAX && starts_with(rest, "Safepoint ")) {
        rest = slice_from(rest, total + sizeof(", Total: ") - 1);
        if (ends_with(rest, " ns"))
            add_duration(out, FIELD_ID_DURATION, UNIT_NANOSECONDS, event,
                         slice_first(rest, rest.len - 3));
    }
    return STATUS_OK;
}

/* ---- JDK 8 ---- */

/* `138.712: `, with a decimal comma in some locales. */
static bool take_uptime(struct slice *rest)
{
    struct slice at = *rest;
    struct slice digits;

    if (!take_digits(&at, &digits) || (!take_byte(&at, '.') && !take_byte(&at, ',')) ||
        !take_digits(&at, &digits) || !take_literal(&at, ": "))
        return false;
    *rest = at;
    return true;
}

/* Stamp, uptime or both, and behind them a collection or a stop of the threads. */
static bool take_old_head(struct slice *rest, struct slice *stamp)
{
    struct slice at = *rest;
    bool dated = stamp_shaped(at, "0000-00-00T00:00:00.000+0000: ") ||
                 stamp_shaped(at, "0000-00-00T00:00:00.000-0000: ");

    *stamp = slice_first(at, dated ? sizeof("2026-04-02T09:20:11.871+0000") - 1 : 0);
    if (dated)
        at = slice_from(at, stamp->len + 2);
    if (!take_uptime(&at) && !dated)
        return false;
    if (!starts_with(at, "[GC") && !starts_with(at, "[Full GC") && !starts_with(at, "[CMS") &&
        !starts_with(at, "Total time for which application threads were stopped: ") &&
        !starts_with(at, "Application time: "))
        return false;
    *rest = at;
    return true;
}

/* The number that ends before `end`; empty if `end` is SIZE_MAX, not found. */
static struct slice number_before(struct slice text, size_t end)
{
    size_t start = end;

    if (end > text.len)
        return slice_first(text, 0);
    while (start > 0 && (is_digit(text.data[start - 1]) || text.data[start - 1] == '.' ||
                         text.data[start - 1] == ','))
        start--;
    return slice_sub(text, start, end - start);
}

/* What the clock says, `real=0.01 secs`, else the last `0.0061 secs`; or how long threads stood. */
static struct slice old_pause(struct slice text)
{
    size_t real = find_literal(text, "real=");
    size_t end = SIZE_MAX;

    if (starts_with(text, "Application time: "))
        return slice_first(text, 0);
    if (starts_with(text, "Total time"))
        return number_before(text, find_literal(text, " seconds"));
    if (real != SIZE_MAX) {
        text = slice_from(text, real + sizeof("real=") - 1);
        return number_before(text, find_byte(text, ' '));
    }
    for (size_t at = 0;;) {
        size_t found = find_literal(slice_from(text, at), " secs]");

        if (found == SIZE_MAX)
            break;
        end = at + found;
        at = end + 1;
    }
    return number_before(text, end);
}

/* Seconds; a decimal comma becomes a point. */
static void add_old_pause(const struct format_context *context, struct slice event,
                          struct slice pause, struct parsed_event *out)
{
    size_t comma = find_byte(pause, ',');
    char *copy;

    if (comma == SIZE_MAX) {
        add_duration(out, FIELD_ID_DURATION, UNIT_SECONDS, event, pause);
        return;
    }
    copy = arena_new(context->arena, char, pause.len);
    if (copy == NULL)
        return;
    memcpy(copy, pause.data, pause.len);
    copy[comma] = '.';
    add_duration(out, FIELD_ID_DURATION, UNIT_SECONDS, event, slice_make(copy, pause.len));
}

/* ---- both ---- */

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice stamp;
    struct gc_head head;

    if (take_decorations(&rest, &head))
        return parse_unified(context, event, first_line(rest, NULL), &head, out);
    if (!take_old_head(&rest, &stamp))
        return STATUS_INVALID;
    out->has_time = stamp.len > 0 && stamp_take(context, stamp_parse_iso, &stamp, &out->time_ns);
    add_old_pause(context, event, old_pause(rest), out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    struct slice rest = line;
    struct slice stamp;
    struct gc_head head;

    if (line.len == 0 || (line.data[0] != '[' && !is_digit(line.data[0])))
        return 0;
    return take_decorations(&rest, &head) || take_old_head(&rest, &stamp) ? 91 : 0;
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (detect(line) > 0)
        return LINE_STARTS;
    return open.len > 0 && is_digit(open.data[0]) ? LINE_CONTINUES : LINE_UNKNOWN;
}

const struct format format_jvm_gc = {
    .name = "jvm_gc",
    .fields = "pid duration",
    .multi_line = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_DIGIT | BEGINS_BRACKET,
    .detect = detect,
};
