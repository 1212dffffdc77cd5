/* collector/formats/redis.c -- Redis and Valkey:
 *   pid:ROLE DD Mon YYYY HH:MM:SS.mmm C message      5 and later; 3.x and 4.x without the year
 *   [pid] DD Mon HH:MM:SS[.mmm] C message            2.x; the oldest without [pid]
 *   pid:signal-handler (EPOCH) message
 *   pid=.. role=.. timestamp=".." level=.. message=".."   Valkey, which may also write the time of
 *       the first form as ISO 8601 or as milliseconds since the epoch
 * C is the level. Untimed blocks (logo, bug report) belong to the event before. */
#include "collector/formats/formats.h"
#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

struct redis_line {
    struct slice pid, role;
    int64_t time_ns;
    enum level level;
};

static bool take_sign(struct slice *rest, enum level *level)
{
    struct slice at = *rest;

    if (take_byte(&at, '.') || take_byte(&at, '-'))
        *level = LEVEL_DEBUG;
    else if (take_byte(&at, '*'))
        *level = LEVEL_NOTICE;
    else if (take_byte(&at, '#'))
        *level = LEVEL_WARNING;
    else
        return false;
    if (at.len > 0 && !take_byte(&at, ' '))
        return false;
    *rest = at;
    return true;
}

/* `pid:ROLE `, `[pid] ` or nothing. */
static bool take_process(struct slice *rest, struct redis_line *out)
{
    struct slice at = *rest;

    out->pid = out->role = slice_first(at, 0);
    if (take_byte(&at, '[')) {
        if (!take_digits(&at, &out->pid) || !take_literal(&at, "] "))
            return false;
    } else if (take_digits(&at, &out->pid) && take_byte(&at, ':')) {
        size_t blank = find_byte(at, ' ');

        if (blank == SIZE_MAX || blank == 0 || blank > 16)
            return false;
        out->role = slice_first(at, blank);
        at = slice_from(at, blank + 1);
    } else { /* the day of the oldest form */
        out->pid = slice_first(at, 0);
        return true;
    }
    *rest = at;
    return true;
}

static bool split(const struct format_context *context, struct slice line, struct redis_line *out)
{
    struct slice rest = line;

    if (!take_process(&rest, out))
        return false;
    if (slice_is(out->role, "signal-handler")) {
        out->level = LEVEL_WARNING;
        out->role = slice_first(line, 0);
        return take_byte(&rest, '(') &&
               stamp_take(context, stamp_parse_epoch, &rest, &out->time_ns) &&
               starts_with(rest, ")");
    }
    return out->role.len <= 1 &&
           (stamp_take(context, stamp_parse_redis, &rest, &out->time_ns) ||
            stamp_take(context, stamp_parse_iso, &rest, &out->time_ns) ||
            stamp_take(context, stamp_parse_epoch, &rest, &out->time_ns)) &&
           take_byte(&rest, ' ') && take_sign(&rest, &out->level);
}

/* `key=value ` of Valkey's logfmt, the value quoted or one word. */
static bool take_pair(struct slice *rest, struct slice key, struct slice *value)
{
    struct slice at = *rest;

    if (!take_prefix(&at, key))
        return false;
    if (take_byte(&at, '"')) {
        if (!cut(&at, '"', value))
            return false;
        (void)take_byte(&at, ' ');
    } else if (!take_word(&at, value)) {
        return false;
    }
    *rest = at;
    return true;
}

static bool split_pairs(struct slice line, struct redis_line *out, struct slice *stamp,
                        struct slice *level)
{
    return take_pair(&line, SLICE_LITERAL("pid="), &out->pid) &&
           take_pair(&line, SLICE_LITERAL("role="), &out->role) &&
           take_pair(&line, SLICE_LITERAL("timestamp="), stamp) &&
           take_pair(&line, SLICE_LITERAL("level="), level) && starts_with(line, "message=");
}

static bool parse_pairs(const struct format_context *context, struct slice line,
                        struct redis_line *out)
{
    struct slice stamp;
    struct slice level;

    if (!split_pairs(line, out, &stamp, &level))
        return false;
    out->level = level_of_word(level);
    return out->level != LEVEL_COUNT &&
           (stamp_take(context, stamp_parse_redis, &stamp, &out->time_ns) ||
            stamp_take(context, stamp_parse_iso, &stamp, &out->time_ns) ||
            stamp_take(context, stamp_parse_epoch, &stamp, &out->time_ns));
}

/* Valkey's other times, before the sign: `2026-04-02T09:20:11.871+00:00 *`, `1775121611871 *`. */
static bool is_other_time(struct slice rest, struct slice role)
{
    size_t digits = count_digits(slice_first(rest, 20));

    if (role.len != 1)
        return false;
    return stamp_shaped(rest, "0000-00-00T00:00:00.000") ||
           (digits == 13 && starts_with(slice_from(rest, digits), " "));
}

/* Without the cost of reading the time. */
static bool starts(struct slice line)
{
    struct slice rest = line;
    struct redis_line head;
    struct slice stamp;
    struct slice level;

    if (starts_with(line, "pid="))
        return split_pairs(line, &head, &stamp, &level);
    if (line.len < 16 || (!is_digit(line.data[0]) && line.data[0] != '[') ||
        !take_process(&rest, &head))
        return false;
    if (slice_is(head.role, "signal-handler"))
        return starts_with(rest, "(");
    if (is_other_time(rest, head.role))
        return true;
    return head.role.len <= 1 &&
           (stamp_shaped(rest, "00 ### 0000 00:00:00") || stamp_shaped(rest, "00 ### 00:00:00")) &&
           is_upper(rest.data[3]) && is_lower(rest.data[4]);
}

static enum line_kind line_kind(const struct format_context *context, struct slice open,
                                struct slice line)
{
    (void)context;
    if (starts(line))
        return LINE_STARTS;
    return open.len > 0 ? LINE_CONTINUES : LINE_UNKNOWN;
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct redis_line line;

    if (starts_with(event, "pid=") ? !parse_pairs(context, event, &line)
                                   : !split(context, event, &line))
        return STATUS_INVALID;
    out->time_ns = line.time_ns;
    out->has_time = true;
    out->level = (uint8_t)line.level;
    add_int(out, FIELD_ID_PID, event, line.pid);
    add_text(out, context->extra[EXTRA_ROLE_CODE], event, line.role);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    return starts(line) ? 90 : 0;
}

const struct format format_redis = {
    .name = "redis",
    .fields = "pid role_code",
    .multi_line = true,
    .starts_alone = true,
    .line_kind = line_kind,
    .parse = parse,
    .begins = BEGINS_DIGIT | BEGINS_BRACKET | BEGINS_OTHER,
    .detect = detect,
};
